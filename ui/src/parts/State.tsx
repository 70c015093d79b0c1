// States in words, with a mark and a colour: never in a colour alone.

import {
  IconAlertTriangle, IconCheck, IconCircleDashed, IconClockPause, IconHandStop, IconMinus, IconPlayerPlay, IconRefreshAlert,
  IconX, type Icon,
} from "@tabler/icons-react";
import type { FleetRow, OperationStatus } from "../api/types";

type Tone = "well" | "quiet" | "attention" | "danger" | "moving";

interface Look {
  word: string;
  tone: Tone;
  icon: Icon;
}

export const FLEET: Record<FleetRow["state"], Look> = {
  well: { word: "protected", tone: "well", icon: IconCheck },
  new: { word: "no backup yet", tone: "quiet", icon: IconCircleDashed },
  attention: { word: "needs a person", tone: "attention", icon: IconAlertTriangle },
  danger: { word: "data may be lost", tone: "danger", icon: IconX },
};

export const OPERATION: Record<OperationStatus, Look> = {
  planned: { word: "planned", tone: "quiet", icon: IconCircleDashed },
  "awaiting-approval": { word: "awaiting approval", tone: "attention", icon: IconHandStop },
  waiting: { word: "waiting", tone: "quiet", icon: IconClockPause },
  running: { word: "running", tone: "moving", icon: IconPlayerPlay },
  retrying: { word: "retrying", tone: "moving", icon: IconRefreshAlert },
  paused: { word: "paused", tone: "attention", icon: IconClockPause },
  unwinding: { word: "taking back", tone: "moving", icon: IconRefreshAlert },
  succeeded: { word: "succeeded", tone: "well", icon: IconCheck },
  failed: { word: "failed", tone: "danger", icon: IconX },
  cancelled: { word: "cancelled", tone: "quiet", icon: IconMinus },
  stuck: { word: "stuck", tone: "danger", icon: IconHandStop },
};

export const SEVERITY: Record<string, Look> = {
  critical: { word: "critical", tone: "danger", icon: IconX },
  warning: { word: "warning", tone: "attention", icon: IconAlertTriangle },
};

export const CLEARED: Look = { word: "cleared", tone: "quiet", icon: IconCheck };

/** Thousands of them are drawn as somebody types, so it is nothing but a span. */
export function State({ look, size = "md" }: { look: Look; size?: "sm" | "md" }) {
  const Mark = look.icon;
  return <span className={`state state-${look.tone} state-${size}`}><Mark size={14} stroke={2.4} aria-hidden />{look.word}</span>;
}
