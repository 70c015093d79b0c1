// What pages decide before they draw anything.

import { expect, test } from "vitest";
import { may, rolesInWords } from "../api/may";
import type { FleetRow, LogLine, Operation } from "../api/types";
import { deeds, etaSeconds } from "../words/operation";
import { fileOf, usual } from "./add/policy";
import { ageOf, asText as orderText, counts, isOverRpo, matching, orderOf, pressed } from "./fleet/filter";
import { merged } from "./fleet/useFleet";
import { asText, matching as linesWith } from "./operation/LogView";
import { heard } from "./operation/useOperation";
import { fromWords, toWords } from "./people/GrantsInput";
import { readStackFile } from "./stack/file";
import { growth, now } from "./stack/growth";

const ROW: FleetRow = { name: "shop", is_stack: true, sources: ["orders"], state: "well", backups: 1, critical: 0, warnings: 0, moving: 0, waiting: 0, behind_seconds: 1, rpo_seconds: 300 };

test("roles include what the daemon says they do", () => {
  expect(may([{ role: "operator", stack: "shop" }], "viewer", "shop")).toBe(true);
  expect(may([{ role: "operator", stack: "shop" }], "operator")).toBe(false);
  expect(may([{ role: "approver" }], "operator", "shop")).toBe(false);
  expect(may([{ role: "admin" }], "approver", "shop")).toBe(true);
  expect(rolesInWords([{ role: "operator", stack: "shop" }, { role: "viewer" }])).toBe("operator of shop, viewer");
  expect(fromWords(toWords([{ role: "operator", stack: "a:b" }]))).toEqual([{ role: "operator", stack: "a:b" }]);
  expect(fromWords(["king"])).toBeUndefined();
});

test("stacks in need stand first, and are found by their sources too", () => {
  const rows = [ROW, { ...ROW, name: "bank", state: "danger" as const, sources: ["ledger"] }, { ...ROW, name: "late", behind_seconds: 301 }];
  expect(matching(rows, "", "all").map((row) => row.name)).toEqual(["bank", "shop", "late"]);
  expect(matching(rows, "LEDG", "all").map((row) => row.name)).toEqual(["bank"]);
  expect(matching(rows, "", "over").map((row) => row.name)).toEqual(["late"]);
  const by = (order: string) => matching(rows, "", "all", orderOf(order)).map((row) => row.name);
  expect([by("name"), by("-name"), by("nonsense")]).toEqual([["bank", "late", "shop"], ["shop", "late", "bank"], ["bank", "shop", "late"]]);
  expect(by("newest")[0]).toBe("late");
  expect(orderText(pressed(pressed(orderOf(null), "proven"), "proven"))).toBe("-proven");
  expect(counts(rows)).toEqual({ all: 3, troubled: 1, over: 1, busy: 0 });
  expect(isOverRpo({ ...ROW, behind_seconds: null })).toBe(true);
});

test("an idle server that has nothing more is restorable to now", () => {
  expect([0, 3, 51].map(ageOf)).toEqual(["now", "seconds ago", "51 s ago"]);
});

test("what is told of the fleet changes what it names, and nothing else", () => {
  const known = { now: "a", rows: [ROW, { ...ROW, name: "gone" }], gone: [] };
  const next = merged(known, { now: "b", rows: [{ ...ROW, name: "new" }], gone: ["gone"] });
  expect(next.rows.map((row) => row.name)).toEqual(["new", "shop"]);
  expect(next.rows[1]).toBe(ROW);
  const again = { ...ROW, behind_seconds: 1.4, newest: "2026-11-21T02:00:01Z" };
  expect(merged(next, { now: "c", rows: [again] }).rows[1]).toBe(ROW);
  expect(merged(next, { now: "c", rows: [{ ...ROW, behind_seconds: 40 }] }).rows[1]).not.toBe(ROW);
});

const STEP = { what: "", attempt: 0, attempts: 3, began: null, ended: null };
const RESTORE = {
  id: "7f3", kind: "restore", source: "shop", status: "running", step: "health", asked_by: "olga", why: "", retryable: true, approvals: [], approvals_needed: 0,
  started: "2026-11-21T02:00:00Z", progress: { bytes_total: 0, bytes_done: 0, bytes_moved: 0 },
  steps: [
    { ...STEP, name: "cut-over", status: "done", seconds_planned: 1 },
    { ...STEP, name: "health", status: "in-flight", seconds_planned: 4, began: "2026-11-21T02:00:00Z" },
    { ...STEP, name: "report", status: "waiting", seconds_planned: 2 },
  ],
} as unknown as Operation;

test("what is left of a restore is told by what was measured, and what can be done by how it stands", () => {
  expect(etaSeconds(RESTORE, new Date("2026-11-21T02:00:01Z"))).toBe(5);
  expect(deeds({ ...RESTORE, status: "paused" })).toEqual(["resume", "retry", "cancel"]);
});

const LINE: LogLine = { n: 1, at: "2026-11-21T02:00:00Z", step: "open", level: "info", text: "Mounted" };

test("a log that is sent again is not doubled, and is searched whatever the case", () => {
  let live: Parameters<typeof heard>[0] = { lines: [], progress: undefined };
  for (const line of [LINE, LINE, { ...LINE, n: 2, text: "served" }]) live = heard(live, { line });
  expect(live.lines.map((line) => line.n)).toEqual([1, 2]);
  expect(linesWith(live.lines, "MOUNT")).toEqual([LINE]);
  expect(asText([LINE])).toBe("2026-11-21T02:00:00Z  open         info    Mounted\n");
});

test("a stack's file is shown in words, and one is made of a form", () => {
  const file = fileOf("shop", "postgres:///shop", { ...usual("Europe/Berlin"), approvals: 1 });
  const read = readStackFile(file);
  expect(read.sources).toEqual([{ name: "shop", what: "postgres:///shop" }]);
  expect(read.policy).toContainEqual(["objectives.rpo", "5 min"]);
  expect(read.policy).toContainEqual(["backup regular.schedule", "hourly"]);
  expect(read.policy).toContainEqual(["approvals.restore", "1"]);
});

test("growth is counted from what came", () => {
  const backup = (ended: string, bytes_stored: number) => ({ ended, bytes_stored }) as never;
  const grown = growth([backup("2026-11-21T00:00:00Z", 100), backup("2026-11-21T12:00:00Z", 50)], []);
  expect(grown.backups).toEqual([100, 150]);
  expect(now(grown)).toBe(150);
});
