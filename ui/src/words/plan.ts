// The plan of a restore in the very words of `rekindle restore --dry-run`. Follows crates/cli/src/show/{restore,runbook}.rs; the
// browser test compares the two letter by letter.

import type { Finding, PlannedStep, RestorePlan, RowsLost } from "../api/types";
import { exactly, shortWithZone, type Zone } from "./time";
import * as units from "./units";

const TABLES = 10;

/** As text with line ends. `now` decides how short a time may be said. */
export function planText(plan: RestorePlan, now: Date, zone?: Zone): string {
  const head = planHead(plan, now, zone);
  return isIntoAlone(plan) ? head : head + runbook(plan, zone);
}

/** A restore into a directory of its own has neither steps in its plan nor who must approve it. */
function isIntoAlone(plan: RestorePlan): boolean {
  return (plan.steps ?? []).length === 0;
}

function planHead(plan: RestorePlan, now: Date, zone: Zone): string {
  const backup = plan.backup_label ?? plan.backup;
  const lines = [`Restore ${plan.source} to ${asked(plan.asked, zone)}          nothing has been touched yet`, ""];
  const ended = shortWithZone(new Date(plan.backup_ended), now, zone);
  lines.push(row("from", `backup ${backup} of ${ended}${replay(plan)}`));
  lines.push(row("reached", reached(plan, zone)));
  lines.push(row("lost", loss(plan)));
  lines.push(row("size", `${units.bytes(plan.bytes)} of data, ${units.bytes(plan.log_bytes)} of log to replay`));
  lines.push(row("into", `${plan.into} · PostgreSQL ${plan.major} · timeline ${plan.timeline}`));
  return lines.map((line) => `${line}\n`).join("");
}

function runbook(plan: RestorePlan, zone: Zone): string {
  const lines = [...rows(plan), ` takes     ${takes(plan)}`, ` approve   ${approvals(plan)}`];
  if (plan.begins) lines.push(` begins    ${exactly(new Date(plan.begins), zone)}`);
  lines.push("");
  (plan.steps ?? []).forEach((step, at) => lines.push(...stepLines(at + 1, step)));
  lines.push("");
  (plan.findings ?? []).forEach((finding) => lines.push(...findingLines(finding)));
  return lines.map((line) => `${line}\n`).join("");
}

function row(name: string, value: string): string {
  return ` ${name.padEnd(9)} ${value}`;
}

function replay(plan: RestorePlan): string {
  if (!plan.last_commit) return "";
  const length = (Date.parse(plan.last_commit) - Date.parse(plan.backup_ended)) / 1000;
  return length < 1 ? "" : ` + ${units.seconds(Math.round(length))} of log`;
}

/** A time as people read it; anything else as the daemon says it. */
export function asked(text: string, zone?: Zone): string {
  const before = text.startsWith("before ") ? "before " : "";
  const moment = text.slice(before.length);
  const at = /^\d{4}-\d\d-\d\dT/.test(moment) ? new Date(moment) : undefined;
  return at && !Number.isNaN(at.getTime()) ? `${before}${exactly(at, zone)}` : text;
}

export function reached(plan: RestorePlan, zone?: Zone): string {
  return plan.last_commit
    ? `${exactly(new Date(plan.last_commit), zone)}, the last commit that is there · ${plan.reached}`
    : `${plan.reached}; the log holds no commit up to there`;
}

export function loss(plan: RestorePlan): string {
  if (plan.commits_after === 0) return "nothing: no commit in the vault is newer";
  const commits = units.counted(plan.commits_after, "commit", "commits");
  if (!plan.last_commit || !plan.newest_commit) return `${commits} after this moment`;
  const span = (Date.parse(plan.newest_commit) - Date.parse(plan.last_commit)) / 1000;
  return `${units.seconds(span)} of writes: ${commits} after this moment`;
}

function approvals(plan: RestorePlan): string {
  const many = plan.approvals ?? 0;
  if (many === 0) {
    return plan.waived ? "NOBODY, although somebody would have to: the glass is broken" : "nobody else";
  }
  return many === 1 ? "one person, not who asks" : `${many} people, not who asks`;
}

const INDENT = " ".repeat(11);

function rows(plan: RestorePlan): string[] {
  const all = plan.rows_lost ?? [];
  const lines = all.slice(0, TABLES).map((lost) => {
    return `${INDENT}${lost.database} ${lost.table}${lost.new_file ? "*" : ""}: ${changes(lost)}`;
  });
  if (all.length > TABLES) lines.push(`${INDENT}and ${units.counted(all.length - TABLES, "more table", "more tables")}`);
  if (all.some((lost) => lost.new_file)) {
    lines.push(`${INDENT}* made or written anew since: rows of before count as inserted too`);
  }
  if (plan.rows_lost_note) lines.push(`${INDENT}there may be more: ${plan.rows_lost_note}`);
  return lines;
}

function changes(lost: RowsLost): string {
  const counts: [number, string][] = [
    [lost.inserted, "inserted"],
    [lost.updated, "updated"],
    [lost.deleted, "deleted"],
  ];
  return counts.filter(([many]) => many > 0).map(([many, what]) => `${units.count(many)} ${what}`).join(", ");
}

/** Nothing is said of a step that was never measured but that. */
export function takes(plan: RestorePlan): string {
  const steps = plan.steps ?? [];
  const known = steps.reduce((sum, step) => sum + (step.seconds ?? 0), 0);
  const unknown = steps.filter((step) => step.seconds == null).map((step) => step.name);
  if (plan.seconds == null && unknown.length === steps.length) return "not known: none of its steps was measured yet";
  const all =
    plan.seconds != null
      ? `about ${units.seconds(plan.seconds)}`
      : `about ${units.seconds(known)}, and what was not measured yet: ${unknown.join(", ")}`;
  return plan.unserved_seconds == null ? all : `${all}; nobody can write for about ${units.seconds(plan.unserved_seconds)}`;
}

function stepLines(number: number, step: PlannedStep): string[] {
  const about = step.seconds == null ? "–" : units.seconds(step.seconds);
  const more = (text: string) => `    ${" ".repeat(13)} ${" ".repeat(8)}  ${text}`;
  const lines = [` ${String(number).padStart(2)} ${step.name.padEnd(13)} ${about.padStart(8)}  ${step.what}`];
  if (step.undo) lines.push(more(`↶ ${step.undo}`));
  if (step.pauses) lines.push(more("when it fails a person decides"));
  return lines;
}

function findingLines(finding: Finding): string[] {
  const mark = finding.severity === "fine" ? "✓" : finding.severity === "blocks" ? "✗" : "!";
  const lines = [` ${mark} ${finding.title}`];
  if (finding.why && mark !== "✓") lines.push(`   ${finding.why}`);
  return lines;
}
