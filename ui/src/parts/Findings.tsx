// What was seen of a server or a host: fine, to know, or in the way; with the exact statement that mends it.

import { ActionIcon, CopyButton, Group, Stack, Text, Tooltip } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconCopy, IconX } from "@tabler/icons-react";
import type { Finding } from "../api/types";

const MARKS = {
  fine: [IconCheck, "var(--state-well)", "fine"],
  warns: [IconAlertTriangle, "var(--state-attention)", "to know"],
  blocks: [IconX, "var(--state-danger)", "in the way"],
} as const;

export function Findings({ findings }: { findings: Finding[] }) {
  return (
    <Stack gap="xs" role="list" aria-label="What was seen">
      {findings.map((finding) => <FindingLine key={finding.title} finding={finding} />)}
    </Stack>
  );
}

function FindingLine({ finding }: { finding: Finding }) {
  const [Mark, colour, word] = MARKS[finding.severity as keyof typeof MARKS] ?? MARKS.warns;
  return (
    <div className="finding" role="listitem">
      <Mark size={18} color={colour} role="img" aria-label={word} />
      <div>
        <Text size="sm" fw={finding.severity === "fine" ? 400 : 600}>{finding.title}</Text>
        {finding.severity !== "fine" && finding.why && <Text size="sm" c="dimmed">{finding.why}</Text>}
        {finding.statement && <Statement text={finding.statement} needsRestart={finding.needs_restart} />}
      </div>
    </div>
  );
}

export function Statement({ text, needsRestart }: { text: string; needsRestart?: boolean }) {
  return (
    <Group gap="xs" mt={4} wrap="nowrap" align="flex-start">
      <div className="statement">{text}</div>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? "Copied" : "Copy"}>
            <ActionIcon variant="default" onClick={copy} aria-label="Copy the statement">{copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}</ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
      {needsRestart && <Text size="xs" c="dimmed">needs a restart of the server</Text>}
    </Group>
  );
}
