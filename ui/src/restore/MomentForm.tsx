// Which moment.

import { Checkbox, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { timelineOptions } from "../api/queries";
import { InBothZones } from "../parts/When";
import { fromField, toField } from "../words/time";
import type { Form, TargetKind } from "./ask";

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
      {form.kind !== "latest" && form.kind !== "backup" && (
        <Checkbox label="Just before it, and not with it" checked={form.before} onChange={(event) => change({ before: event.currentTarget.checked })} />
      )}
    </Stack>
  );
}

function Backups({ form, change, source }: Props) {
  const backups = useQuery(timelineOptions(source)).data?.backups ?? [];
  const data = [...backups].reverse().map((backup) => ({ value: backup.id, label: `${backup.label ?? backup.id} · ${new Date(backup.ended).toLocaleString("en-GB")}${backup.proven ? " · proven" : ""}` }));
  return <Select label="Backup" data={data} value={form.value || null} searchable w={420} onChange={(value) => change({ value: value ?? "" })} />;
}
