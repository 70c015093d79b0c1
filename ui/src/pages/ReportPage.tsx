// The report of a restore: to be read, printed, kept, and shown to people without an account by a link that expires.

import { Alert, Button, CopyButton, Group, List, Modal, Select, Stack, Table, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconDownload, IconPrinter, IconShare } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useParams } from "wouter";
import { api, ask } from "../api/client";
import { reportOptions } from "../api/queries";
import type { RunbookReport } from "../api/types";
import { Facts, type Fact } from "../parts/Facts";
import { Loaded } from "../parts/Loaded";
import { Page } from "../parts/Page";
import { Problem } from "../parts/Problem";
import { exactly, utc } from "../words/time";
import { count, counted, seconds } from "../words/units";
import { asked } from "../words/plan";

export function ReportPage() {
  const { id = "" } = useParams<{ id: string }>();
  const query = useQuery(reportOptions(id));
  return (
    <Loaded query={query} lines={12} heading="Report" what="There is no report of this operation">
      {(report) => (
        <Page
          title={`Report: ${report.source} was restored`}
          docs="restore-in-place#the-report"
          note={<>Operation <Link href={`/operations/${id}`}>{id}</Link> · sealed in the vault</>}
          actions={<Ways id={id} />}
        >
          <Report report={report} />
        </Page>
      )}
    </Loaded>
  );
}

function Ways({ id }: { id: string }) {
  return (
    <>
      <Button variant="default" leftSection={<IconPrinter size={18} aria-hidden />} onClick={() => print()}>Print</Button>
      <Button component="a" href={`/api/v1/operations/${id}/report?format=markdown`} download={`rekindle-${id}.md`} variant="default" leftSection={<IconDownload size={18} aria-hidden />}>Markdown</Button>
      <Share id={id} />
    </>
  );
}

const DAY = 24 * 3600;
const LENGTHS = [
  { value: String(3600), label: "an hour" },
  { value: String(DAY), label: "a day" },
  { value: String(7 * DAY), label: "a week" },
  { value: String(30 * DAY), label: "30 days" },
];

function Share({ id }: { id: string }) {
  const [opened, { open, close }] = useDisclosure();
  const [length, setLength] = useState(String(DAY));
  const make = useMutation({
    mutationFn: () => ask(api.POST("/api/v1/operations/{id}/report/links", { params: { path: { id } }, body: { ttl_seconds: Number(length) } })),
  });
  const url = make.data && new URL(make.data.path, location.origin).href;
  return (
    <>
      <Button leftSection={<IconShare size={18} aria-hidden />} onClick={open}>Share</Button>
      <Modal closeButtonProps={{ "aria-label": "Close" }} opened={opened} onClose={close} title="A link for people without an account" centered>
        <Stack>
          <Text size="sm">Whoever has the link can read this report, and nothing else, until it expires. It cannot be taken back before.</Text>
          <Select label="It lasts" data={LENGTHS} value={length} allowDeselect={false} onChange={(value) => { setLength(value ?? String(DAY)); make.reset(); }} />
          {make.isError && <Problem error={make.error} />}
          {url ? (
            <>
              <div className="statement" data-testid="link">{url}</div>
              <Group justify="space-between">
                <Text size="sm" c="dimmed">until {exactly(new Date(make.data!.expires))}</Text>
                <CopyButton value={url}>{({ copied, copy }) => <Button onClick={copy}>{copied ? "Copied" : "Copy"}</Button>}</CopyButton>
              </Group>
            </>
          ) : (
            <Group justify="flex-end"><Button onClick={() => make.mutate()} loading={make.isPending}>Make the link</Button></Group>
          )}
        </Stack>
      </Modal>
    </>
  );
}

const moment = (at: string | null | undefined, none = "not known") => (at ? `${exactly(new Date(at))} · ${utc(new Date(at))}` : none);

function Report({ report }: { report: RunbookReport }) {
  return (
    <Stack gap="lg">
      {report.waived && <Alert color="red" variant="light" title="Nobody approved it although somebody would have had to: who asked broke the glass" />}
      <Facts facts={summary(report)} label="Summary" />
      <Section title="What is lost">
        <Text size="sm">{report.commits_lost === 0 ? "Nothing: no commit in the vault was newer." : `${counted(report.commits_lost, "commit", "commits")} behind the moment. What was written then stays in the snapshot, and in what was replaced.`}</Text>
        {(report.rows_lost ?? []).length > 0 && <RowsLost report={report} />}
        {report.rows_lost_note && <Text size="sm">There may be more: {report.rows_lost_note}</Text>}
      </Section>
      <Lines title="Evidence" lines={report.evidence ?? []} />
      <Lines title="To look at" lines={report.findings} />
      <Section title="Steps">
        <Table>
          <Table.Thead><Table.Tr><Table.Th>Step</Table.Th><Table.Th>What was done</Table.Th><Table.Th>Began, UTC</Table.Th><Table.Th>Took</Table.Th><Table.Th>Attempts</Table.Th></Table.Tr></Table.Thead>
          <Table.Tbody>
            {report.steps.map((step) => (
              <Table.Tr key={step.name}>
                <Table.Td>{step.name}</Table.Td>
                <Table.Td>{step.what}</Table.Td>
                <Table.Td>{utc(new Date(step.began)).slice(11, 19)}</Table.Td>
                <Table.Td>{seconds((Date.parse(step.ended) - Date.parse(step.began)) / 1000)}{step.seconds_planned != null && ` (planned ${seconds(step.seconds_planned)})`}</Table.Td>
                <Table.Td>{step.attempts}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Section>
      {(report.pointed ?? []).length > 0 && <Lines title="Pointed" lines={report.pointed!.map((one) => `${one.endpoint}: from ${one.from} to ${one.to}`)} />}
      <Lines title="Migrations" lines={(report.migrations ?? []).map((one) => `${one.database}: ${one.tool} is at ${one.newest ?? "nothing"}, ${one.count} applied${one.wrong ? `; ${one.wrong}` : ""}`)} />
      <Lines title="Not covered" lines={report.not_covered} />
      <Lines title="What is to be done" lines={report.follow_ups} />
      <Section title="Words for those who use it">
        <Facts facts={[["Before", report.comms?.before ?? ""], ["During", report.comms?.during ?? ""], ["After", report.comms?.after ?? ""]]} />
      </Section>
    </Stack>
  );
}

function summary(report: RunbookReport): Fact[] {
  const objectives = report.objectives ?? {};
  const promise = (length: number | null | undefined, name: string) => (length == null ? "" : ` (${name} ${seconds(length)})`);
  const took = (Date.parse(report.ended) - Date.parse(report.began)) / 1000;
  return [
    ["Asked", `${asked(report.asked)} by ${report.asked_by}${report.why ? `: ${report.why}` : ""}`],
    ["Approved", report.approvals.length > 0 ? report.approvals.map((one) => `${one.by}, ${moment(one.at)}`).join("; ") : "nobody had to"],
    ["It happened", moment(report.happened, "nobody said")],
    ["It was noticed", moment(report.detected, "nobody said")],
    ["Began", moment(report.began)],
    ["Ended", `${moment(report.ended)}, after ${seconds(took)}${promise(objectives.rto_seconds, "RTO")}`],
    ["Nobody could write for", report.unserved_seconds == null ? "not measured" : seconds(report.unserved_seconds)],
    ["Reached", `${report.reached}, last commit ${moment(report.reached_commit, "none")}`],
    ["Newest commit in the vault", `${moment(report.newest_commit)}${promise(objectives.rpo_seconds, "RPO")}`],
    ["From backup", `${report.backup}${report.backup_ended ? ` of ${moment(report.backup_ended)}` : ""}`],
    ["Snapshot of the state before", report.snapshot ?? `${report.no_snapshot ? `not backed up: ${report.no_snapshot}; ` : ""}its files only`],
    ["What was replaced is kept as", report.retired],
  ];
}

function RowsLost({ report }: { report: RunbookReport }) {
  return (
    <Table>
      <Table.Thead><Table.Tr><Table.Th>Table</Table.Th><Table.Th>Inserted</Table.Th><Table.Th>Updated</Table.Th><Table.Th>Deleted</Table.Th></Table.Tr></Table.Thead>
      <Table.Tbody>
        {report.rows_lost!.map((lost) => (
          <Table.Tr key={lost.file}>
            <Table.Td>{lost.database} {lost.table}{lost.new_file && "*"}</Table.Td>
            <Table.Td>{count(lost.inserted)}</Table.Td><Table.Td>{count(lost.updated)}</Table.Td><Table.Td>{count(lost.deleted)}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Section({ title, children }: { title: string; children: React.ReactNode }) {
  return <section><Title order={2} size="h4" mb="xs">{title}</Title><Stack gap="xs">{children}</Stack></section>;
}

function Lines({ title, lines }: { title: string; lines: string[] }) {
  if (lines.length === 0) return null;
  return <Section title={title}><List size="sm">{lines.map((line) => <List.Item key={line}>{line}</List.Item>)}</List></Section>;
}
