// Which moment.

import { Button, Checkbox, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { sourceOptions, timelineOptions } from "../api/queries";
import { InBothZones, When } from "../parts/When";
import { fromField, toField } from "../words/time";
import type { Form, TargetKind } from "./form";
import { More } from "./More";

const KINDS: { value: TargetKind; label: string }[] = [
  { value: "time", label: "A time" },
  { value: "latest", label: "The latest moment" },
  { value: "backup", label: "The end of a backup" },
  { value: "xid", label: "A transaction" },
  { value: "lsn", label: "A position in the log" },
  { value: "name", label: "A named restore point" },
];
const HINTS: Partial<Record<TargetKind, string>> = { xid: "its number, such as 4711", lsn: "such as 16/B374D848", name: "as pg_create_restore_point was told" };

interface Props {
  form: Form;
  change: (changed: Partial<Form>) => void;
  source: string;
}

export function MomentForm({ form, change, source }: Props) {
  const at = form.kind === "time" ? fromField(form.value) : undefined;
  return (
    <Stack gap="xs">
      <Group align="flex-end" gap="md">
        <Select label="What" data={KINDS} value={form.kind} allowDeselect={false} w={220} onChange={(value) => change({ kind: value as TargetKind, value: "" })} />
        {form.kind === "time" && (
          <TextInput
            type="datetime-local"
            step={1}
            label="Moment, in your time"
            value={at ? toField(at) : ""}
            onChange={(event) => change({ value: fromField(event.currentTarget.value)?.toISOString() ?? "" })}
          />
        )}
        {form.kind === "backup" && <Backups form={form} change={change} source={source} />}
        {(form.kind === "xid" || form.kind === "lsn" || form.kind === "name") && (
          <TextInput label={KINDS.find((kind) => kind.value === form.kind)!.label} description={HINTS[form.kind]} value={form.value} onChange={(event) => change({ value: event.currentTarget.value })} />
        )}
      </Group>
      {at && <Text size="sm"><InBothZones at={at} /></Text>}
      {at && <TooNew at={at} source={source} change={change} />}
      {form.kind !== "latest" && form.kind !== "backup" && (
        <Checkbox label="Just before it, and not with it" checked={form.before} onChange={(event) => change({ before: event.currentTarget.checked })} />
      )}
      <More label="On another timeline" isSet={form.timeline !== ""}>
        <TextInput label="Timeline of the database" description="Its number; the one that it was on at that moment when left empty" inputMode="numeric" value={form.timeline} onChange={(event) => change({ timeline: event.currentTarget.value.replace(/\D/g, "") })} w={420} maw="100%" />
      </More>
    </Stack>
  );
}

/** How far the log is complete is asked every few seconds: the newest moment is had by name at once, by its time a little later. */
function TooNew({ at, source, change }: { at: Date } & Omit<Props, "form">) {
  const complete = useQuery(sourceOptions(source)).data?.log?.complete_at;
  if (!complete || Date.parse(complete) >= at.getTime()) return null;
  return (
    <Group gap="sm" role="status">
      <Text size="sm">Newer than what is known to be complete, which is <When at={complete} as="both" />.</Text>
      <Button size="compact-sm" variant="default" onClick={() => change({ kind: "latest", value: "", before: false })}>Take the latest moment</Button>
    </Group>
  );
}

function Backups({ form, change, source }: Props) {
  const backups = useQuery(timelineOptions(source)).data?.backups ?? [];
  const data = [...backups].reverse().map((backup) => ({ value: backup.id, label: `${backup.label ?? backup.id} · ${new Date(backup.ended).toLocaleString("en-GB")}${backup.proven ? " · proven" : ""}` }));
  return <Select label="Backup" data={data} value={form.value || null} searchable w={420} maw="100%" onChange={(value) => change({ value: value ?? "" })} />;
}
