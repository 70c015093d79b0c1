// What comes back: the whole cluster, one of its databases, or some tables of one.

import { Group, Radio, Stack, Textarea, TextInput } from "@mantine/core";
import type { Form, Part } from "./form";

interface Props {
  form: Form;
  change: (changed: Partial<Form>) => void;
}

export function PartForm({ form, change }: Props) {
  return (
    <Stack gap="sm">
      <Radio.Group aria-label="What comes back" value={form.part} onChange={(value) => change({ part: value as Part })}>
        <Group>
          <Radio value="cluster" label="The whole cluster" />
          <Radio value="database" label="One database" />
          <Radio value="tables" label="Some tables" />
        </Group>
      </Radio.Group>
      {form.part !== "cluster" && (
        <Group align="flex-start">
          <TextInput label="Database" description="The server runs on, and its other databases are not touched" value={form.database} onChange={(event) => change({ database: event.currentTarget.value })} w={360} maw="100%" required />
          {form.part === "tables" && (
            <Textarea label="Tables" description="One a line, with its schema" placeholder="public.orders" autosize minRows={2} value={form.tables} onChange={(event) => change({ tables: event.currentTarget.value })} w={360} maw="100%" required />
          )}
        </Group>
      )}
    </Stack>
  );
}
