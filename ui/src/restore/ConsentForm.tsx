// When it begins, why, and what is done without. The two phrases are typed out in full by whoever means them.

import { Accordion, Group, Radio, Stack, Text, TextInput } from "@mantine/core";
import { fromField, toField } from "../words/time";
import { offered, type Form } from "./form";

interface Props {
  form: Form;
  change: (changed: Partial<Form>) => void;
  source: string;
}

export function ConsentForm({ form, change, source }: Props) {
  const may = offered(form);
  return (
    <Stack gap="sm">
      <TextInput label="Why" description="Kept with the restore, and in its report" value={form.why} onChange={(event) => change({ why: event.currentTarget.value })} />
      {may.ahead ? <Begins form={form} change={change} /> : <Text size="sm" c="dimmed">Nothing that is live is touched, so it needs no time to begin at, and nothing is backed up before.</Text>}
      <Accordion variant="contained" chevronPosition="left">
        {may.incident && (
          <Accordion.Item value="incident">
            <Accordion.Control><Text span size="sm">What happened, for the report</Text></Accordion.Control>
            <Accordion.Panel>
              <Group>
                <Time label="It happened at" value={form.happened} tell={(happened) => change({ happened })} />
                <Time label="Somebody noticed at" value={form.detected} tell={(detected) => change({ detected })} />
              </Group>
            </Accordion.Panel>
          </Accordion.Item>
        )}
        <Accordion.Item value="emergency">
          <Accordion.Control><Text span size="sm">In an emergency</Text></Accordion.Control>
          <Accordion.Panel>
            <Stack gap="xs">
              <TextInput label="Without approval" description={`Nobody can be reached: type “restore ${source} without approval”. Everybody hears of it.`} value={form.breakGlass} onChange={(event) => change({ breakGlass: event.currentTarget.value })} />
              {may.ahead && <TextInput label="Without a snapshot" description={`The present state is not backed up before: type “restore ${source} without a snapshot”.`} value={form.noSnapshot} onChange={(event) => change({ noSnapshot: event.currentTarget.value })} />}
            </Stack>
          </Accordion.Panel>
        </Accordion.Item>
      </Accordion>
    </Stack>
  );
}

function Begins({ form, change }: Omit<Props, "source">) {
  return (
    <>
      <Radio.Group label="It begins" value={form.begins} onChange={(value) => change({ begins: value as Form["begins"] })}>
        <Group mt={4}>
          <Radio value="now" label="as soon as it may" />
          <Radio value="next-window" label="in the policy's next maintenance window" />
          <Radio value="time" label="at a time" />
        </Group>
      </Radio.Group>
      {form.begins === "time" && <Time label="Begins at, in your time" value={form.beginsAt} tell={(beginsAt) => change({ beginsAt })} />}
    </>
  );
}

function Time({ label, value, tell }: { label: string; value: string; tell: (value: string) => void }) {
  const at = value ? fromField(value) : undefined;
  return <TextInput type="datetime-local" step={1} label={label} value={at ? toField(at) : ""} onChange={(event) => tell(fromField(event.currentTarget.value)?.toISOString() ?? "")} w={240} />;
}
