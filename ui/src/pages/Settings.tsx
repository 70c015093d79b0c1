// What the configuration says, as far as it is no secret; who is told of alarms, with a test for each.

import { Anchor, Button, Code, Group, Stack, Table, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api, ask } from "../api/client";
import { may } from "../api/may";
import { settingsOptions, useMe } from "../api/queries";
import type { Channel, ChannelTest } from "../api/types";
import { Card } from "../parts/Card";
import { Empty } from "../parts/Empty";
import { Facts } from "../parts/Facts";
import { Loaded } from "../parts/Loaded";
import { Page } from "../parts/Page";
import { Forbidden, Problem } from "../parts/Problem";
import { When } from "../parts/When";
import { seconds } from "../words/units";

export function Settings() {
  if (!may(useMe().grants, "operator")) return <Forbidden message="settings are for operators of everything" />;
  return <Shown />;
}

function Shown() {
  const query = useQuery(settingsOptions);
  return (
    <Page title="Settings" docs="configuration" note="They stand in the configuration file of the daemon; a change counts when it starts the next time">
      <Loaded query={query} lines={8}>
        {(settings) => (
          <Stack gap="lg">
            <Card title="Channels" aside={settings.channels.length > 0 && <Test label="Test all" />}>
              {settings.channels.length === 0 ? (
                <Empty title="Nobody is told of alarms">Add a channel below <Code>[[alerts.channel]]</Code> in the configuration: <Anchor component={Link} href="/docs/alarms#channels">how</Anchor>.</Empty>
              ) : (
                <Stack gap="md">{settings.channels.map((channel) => <One key={`${channel.kind}${channel.name}`} channel={channel} />)}</Stack>
              )}
            </Card>
            <Card title="The daemon">
              <Facts
                facts={[
                  ["Version", settings.version],
                  ["Vault", <span className="mono">{settings.vault}</span>],
                  ["Catalog", settings.catalog === "file" ? "a file in the data folder" : "a PostgreSQL database, which several daemons may share"],
                  ["In the network", settings.listens ? `${settings.listens}, ${settings.encrypted ? "encrypted" : "NOT encrypted"}` : "it does not listen"],
                  ["A session ends", `after ${settings.session_idle_minutes} min without use, and after ${settings.session_hours} h in any case`],
                  ["Everything is looked at", `every ${seconds(settings.look_seconds)}`],
                  ["An alarm is told again", settings.repeat_first_seconds === 0 ? "never" : `after ${seconds(settings.repeat_first_seconds)}, then every ${seconds(settings.repeat_then_seconds)}`],
                  ["An operation may wait for a person", `for ${seconds(settings.waiting_seconds)} before that is an alarm`],
                ]}
              />
            </Card>
          </Stack>
        )}
      </Loaded>
    </Page>
  );
}

function One({ channel }: { channel: Channel }) {
  return (
    <Group justify="space-between" align="flex-start">
      <div>
        <Text fw={600}>{channel.name} <Text span c="dimmed" size="sm">{channel.kind}, from {channel.severity} on</Text></Text>
        <Text size="sm" className="mono">{channel.to}</Text>
        {channel.failing_since ? <Text size="sm" c="var(--state-danger)">failing since <When at={channel.failing_since} as="short" />: {channel.error}</Text> : <Text size="sm" c="dimmed">nothing is known against it</Text>}
      </div>
      <Test channel={channel.name} label={`Test ${channel.name}`} />
    </Group>
  );
}

function Test({ channel, label }: { channel?: string; label: string }) {
  const test = useMutation({ mutationFn: () => ask(api.POST("/api/v1/alarms/test", { body: { channel } })) });
  return (
    <Stack gap="xs" align="flex-end">
      <Button size="compact-md" variant="default" loading={test.isPending} onClick={() => test.mutate()}>{label}</Button>
      {test.isError && <Problem error={test.error} />}
      {test.data && <Table role="status" aria-label="What became of the test"><Table.Tbody>{test.data.map((one) => <Line key={one.channel} test={one} />)}</Table.Tbody></Table>}
    </Stack>
  );
}

function Line({ test }: { test: ChannelTest }) {
  return (
    <Table.Tr>
      <Table.Td>{test.channel}</Table.Td>
      <Table.Td>{test.delivered ? <Text size="sm" c="var(--state-well)">✓ delivered in {seconds(test.seconds)}</Text> : <Text size="sm" c="var(--state-danger)">✗ not delivered: {test.error} {test.hint}</Text>}</Table.Td>
    </Table.Tr>
  );
}
