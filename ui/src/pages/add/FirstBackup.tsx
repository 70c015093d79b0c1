// The first backup, with its progress. From its end on every moment can be restored.

import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { Link } from "wouter";
import { api, ask } from "../../api/client";
import type { Operation } from "../../api/types";
import { Card } from "../../parts/Card";
import { Loaded } from "../../parts/Loaded";
import { Problem } from "../../parts/Problem";
import { OPERATION, State } from "../../parts/State";
import { isOver } from "../../words/operation";
import { Steps } from "../operation/Steps";
import { useOperation } from "../operation/useOperation";

export function FirstBackup({ name }: { name: string }) {
  const begin = useMutation({ mutationFn: () => ask(api.POST("/api/v1/sources/{name}/backups", { params: { path: { name } }, body: { label: "first" } })) });
  return (
    <Card title="First backup">
      <Stack>
        <Text size="sm" role="status">{name} is protected: its log is being received.</Text>
        {!begin.data && <Group><Button loading={begin.isPending} onClick={() => begin.mutate()}>Take the first backup</Button></Group>}
        {begin.isError && <Problem error={begin.error} />}
        {begin.data && <Running id={begin.data.id} name={name} />}
      </Stack>
    </Card>
  );
}

function Running({ id, name }: { id: string; name: string }) {
  const { query, live } = useOperation(id);
  return <Loaded query={query}>{(operation) => <Shown operation={operation} progress={isOver(operation) ? operation.progress : (live.progress?.progress ?? operation.progress)} name={name} />}</Loaded>;
}

function Shown({ operation, progress, name }: { operation: Operation; progress: Operation["progress"]; name: string }) {
  return (
    <Stack>
      <Group><State look={OPERATION[operation.status]} /><Link href={`/operations/${operation.id}`}>Operation {operation.id}</Link></Group>
      <Steps operation={operation} progress={progress} />
      {operation.status === "succeeded" && (
        <Alert color="green" variant="light" title="Every moment from now on can be restored">
          <Button component={Link} href={`/stacks/${encodeURIComponent(name)}`}>To its timeline</Button>
        </Alert>
      )}
      {operation.error && <Text size="sm" c="var(--state-danger)">{operation.error.message}. {operation.error.hint}</Text>}
    </Stack>
  );
}
