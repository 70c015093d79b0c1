// Operations, one in a row.

import { Table, Text } from "@mantine/core";
import { Link } from "wouter";
import type { Operation } from "../../api/types";
import { OPERATION, State } from "../../parts/State";
import { When } from "../../parts/When";
import { Wide } from "../../parts/Wide";
import { what } from "../../words/operation";
import { seconds } from "../../words/units";

export function OperationTable({ operations }: { operations: Operation[] }) {
  return (
    <Wide minWidth={460}>
      <Table highlightOnHover>
        <Table.Thead>
          <Table.Tr><Table.Th>Operation</Table.Th><Table.Th>State</Table.Th><Table.Th>Began</Table.Th><Table.Th>Took</Table.Th><Table.Th>By</Table.Th></Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {operations.map((operation) => (
            <Table.Tr key={operation.id}>
              <Table.Td>
                <Link href={`/operations/${operation.id}`} className="row-link">{what(operation)}</Link>
                <Text size="xs" c="dimmed" className="mono">{operation.id}</Text>
              </Table.Td>
              <Table.Td>
                <State look={OPERATION[operation.status]} size="sm" />
                {!operation.ended && <Text size="xs" c="dimmed">{operation.step}</Text>}
              </Table.Td>
              <Table.Td><When at={operation.started} /></Table.Td>
              <Table.Td>{operation.ended ? seconds((Date.parse(operation.ended) - Date.parse(operation.started)) / 1000) : "–"}</Table.Td>
              <Table.Td>{operation.asked_by}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Wide>
  );
}
