// Draws the band. Everything is clipped to what is in sight, and at most one thing is drawn for each column of pixels.

import type { Band } from "./band";
import { columns, lowerBound, type Marks } from "./marks";
import { ticks, toX, type View } from "./scale";

export interface Colours {
  log: string;
  gap: string;
  volume: string;
  line: string;
  text: string;
  dim: string;
  well: string;
  attention: string;
  cursor: string;
  surface: string;
}

export const HEIGHT = 208;
/** Tops of the rows. */
const ROWS = { axis: 16, volume: 30, log: 84, backups: 116, proven: 138, pins: 160, operations: 182 };
const VOLUME_HEIGHT = 46;
const LOG_HEIGHT = 18;
const LABEL = "11px system-ui, 'DejaVu Sans', sans-serif";
const LABEL_WIDTH = 92;

export interface Scene {
  band: Band;
  view: View;
  width: number;
  cursor: number;
  now: number;
  colours: Colours;
}

export function draw(context: CanvasRenderingContext2D, scene: Scene): void {
  const { width, colours } = scene;
  context.fillStyle = colours.surface;
  context.fillRect(0, 0, width, HEIGHT);
  drawAxis(context, scene);
  drawVolume(context, scene);
  drawLog(context, scene);
  drawMarks(context, scene, scene.band.backups, ROWS.backups, colours.text, diamond);
  drawMarks(context, scene, scene.band.proven, ROWS.proven, colours.well, check);
  drawMarks(context, scene, scene.band.pinned, ROWS.pins, colours.attention, pin);
  drawMarks(context, scene, scene.band.operations, ROWS.operations, colours.dim, tickMark);
  drawNames(context, scene);
  drawNow(context, scene);
  drawCursor(context, scene);
}

function drawAxis(context: CanvasRenderingContext2D, { view, width, colours }: Scene): void {
  context.font = LABEL;
  context.textBaseline = "alphabetic";
  context.textAlign = "left";
  for (const tick of ticks(view, width, LABEL_WIDTH)) {
    const x = Math.round(toX(view, width, tick.at)) + 0.5;
    context.strokeStyle = colours.line;
    context.globalAlpha = tick.strong ? 1 : 0.6;
    context.beginPath();
    context.moveTo(x, 4);
    context.lineTo(x, HEIGHT);
    context.stroke();
    context.globalAlpha = 1;
    context.fillStyle = tick.strong ? colours.text : colours.dim;
    context.fillText(tick.label, x + 4, ROWS.axis);
  }
}

function drawVolume(context: CanvasRenderingContext2D, { band, view, width, colours }: Scene): void {
  const { stretches, rates, most } = band.volume;
  if (most === 0) return;
  context.fillStyle = colours.volume;
  stretches.forEach((stretch, at) => {
    if (stretch.to < view.from || stretch.from > view.to) return;
    const [left, right] = clipped(view, width, stretch.from, stretch.to);
    const height = Math.max(1, Math.sqrt(rates[at]! / most) * VOLUME_HEIGHT);
    context.fillRect(left, ROWS.volume + VOLUME_HEIGHT - height, Math.max(1, right - left), height);
  });
}

function clipped(view: View, width: number, from: number, to: number): [number, number] {
  return [Math.max(0, toX(view, width, from)), Math.min(width, toX(view, width, to))];
}

function drawLog(context: CanvasRenderingContext2D, { band, view, width, colours }: Scene): void {
  context.fillStyle = colours.log;
  for (const window of band.windows) {
    if (window.to < view.from || window.from > view.to) continue;
    const [left, right] = clipped(view, width, window.from, window.to);
    context.fillRect(left, ROWS.log, Math.max(2, right - left), LOG_HEIGHT);
  }
  for (const gap of band.gaps) {
    if (gap.to < view.from || gap.from > view.to) continue;
    const [left, right] = clipped(view, width, gap.from, gap.to);
    hatch(context, left, Math.max(3, right - left), colours);
  }
}

/** A gap is never narrower than can be seen, and never told by its colour alone. */
function hatch(context: CanvasRenderingContext2D, left: number, width: number, colours: Colours): void {
  context.fillStyle = colours.surface;
  context.fillRect(left, ROWS.log - 3, width, LOG_HEIGHT + 6);
  context.save();
  context.beginPath();
  context.rect(left, ROWS.log - 3, width, LOG_HEIGHT + 6);
  context.clip();
  context.strokeStyle = colours.gap;
  context.lineWidth = 1.5;
  context.beginPath();
  for (let x = left - LOG_HEIGHT - 6; x < left + width; x += 6) {
    context.moveTo(x, ROWS.log + LOG_HEIGHT + 3);
    context.lineTo(x + LOG_HEIGHT + 6, ROWS.log - 3);
  }
  context.stroke();
  context.strokeRect(left, ROWS.log - 3, width, LOG_HEIGHT + 6);
  context.restore();
  context.lineWidth = 1;
}

type Shape = (context: CanvasRenderingContext2D, x: number, y: number) => void;

const NEAREST_SHAPES = 5;

/** Far apart each has its shape; where they would cover each other a bar stands for them. */
function drawMarks(context: CanvasRenderingContext2D, { view, width }: Scene, marks: Marks, y: number, colour: string, shape: Shape): void {
  context.fillStyle = colour;
  context.strokeStyle = colour;
  context.lineWidth = 1.6;
  const visible = lowerBound(marks.times, view.to) - lowerBound(marks.times, view.from);
  if (visible > width / NEAREST_SHAPES) {
    context.beginPath();
    for (const column of columns(marks, view.from, view.to, width)) context.rect(column.x, y, 1, 12);
    context.fill();
  } else {
    for (const column of columns(marks, view.from - 1, view.to, width)) shape(context, toX(view, width, marks.times[column.first]!), y + 6);
  }
  context.lineWidth = 1;
}

function diamond(context: CanvasRenderingContext2D, x: number, y: number): void {
  context.beginPath();
  context.moveTo(x, y - 6);
  context.lineTo(x + 5, y);
  context.lineTo(x, y + 6);
  context.lineTo(x - 5, y);
  context.fill();
}

function check(context: CanvasRenderingContext2D, x: number, y: number): void {
  context.beginPath();
  context.moveTo(x - 5, y);
  context.lineTo(x - 1, y + 4);
  context.lineTo(x + 5, y - 5);
  context.stroke();
}

function pin(context: CanvasRenderingContext2D, x: number, y: number): void {
  context.beginPath();
  context.arc(x, y - 2, 3.6, 0, 2 * Math.PI);
  context.fill();
  context.fillRect(x - 0.8, y, 1.6, 7);
}

function tickMark(context: CanvasRenderingContext2D, x: number, y: number): void {
  context.beginPath();
  context.moveTo(x - 3, y - 5);
  context.lineTo(x + 4, y);
  context.lineTo(x - 3, y + 5);
  context.fill();
}

const NAMES: [string, number][] = [
  ["log volume", ROWS.volume + 10], ["windows", ROWS.log + 13], ["backups", ROWS.backups + 10], ["proven", ROWS.proven + 10],
  ["pins", ROWS.pins + 10], ["operations", ROWS.operations + 10],
];

/** On a ground of their own, so that they can be read over whatever is there. */
function drawNames(context: CanvasRenderingContext2D, { colours }: Scene): void {
  context.font = LABEL;
  context.textAlign = "left";
  for (const [name, y] of NAMES) {
    context.globalAlpha = 0.82;
    context.fillStyle = colours.surface;
    context.fillRect(0, y - 11, context.measureText(name).width + 12, 15);
    context.globalAlpha = 1;
    context.fillStyle = colours.dim;
    context.fillText(name, 6, y);
  }
}

function drawNow(context: CanvasRenderingContext2D, { view, width, now, colours }: Scene): void {
  const x = Math.round(toX(view, width, now)) + 0.5;
  if (x < 0 || x > width) return;
  context.strokeStyle = colours.dim;
  context.setLineDash([3, 3]);
  line(context, x);
  context.setLineDash([]);
  context.fillStyle = colours.dim;
  context.textAlign = x > width - 40 ? "right" : "left";
  context.fillText("now", x + (x > width - 40 ? -4 : 4), HEIGHT - 4);
}

function drawCursor(context: CanvasRenderingContext2D, { view, width, cursor, colours }: Scene): void {
  const x = Math.round(toX(view, width, cursor)) + 0.5;
  if (x < -1 || x > width + 1) return;
  context.strokeStyle = colours.cursor;
  context.lineWidth = 2;
  line(context, x);
  context.lineWidth = 1;
  context.fillStyle = colours.cursor;
  context.beginPath();
  context.moveTo(x - 6, 0);
  context.lineTo(x + 6, 0);
  context.lineTo(x, 9);
  context.fill();
}

function line(context: CanvasRenderingContext2D, x: number): void {
  context.beginPath();
  context.moveTo(x, 0);
  context.lineTo(x, HEIGHT);
  context.stroke();
}
