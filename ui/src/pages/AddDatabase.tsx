// Protecting a database: its address, what is looked at with the exact statements that mend what is missing, a policy, the first backup.
// Whoever comes to a daemon that protects nothing is led here.

import { Button, Code, Group, Stack, Stepper, Text, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { api, ask } from "../api/client";
import { may } from "../api/may";
import { useMe } from "../api/queries";
import type { ProtectAnswer } from "../api/types";
import { Card } from "../parts/Card";
import { Findings } from "../parts/Findings";
import { Page } from "../parts/Page";
import { Forbidden, Problem } from "../parts/Problem";
import { FirstBackup } from "./add/FirstBackup";
import { PolicyForm } from "./add/PolicyForm";

export interface Wanted {
  name: string;
  url: string;
}

type Stage = "address" | "checks" | "policy" | "backup";
const STAGES: Stage[] = ["address", "checks", "policy", "backup"];
const NAMES = ["Address", "Checks", "Policy", "First backup"];

export function AddDatabase() {
  if (!may(useMe().grants, "admin")) return <Forbidden message="a database is protected by an admin, because its address may be a command" />;
  return <Add />;
}

function Add() {
  const [stage, setStage] = useState<Stage>("address");
  const [wanted, setWanted] = useState<Wanted>({ name: "", url: "" });
  const look = useMutation({ mutationFn: () => ask(api.POST("/api/v1/sources", { body: { ...wanted, dry_run: true } })), onSuccess: () => setStage("checks") });
  const change = (changed: Partial<Wanted>) => {
    setWanted({ ...wanted, ...changed });
    setStage("address");
  };
  return (
    <Page title="Add a database" docs="policies" note="Nothing is changed on its server but a replication slot">
      <Stepper active={STAGES.indexOf(stage)} size="sm" allowNextStepsSelect={false} aria-label="Where you are" visibleFrom="xs">
        {NAMES.map((name) => <Stepper.Step key={name} label={name} allowStepSelect={false} />)}
      </Stepper>
      <Address wanted={wanted} change={change} look={() => look.mutate()} looking={look.isPending} locked={stage === "backup"} />
      {look.isError && <Problem error={look.error} what="The server could not be looked at" />}
      {look.data && stage !== "address" && <Checks answer={look.data} again={() => look.mutate()} looking={look.isPending} onwards={stage === "checks" ? () => setStage("policy") : undefined} />}
      {stage === "policy" && <PolicyForm wanted={wanted} then={() => setStage("backup")} />}
      {stage === "backup" && <FirstBackup name={wanted.name} />}
    </Page>
  );
}

interface AddressProps {
  wanted: Wanted;
  change: (changed: Partial<Wanted>) => void;
  look: () => void;
  looking: boolean;
  locked: boolean;
}

function Address({ wanted, change, look, looking, locked }: AddressProps) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    look();
  };
  return (
    <Card title="Which database server">
      <form onSubmit={submit}>
        <Stack gap="sm">
          <TextInput label="Connection string" description={<>As libpq takes it. A password belongs into a password file of the daemon&apos;s user, or behind a reference such as <Code>env:SHOP_URL</Code></>} placeholder="postgres:///shop?host=/run/postgresql" required disabled={locked} value={wanted.url} onChange={(event) => change({ url: event.currentTarget.value })} autoComplete="off" spellCheck={false} classNames={{ input: "mono" }} />
          <TextInput label="Name" description="What it is called here, and in the vault" placeholder="shop" required disabled={locked} value={wanted.name} onChange={(event) => change({ name: event.currentTarget.value })} w={280} autoComplete="off" />
          <Group><Button type="submit" loading={looking} disabled={locked || !wanted.url || !wanted.name}>Look at it</Button><Text size="sm" c="dimmed">Nothing is registered by that.</Text></Group>
        </Stack>
      </form>
    </Card>
  );
}

interface ChecksProps {
  answer: ProtectAnswer;
  again: () => void;
  looking: boolean;
  onwards: (() => void) | undefined;
}

function Checks({ answer, again, looking, onwards }: ChecksProps) {
  const blocked = answer.findings.some((finding) => finding.severity === "blocks");
  return (
    <Card title="What was seen">
      <Stack>
        <Findings findings={answer.findings} />
        {blocked && <Text size="sm" fw={600} role="status">Run the statements, restart the server where that is said, and look again.</Text>}
        <Group>
          <Button variant={blocked ? "filled" : "default"} onClick={again} loading={looking}>Look again</Button>
          {onwards && <Button disabled={blocked} onClick={onwards}>Go on to the policy</Button>}
        </Group>
      </Stack>
    </Card>
  );
}
