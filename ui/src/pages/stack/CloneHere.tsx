// A writable copy of the moment, for people to use.

import { Button, Group, Modal, NumberInput, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useState } from "react";
import { useLocation } from "wouter";
import { api, ask } from "../../api/client";
import { Act } from "../../parts/Act";
import { InBothZones } from "../../parts/When";

const HOURS = 8;
const HOUR_SECONDS = 3600;

export function CloneHere({ source, at, disabled }: { source: string; at: Date; disabled: boolean }) {
  const [opened, { open, close }] = useDisclosure();
  const [name, setName] = useState("");
  const [hours, setHours] = useState<number | string>(HOURS);
  const [, go] = useLocation();
  const begin = () => {
    const ttl_seconds = Number(hours) > 0 ? Math.round(Number(hours) * HOUR_SECONDS) : undefined;
    const body = { target: { time: at.toISOString() }, name: name || undefined, ttl_seconds };
    return ask(api.POST("/api/v1/sources/{name}/clones", { params: { path: { name: source } }, body }));
  };
  return (
    <>
      <Button variant="default" disabled={disabled} onClick={open}>Clone</Button>
      <Modal closeButtonProps={{ "aria-label": "Close" }} opened={opened} onClose={close} title="Clone this moment" centered>
        <Stack>
          <Text size="sm"><InBothZones at={at} /></Text>
          <Text size="sm">A server of its own is opened on the moment, usually within seconds. {source} is not touched.</Text>
          <TextInput label="Name" description="Made from the source's name when left empty" value={name} onChange={(event) => setName(event.currentTarget.value)} data-autofocus />
          <NumberInput label="Hours until it is removed" description="0: until somebody removes it" min={0} value={hours} onChange={setHours} />
          <Group justify="flex-end" align="flex-start">
            <Button variant="default" onClick={close}>Not now</Button>
            <Act act={begin} anew={[["instances"]]} then={(operation) => go(`/operations/${operation.id}`)}>Clone</Act>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
