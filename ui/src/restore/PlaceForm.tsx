// Where it goes: into the place of the live cluster, beside it, or into a directory of its own.

import { Checkbox, Group, Radio, Stack, TextInput } from "@mantine/core";
import type { Form, Mode } from "./ask";

interface Props {
  form: Form;
  change: (changed: Partial<Form>) => void;
  source: string;
}

export function PlaceForm({ form, change, source }: Props) {
  return (
    <Stack gap="sm">
      <Radio.Group aria-label="Where it goes" value={form.mode} onChange={(value) => change({ mode: value as Mode })}>
        <Stack gap="xs">
          <Radio value="swap" label={`In the place of ${source}`} description="Services are stopped, the directories change places, the old one is kept. Needs to be told in the stack's file how the server is stopped and started" />
          <Radio value="beside" label="In a place of its own, and everybody is pointed there" description="The old one is stopped, and kept where it is" />
          <Radio value="into" label="Only a copy, into a directory of its own" description={`${source} is not touched, and nobody is pointed anywhere`} />
        </Stack>
      </Radio.Group>
      {form.mode !== "swap" && (
        <Group align="flex-start">
          <TextInput label="Directory" description="An absolute path on the daemon's host; it must not be there yet" placeholder="/srv/pg/restored" value={form.into} onChange={(event) => change({ into: event.currentTarget.value })} w={360} required />
          <TextInput label="Port" description="A free one when left empty" inputMode="numeric" value={form.port} onChange={(event) => change({ port: event.currentTarget.value.replace(/\D/g, "") })} w={150} />
          {form.mode === "beside" && <TextInput label="Address" description="When it is another one" value={form.host} onChange={(event) => change({ host: event.currentTarget.value })} w={220} />}
        </Group>
      )}
      {form.mode === "into" && <Checkbox label="Usable at once: files are fetched when they are touched, and all of them behind" checked={form.open} onChange={(event) => change({ open: event.currentTarget.checked })} />}
      {form.mode !== "into" && <Checkbox label="Copy all files before it is used, also where they could be mounted" checked={form.copy} onChange={(event) => change({ copy: event.currentTarget.checked })} />}
    </Stack>
  );
}
