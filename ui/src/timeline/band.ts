// What the band shows, made of the answers of the daemon once, so that a frame only draws.

import type { Operation, Timeline, Volume } from "../api/types";
import { marksOf, type Marks } from "./marks";
import type { View } from "./scale";

export interface Stretch {
  from: number;
  to: number;
}

export interface Band {
  windows: Stretch[];
  gaps: (Stretch & { why: string })[];
  backups: Marks;
  proven: Marks;
  pinned: Marks;
  operations: Marks;
  /** Bytes of log a second, each from its begin. */
  volume: { stretches: Stretch[]; rates: Float64Array; most: number };
  /** All there is, to now. */
  bounds: View;
}

const MINUTE = 60_000;

export function bandOf(timeline: Timeline, operations: Operation[], volume: Volume[]): Band {
  const now = Date.parse(timeline.now);
  const time = (text: string | null | undefined) => (text ? Date.parse(text) : undefined);
  const windows = timeline.windows.map((window) => {
    const from = Date.parse(window.from_time);
    return { from, to: Math.max(from, time(window.to_time) ?? from) };
  });
  const gaps = timeline.gaps.map((gap) => {
    const from = time(gap.from_time) ?? time(gap.to_time) ?? now;
    return { from, to: time(gap.to_time) ?? now, why: gap.why ?? "the log is missing" };
  });
  const backups = timeline.backups;
  const at = (some: typeof backups) => marksOf(some.map((backup) => Date.parse(backup.ended)));
  const firsts = [...windows.map((one) => one.from), ...backups.map((one) => Date.parse(one.ended))];
  const first = firsts.reduce((least, one) => Math.min(least, one), now - 10 * MINUTE);
  return {
    windows,
    gaps,
    backups: at(backups),
    proven: at(backups.filter((backup) => backup.proven)),
    pinned: at(backups.filter((backup) => backup.pinned)),
    operations: marksOf(operations.map((operation) => Date.parse(operation.started))),
    volume: rates(volume),
    bounds: { from: first, to: now },
  };
}

function rates(volume: Volume[]): Band["volume"] {
  const stretches = volume.map((one) => ({ from: Date.parse(one.from), to: Date.parse(one.to) }));
  const per = volume.map((one, at) => one.bytes / Math.max(1, (stretches[at]!.to - stretches[at]!.from) / 1000));
  return { stretches, rates: Float64Array.from(per), most: per.reduce((most, rate) => Math.max(most, rate), 0) };
}

/** With a little room on both sides. */
export function whole(band: Band): View {
  const room = Math.max((band.bounds.to - band.bounds.from) * 0.04, MINUTE);
  return { from: band.bounds.from - room, to: band.bounds.to + room };
}

/** What was complete at a time is only said this much later. */
const MARGIN = 2_500;

/** After a restore the window of an earlier timeline may stand behind it. */
function newestWindow(band: Band): Stretch | undefined {
  return band.windows.reduce<Stretch | undefined>((newest, one) => (newest && newest.to >= one.to ? newest : one), undefined);
}

export function oldest(band: Band): number {
  return band.windows.reduce((least, one) => Math.min(least, one.from), band.bounds.to);
}

/** The newest moment of which it is sure that it can be reached. */
export function newestSure(band: Band): number {
  const last = newestWindow(band);
  return last ? Math.max(last.from, last.to - MARGIN) : band.bounds.to;
}

export function windowAt(band: Band, at: number): Stretch | undefined {
  return band.windows.find((window) => at >= window.from && at <= window.to);
}

export function gapAt(band: Band, at: number): Band["gaps"][number] | undefined {
  return band.gaps.find((gap) => at >= gap.from && at <= gap.to);
}
