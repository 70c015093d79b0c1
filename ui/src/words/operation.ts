// Operations in words: what they are, where they stand, what can be done now.

import type { Operation, OperationStatus, Step } from "../api/types";
import { exactly } from "./time";

export function what(operation: Operation): string {
  return operation.source ? `${operation.kind} of ${operation.source}` : operation.kind;
}

const OVER: OperationStatus[] = ["succeeded", "failed", "cancelled"];

export function isOver(operation: Operation): boolean {
  return OVER.includes(operation.status);
}

/** The step that is done or comes next, with its number; nothing when it is over. */
export function current(operation: Operation): { at: number; step: Step } | undefined {
  if (isOver(operation)) return undefined;
  const at = operation.steps.findIndex((step) => step.status !== "done" && step.status !== "undone");
  return at < 0 ? undefined : { at, step: operation.steps[at]! };
}

export type Deed = "approve" | "refuse" | "pause" | "resume" | "cancel" | "retry" | "abandon";

const DEEDS: Record<OperationStatus, Deed[]> = {
  planned: [],
  "awaiting-approval": ["approve", "refuse", "cancel"],
  waiting: ["cancel"],
  running: ["pause", "cancel"],
  retrying: ["retry", "pause", "cancel"],
  paused: ["resume", "retry", "cancel"],
  unwinding: [],
  succeeded: [],
  failed: [],
  cancelled: [],
  stuck: ["retry", "abandon"],
};

export function deeds(operation: Operation): Deed[] {
  if (operation.status === "stuck" && operation.way_back?.startsWith("rekindle ops cancel")) return ["cancel", "retry", "abandon"];
  return DEEDS[operation.status];
}

/** What happens by itself, or what a person can do. */
export function next(operation: Operation): string {
  const at = operation.next_try ? exactly(new Date(operation.next_try)) : undefined;
  switch (operation.status) {
    case "planned":
      return "Nothing was asked for yet.";
    case "awaiting-approval":
      return `${operation.approvals_needed - operation.approvals.length} more must approve, not ${operation.asked_by}. Nothing has been touched.`;
    case "waiting":
      return at ? `It begins at ${at}.` : "It begins when it is its turn.";
    case "running":
      return "It goes on by itself.";
    case "retrying":
      return at ? `It tries again at ${at}.` : "It tries again at once.";
    case "paused":
      return "It waits for a person: resume goes on, cancel takes back what it did.";
    case "unwinding":
      return "It takes back what it did.";
    case "stuck":
      return `It can go neither forth nor back. Put right what the last error names; then this leads back: ${operation.way_back ?? `rekindle ops retry ${operation.id}`}`;
    default:
      return "It is over.";
  }
}

/** Of a moment, whole or in part: such an operation has a plan to agree to and things that are back. */
export function restores(operation: Operation): boolean {
  return operation.kind === "restore" || operation.kind === "extract";
}

/** Seconds until all steps are done, by what was measured; nothing where one of them never was. */
export function etaSeconds(operation: Operation, now: Date): number | undefined {
  let sum = 0;
  for (const step of operation.steps.filter((step) => step.status !== "done")) {
    if (step.seconds_planned == null) return undefined;
    const passed = step.began ? (now.getTime() - Date.parse(step.began)) / 1000 : 0;
    sum += Math.max(0, step.seconds_planned - passed);
  }
  return sum;
}
