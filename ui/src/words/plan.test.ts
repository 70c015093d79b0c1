// The plan as text. That it is the command line's very text is tried in the browser, against the command.

import { expect, test } from "vitest";
import type { RestorePlan } from "../api/types";
import { asked, loss, planText, takes } from "./plan";

const PLAN: RestorePlan = {
  source: "shop",
  asked: "2026-11-21T01:57:00Z",
  backup: "20261121t010000z-01234567",
  backup_label: "nightly",
  backup_ended: "2026-11-21T01:00:00Z",
  timeline: 1,
  reached: "16/B374D848",
  last_commit: "2026-11-21T01:56:59.812Z",
  newest_commit: "2026-11-21T02:03:20.812Z",
  commits_after: 1204,
  bytes: 3_100_000_000,
  log_bytes: 400_000_000,
  major: 15,
  into: "/srv/pg/restored",
};
const NOW = new Date("2026-11-21T02:05:00Z");

test("a restore into a directory of its own", () => {
  expect(planText(PLAN, NOW, "UTC")).toBe(
    `Restore shop to Sat 21 Nov 2026 01:57:00 UTC          nothing has been touched yet

 from      backup nightly of 01:00:00 UTC + 57 min of log
 reached   Sat 21 Nov 2026 01:56:59.812 UTC, the last commit that is there · 16/B374D848
 lost      6 min 21 s of writes: 1,204 commits after this moment
 size      3.1 GB of data, 400 MB of log to replay
 into      /srv/pg/restored · PostgreSQL 15 · timeline 1
`,
  );
});

test("a runbook has its steps, how they are taken back, and what is in the way", () => {
  const text = planText(
    {
      ...PLAN,
      approvals: 1,
      steps: [
        { name: "preflight", what: "look at everything", pauses: false, seconds: 1 },
        { name: "resume", what: "start app", undo: "stop app", pauses: true, seconds: null },
      ],
      rows_lost: [{ database: "app", table: "public.orders", inserted: 311, updated: 0, deleted: 2, new_file: true, file: "1663/5/16384" }],
      findings: [
        { severity: "fine", title: "61 GB free", why: "", needs_restart: false },
        { severity: "blocks", title: "no service is told", why: "the server cannot be stopped", needs_restart: false },
      ],
    },
    NOW,
    "UTC",
  );
  expect(text.split("\n").slice(7)).toEqual([
    "           app public.orders*: 311 inserted, 2 deleted",
    "           * made or written anew since: rows of before count as inserted too",
    " takes     about 1 s, and what was not measured yet: resume",
    " approve   one person, not who asks",
    "",
    "  1 preflight          1 s  look at everything",
    "  2 resume               –  start app",
    "                            ↶ stop app",
    "                            when it fails a person decides",
    "",
    " ✓ 61 GB free",
    " ✗ no service is told",
    "   the server cannot be stopped",
    "",
  ]);
});

test("what is asked for is a time, or as the daemon says it", () => {
  expect(asked("before 2026-11-21T01:57:00Z", "UTC")).toBe("before Sat 21 Nov 2026 01:57:00 UTC");
  expect(asked("before transaction 4711", "UTC")).toBe("before transaction 4711");
  expect(loss({ ...PLAN, commits_after: 0 })).toBe("nothing: no commit in the vault is newer");
  expect(takes({ ...PLAN, steps: [{ name: "a", what: "", pauses: false }] })).toBe("not known: none of its steps was measured yet");
});
