// What is open: clones, looks, restores whose files are still fetched; who has what until when, and how to reach it.

import { Group, Progress, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useLocation } from "wouter";
import { api, ask } from "../api/client";
import { may } from "../api/may";
import { instancesOptions, operationsOptions, useMe } from "../api/queries";
import type { Instance } from "../api/types";
import { Act } from "../parts/Act";
import { Card } from "../parts/Card";
import { Empty } from "../parts/Empty";
import { Facts } from "../parts/Facts";
import { Statement } from "../parts/Findings";
import { Loaded } from "../parts/Loaded";
import { Page } from "../parts/Page";
import { Sure } from "../parts/Sure";
import { When } from "../parts/When";
import { asked } from "../words/plan";
import { bytes, percent, seconds } from "../words/units";
import { useStackOf } from "./operation/useStackOf";

export function Clones() {
  const query = useQuery(instancesOptions);
  return (
    <Page title="Clones" docs="opening" note="What is open, and looked after. A clone keeps only what is written in it; the original is not touched">
      <Loaded query={query} lines={6}>
        {(instances) =>
          instances.length === 0 ? (
            <Empty title="Nothing is open">From the timeline of a stack any moment can be cloned: a server of its own, within seconds.</Empty>
          ) : (
            <Stack>{instances.map((instance) => <One key={instance.name} instance={instance} />)}</Stack>
          )
        }
      </Loaded>
    </Page>
  );
}

function One({ instance }: { instance: Instance }) {
  const stack = useStackOf(instance.source);
  const operates = may(useMe().grants, "operator", stack);
  const owner = useOwner(instance);
  return (
    <Card title={`${instance.name} · ${instance.kind} of ${instance.source}`} aside={<Text size="sm" fw={600}>{instance.standing}</Text>}>
      <Stack gap="sm">
        {instance.conditions.map((condition) => <Text key={condition.text} size="sm" c="var(--state-attention)">! {condition.text}: {condition.advice}</Text>)}
        <Facts
          facts={[
            ["Moment", instance.report ? asked(instance.report.asked) : "being opened"],
            Boolean(owner) && ["Whose", owner],
            ["Opened", <When at={instance.created} as="both" />],
            ["Until", instance.expires ? <When at={instance.expires} as="short" /> : "somebody removes it"],
            ["On the local disk", `${bytes(instance.local_bytes)}${instance.quota_bytes ? ` of ${bytes(instance.quota_bytes)}` : ""}`],
            instance.port != null && ["Connect", <Statement text={`psql -h ${instance.socket_folder} -p ${instance.port} -U ${instance.superuser} postgres`} />],
          ]}
        />
        {instance.mount && instance.kind === "restore" && <Fetched mount={instance.mount} />}
        {operates && <Buttons instance={instance} />}
      </Stack>
    </Card>
  );
}

/** Who asked for it: the operation that opened it says. */
function useOwner(instance: Instance): string | undefined {
  const kind = instance.kind === "restore" ? "restore" : instance.kind;
  const operations = useQuery({ ...operationsOptions({ kind, source: instance.source, limit: 200 }), staleTime: 60_000 }).data;
  const named = operations?.find((operation) => (operation.result as { name?: string; instance?: string } | null)?.name === instance.name);
  return named?.asked_by;
}

function Fetched({ mount }: { mount: NonNullable<Instance["mount"]> }) {
  const share = mount.bytes_total > 0 ? mount.bytes_present / mount.bytes_total : 1;
  const eta = mount.eta_seconds == null ? "" : `, all of it in about ${seconds(mount.eta_seconds)}`;
  return (
    <div>
      <Progress value={share * 100} aria-label="Fetched" />
      <Text size="xs" c="dimmed">{percent(share)} of its files are here: {bytes(mount.bytes_present)} of {bytes(mount.bytes_total)}{mount.paused ? ", paused" : eta}</Text>
    </div>
  );
}

function Buttons({ instance }: { instance: Instance }) {
  const [, go] = useLocation();
  const path = { params: { path: { name: instance.name } } };
  const anew = [["instances"]];
  const isClone = instance.kind === "clone";
  return (
    <Group gap="xs" align="flex-start">
      {instance.phase === "stopped" && <Act variant="default" act={() => ask(api.POST("/api/v1/instances/{name}/start", path))} anew={anew}>Start</Act>}
      {instance.phase === "open" && isClone && <Act variant="default" act={() => ask(api.POST("/api/v1/instances/{name}/stop", path))} anew={anew}>Stop</Act>}
      {isClone && <Sure title={`Reset ${instance.name}`} what="What was written in it goes; it is opened anew at its moment." act={() => ask(api.POST("/api/v1/instances/{name}/reset", path))} anew={anew} then={(begun) => go(`/operations/${begun.id}`)} label="Reset" variant="default">Reset</Sure>}
      {instance.kind === "restore" && instance.mount?.whole && <Sure title={`Detach ${instance.name}`} what="All of its files are here. It becomes a plain directory, with a short restart of its server." act={() => ask(api.POST("/api/v1/instances/{name}/detach", path))} anew={anew} label="Detach" variant="default">Detach</Sure>}
      {instance.mount && instance.kind === "restore" && !instance.mount.whole && <Act variant="default" act={() => ask(api.POST("/api/v1/instances/{name}/hydration", { ...path, body: { paused: !instance.mount!.paused } }))} anew={anew}>{instance.mount.paused ? "Go on fetching" : "Pause the fetching"}</Act>}
      {instance.kind !== "restore" && <Sure title={`Remove ${instance.name}`} what="It goes, with all that was written in it." act={() => ask(api.DELETE("/api/v1/instances/{name}", path))} anew={anew} label="Remove" color="red" variant="default">Remove</Sure>}
    </Group>
  );
}
