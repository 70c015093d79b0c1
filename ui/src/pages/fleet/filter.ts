// Which stacks are shown, and in which order: the ones in need first, unless somebody wants another.

import type { FleetRow } from "../../api/types";
import { seconds } from "../../words/units";

export type Shown = "all" | "troubled" | "over" | "busy";
export type Column = "name" | "state" | "newest" | "proven" | "restore" | "now";
export interface Order {
  by: Column;
  reversed: boolean;
}

export const IN_NEED_FIRST: Order = { by: "state", reversed: false };

const WEIGHT: Record<FleetRow["state"], number> = { danger: 0, attention: 1, new: 2, well: 3 };

const IS: Record<Shown, (row: FleetRow) => boolean> = {
  all: () => true,
  troubled: (row) => row.state === "danger" || row.state === "attention",
  over: (row) => isOverRpo(row) || isOverRto(row),
  busy: (row) => row.moving > 0 || row.waiting > 0,
};

/** Of an idle server that has nothing more the newest restore point is now. */
export function ageOf(behindSeconds: number): string {
  if (behindSeconds === 0) return "now";
  return behindSeconds < 15 ? "seconds ago" : `${seconds(Math.round(behindSeconds))} ago`;
}

export function isOverRpo(row: FleetRow): boolean {
  return row.rpo_seconds != null && (row.behind_seconds == null || row.behind_seconds > row.rpo_seconds);
}

export function isOverRto(row: FleetRow): boolean {
  return row.rto_seconds != null && row.projected_seconds != null && row.projected_seconds > row.rto_seconds;
}

/** What a column is ordered by, what needs somebody first: nothing known stands before the longest ago, the longest before the shortest. */
const RANK: Record<Column, (row: FleetRow) => number | string> = {
  name: (row) => row.name,
  state: (row) => WEIGHT[row.state],
  newest: (row) => -(row.behind_seconds ?? Infinity),
  proven: (row) => (row.proven ? Date.parse(row.proven) : -Infinity),
  restore: (row) => -(row.projected_seconds ?? Infinity),
  now: (row) => -(row.critical + row.warnings + row.moving + row.waiting),
};

const texts = new WeakMap<FleetRow, string>();

/** What is searched in. A row that changes is another object. */
function textOf(row: FleetRow): string {
  let text = texts.get(row);
  if (text === undefined) {
    text = `${row.name} ${row.sources.join(" ")}`.toLowerCase();
    texts.set(row, text);
  }
  return text;
}

export function matching(rows: FleetRow[], search: string, shown: Shown, order = IN_NEED_FIRST): FleetRow[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (row: FleetRow) => {
    if (!IS[shown](row)) return false;
    return words.every((word) => textOf(row).includes(word));
  };
  const [rank, way] = [RANK[order.by], order.reversed ? -1 : 1];
  const compare = (one: number | string, other: number | string) => (one < other ? -way : one > other ? way : 0);
  return rows.filter(has).sort((one, other) => compare(rank(one), rank(other)));
}

/** Of an address (`state`, `-newest`). */
export function orderOf(text: string | null): Order {
  const by = (text ?? "").replace(/^-/, "");
  return by in RANK ? { by: by as Column, reversed: text!.startsWith("-") } : IN_NEED_FIRST;
}

export function asText(order: Order): string {
  return `${order.reversed ? "-" : ""}${order.by}`;
}

/** The next order when a column's head is pressed: by it, then the other way round. */
export function pressed(order: Order, by: Column): Order {
  return { by, reversed: order.by === by && !order.reversed };
}

export function shownOf(text: string | null): Shown {
  return text !== null && text in IS ? (text as Shown) : "all";
}

export function counts(rows: FleetRow[]): Record<Shown, number> {
  const of = (shown: Shown) => rows.reduce((count, row) => count + (IS[shown](row) ? 1 : 0), 0);
  return { all: rows.length, troubled: of("troubled"), over: of("over"), busy: of("busy") };
}
