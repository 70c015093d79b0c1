// What a drill found.

import { List, Stack, Text } from "@mantine/core";
import { IconCheck, IconX } from "@tabler/icons-react";
import type { DrillReport } from "../api/types";
import { exactly } from "../words/time";
import { bytes, count, seconds } from "../words/units";
import { Facts } from "./Facts";

export function Evidence({ report }: { report: DrillReport }) {
  const Mark = report.passed ? IconCheck : IconX;
  return (
    <Stack gap="sm">
      <Text fw={600}><Mark size={18} color={report.passed ? "var(--state-well)" : "var(--state-danger)"} aria-hidden /> {report.passed ? "Passed: this restore point is proven" : "Did not pass"}</Text>
      {report.error && <Text size="sm" c="var(--state-danger)">{report.error.message} ({report.error.code})</Text>}
      <Facts
        label="Evidence"
        facts={[
          ["Asked", report.asked],
          ["Reached", `${report.reached} on timeline ${report.timeline}${report.reached_commit ? `, last commit ${exactly(new Date(report.reached_commit))}` : ""}`],
          ["From backup", `${report.backup} of ${exactly(new Date(report.backup_ended))}`],
          ["Took", report.durations.map((step) => `${step.step} ${seconds(step.seconds)}`).join(" · ")],
          ["Read through", `${count(report.pages_checked)} pages of ${count(report.relations)} relations, ${report.pages_bad === 0 ? "none bad" : `${report.pages_bad} BAD`}${report.bytes_per_second ? `, ${bytes(report.bytes_per_second)}/s` : ""}`],
          ["amcheck", `${count(report.indexes_checked)} indexes, ${count(report.tables_checked)} tables`],
        ]}
      />
      <Lines title="Findings" lines={[...report.findings, ...report.amcheck_findings]} />
      <Lines title="Notes" lines={report.notes} />
      <Lines title="Checks of your own" lines={report.checks.map((check) => `${check.passed ? "✓" : "✗"} ${check.name}: ${check.detail}`)} />
    </Stack>
  );
}

function Lines({ title, lines }: { title: string; lines: string[] }) {
  if (lines.length === 0) return null;
  return (
    <div>
      <Text size="sm" fw={600}>{title}</Text>
      <List size="sm">{lines.map((line) => <List.Item key={line}>{line}</List.Item>)}</List>
    </div>
  );
}
