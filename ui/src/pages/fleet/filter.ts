// Which stacks are shown, the ones in need first.

import type { FleetRow } from "../../api/types";

export type Shown = "all" | "troubled" | "over" | "busy";

const WEIGHT: Record<FleetRow["state"], number> = { danger: 0, attention: 1, new: 2, well: 3 };

const IS: Record<Shown, (row: FleetRow) => boolean> = {
  all: () => true,
  troubled: (row) => row.state === "danger" || row.state === "attention",
  over: (row) => isOverRpo(row) || isOverRto(row),
  busy: (row) => row.moving > 0 || row.waiting > 0,
};

export function isOverRpo(row: FleetRow): boolean {
  return row.rpo_seconds != null && (row.behind_seconds == null || row.behind_seconds > row.rpo_seconds);
}

export function isOverRto(row: FleetRow): boolean {
  return row.rto_seconds != null && row.projected_seconds != null && row.projected_seconds > row.rto_seconds;
}

export function matching(rows: FleetRow[], search: string, shown: Shown): FleetRow[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (row: FleetRow) => {
    if (!IS[shown](row)) return false;
    if (words.length === 0) return true;
    const text = `${row.name} ${row.sources.join(" ")}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  return rows.filter(has).sort((one, other) => WEIGHT[one.state] - WEIGHT[other.state]);
}

export function counts(rows: FleetRow[]): Record<Shown, number> {
  const of = (shown: Shown) => rows.reduce((count, row) => count + (IS[shown](row) ? 1 : 0), 0);
  return { all: rows.length, troubled: of("troubled"), over: of("over"), busy: of("busy") };
}
