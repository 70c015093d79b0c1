// The first backup, with its progress: the one that is begun here, or the timetable's when that was sooner. From its end on every moment can be restored.

import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api, ask } from "../../api/client";
import { operationsOptions } from "../../api/queries";
import type { Operation } from "../../api/types";
import { Act } from "../../parts/Act";
import { Card } from "../../parts/Card";
import { Loaded } from "../../parts/Loaded";
import { OPERATION, State } from "../../parts/State";
import { isOver } from "../../words/operation";
import { Steps } from "../operation/Steps";
import { useOperation } from "../operation/useOperation";

const LOOK_EVERY_MS = 1_000;

export function FirstBackup({ name }: { name: string }) {
  const backups = operationsOptions({ source: name, kind: "backup" });
  const query = useQuery({ ...backups, refetchInterval: LOOK_EVERY_MS });
  const begin = () => ask(api.POST("/api/v1/sources/{name}/backups", { params: { path: { name } }, body: { label: "first" } }));
  return (
    <Card title="First backup">
      <Stack>
        <Text size="sm" role="status">{name} is protected: its log is being received.</Text>
        <Loaded query={query}>{(begun) => {
          const first = begun.find(isThere) ?? begun[0];
          return (
            <>
              {first && <Running key={first.id} id={first.id} name={name} />}
              {(!first || (isOver(first) && !isThere(first))) && <Act act={begin} anew={[[...backups.queryKey]]}>Take the first backup</Act>}
            </>
          );
        }}</Loaded>
      </Stack>
    </Card>
  );
}

function isThere(operation: Operation): boolean {
  return operation.status === "succeeded";
}

function Running({ id, name }: { id: string; name: string }) {
  const { query, live } = useOperation(id);
  return <Loaded query={query}>{(operation) => <Shown operation={operation} progress={isOver(operation) ? operation.progress : (live.progress?.progress ?? operation.progress)} name={name} />}</Loaded>;
}

function Shown({ operation, progress, name }: { operation: Operation; progress: Operation["progress"]; name: string }) {
  return (
    <Stack>
      <Group><State look={OPERATION[operation.status]} /><Link href={`/operations/${operation.id}`}>Operation {operation.id}</Link><Text size="sm" c="dimmed">asked for by {operation.asked_by}</Text></Group>
      <Steps operation={operation} progress={progress} />
      {isThere(operation) && (
        <Alert color="green" variant="light" title="Every moment from now on can be restored">
          <Button component={Link} href={`/stacks/${encodeURIComponent(name)}`}>To its timeline</Button>
        </Alert>
      )}
      {operation.error && <Text size="sm" c="var(--state-danger)">{operation.error.message}. {operation.error.hint}</Text>}
    </Stack>
  );
}
