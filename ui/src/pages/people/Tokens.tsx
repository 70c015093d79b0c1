// Tokens: made once and shown once, revoked at any time.

import { Alert, Button, Code, CopyButton, Group, Modal, NumberInput, Stack, Table, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "../../api/client";
import { rolesInWords } from "../../api/may";
import { tokensOptions, useMe } from "../../api/queries";
import { Act } from "../../parts/Act";
import { Card } from "../../parts/Card";
import { Loaded } from "../../parts/Loaded";
import { Sure } from "../../parts/Sure";
import { When } from "../../parts/When";
import { Wide } from "../../parts/Wide";
import { fromWords, GrantsInput, toWords } from "./GrantsInput";

const ANEW = [["tokens"]];
const USUAL_DAYS = 90;
const LONGEST_DAYS = 400;
const DAY_SECONDS = 86_400;

export function Tokens() {
  const query = useQuery(tokensOptions);
  return (
    <Card title="Tokens" aside={<Add />}>
      <Loaded query={query}>
        {(tokens) =>
          tokens.length === 0 ? (
            <Text size="sm" c="dimmed">There is none. A token is what a program shows; it may at most what its owner may.</Text>
          ) : (
            <Wide minWidth={620}>
              <Table>
                <Table.Thead><Table.Tr><Table.Th>Name</Table.Th><Table.Th>Of</Table.Th><Table.Th>May</Table.Th><Table.Th>Used last</Table.Th><Table.Th>Ends</Table.Th><Table.Th>Change</Table.Th></Table.Tr></Table.Thead>
                <Table.Tbody>
                  {tokens.map((token) => (
                    <Table.Tr key={token.id}>
                      <Table.Td>{token.name}<Text size="xs" c="dimmed" className="mono">{token.id}</Text></Table.Td>
                      <Table.Td>{token.owner}</Table.Td><Table.Td>{rolesInWords(token.grants)}</Table.Td>
                      <Table.Td><When at={token.last_used} /></Table.Td><Table.Td><When at={token.expires} as="short" /></Table.Td>
                      <Table.Td><Sure title={`Revoke ${token.name}`} what="Whatever uses it is refused from now on." act={() => ask(api.DELETE("/api/v1/tokens/{id}", { params: { path: { id: token.id } } }))} anew={ANEW} label="Revoke" size="compact-sm" variant="default" color="red">Revoke</Sure></Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Wide>
          )
        }
      </Loaded>
    </Card>
  );
}

function Add() {
  const me = useMe();
  const [opened, { open, close }] = useDisclosure();
  const [name, setName] = useState("");
  const [days, setDays] = useState<number | string>(USUAL_DAYS);
  const [words, setWords] = useState(() => toWords(me.grants));
  const [made, setMade] = useState<string>();
  const grants = fromWords(words);
  const leave = () => {
    setMade(undefined);
    close();
  };
  const begin = () => ask(api.POST("/api/v1/tokens", { body: { name, grants: grants ?? [], ttl_seconds: Math.round(Number(days) * DAY_SECONDS) } }));
  return (
    <>
      <Button size="compact-sm" onClick={open}>Make a token</Button>
      <Modal closeButtonProps={{ "aria-label": "Close" }} opened={opened} onClose={leave} title="Make a token" centered>
        {made ? (
          <Alert color="green" variant="light" title="It is shown this once">
            <Stack gap="xs"><Code block className="mono">{made}</Code><Group><CopyButton value={made}>{({ copied, copy }) => <Button onClick={copy}>{copied ? "Copied" : "Copy"}</Button>}</CopyButton><Button variant="default" onClick={leave}>I have it</Button></Group></Stack>
          </Alert>
        ) : (
          <Stack>
            <TextInput label="Name" description="What it is for" value={name} onChange={(event) => setName(event.currentTarget.value)} data-autofocus />
            <GrantsInput value={words} onChange={setWords} />
            <NumberInput label="Days until it ends" min={1} max={LONGEST_DAYS} value={days} onChange={setDays} />
            <Group justify="flex-end" align="flex-start">
              <Button variant="default" onClick={leave}>Not now</Button>
              <Act disabled={!name || !grants} act={begin} anew={ANEW} then={(token) => setMade(token.token)}>Make</Act>
            </Group>
          </Stack>
        )}
      </Modal>
    </>
  );
}
