// How a source stands: is its log received, up to when can it be restored, what is wrong.

import { Alert, Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { sourceOptions } from "../../api/queries";
import type { Source } from "../../api/types";
import { Facts } from "../../parts/Facts";
import { Loaded } from "../../parts/Loaded";
import { SEVERITY, State } from "../../parts/State";
import { When } from "../../parts/When";
import { isNow } from "../../words/log";
import { bytes, counted } from "../../words/units";

export function SourceState({ source }: { source: string }) {
  const query = useQuery(sourceOptions(source));
  return <Loaded query={query} lines={2}>{(source) => <Standing source={source} />}</Loaded>;
}

function Standing({ source }: { source: Source }) {
  const { log } = source;
  return (
    <Stack gap="sm">
      {source.conditions.map((condition) => (
        <Alert
          key={`${condition.kind}${condition.text}`}
          color={condition.severity === "critical" ? "red" : "yellow"}
          variant="light"
          title={<Group gap="xs"><State look={SEVERITY[condition.severity] ?? SEVERITY["warning"]!} size="sm" />{condition.kind}</Group>}
        >
          <Text size="sm">{condition.text}{condition.since && <> · since <When at={condition.since} as="both" /></>}</Text>
          <Text size="sm" c="dimmed">{condition.advice}</Text>
        </Alert>
      ))}
      <Facts
        label="State of the source"
        facts={[
          ["Newest restore point", log.complete_at ? isNow(log) ? "now" : <When at={log.complete_at} as="both" /> : "no moment is known to be complete yet"],
          ["Log", `${log.phase} · timeline ${log.timeline} · durable to ${log.durable} · ${log.phase === "streaming" ? `${bytes(log.lag_bytes)} behind` : "how far the server is ahead is not known"}${log.synchronous ? " · commits wait for the vault" : ""}`],
          log.failure ? ["Failing", <Text c="var(--state-danger)" span inherit>{log.failure} {log.failure_code && `(${log.failure_code})`}</Text>] : null,
          ["Backups", source.newest_backup ? <>{counted(source.backups, "backup", "backups")}, newest {source.newest_backup.label ?? source.newest_backup.id} <When at={source.newest_backup.ended} /></> : "none yet"],
          ["Server", <span className="mono">{source.url}</span>],
          (source.not_watched ?? []).length > 0 && ["Not watched", source.not_watched?.join("; ")],
        ]}
      />
    </Stack>
  );
}
