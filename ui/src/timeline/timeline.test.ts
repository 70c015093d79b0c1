// Scale, marks and keys of the band.

import { expect, test } from "vitest";
import type { Band } from "./band";
import { press } from "./keys";
import { columns, lowerBound, marksOf, neighbour } from "./marks";
import { dragged, moved, pinched, SHORTEST_MS, span, stepFor, ticks, toTime, toX, zoomed } from "./scale";

const HOUR = 3_600_000;
const VIEW = { from: 0, to: 100 * HOUR };
const BOUNDS = { from: 0, to: 100 * HOUR };

test("place and time are each other's inverse", () => {
  expect(toX(VIEW, 1000, 25 * HOUR)).toBe(250);
  expect(toTime(VIEW, 1000, 250)).toBe(25 * HOUR);
});

test("what is under the cursor stays there while zooming, down to seconds", () => {
  const nearer = zoomed(VIEW, 30 * HOUR, 0.5, BOUNDS);
  expect(toX(nearer, 1000, 30 * HOUR)).toBeCloseTo(toX(VIEW, 1000, 30 * HOUR));
  let view = VIEW;
  for (let n = 0; n < 60; n += 1) view = zoomed(view, 30 * HOUR, 0.5, BOUNDS);
  expect(span(view)).toBeCloseTo(SHORTEST_MS);
});

test("nobody loses what there is by moving away from it", () => {
  const away = moved(VIEW, 1000 * HOUR, BOUNDS);
  expect(away.from).toBeLessThan(BOUNDS.to);
});

test("what a finger holds goes with it", () => {
  const drawn = dragged(VIEW, 1000, 100, BOUNDS);
  expect(toX(drawn, 1000, 25 * HOUR)).toBeCloseTo(350);
  expect(span(drawn)).toBe(span(VIEW));
});

test("what is under two fingers stays under them, whichever is left and wherever they go", () => {
  const [one, other] = [20 * HOUR, 40 * HOUR];
  for (const to of [[100, 500], [350, 450], [700, 300]] as [number, number][]) {
    const spread = pinched(VIEW, 1000, [200, 400], to, BOUNDS);
    const [left, right] = [Math.min(...to), Math.max(...to)];
    expect(toX(spread, 1000, one)).toBeCloseTo(left);
    expect(toX(spread, 1000, other)).toBeCloseTo(right);
  }
});

test("two fingers come no nearer than to seconds, and on one place they do not break the band", () => {
  let view = VIEW;
  for (let n = 0; n < 60; n += 1) view = pinched(view, 1000, [490, 510], [0, 1000], BOUNDS);
  expect(span(view)).toBeCloseTo(SHORTEST_MS);
  const met = pinched(VIEW, 1000, [200, 400], [300, 300], BOUNDS);
  expect(span(met)).toBeGreaterThan(span(VIEW));
  expect(Number.isFinite(met.from) && Number.isFinite(met.to)).toBe(true);
  expect(pinched(VIEW, 1000, [300, 300], [300, 300], BOUNDS)).toEqual(VIEW);
});

test("labels stand apart from years to seconds", () => {
  for (const length of [10_000, HOUR, 24 * HOUR, 31 * 24 * HOUR, 20 * 365 * 24 * HOUR]) {
    const view = { from: Date.UTC(2026, 10, 1), to: Date.UTC(2026, 10, 1) + length };
    const found = ticks(view, 1000);
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThan(13);
    expect(stepFor(view, 1000, 90)).toBeGreaterThan(0);
  }
});

test("of fifty thousand marks there is one column each at most, and none is forgotten", () => {
  const marks = marksOf(Array.from({ length: 50_000 }, (_, n) => ((n * 7919) % 50_000) * 1000));
  const found = columns(marks, 0, 50_000_000, 800);
  expect(found.length).toBeLessThanOrEqual(801);
  expect(found.reduce((sum, column) => sum + column.many, 0)).toBe(50_000);
  expect(new Set(found.map((column) => column.x)).size).toBe(found.length);
});

test("marks know their neighbours", () => {
  const marks = marksOf([30, 10, 20]);
  expect([...marks.times]).toEqual([10, 20, 30]);
  expect(lowerBound(marks.times, 20)).toBe(1);
  expect(neighbour(marks, 20, "before")).toBe(10);
  expect(neighbour(marks, 20, "after")).toBe(30);
  expect(neighbour(marks, 10, "before")).toBeUndefined();
});

const BAND: Band = {
  windows: [{ from: 10 * HOUR, to: 90 * HOUR }],
  gaps: [],
  backups: marksOf([20 * HOUR, 40 * HOUR]),
  proven: marksOf([]),
  pinned: marksOf([]),
  operations: marksOf([]),
  volume: { stretches: [], rates: new Float64Array(), most: 0 },
  bounds: BOUNDS,
};

test("keys move the cursor, and the band follows it", () => {
  const place = { view: { from: 29 * HOUR, to: 31 * HOUR }, cursor: 30 * HOUR };
  expect(press("n", false, place, BAND)?.cursor).toBe(40 * HOUR);
  expect(press("p", false, place, BAND)?.cursor).toBe(20 * HOUR);
  expect(press("End", false, place, BAND)?.cursor).toBe(90 * HOUR - 2500);
  expect(press(".", false, place, BAND)?.cursor).toBe(30 * HOUR + 1000);
  const far = press("n", false, place, BAND)!;
  expect(far.view.from).toBeLessThan(far.cursor);
  expect(far.view.to).toBeGreaterThan(far.cursor);
  expect(press("ArrowRight", true, place, BAND)!.cursor).toBeCloseTo(30.2 * HOUR);
  expect(press("x", false, place, BAND)).toBeUndefined();
});
