// When it begins, why, and what is done without; and what happened. The two phrases are typed out in full by whoever means them.

import { Accordion, Group, Radio, Stack, Text, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { fromField, toField } from "../words/time";
import type { Consent } from "./consent";
import type { Form } from "./form";

interface Said<T> {
  said: T;
  change: (changed: Partial<T>) => void;
}

interface Props extends Said<Consent> {
  source: string;
  /** Whether what is live is touched. */
  ahead: boolean;
}

export function ConsentForm({ said, change, source, ahead }: Props) {
  return (
    <Stack gap="sm">
      <TextInput label="Why" description="Kept with the restore, and in its report" value={said.why} onChange={(event) => change({ why: event.currentTarget.value })} />
      {ahead ? <Begins said={said} change={change} /> : <Text size="sm" c="dimmed">Nothing that is live is touched, so it needs no time to begin at, and nothing is backed up before.</Text>}
      <Folded title="In an emergency">
        <Stack gap="xs">
          <TextInput label="Without approval" description={`Nobody can be reached: type “restore ${source} without approval”. Everybody hears of it.`} value={said.breakGlass} onChange={(event) => change({ breakGlass: event.currentTarget.value })} />
          {ahead && <TextInput label="Without a snapshot" description={`The present state is not backed up before: type “restore ${source} without a snapshot”.`} value={said.noSnapshot} onChange={(event) => change({ noSnapshot: event.currentTarget.value })} />}
        </Stack>
      </Folded>
    </Stack>
  );
}

export function IncidentForm({ said, change }: Said<Form>) {
  return (
    <Folded title="What happened, for the report">
      <Group>
        <Time label="It happened at" value={said.happened} tell={(happened) => change({ happened })} />
        <Time label="Somebody noticed at" value={said.detected} tell={(detected) => change({ detected })} />
      </Group>
    </Folded>
  );
}

function Folded({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Accordion variant="contained" chevronPosition="left">
      <Accordion.Item value="folded">
        <Accordion.Control><Text span size="sm">{title}</Text></Accordion.Control>
        <Accordion.Panel>{children}</Accordion.Panel>
      </Accordion.Item>
    </Accordion>
  );
}

function Begins({ said, change }: Said<Consent>) {
  return (
    <>
      <Radio.Group label="It begins" value={said.begins} onChange={(value) => change({ begins: value as Consent["begins"] })}>
        <Group mt={4}>
          <Radio value="now" label="as soon as it may" />
          <Radio value="next-window" label="in the policy's next maintenance window" />
          <Radio value="time" label="at a time" />
        </Group>
      </Radio.Group>
      {said.begins === "time" && <Time label="Begins at, in your time" value={said.beginsAt} tell={(beginsAt) => change({ beginsAt })} />}
    </>
  );
}

function Time({ label, value, tell }: { label: string; value: string; tell: (value: string) => void }) {
  const at = value ? fromField(value) : undefined;
  return <TextInput type="datetime-local" step={1} label={label} value={at ? toField(at) : ""} onChange={(event) => tell(fromField(event.currentTarget.value)?.toISOString() ?? "")} w={240} />;
}
