// The log of an operation: live, searchable, to be downloaded.

import { Button, Group, Switch, Text, TextInput } from "@mantine/core";
import { IconDownload, IconSearch } from "@tabler/icons-react";
import { useEffect, useMemo, useRef, useState } from "react";
import type { LogLine } from "../../api/types";
import { Card } from "../../parts/Card";
import { fields, utc } from "../../words/time";
import { count } from "../../words/units";

/** More than this at one time is not drawn; the search reaches all of them, and so does the download. */
const DRAWN = 1500;

export function LogView({ id, lines }: { id: string; lines: LogLine[] }) {
  const [search, setSearch] = useState("");
  const [follows, setFollows] = useState(true);
  const box = useRef<HTMLDivElement>(null);
  const found = useMemo(() => matching(lines, search), [lines, search]);
  const drawn = found.slice(-DRAWN);
  useEffect(() => {
    if (follows && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [drawn.length, follows]);
  const aside = (
    <Group gap="xs">
      <Switch size="xs" label="Follow" checked={follows} onChange={(event) => setFollows(event.currentTarget.checked)} />
      <Button size="compact-sm" variant="default" leftSection={<IconDownload size={14} aria-hidden />} onClick={() => download(id, lines)}>Download</Button>
    </Group>
  );
  return (
    <Card title="Log" aside={aside}>
      <TextInput mb="xs" aria-label="Search the log" placeholder="Search the log" leftSection={<IconSearch size={16} aria-hidden />} value={search} onChange={(event) => setSearch(event.currentTarget.value)} type="search" />
      <div className="log" ref={box} role="log" aria-label="Log" tabIndex={0}>
        {found.length > DRAWN && <Text size="xs" c="dimmed">{count(found.length - DRAWN)} earlier lines: search, or download all</Text>}
        {drawn.map((line) => <Line key={line.n} line={line} search={search} />)}
        {lines.length === 0 && <Text size="sm" c="dimmed">Nothing was said yet.</Text>}
        {lines.length > 0 && found.length === 0 && <Text size="sm" c="dimmed">No line has that.</Text>}
      </div>
    </Card>
  );
}

export function matching(lines: LogLine[], search: string): LogLine[] {
  const wanted = search.trim().toLowerCase();
  if (!wanted) return lines;
  return lines.filter((line) => `${line.step} ${line.level} ${line.text}`.toLowerCase().includes(wanted));
}

function Line({ line, search }: { line: LogLine; search: string }) {
  const at = new Date(line.at);
  return (
    <div className="log-line">
      <time dateTime={line.at} title={utc(at)} className="dim">{fields(at).clock}</time>
      <span className="dim">{line.step}</span>
      <span className={`level-${line.level}`}>{line.level !== "info" && `${line.level}: `}<Marked text={line.text} search={search.trim()} /></span>
    </div>
  );
}

function Marked({ text, search }: { text: string; search: string }) {
  const at = search ? text.toLowerCase().indexOf(search.toLowerCase()) : -1;
  if (at < 0) return text;
  return <>{text.slice(0, at)}<mark>{text.slice(at, at + search.length)}</mark>{text.slice(at + search.length)}</>;
}

export function asText(lines: LogLine[]): string {
  return lines.map((line) => `${line.at}  ${line.step.padEnd(12)} ${line.level.padEnd(7)} ${line.text}\n`).join("");
}

function download(id: string, lines: LogLine[]): void {
  const url = URL.createObjectURL(new Blob([asText(lines)], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `rekindle-${id}.log`;
  link.click();
  URL.revokeObjectURL(url);
}
