// A look at the moment: a read-only instance for as long as this is open, and SQL on it.

import { Button, Group, Modal, ScrollArea, Stack, Table, Text, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, ask } from "../../api/client";
import { operationOptions } from "../../api/queries";
import type { Instance } from "../../api/types";
import { Act } from "../../parts/Act";
import { Problem } from "../../parts/Problem";
import { InBothZones } from "../../parts/When";
import { Waiting } from "../../parts/Loaded";
import { ApiError } from "../../api/client";

/** Well below the daemon's patience. */
const KEEP_EVERY_MS = 10_000;
const LOOK_EVERY_MS = 500;

export function PeekHere({ source, at, disabled }: { source: string; at: Date; disabled: boolean }) {
  const [operation, setOperation] = useState<string>();
  const begin = useMutation({
    mutationFn: () => ask(api.POST("/api/v1/sources/{name}/peeks", { params: { path: { name: source } }, body: { target: { time: at.toISOString() } } })),
    onSuccess: (begun) => setOperation(begun.id),
  });
  const close = () => {
    setOperation(undefined);
    begin.reset();
  };
  const opened = begin.isPending || begin.isError || operation !== undefined;
  return (
    <>
      <Button variant="default" disabled={disabled} onClick={() => begin.mutate()}>Peek</Button>
      <Modal closeButtonProps={{ "aria-label": "Close" }} opened={opened} onClose={close} title={`A look at ${source}`} size="xl">
        <Stack>
          <Text size="sm"><InBothZones at={at} /></Text>
          {begin.isError && <Problem error={begin.error} />}
          {operation && <Opening id={operation} />}
        </Stack>
      </Modal>
    </>
  );
}

function Opening({ id }: { id: string }) {
  const query = useQuery({ ...operationOptions(id), refetchInterval: (query) => (query.state.data?.ended ? false : LOOK_EVERY_MS) });
  const operation = query.data;
  if (query.isError) return <Problem error={query.error} />;
  if (operation?.status === "succeeded") return <Look instance={operation.result as unknown as Instance} />;
  if (operation?.error) return <Problem error={new ApiError(0, operation.error)} what="The moment could not be opened" />;
  return <><Text size="sm">The moment is being opened: {operation?.step}</Text><Waiting lines={3} /></>;
}

function Look({ instance }: { instance: Instance }) {
  const [database, setDatabase] = useState(instance.report?.databases.find((name) => name !== "postgres") ?? "postgres");
  const [sql, setSql] = useState("SELECT now(), pg_last_xact_replay_timestamp()");
  const name = { params: { path: { name: instance.name } } };
  useEffect(() => {
    const keeping = setInterval(() => void api.POST("/api/v1/instances/{name}/keep", name), KEEP_EVERY_MS);
    return () => {
      clearInterval(keeping);
      void api.DELETE("/api/v1/instances/{name}", name);
    };
    // The instance lives as long as this is shown.
  }, [instance.name]);
  const run = useMutation({ mutationFn: () => ask(api.POST("/api/v1/instances/{name}/sql", { ...name, body: { database, sql } })) });
  return (
    <Stack>
      <Text size="sm" c="dimmed">Read only. It is taken away when you close this.</Text>
      <TextInput label="Database" value={database} onChange={(event) => setDatabase(event.currentTarget.value)} w={240} />
      <Textarea label="SQL" autosize minRows={3} classNames={{ input: "mono" }} value={sql} onChange={(event) => setSql(event.currentTarget.value)} data-autofocus />
      <Group><Act act={() => run.mutateAsync()}>Run</Act></Group>
      {run.data?.map((answer, at) => (
        <ScrollArea key={at}>
          <Table striped withTableBorder aria-label="Rows">
            <Table.Thead><Table.Tr>{answer.columns.map((column) => <Table.Th key={column}>{column}</Table.Th>)}</Table.Tr></Table.Thead>
            <Table.Tbody>
              {answer.rows.map((row, at) => <Table.Tr key={at}>{row.map((value, at) => <Table.Td key={at}>{value}</Table.Td>)}</Table.Tr>)}
            </Table.Tbody>
          </Table>
        </ScrollArea>
      ))}
    </Stack>
  );
}
