// From time to place and back, over a stretch between seconds and decades. Pure; times are milliseconds.

export interface View {
  from: number;
  to: number;
}

export const SHORTEST_MS = 10_000;
const LONGEST_MS = 40 * 365 * 86_400_000;

export function span(view: View): number {
  return view.to - view.from;
}

export function toX(view: View, width: number, at: number): number {
  return ((at - view.from) / span(view)) * width;
}

export function toTime(view: View, width: number, x: number): number {
  return view.from + (x / width) * span(view);
}

/** Zooms so that what is at `around` stays where it is. A factor below 1 comes nearer. */
export function zoomed(view: View, around: number, factor: number, bounds: View): View {
  const length = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, span(view) * factor));
  const share = (around - view.from) / span(view);
  return held({ from: around - share * length, to: around + (1 - share) * length }, bounds);
}

export function moved(view: View, by: number, bounds: View): View {
  return held({ from: view.from + by, to: view.to + by }, bounds);
}

/** By so many pixels. */
export function dragged(view: View, width: number, pixels: number, bounds: View): View {
  return moved(view, -(pixels / width) * span(view), bounds);
}

/** Two fingers that are on one place are none. */
const APART_PIXELS = 8;

/** What was under two fingers stays under them, as long as the band can come so near, or go so far. */
export function pinched(view: View, width: number, from: [number, number], to: [number, number], bounds: View): View {
  const apart = ([one, other]: [number, number]) => Math.max(APART_PIXELS, Math.abs(one - other));
  const middle = ([one, other]: [number, number]) => (one + other) / 2;
  const nearer = zoomed(view, toTime(view, width, middle(from)), apart(from) / apart(to), bounds);
  return dragged(nearer, width, middle(to) - middle(from), bounds);
}

/** Something of what there is stays in sight. */
function held(view: View, bounds: View): View {
  const length = span(view);
  if (view.from > bounds.to) return { from: bounds.to - length / 10, to: bounds.to + (length * 9) / 10 };
  if (view.to < bounds.from) return { from: bounds.from - (length * 9) / 10, to: bounds.from + length / 10 };
  return view;
}

/** So that a moment is in sight. */
export function showing(view: View, at: number): View {
  if (at >= view.from && at <= view.to) return view;
  const half = span(view) / 2;
  return { from: at - half, to: at + half };
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365.25 * DAY;
/** Distances between two labels. */
const STEPS = [
  SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR,
  3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30.4375 * DAY, 91.3125 * DAY, YEAR, 5 * YEAR,
];

export function stepFor(view: View, width: number, labelWidth: number): number {
  const wanted = (span(view) * labelWidth) / width;
  return STEPS.find((step) => step >= wanted) ?? STEPS[STEPS.length - 1]!;
}

export interface Tick {
  at: number;
  label: string;
  /** A day or more begins here. */
  strong: boolean;
}

/** In the reader's zone: days begin at his midnight. */
export function ticks(view: View, width: number, labelWidth = 90): Tick[] {
  const step = stepFor(view, width, labelWidth);
  const found: Tick[] = [];
  for (let at = firstTick(view.from, step); at <= view.to; at = nextTick(at, step)) found.push(tick(at, step));
  return found;
}

function firstTick(from: number, step: number): number {
  const date = new Date(from);
  if (step >= YEAR) return new Date(date.getFullYear() + 1, 0, 1).getTime();
  if (step >= 28 * DAY) return new Date(date.getFullYear(), date.getMonth() + 1, 1).getTime();
  if (step >= DAY) return new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime();
  const midnight = new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  return midnight + Math.ceil((from - midnight) / step) * step;
}

function nextTick(at: number, step: number): number {
  const date = new Date(at);
  if (step >= YEAR) return new Date(date.getFullYear() + Math.round(step / YEAR), 0, 1).getTime();
  if (step >= 28 * DAY) return new Date(date.getFullYear(), date.getMonth() + Math.round(step / (30.4375 * DAY)), 1).getTime();
  if (step >= DAY) return new Date(date.getFullYear(), date.getMonth(), date.getDate() + Math.round(step / DAY)).getTime();
  return at + step;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function tick(at: number, step: number): Tick {
  const date = new Date(at);
  const two = (number: number) => String(number).padStart(2, "0");
  const isDay = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
  const day = `${date.getDate()} ${MONTHS[date.getMonth()]}`;
  if (step >= YEAR) return { at, label: String(date.getFullYear()), strong: true };
  if (step >= 28 * DAY) return { at, label: `${MONTHS[date.getMonth()]} ${date.getFullYear()}`, strong: date.getMonth() === 0 };
  if (isDay || step >= DAY) return { at, label: day, strong: true };
  const seconds = step < MINUTE ? `:${two(date.getSeconds())}` : "";
  return { at, label: `${two(date.getHours())}:${two(date.getMinutes())}${seconds}`, strong: false };
}
