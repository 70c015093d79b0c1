// What the keys do to the band. Pure.

import type { Band } from "./band";
import { newestSure, oldest, whole } from "./band";
import { neighbour } from "./marks";
import { moved, showing, span, zoomed, type View } from "./scale";

export interface Place {
  view: View;
  cursor: number;
}

/** Shares of what is in sight. */
const STEP = 1 / 100;
const LEAP = 1 / 10;
const PAGE = 8 / 10;
const NEARER = 0.6;

type Move = (place: Place, band: Band, leap: boolean) => Place;

const along = (direction: number): Move => (place, _, leap) => {
  const cursor = place.cursor + direction * span(place.view) * (leap ? LEAP : STEP);
  return { cursor, view: showing(place.view, cursor) };
};

const bySecond = (direction: number): Move => (place) => {
  const cursor = place.cursor + direction * 1000;
  return { cursor, view: showing(place.view, cursor) };
};

const page = (direction: number): Move => (place, band) => {
  const by = direction * span(place.view) * PAGE;
  return { cursor: place.cursor + by, view: moved(place.view, by, band.bounds) };
};

const zoom = (factor: number): Move => (place, band) => ({ ...place, view: zoomed(place.view, place.cursor, factor, band.bounds) });

const toMark = (side: "before" | "after"): Move => (place, band) => {
  const cursor = neighbour(band.backups, place.cursor, side) ?? place.cursor;
  return { cursor, view: showing(place.view, cursor) };
};

const to = (of: (band: Band) => number): Move => (place, band) => ({ cursor: of(band), view: showing(place.view, of(band)) });

const KEYS: Record<string, Move> = {
  ArrowLeft: along(-1),
  ArrowRight: along(1),
  ",": bySecond(-1),
  ".": bySecond(1),
  PageUp: page(-1),
  PageDown: page(1),
  ArrowUp: zoom(NEARER),
  "+": zoom(NEARER),
  "=": zoom(NEARER),
  ArrowDown: zoom(1 / NEARER),
  "-": zoom(1 / NEARER),
  p: toMark("before"),
  n: toMark("after"),
  Home: to(oldest),
  End: to(newestSure),
  "0": (place, band) => ({ ...place, view: whole(band) }),
};

/** Nothing where the key means nothing here. */
export function press(key: string, leap: boolean, place: Place, band: Band): Place | undefined {
  return KEYS[key]?.(place, band, leap);
}
