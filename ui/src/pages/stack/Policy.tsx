// What a stack's file says: its policy, its sources, its services. An admin changes it here; the change is shown before it is made.

import { Anchor, Button, Code, Group, List, Modal, Stack, Text, Textarea } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { Link } from "wouter";
import { api, ask } from "../../api/client";
import { may } from "../../api/may";
import { useMe } from "../../api/queries";
import type { ApplyAnswer, Stack as StackView } from "../../api/types";
import { Act } from "../../parts/Act";
import { Card } from "../../parts/Card";
import { Facts } from "../../parts/Facts";
import { Findings } from "../../parts/Findings";
import { Problem } from "../../parts/Problem";
import { When } from "../../parts/When";
import { readStackFile, type Part } from "./file";

export function Policy({ stack }: { stack: StackView }) {
  const file = useMemo(() => readStackFile(stack.file), [stack.file]);
  const admin = may(useMe().grants, "admin");
  return (
    <>
      <Card title="Policy" aside={admin && <Change stack={stack} />}>
        <Stack gap="sm">
          {file.policy.length > 0 ? <Facts facts={file.policy} label="Policy" /> : <Text size="sm">It says nothing: the log of a week is kept, and what people ask for.</Text>}
          <Text size="xs" c="dimmed">
            applied <When at={stack.applied} as="both" /> by {stack.applied_by} · what the words mean: <Anchor component={Link} href="/docs/policies" size="xs">policies</Anchor>
          </Text>
        </Stack>
      </Card>
      <Card title="Sources and services">
        <Stack gap="sm">
          <Parts title="Sources" parts={file.sources} none="none" />
          <Parts title="Services" parts={file.services} none="none: a restore in its place needs at least how its server is stopped and started" />
          <Parts title="Endpoints" parts={file.endpoints} />
          <Parts title="Hooks" parts={file.hooks} />
          <Parts title="Health" parts={file.health} />
        </Stack>
      </Card>
    </>
  );
}

function Parts({ title, parts, none }: { title: string; parts: Part[]; none?: string }) {
  if (parts.length === 0 && !none) return null;
  return (
    <div>
      <Text size="sm" fw={600}>{title}</Text>
      {parts.length === 0 ? <Text size="sm" c="dimmed">{none}</Text> : <Facts label={title} facts={parts.map((part) => [part.name, <span className="mono">{part.what}</span>])} />}
    </div>
  );
}

function Change({ stack }: { stack: StackView }) {
  const [opened, { open, close }] = useDisclosure();
  const [text, setText] = useState(stack.file);
  const apply = (dry_run: boolean) =>
    ask(api.PUT("/api/v1/stacks", { body: { file: text, dry_run }, headers: { "If-Match": stack.etag } }));
  const look = useMutation({ mutationFn: () => apply(true) });
  const edit = (changed: string) => {
    setText(changed);
    look.reset();
  };
  const begin = () => {
    edit(stack.file);
    open();
  };
  return (
    <>
      <Button size="compact-sm" variant="default" onClick={begin}>Change</Button>
      <Modal closeButtonProps={{ "aria-label": "Close" }} opened={opened} onClose={close} title={`The file of ${stack.name}`} size="xl">
        <Stack>
          <Text size="sm" c="dimmed">As <Code>rekindle apply</Code> takes it. Secrets are references, never values.</Text>
          <Textarea aria-label="File" autosize minRows={12} maxRows={28} value={text} onChange={(event) => edit(event.currentTarget.value)} classNames={{ input: "mono" }} data-autofocus />
          {look.isError && <Problem error={look.error} />}
          {look.data && <Changes answer={look.data} />}
          <Group justify="flex-end" align="flex-start">
            <Button variant="default" onClick={close}>Not now</Button>
            {look.data ? (
              <Act act={() => apply(false)} anew={[["stack", stack.name], ["stacks"], ["fleet"]]} then={close}>Apply</Act>
            ) : (
              <Button loading={look.isPending} onClick={() => look.mutate()}>Show what changes</Button>
            )}
          </Group>
        </Stack>
      </Modal>
    </>
  );
}

function Changes({ answer }: { answer: ApplyAnswer }) {
  return (
    <Stack gap="xs" role="status">
      {answer.changes.length === 0 ? <Text size="sm">Nothing changes.</Text> : <List size="sm">{answer.changes.map((change) => <List.Item key={change}>{change}</List.Item>)}</List>}
      {answer.left_out.length > 0 && <Text size="sm">Not in the file any more, and still protected: {answer.left_out.join(", ")}</Text>}
      {answer.sources.map((source) => <Findings key={source.name} findings={source.findings} />)}
    </Stack>
  );
}
