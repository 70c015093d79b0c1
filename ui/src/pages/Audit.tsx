// What was asked to change, by whom; and whether the log of it is whole.

import { Alert, Button, Group, Stack, Table, Text, TextInput } from "@mantine/core";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { api, ask } from "../api/client";
import { may } from "../api/may";
import { useMe } from "../api/queries";
import type { AuditRecord } from "../api/types";
import { Empty } from "../parts/Empty";
import { Waiting } from "../parts/Loaded";
import { Page } from "../parts/Page";
import { Forbidden, Problem } from "../parts/Problem";
import { When } from "../parts/When";
import { Wide } from "../parts/Wide";
import { count } from "../words/units";

const PAGE = 100;

export function Audit() {
  if (!may(useMe().grants, "admin")) return <Forbidden message="the audit log is for admins" />;
  return <Log />;
}

function Log() {
  const [search, setSearch] = useState("");
  const query = useInfiniteQuery({
    queryKey: ["audit"],
    queryFn: ({ pageParam }) => ask(api.GET("/api/v1/audit", { params: { query: { limit: PAGE, before: pageParam } } })),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (last) => (last.length < PAGE ? undefined : last.at(-1)?.n),
  });
  const records = useMemo(() => (query.data?.pages.flat() ?? []).filter((record) => has(record, search)), [query.data, search]);
  return (
    <Page title="Audit" docs="people#the-audit-log" note="A change has two records: one before it is begun, one when it is answered" actions={<Verify />}>
      <TextInput aria-label="Search what is shown" placeholder="Search what is shown: a name, a request, a request's id" value={search} onChange={(event) => setSearch(event.currentTarget.value)} type="search" />
      {query.isError && <Problem error={query.error} again={() => void query.refetch()} />}
      {query.isPending && <Waiting lines={8} />}
      {query.isSuccess && records.length === 0 && <Empty title="No record is like that" />}
      {records.length > 0 && <Records records={records} />}
      {query.hasNextPage && <Group justify="center"><Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>Older ones</Button></Group>}
    </Page>
  );
}

function has(record: AuditRecord, search: string): boolean {
  return `${record.who} ${record.action} ${record.subject} ${record.outcome} ${record.request_id} ${record.from}`.toLowerCase().includes(search.trim().toLowerCase());
}

function Records({ records }: { records: AuditRecord[] }) {
  return (
    <Wide minWidth={760}>
      <Table highlightOnHover>
        <Table.Thead><Table.Tr><Table.Th>When</Table.Th><Table.Th>Who</Table.Th><Table.Th>Asked</Table.Th><Table.Th>About</Table.Th><Table.Th>Outcome</Table.Th><Table.Th>Request</Table.Th></Table.Tr></Table.Thead>
        <Table.Tbody>
          {records.map((record) => (
            <Table.Tr key={record.n}>
              <Table.Td><When at={record.at} as="short" /></Table.Td>
              <Table.Td>{record.who}<Text size="xs" c="dimmed">{record.via}, {record.from}</Text></Table.Td>
              <Table.Td className="mono">{record.action}</Table.Td><Table.Td>{record.subject}</Table.Td><Table.Td>{record.outcome}</Table.Td><Table.Td className="mono">{record.request_id}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Wide>
  );
}

function Verify() {
  const verify = useMutation({ mutationFn: () => ask(api.GET("/api/v1/audit/verify")) });
  const verdict = verify.data;
  return (
    <Stack gap="xs" align="flex-end">
      <Button loading={verify.isPending} onClick={() => verify.mutate()}>Is it whole?</Button>
      {verify.isError && <Problem error={verify.error} />}
      {verdict && (
        <Alert role="status" color={verdict.whole ? "green" : "red"} variant="light" title={verdict.whole ? `Whole: ${count(verdict.records)} records, ${count(verdict.mirrored)} of them in the vault as well` : `Broken at record ${verdict.broken?.n}`}>
          <Text size="sm">{verdict.broken?.what}</Text>
          <Text size="xs" className="mono">head {verdict.head}</Text>
        </Alert>
      )}
    </Stack>
  );
}
