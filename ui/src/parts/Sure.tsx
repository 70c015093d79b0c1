// Asks once more, with what will happen, before something that cannot be taken back or that others notice.

import { Button, Group, Modal, Stack, TextInput, type ButtonProps } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useState, type ReactNode } from "react";
import { Act } from "./Act";

interface Props<T> extends ButtonProps {
  title: string;
  what: ReactNode;
  act: (why: string) => Promise<T>;
  then?: (done: T) => void;
  anew?: readonly unknown[][];
  /** Whether a reason is asked for; it is kept with what is done. */
  why?: "asked" | "needed";
  label: string;
  children: ReactNode;
}

export function Sure<T>({ title, what, act, then, anew, why, label, children, ...button }: Props<T>) {
  const [opened, { open, close }] = useDisclosure();
  const [reason, setReason] = useState("");
  return (
    <>
      <Button {...button} onClick={open}>{children}</Button>
      <Modal closeButtonProps={{ "aria-label": "Close" }} opened={opened} onClose={close} title={title} centered>
        <Stack>
          <div>{what}</div>
          {why && (
            <TextInput label="Why" description="It is kept with the operation" value={reason} required={why === "needed"} onChange={(event) => setReason(event.currentTarget.value)} data-autofocus />
          )}
          <Group justify="flex-end" align="flex-start">
            <Button variant="default" onClick={close}>Not now</Button>
            <Act
              act={() => act(reason)}
              anew={anew}
              color={button.color}
              disabled={why === "needed" && reason.trim() === ""}
              then={(done) => {
                close();
                then?.(done);
              }}
            >
              {label}
            </Act>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
