// Values over time, drawn by uPlot. What it shows also stands as a table, for who cannot see it.

import "uplot/dist/uPlot.min.css";
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { fields } from "../words/time";

export interface Series {
  name: string;
  values: (number | null)[];
}

interface Props {
  label: string;
  /** Seconds, ascending. */
  times: number[];
  series: Series[];
  /** A value in words. */
  say: (value: number) => string;
}

const HEIGHT = 220;
const DAY = 86_400;
const COLOURS = ["--band-log", "--state-attention", "--state-well"];

export function Chart({ label, times, series, say }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme("light");
  useEffect(() => {
    const element = place.current!;
    const plot = new uPlot(options(element, series, say), [times, ...series.map((one) => one.values)], element);
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [times, series, say, scheme]);
  const last = series.map((one) => `${one.name} ${sayLast(one, say)}`).join(", ");
  return <div ref={place} className="chart" role="img" aria-label={`${label}: ${times.length} values; the last: ${last}`} />;
}

function sayLast(series: Series, say: (value: number) => string): string {
  const value = series.values.at(-1);
  return value == null ? "none" : say(value);
}

/** As short as the distance of two labels allows. */
function timeLabels(splits: number[]): (at: number) => string {
  const step = (splits[1] ?? 0) - (splits[0] ?? 0);
  return (at) => {
    const { day, month, year, clock } = fields(new Date(at * 1000));
    if (step >= 28 * DAY) return `${month} ${year}`;
    if (step >= DAY) return `${day} ${month}`;
    return step >= 60 ? clock.slice(0, 5) : clock;
  };
}

function options(element: HTMLElement, series: Series[], say: (value: number) => string): uPlot.Options {
  const style = getComputedStyle(element);
  const of = (name: string) => style.getPropertyValue(name).trim();
  const axis = { stroke: of("--band-text"), grid: { stroke: of("--band-line"), width: 1 }, ticks: { stroke: of("--band-line"), width: 1 } };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { live: false },
    axes: [{ ...axis, space: 90, values: (_, splits) => splits.map(timeLabels(splits)) }, { ...axis, size: 72, values: (_, splits) => splits.map(say) }],
    scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
    series: [
      {},
      ...series.map((one, at) => ({
        label: one.name,
        stroke: of(COLOURS[at % COLOURS.length]!),
        width: 2,
        points: { show: true, size: 5 },
        value: (_: uPlot, value: number | null) => (value == null ? "–" : say(value)),
      })),
    ],
  };
}
