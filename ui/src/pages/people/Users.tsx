// Users: adding one, giving other roles, setting a password, removing.

import { Button, Group, Modal, PasswordInput, Stack, Table, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "../../api/client";
import { rolesInWords } from "../../api/may";
import { usersOptions } from "../../api/queries";
import type { User } from "../../api/types";
import { Act } from "../../parts/Act";
import { Card } from "../../parts/Card";
import { Loaded } from "../../parts/Loaded";
import { Sure } from "../../parts/Sure";
import { When } from "../../parts/When";
import { Wide } from "../../parts/Wide";
import { fromWords, GrantsInput, toWords } from "./GrantsInput";

const ANEW = [["users"]];

export function Users() {
  const query = useQuery(usersOptions);
  return (
    <Card title="Users" aside={<Add />}>
      <Loaded query={query}>
        {(users) => (
          <Wide minWidth={620}>
            <Table>
              <Table.Thead><Table.Tr><Table.Th>Name</Table.Th><Table.Th>May</Table.Th><Table.Th>Password</Table.Th><Table.Th>Signed in last</Table.Th><Table.Th>Change</Table.Th></Table.Tr></Table.Thead>
              <Table.Tbody>{users.map((user) => <Line key={user.name} user={user} />)}</Table.Tbody>
            </Table>
          </Wide>
        )}
      </Loaded>
    </Card>
  );
}

function Line({ user }: { user: User }) {
  const path = { params: { path: { name: user.name } } };
  return (
    <Table.Tr>
      <Table.Td>{user.name}</Table.Td>
      <Table.Td>{rolesInWords(user.grants)}</Table.Td>
      <Table.Td>{user.has_password ? "set" : "none: tokens only"}</Table.Td>
      <Table.Td><When at={user.last_login} /></Table.Td>
      <Table.Td>
        <Group gap={4} wrap="nowrap">
          <Roles user={user} />
          <SetPassword user={user} />
          <Sure title={`Remove ${user.name}`} what="With sessions and tokens. What was done under this name stays in the audit log." act={() => ask(api.DELETE("/api/v1/users/{name}", path))} anew={ANEW} label="Remove" size="compact-sm" variant="default" color="red">Remove</Sure>
        </Group>
      </Table.Td>
    </Table.Tr>
  );
}

function Add() {
  const [opened, { open, close }] = useDisclosure();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [words, setWords] = useState<string[]>(["viewer"]);
  const grants = fromWords(words);
  return (
    <>
      <Button size="compact-sm" onClick={open}>Add a user</Button>
      <Modal closeButtonProps={{ "aria-label": "Close" }} opened={opened} onClose={close} title="Add a user" centered>
        <Stack>
          <TextInput label="Name" value={name} onChange={(event) => setName(event.currentTarget.value)} data-autofocus />
          <PasswordInput label="Password" description="At least 10 bytes; without one there are only tokens" value={password} onChange={(event) => setPassword(event.currentTarget.value)} autoComplete="new-password" />
          <GrantsInput value={words} onChange={setWords} />
          <Group justify="flex-end" align="flex-start">
            <Button variant="default" onClick={close}>Not now</Button>
            <Act disabled={!name || !grants} act={() => ask(api.POST("/api/v1/users", { body: { name, grants, password: password || undefined } }))} anew={ANEW} then={close}>Add</Act>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}

function Roles({ user }: { user: User }) {
  const [opened, { open, close }] = useDisclosure();
  const [words, setWords] = useState(() => toWords(user.grants));
  const grants = fromWords(words);
  return (
    <>
      <Button size="compact-sm" variant="default" onClick={open}>Roles</Button>
      <Modal closeButtonProps={{ "aria-label": "Close" }} opened={opened} onClose={close} title={`What ${user.name} may`} centered>
        <Stack>
          <GrantsInput value={words} onChange={setWords} />
          <Group justify="flex-end" align="flex-start">
            <Button variant="default" onClick={close}>Not now</Button>
            <Act disabled={!grants} act={() => ask(api.PUT("/api/v1/users/{name}/roles", { params: { path: { name: user.name } }, body: { grants: grants ?? [] } }))} anew={ANEW} then={close}>Give these and no others</Act>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}

function SetPassword({ user }: { user: User }) {
  const [opened, { open, close }] = useDisclosure();
  const [password, setPassword] = useState("");
  return (
    <>
      <Button size="compact-sm" variant="default" onClick={open}>Password</Button>
      <Modal closeButtonProps={{ "aria-label": "Close" }} opened={opened} onClose={close} title={`A password for ${user.name}`} centered>
        <Stack>
          <PasswordInput label="Password" description="All sessions of this user end" value={password} onChange={(event) => setPassword(event.currentTarget.value)} autoComplete="new-password" data-autofocus />
          <Group justify="flex-end" align="flex-start">
            <Button variant="default" onClick={close}>Not now</Button>
            <Act disabled={!password} act={() => ask(api.PUT("/api/v1/users/{name}/password", { params: { path: { name: user.name } }, body: { password } }))} anew={ANEW} then={close}>Set</Act>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
