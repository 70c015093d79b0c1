// What can be done with a source as it is now.

import { Button, Group, Modal, Stack, Switch, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { api, ask } from "../../api/client";
import { may } from "../../api/may";
import { useMe } from "../../api/queries";
import { Act } from "../../parts/Act";

export function Actions({ source, stack }: { source: string; stack?: string }) {
  if (!may(useMe().grants, "operator", stack)) return null;
  return (
    <>
      <Button component={Link} href={`/restore/${encodeURIComponent(source)}`} variant="default">Restore …</Button>
      <BackUp source={source} />
    </>
  );
}

function BackUp({ source }: { source: string }) {
  const [opened, { open, close }] = useDisclosure();
  const [label, setLabel] = useState("");
  const [full, setFull] = useState(false);
  const [, go] = useLocation();
  const begin = () => {
    const body = { label: label || undefined, full };
    return ask(api.POST("/api/v1/sources/{name}/backups", { params: { path: { name: source } }, body }));
  };
  return (
    <>
      <Button onClick={open}>Back up now</Button>
      <Modal closeButtonProps={{ "aria-label": "Close" }} opened={opened} onClose={close} title={`Back up ${source}`} centered>
        <Stack>
          <TextInput label="Name" description="How it is found again, such as before-release-41" value={label} onChange={(event) => setLabel(event.currentTarget.value)} data-autofocus />
          <Switch label="Store everything anew" description="Instead of only what changed" checked={full} onChange={(event) => setFull(event.currentTarget.checked)} />
          <Group justify="flex-end" align="flex-start">
            <Button variant="default" onClick={close}>Not now</Button>
            <Act act={begin} then={(operation) => go(`/operations/${operation.id}`)}>Back up</Act>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
