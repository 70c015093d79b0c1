// The policy of a new stack: what suits most stands there already. What would change is shown before it is kept.

import { Button, Code, Collapse, Group, List, NumberInput, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "../../api/client";
import type { Wanted } from "../AddDatabase";
import { Act } from "../../parts/Act";
import { Card } from "../../parts/Card";
import { Help } from "../../parts/Page";
import { Problem } from "../../parts/Problem";
import { fileOf, usual, type PolicyForm as Form } from "./policy";

const FIELDS: [Exclude<keyof Form, "approvals">, string, string][] = [
  ["backups", "Backups", "every 15 min · hourly · daily at 02:00 Europe/Berlin · cron …"],
  ["keep", "Keep them", "60 h · last 7 · gfs 24 hourly 7 daily 5 weekly 12 monthly"],
  ["logKeep", "Any moment of the last", "7 d"],
  ["drills", "Drills", "daily at 04:00 · weekly on Sunday at 03:30"],
  ["rpo", "May be lost at most (RPO)", "an alarm when more would be"],
  ["rto", "A restore may take (RTO)", "an alarm when it would take longer"],
  ["zone", "Time zone", "whose days and weeks are counted"],
];

export function PolicyForm({ wanted, then }: { wanted: Wanted; then: () => void }) {
  const [form, setForm] = useState<Form>(() => usual(Intl.DateTimeFormat().resolvedOptions().timeZone));
  const [shown, { toggle }] = useDisclosure();
  const file = fileOf(wanted.name, wanted.url, form);
  const apply = (dry_run: boolean) => ask(api.PUT("/api/v1/stacks", { body: { file, dry_run } }));
  const look = useMutation({ mutationFn: () => apply(true) });
  const change = (changed: Partial<Form>) => {
    setForm({ ...form, ...changed });
    look.reset();
  };
  return (
    <Card title="Policy" aside={<Help page="policies" />}>
      <Stack>
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          {FIELDS.map(([name, label, description]) => <TextInput key={name} label={label} description={description} value={form[name]} onChange={(event) => change({ [name]: event.currentTarget.value })} />)}
          <NumberInput label="Others who must approve a restore" description="Never who asks; that many approvers must be there" min={0} value={form.approvals} onChange={(value) => change({ approvals: Number(value) || 0 })} />
        </SimpleGrid>
        <div>
          <Button size="compact-sm" variant="subtle" onClick={toggle} aria-expanded={shown}>{shown ? "Hide" : "Show"} the file</Button>
          <Collapse expanded={shown}><Code block>{file}</Code></Collapse>
        </div>
        {look.isError && <Problem error={look.error} />}
        {look.data && <List size="sm" aria-label="What changes">{look.data.changes.map((change) => <List.Item key={change}>{change}</List.Item>)}</List>}
        <Group align="flex-start">
          {look.data ? (
            <Act act={() => apply(false)} anew={[["fleet"], ["stacks"]]} then={then}>Protect {wanted.name}</Act>
          ) : (
            <Button loading={look.isPending} onClick={() => look.mutate()}>Show what it means</Button>
          )}
          <Text size="sm" c="dimmed">From then on its log is received.</Text>
        </Group>
      </Stack>
    </Card>
  );
}
