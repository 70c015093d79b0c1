// What was proven, when, and how long it took: evidence over time, and the trend of the measured RTO.

import { Group, Select, Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import { Link, useSearchParams } from "wouter";
import { operationsOptions } from "../api/queries";
import type { DrillReport, Operation } from "../api/types";
import { Card } from "../parts/Card";
import { Empty } from "../parts/Empty";
import { Loaded, Waiting } from "../parts/Loaded";
import { Page } from "../parts/Page";
import { OPERATION, State } from "../parts/State";
import { When } from "../parts/When";
import { Wide } from "../parts/Wide";
import { seconds } from "../words/units";

const Chart = lazy(async () => ({ default: (await import("../parts/Chart")).Chart }));
const LISTED = 500;

export function Drills() {
  const [search, setSearch] = useSearchParams();
  const query = useQuery(operationsOptions({ kind: "drill", limit: LISTED }));
  return (
    <Page title="Drills" docs="drills" note="A restore point is trusted when it has been opened, recovered and checked">
      <Loaded query={query} lines={8}>
        {(drills) => {
          const sources = [...new Set(drills.map((drill) => drill.source ?? ""))].sort();
          const source = search.get("source") ?? undefined;
          const shown = drills.filter((drill) => !source || drill.source === source);
          if (drills.length === 0) return <Empty title="Nothing was drilled yet">A stack&apos;s policy says when drills run; from the timeline of a stack any moment can be drilled.</Empty>;
          return (
            <Stack gap="lg">
              <Group><Select aria-label="Source" placeholder="All sources" data={sources} value={source ?? null} clearable searchable w={240} onChange={(value) => setSearch(value ? { source: value } : {}, { replace: true })} /></Group>
              <Trend drills={shown} />
              <Evidences drills={shown} />
            </Stack>
          );
        }}
      </Loaded>
    </Page>
  );
}

/** Nothing where a drill has not ended, or could not be done. */
export function reportOf(operation: Operation): DrillReport | undefined {
  const result = operation.result as unknown as DrillReport | null;
  return result && Array.isArray(result.durations) ? result : undefined;
}

/** Of a drill, what a restore would have taken: its opening up to where the server answers, and the looking. */
function Trend({ drills }: { drills: Operation[] }) {
  const { times, series } = useMemo(() => trend(drills), [drills]);
  if (times.length < 2) return null;
  return (
    <Card title="How long it took, over time">
      <Suspense fallback={<Waiting lines={6} />}><Chart label="Seconds of drills" times={times} series={series} say={seconds} /></Suspense>
    </Card>
  );
}

export function trend(drills: Operation[]) {
  const reports = drills.map(reportOf).filter((report) => report !== undefined && report.passed) as DrillReport[];
  reports.sort((one, other) => Date.parse(one.ended) - Date.parse(other.ended));
  const sources = [...new Set(reports.map((report) => report.source))];
  return {
    times: reports.map((report) => Date.parse(report.ended) / 1000),
    series: sources.map((source) => ({ name: source, values: reports.map((report) => (report.source === source ? (report.durations.at(-1)?.seconds ?? null) : null)) })),
  };
}

function Evidences({ drills }: { drills: Operation[] }) {
  return (
    <Wide minWidth={640}>
      <Table highlightOnHover>
        <Table.Thead><Table.Tr><Table.Th>Source</Table.Th><Table.Th>Outcome</Table.Th><Table.Th>When</Table.Th><Table.Th>Moment</Table.Th><Table.Th>Took</Table.Th><Table.Th>Read</Table.Th></Table.Tr></Table.Thead>
        <Table.Tbody>
          {drills.map((drill) => {
            const report = reportOf(drill);
            return (
              <Table.Tr key={drill.id}>
                <Table.Td><Link href={`/operations/${drill.id}`} className="row-link">{drill.source}</Link></Table.Td>
                <Table.Td>{report ? <State size="sm" look={report.passed ? { ...OPERATION.succeeded, word: "proven" } : { ...OPERATION.failed, word: "not proven" }} /> : <State size="sm" look={OPERATION[drill.status]} />}</Table.Td>
                <Table.Td><When at={drill.started} /></Table.Td>
                <Table.Td>{report?.asked ?? <Text span inherit c="dimmed">–</Text>}</Table.Td>
                <Table.Td>{report ? seconds(report.durations.at(-1)?.seconds ?? 0) : "–"}</Table.Td>
                <Table.Td>{report ? `${report.pages_checked} pages, ${report.indexes_checked} indexes` : "–"}</Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
    </Wide>
  );
}
