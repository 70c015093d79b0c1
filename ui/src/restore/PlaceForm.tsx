// Where it goes: into the place of the live one, beside it, or into a place of its own; and how its files get there.

import { Checkbox, Group, Radio, Stack, Textarea, TextInput } from "@mantine/core";
import { offered, type Files, type Form, type Mode } from "./form";
import { More } from "./More";

interface Props {
  form: Form;
  change: (changed: Partial<Form>) => void;
  source: string;
}

export function PlaceForm({ form, change, source }: Props) {
  return (
    <Stack gap="sm">
      <Radio.Group aria-label="Where it goes" value={form.mode} onChange={(value) => change({ mode: value as Mode })}>
        <Stack gap="xs">{form.part === "cluster" ? <OfCluster source={source} /> : <OfPart part={form.part} />}</Stack>
      </Radio.Group>
      <Where form={form} change={change} />
      {offered(form).keepServing && (
        <Checkbox label="The stack's services are not stopped" description="Their sessions in the database are ended all the same" checked={form.keepServing} onChange={(event) => change({ keepServing: event.currentTarget.checked })} />
      )}
      <More label="More about the files" isSet={form.files !== "open" || [form.owner, form.limit, form.tablespaces].some(Boolean) || form.delta}>
        <FilesForm form={form} change={change} />
      </More>
    </Stack>
  );
}

function OfCluster({ source }: { source: string }) {
  return (
    <>
      <Radio value="swap" label={`In the place of ${source}`} description="Services are stopped, the directories change places, the old one is kept. Needs to be told in the stack's file how the server is stopped and started" />
      <Radio value="beside" label="In a place of its own, and everybody is pointed there" description="The old one is stopped, and kept where it is" />
      <Radio value="into" label="Only a copy, into a directory of its own" description={`${source} is not touched, and nobody is pointed anywhere`} />
    </>
  );
}

function OfPart({ part }: { part: Form["part"] }) {
  const [one, kept] = part === "database" ? ["one", "The live one is kept under another name"] : ["ones", "The live ones are kept in another schema"];
  return (
    <>
      <Radio value="swap" label={`In the place of the live ${one}`} description={`Services are stopped, and the names change in one transaction. ${kept}`} />
      <Radio value="into" label={`Beside the live ${one}, under a name of its own`} description="On the same server; nothing else happens" />
    </>
  );
}

type Fields = Omit<Props, "source">;

function Where({ form, change }: Fields) {
  const may = offered(form);
  const isBeside = form.mode === "beside";
  if (may.name) {
    const [label, made] = form.part === "database" ? ["Name of the new database", `${form.database || "DATABASE"}_restored`] : ["Name of the schema for the tables", `${form.database || "DATABASE"}_restored`];
    return <TextInput label={label} description={`${made} when left empty`} value={form.name} onChange={(event) => change({ name: event.currentTarget.value })} w={360} maw="100%" />;
  }
  if (!may.directory) return null;
  return (
    <Group align="flex-start">
      <TextInput label="Directory" description="An absolute path on the daemon's host" placeholder="/srv/pg/restored" value={form.into} onChange={(event) => change({ into: event.currentTarget.value })} w={360} maw="100%" required />
      {may.port && <TextInput label="Port" description={isBeside ? "Today's when left empty" : "A free one when left empty"} inputMode="numeric" value={form.port} onChange={(event) => change({ port: event.currentTarget.value.replace(/\D/g, "") })} w={180} />}
      {may.host && <TextInput label="Address" description="Today's when left empty" value={form.host} onChange={(event) => change({ host: event.currentTarget.value })} w={220} />}
    </Group>
  );
}

function FilesForm({ form, change }: Fields) {
  const may = offered(form);
  return (
    <Stack gap="sm">
      {may.files && (
        <Radio.Group label="The files" value={form.files} onChange={(value) => change({ files: value as Files })}>
          <Stack gap="xs" mt={6}>
            <Radio value="open" label="Usable at once" description={form.mode === "into" ? "They are fetched when they are touched, and all of them behind" : "They are fetched when they are touched, and all of them behind; where the host cannot mount, they are copied"} />
            <Radio value="copied" label="Copied and verified before it is used" description="Takes as long as it takes" />
            {may.filesOnly && <Radio value="only" label="Only the files, and no server" description="With the log that they need: whoever starts a server on them needs nothing of Rekindle" />}
          </Stack>
        </Radio.Group>
      )}
      {may.overWhatIsThere && (
        <Checkbox label="Write only what differs from what lies in the directory already" description="An earlier restore's; it is written over" checked={form.delta} onChange={(event) => change({ delta: event.currentTarget.checked })} />
      )}
      <Group align="flex-start">
        {may.limit && <TextInput label="Fetch behind at most" description="MB a second; as fast as may be when left empty" inputMode="numeric" value={form.limit} onChange={(event) => change({ limit: event.currentTarget.value.replace(/\D/g, "") })} w={300} maw="100%" />}
        <TextInput label="Owner of the files" description="User of the host; as today when left empty" value={form.owner} onChange={(event) => change({ owner: event.currentTarget.value })} w={360} maw="100%" />
        {may.overWhatIsThere && <Textarea label="Tablespaces" description="OID=/PATH, one a line" placeholder="16385=/srv/fast" autosize minRows={1} value={form.tablespaces} onChange={(event) => change({ tablespaces: event.currentTarget.value })} w={360} maw="100%" />}
      </Group>
    </Stack>
  );
}
