// What is wrong now and what was; of each what to do, and who was told.

import { Code, Group, SegmentedControl, Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams, useSearchParams } from "wouter";
import { api, ask } from "../api/client";
import { alarmsOptions } from "../api/queries";
import type { Alarm, AlarmDetail } from "../api/types";
import { Card } from "../parts/Card";
import { Empty } from "../parts/Empty";
import { Facts } from "../parts/Facts";
import { Loaded } from "../parts/Loaded";
import { Page } from "../parts/Page";
import { CLEARED, SEVERITY, State } from "../parts/State";
import { When } from "../parts/When";
import { Wide } from "../parts/Wide";

export function Alarms() {
  const [search, setSearch] = useSearchParams();
  const all = search.get("all") === "true";
  const query = useQuery(alarmsOptions({ all }));
  const choices = [{ value: "now", label: "Raised now" }, { value: "all", label: "With history" }];
  return (
    <Page title="Alarms" docs="alarms" note="Raised once, told once, cleared once, kept for ever">
      <Group><SegmentedControl aria-label="Which alarms" data={choices} value={all ? "all" : "now"} onChange={(value) => setSearch(value === "all" ? { all: "true" } : {}, { replace: true })} /></Group>
      <Loaded query={query} lines={6}>
        {(alarms) => (alarms.length === 0 ? <Empty title={all ? "There never was an alarm" : "Nothing is wrong"}>{all ? "Everything that goes wrong is kept here." : "Everything is looked at all the time."}</Empty> : <List alarms={alarms} />)}
      </Loaded>
    </Page>
  );
}

function List({ alarms }: { alarms: Alarm[] }) {
  return (
    <Stack gap="sm">
      {alarms.map((alarm) => (
        <Card
          key={alarm.n}
          title={`${alarm.kind} · ${alarm.scope}`}
          aside={<State size="sm" look={alarm.cleared ? CLEARED : (SEVERITY[alarm.severity] ?? SEVERITY["warning"]!)} />}
        >
          <Stack gap={4}>
            <Text size="sm">{alarm.text}</Text>
            <Text size="sm" c="dimmed">What to do: {alarm.advice || "nothing"}</Text>
            <Text size="xs" c="dimmed">
              since <When at={alarm.since} as="both" />{alarm.cleared && <> · cleared <When at={alarm.cleared} as="both" /></>} · <Link href={`/alarms/${alarm.n}`}>alarm {alarm.n}</Link>
              {alarm.source && <> · <Link href={`/sources/${alarm.source}`}>{alarm.source}</Link></>}
            </Text>
          </Stack>
        </Card>
      ))}
    </Stack>
  );
}

export function AlarmPage() {
  const { n = "" } = useParams<{ n: string }>();
  const query = useQuery({ queryKey: ["alarm", n], queryFn: () => ask(api.GET("/api/v1/alarms/{n}", { params: { path: { n } } })) });
  return <Loaded query={query} lines={6} heading={`Alarm ${n}`}>{(alarm) => <One alarm={alarm} />}</Loaded>;
}

function One({ alarm }: { alarm: AlarmDetail }) {
  return (
    <Page title={`Alarm ${alarm.n}: ${alarm.kind}`} docs="alarms" note={alarm.scope}>
      <Facts
        facts={[
          ["State", alarm.cleared ? <>cleared <When at={alarm.cleared} as="both" /></> : <State look={SEVERITY[alarm.severity] ?? SEVERITY["warning"]!} />],
          ["What", alarm.text],
          ["What to do", alarm.advice],
          ["Since", <When at={alarm.since} as="both" />],
          ["Raised", <When at={alarm.raised} as="both" />],
          ["Seen last", <When at={alarm.last_seen} as="both" />],
        ]}
      />
      <Card title="Who was told">
        {alarm.notices.length === 0 ? (
          <Text size="sm" c="dimmed">Nobody: no channel is set up for it. Channels stand in the configuration, below <Code>[[alerts.channel]]</Code>.</Text>
        ) : (
          <Wide minWidth={520}>
            <Table>
              <Table.Thead><Table.Tr><Table.Th>Channel</Table.Th><Table.Th>What</Table.Th><Table.Th>When</Table.Th><Table.Th>Outcome</Table.Th></Table.Tr></Table.Thead>
              <Table.Tbody>
                {alarm.notices.map((notice) => (
                  <Table.Tr key={notice.n}>
                    <Table.Td>{notice.channel}</Table.Td><Table.Td>{notice.event}</Table.Td><Table.Td><When at={notice.made} /></Table.Td>
                    <Table.Td>{notice.outcome}{notice.tries > 1 && ` after ${notice.tries} tries`}{notice.error && `: ${notice.error}`}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Wide>
        )}
      </Card>
    </Page>
  );
}
