// What the cursor says: the moment in both zones, where it lies in the log, the commits around it, whether it can be reached or why
// not; and what can be done from there.

import { Alert, Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { IconArrowBackUp, IconCheck, IconX } from "@tabler/icons-react";
import { Link } from "wouter";
import { may } from "../../api/may";
import { useMe } from "../../api/queries";
import type { Moment, Timeline } from "../../api/types";
import { Facts } from "../../parts/Facts";
import { Problem } from "../../parts/Problem";
import { InBothZones } from "../../parts/When";
import { exactly, fromField, toField } from "../../words/time";
import { bytes, counted, seconds } from "../../words/units";
import { CloneHere } from "./CloneHere";
import { DrillHere } from "./DrillHere";
import { PeekHere } from "./PeekHere";
import { PinHere } from "./PinHere";

interface Props {
  source: string;
  stack?: string;
  at: Date;
  moment: Moment | undefined;
  error: unknown;
  timeline: Timeline;
  onMove: (at: number) => void;
}

export function ReadOut({ source, stack, at, moment, error, timeline, onMove }: Props) {
  const operates = may(useMe().grants, "operator", stack);
  const reachable = Boolean(moment?.reached);
  return (
    <Stack gap="sm">
      <Group align="flex-end" gap="md">
        <TextInput
          type="datetime-local"
          step={1}
          label="Moment, in your time"
          value={toField(at)}
          onChange={(event) => {
            const typed = fromField(event.currentTarget.value);
            if (typed) onMove(typed.getTime());
          }}
        />
        <Text size="sm" pb={8}><InBothZones at={at} /></Text>
      </Group>
      <div aria-live="polite">
        {moment?.refused && <Refused moment={moment} />}
        {moment?.reached && <Reached moment={moment} />}
        {!moment && !error && <Text size="sm" c="dimmed">Looking what lies there …</Text>}
        {!moment && Boolean(error) && <Problem error={error} what="What lies at this moment could not be looked up" />}
      </div>
      {operates && (
        <Group gap="xs">
          <Button component={Link} href={`/restore/${encodeURIComponent(source)}?time=${at.toISOString()}`} leftSection={<IconArrowBackUp size={18} aria-hidden />} disabled={!reachable} data-disabled={!reachable || undefined}>
            Restore to here
          </Button>
          <CloneHere source={source} at={at} disabled={!reachable} />
          <PeekHere source={source} at={at} disabled={!reachable} />
          <DrillHere source={source} at={at} disabled={!reachable} />
          <PinHere source={source} at={at} backups={timeline.backups} />
        </Group>
      )}
    </Stack>
  );
}

function Reached({ moment }: { moment: Moment }) {
  const reached = moment.reached!;
  const commit = (at: string | null | undefined, none: string) => (at ? exactly(new Date(at)) : none);
  return (
    <Stack gap={6}>
      <Group gap={6}><IconCheck size={18} color="var(--state-well)" aria-hidden /><Text size="sm" fw={600}>Can be restored</Text></Group>
      <Facts
        label="The moment under the cursor"
        facts={[
          ["Position", <span className="mono">{reached.position} · timeline {reached.timeline}</span>],
          ["Commit before", commit(reached.commit_before, "none in the log up to here")],
          ["Commit after", commit(reached.commit_after, reached.commits_after === 0 ? "none: nothing is newer" : "not known")],
          ["Going back loses", lost(moment)],
          ["From", `backup ${reached.backup_label ?? reached.backup} of ${exactly(new Date(reached.backup_ended))} + ${bytes(reached.log_bytes)} of log`],
        ]}
      />
    </Stack>
  );
}

function lost(moment: Moment): string {
  const { commits_after, newest_commit, commit_before } = moment.reached!;
  if (commits_after === 0) return "nothing: no commit in the vault is newer";
  const commits = counted(commits_after, "commit", "commits");
  if (!newest_commit || !commit_before) return commits;
  return `${seconds((Date.parse(newest_commit) - Date.parse(commit_before)) / 1000)} of writes, ${commits}`;
}

function Refused({ moment }: { moment: Moment }) {
  const refused = moment.refused!;
  return (
    <Alert color="gray" variant="light" icon={<IconX aria-hidden />} title="Cannot be restored">
      <Text size="sm">{[refused.message, ...(refused.causes ?? [])].join(": ")} ({refused.code})</Text>
      {refused.hint && <Text size="sm" className="as-written" mt={4}>{refused.hint}</Text>}
    </Alert>
  );
}
