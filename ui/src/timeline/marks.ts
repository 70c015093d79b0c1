// Points in time in great number: sorted once, then of any stretch at most one for each column of the screen is handed out.

export interface Marks {
  /** Ascending, milliseconds. */
  times: Float64Array;
  /** What stands at the same place of the list it was made of. */
  index: Uint32Array;
}

export function marksOf(times: number[]): Marks {
  const order = Uint32Array.from(times.keys()).sort((one, other) => times[one]! - times[other]!);
  return { times: Float64Array.from(order, (at) => times[at]!), index: order };
}

/** Where the first one at or behind `at` stands. */
export function lowerBound(times: Float64Array, at: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

export interface Column {
  x: number;
  /** Of the first mark in it. */
  first: number;
  many: number;
}

/** The columns that hold a mark, from the left; each jump skips all marks of its column at once. */
export function columns(marks: Marks, from: number, to: number, width: number): Column[] {
  const found: Column[] = [];
  const perColumn = (to - from) / width;
  let at = lowerBound(marks.times, from);
  while (at < marks.times.length && marks.times[at]! <= to) {
    const x = Math.floor((marks.times[at]! - from) / perColumn);
    const next = Math.max(at + 1, lowerBound(marks.times, from + (x + 1) * perColumn));
    found.push({ x, first: at, many: next - at });
    at = next;
  }
  return found;
}

/** The nearest mark on one side. */
export function neighbour(marks: Marks, at: number, side: "before" | "after"): number | undefined {
  if (side === "after") return marks.times[lowerBound(marks.times, at + 1)];
  return marks.times[lowerBound(marks.times, at) - 1];
}
