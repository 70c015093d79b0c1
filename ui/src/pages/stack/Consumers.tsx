// Who used the database in the last 30 days.

import { Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { consumersOptions } from "../../api/queries";
import { Card } from "../../parts/Card";
import { Loaded } from "../../parts/Loaded";
import { When } from "../../parts/When";
import { Wide } from "../../parts/Wide";

const SHOWN = 10;

export function Consumers({ source }: { source: string }) {
  const query = useQuery(consumersOptions(source));
  return (
    <Card title="Who uses it">
      <Loaded query={query} lines={2}>
        {(consumers) =>
          consumers.length === 0 ? (
            <Text size="sm" c="dimmed">Nobody was seen. Its sessions are looked at every minute.</Text>
          ) : (
            <Wide minWidth={420}>
              <Table>
                <Table.Thead><Table.Tr><Table.Th>Application</Table.Th><Table.Th>From</Table.Th><Table.Th>Database</Table.Th><Table.Th>Last seen</Table.Th></Table.Tr></Table.Thead>
                <Table.Tbody>
                  {consumers.slice(0, SHOWN).map((one) => (
                    <Table.Tr key={`${one.address}${one.application}${one.role}${one.database}`}>
                      <Table.Td>{one.application || "without a name"} ({one.role})</Table.Td>
                      <Table.Td>{one.address ?? "its own host"}</Table.Td>
                      <Table.Td>{one.database}</Table.Td>
                      <Table.Td><When at={one.last_seen} /></Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Wide>
          )
        }
      </Loaded>
    </Card>
  );
}
