// What an operation came to: its report where it has one, its result otherwise, and the way back.

import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { IconReportAnalytics } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { reportOptions } from "../../api/queries";
import type { Backup, DrillReport, ExtractReport, Instance, Operation, RestoreReport } from "../../api/types";
import { Card } from "../../parts/Card";
import { Waiting } from "../../parts/Loaded";
import { Evidence } from "../../parts/Evidence";
import { Facts, type Fact } from "../../parts/Facts";
import { restores } from "../../words/operation";
import { bytes, count, counted, seconds } from "../../words/units";
import { GoBack } from "./GoBack";

export function Outcome({ operation }: { operation: Operation }) {
  const mayHaveReport = restores(operation) && operation.status === "succeeded";
  const report = useQuery({ ...reportOptions(operation.id), enabled: mayHaveReport });
  if (operation.status !== "succeeded") return null;
  if (mayHaveReport && report.isPending) return <Waiting lines={2} />;
  if (report.data) {
    return (
      <Alert color="green" variant="light" title="It is done, and its report is sealed into the vault">
        <Group gap="xs">
          <Button component={Link} href={`/reports/${operation.id}`} leftSection={<IconReportAnalytics size={18} aria-hidden />}>Report</Button>
          {operation.kind === "restore" && <GoBack operation={operation} />}
        </Group>
      </Alert>
    );
  }
  return <Result operation={operation} />;
}

function Result({ operation }: { operation: Operation }) {
  const result = operation.result as unknown;
  if (!result || typeof result !== "object") return null;
  if (operation.kind === "drill") return <Card title="Evidence"><Evidence report={result as DrillReport} /></Card>;
  const facts = factsOf(operation.kind, result);
  if (facts) return <Card title="What it came to"><Facts facts={facts} /></Card>;
  return (
    <Card title="What it came to">
      <Stack gap="xs">
        <Text size="sm" c="dimmed">As the API tells it</Text>
        <pre className="plan" tabIndex={0}>{JSON.stringify(result, null, 2)}</pre>
      </Stack>
    </Card>
  );
}

function factsOf(kind: Operation["kind"], result: object): Fact[] | undefined {
  if (kind === "backup") return ofBackup(result as Backup);
  if (kind === "restore" && "durations" in result) return ofRestore(result as RestoreReport);
  if (kind === "extract" && "tables" in result) return ofExtract(result as ExtractReport);
  if (kind === "clone" || kind === "peek") return ofInstance(result as Instance);
  return undefined;
}

function ofBackup(backup: Backup): Fact[] {
  return [
    ["Backup", backup.label ? `${backup.label} (${backup.id})` : backup.id],
    ["Read", bytes(backup.bytes)],
    ["New in the vault", bytes(backup.bytes_stored)],
    ["Pages", `${count(backup.pages)}, ${count(backup.pages_changed)} of them changed`],
    ["Damaged pages", backup.damaged_pages === 0 ? "none" : `${backup.damaged_pages}: ${(backup.damaged ?? []).join(", ")}`],
  ];
}

function ofRestore(report: RestoreReport): Fact[] {
  return [
    ["Into", report.into],
    ["Reached", `${report.reached} on timeline ${report.timeline}`],
    ["Looked at", `${count(report.relations)} relations, ${count(report.pages_checked)} pages, ${report.pages_bad === 0 ? "none bad" : `${report.pages_bad} BAD`}`],
    ["Server", `PostgreSQL ${report.major} on port ${report.port}, ${report.promoted ? "accepts writes" : "still in recovery"}`],
    ["Took", seconds(report.durations.at(-1)?.seconds ?? 0)],
    ...report.findings.map((finding): Fact => ["To look at", finding]),
    ...report.not_covered.map((missing): Fact => ["Left out", missing]),
  ];
}

function ofInstance(instance: Instance): Fact[] {
  return [
    ["Name", instance.name],
    ["Connect", <span className="mono">psql -h {instance.socket_folder} -p {instance.port} -U {instance.superuser} postgres</span>],
    ["Directory", instance.data_directory ?? "–"],
  ];
}

function ofExtract(report: ExtractReport): Fact[] {
  const rows = report.tables.reduce((sum, table) => sum + table.rows, 0);
  return [
    ["Restored", `${report.what}, as ${report.into}`],
    ["Reached", `LSN ${report.reached}`],
    ["Counted", `${counted(rows, "row", "rows")} in ${counted(report.tables.length, "table", "tables")}, the same as at that moment`],
    ...report.roles_created.map((role): Fact => ["Role", `${role} was missing: made without password, it cannot log in`]),
    ...(report.attention ?? []).map((one): Fact => ["To look at", one]),
    ...report.left_out.map((one): Fact => ["Left out", one]),
    ...report.harmless.map((one): Fact => ["Harmless", one]),
  ];
}
