// One operation: its plan, who agreed, its steps as they go, its log, what can be done now, what it came to. A restore in progress
// owns its page.

import { Alert, Grid, Group, List, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "wouter";
import { planOptions } from "../api/queries";
import type { Back, Operation } from "../api/types";
import { useNow } from "../live/clock";
import type { Stream } from "../live/stream";
import { Card } from "../parts/Card";
import { Facts, type Fact } from "../parts/Facts";
import { Loaded } from "../parts/Loaded";
import { Page } from "../parts/Page";
import { OPERATION, State } from "../parts/State";
import { When } from "../parts/When";
import { current, etaSeconds, isOver, next, restores, what } from "../words/operation";
import { seconds } from "../words/units";
import { Deeds } from "./operation/Deeds";
import { LogView } from "./operation/LogView";
import { Outcome } from "./operation/Outcome";
import { PlanView } from "./operation/PlanView";
import { stageOf, Stages } from "./operation/Stages";
import { Steps } from "./operation/Steps";
import { useOperation } from "./operation/useOperation";

export function OperationPage() {
  const { id = "" } = useParams<{ id: string }>();
  return <Of key={id} id={id} />;
}

function Of({ id }: { id: string }) {
  const { query, live, stream } = useOperation(id);
  return (
    <Loaded query={query} lines={10} heading={`Operation ${id}`}>
      {(operation) => {
        const progress = isOver(operation) ? operation.progress : (live.progress?.progress ?? operation.progress);
        return (
          <Page title={what(operation)} docs="operations" note={<Head operation={operation} />}>
            {restores(operation) && <Stages active={stageOf(operation, true)} />}
            <Lost stream={stream} operation={operation} />
            <Waived operation={operation} />
            <LastError operation={operation} />
            <Outcome operation={operation} />
            {restores(operation) && <Plan operation={operation} />}
            {!isOver(operation) && <Now operation={operation} />}
            <Grid gap="lg">
              <Grid.Col span={{ base: 12, lg: 5 }}>
                <Stack gap="lg">
                  <Card title="Steps" aside={<Eta operation={operation} />}><Steps operation={operation} progress={progress} /></Card>
                  {operation.back && operation.steps.length > 1 && <Apart back={operation.back} />}
                </Stack>
              </Grid.Col>
              <Grid.Col span={{ base: 12, lg: 7 }}><LogView id={id} lines={live.lines} /></Grid.Col>
            </Grid>
            <Card title="Who and when"><Facts facts={people(operation)} /></Card>
          </Page>
        );
      }}
    </Loaded>
  );
}

/** Above steps and log: who is woken for it looks for this first. */
function Now({ operation }: { operation: Operation }) {
  return (
    <Card title="What can be done now">
      <Stack gap="sm">
        <Text size="sm" role="status">{next(operation)}</Text>
        <Deeds operation={operation} />
      </Stack>
    </Card>
  );
}

function Head({ operation }: { operation: Operation }) {
  const now = current(operation);
  return (
    <Group gap="xs" mt={4}>
      <State look={OPERATION[operation.status]} />
      {now && <Text size="sm" span>step {now.at + 1} of {operation.steps.length} {operation.step}</Text>}
      {now && now.step.attempt > 0 && <Text size="sm" span>attempt {now.step.attempt} of {now.step.attempts}</Text>}
      {operation.error && <Text size="sm" span>{operation.retryable ? "trying again may help" : "trying again does not help"}</Text>}
      <Text size="sm" span className="mono">{operation.id}</Text>
    </Group>
  );
}

/** A lost stream says so here too: whoever watches a restore looks at nothing else. */
function Lost({ stream, operation }: { stream: Stream; operation: Operation }) {
  const now = useNow();
  if (stream.state !== "lost" || isOver(operation)) return null;
  const age = stream.heard ? seconds(Math.round((now.getTime() - stream.heard.getTime()) / 1000)) : "some time";
  return <Alert color="yellow" variant="light" title={`The connection is lost; what you see is ${age} old`}>The operation goes on without it, and is shown here again as soon as the daemon answers.</Alert>;
}

function Waived({ operation }: { operation: Operation }) {
  if (!operation.waived) return null;
  return <Alert color="yellow" variant="light" role="alert" title="The glass was broken">{operation.asked_by} began it without anybody&apos;s approval. It is in the audit log, raised as an alarm, and said in the report.</Alert>;
}

function LastError({ operation }: { operation: Operation }) {
  const error = operation.error;
  if (!error) return null;
  return (
    <Alert color={operation.status === "failed" || operation.status === "stuck" ? "red" : "yellow"} variant="light" title={`Last error: ${error.message}`} role="alert">
      <Stack gap={4}>
        {(error.causes ?? []).length > 0 && <List size="sm">{error.causes?.map((cause) => <List.Item key={cause}>{cause}</List.Item>)}</List>}
        {error.hint && <Text size="sm" className="as-written">{error.hint}</Text>}
        <Text size="xs" c="dimmed">{error.code} · {operation.retryable ? "trying again may help" : "trying again does not help"}</Text>
      </Stack>
    </Alert>
  );
}

function Plan({ operation }: { operation: Operation }) {
  const plan = useQuery(planOptions(operation.id));
  if (!plan.data) return null;
  return <Card title="Plan"><PlanView plan={plan.data} /></Card>;
}

function Eta({ operation }: { operation: Operation }) {
  const now = useNow();
  if (isOver(operation) || operation.status === "awaiting-approval") return null;
  const eta = etaSeconds(operation, now);
  return <Text size="sm" c="dimmed">{eta === undefined ? "how long it takes was not measured yet" : `about ${seconds(Math.round(eta))} to go`}</Text>;
}

const FACETS: Record<Back["data"]["state"], string> = {
  well: "well",
  waiting: "not yet looked at",
  checking: "is being looked at",
  failed: "not well: see the last error",
  "taken-back": "was taken back",
  "not-checked": "nobody looks: the stack's file says nothing of it",
};

/** That the data is back, that it can be reached, and that the application is well with it are three things. */
function Apart({ back }: { back: Back }) {
  const { data, connectivity, behaviour } = back;
  const isBack = data.state === "well";
  return (
    <Card title="Data, connectivity, behaviour">
      <Facts
        facts={[
          ["Data", isBack ? <>back since <When at={data.since} as="both" /></> : data.state === "waiting" ? "not back yet" : FACETS[data.state]],
          ["Connectivity", FACETS[connectivity.state]],
          ["Behaviour", FACETS[behaviour.state]],
        ]}
      />
    </Card>
  );
}

function people(operation: Operation): Fact[] {
  const because = (why: string) => (why ? `: ${why}` : "");
  return [
    ["Asked", <>by {operation.asked_by} <When at={operation.started} as="both" />{because(operation.why)}</>],
    ...operation.approvals.map((approval): Fact => ["Approved", <>by {approval.by} <When at={approval.at} as="both" />{because(approval.why)}</>]),
    ...(operation.refused ? [["Refused", <>by {operation.refused.by} <When at={operation.refused.at} as="both" />{because(operation.refused.why)}</>] satisfies Fact] : []),
    ...(operation.waived ? [["Approved", "by NOBODY, although somebody would have had to: the glass was broken"] satisfies Fact] : []),
    ...(operation.ended ? [["Over", <When at={operation.ended} as="both" />] satisfies Fact] : []),
  ];
}
