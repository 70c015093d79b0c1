// Figures of the dashboard in a real browser, for bench/ui.py: one line of JSON each. They are measured here and judged there.

import { readFileSync } from "node:fs";
import { test } from "vitest";
import { closeBrowser, Person } from "./e2e/browser";
import { fill } from "./e2e/fill";
import { House } from "./e2e/house";

const STACKS = 5000;
const MARKS = 50_000;
const ROUNDS = 5;
const KEYS = "stack-0471";
const FRAMES = 180;

function tell(figure: string, value: number, note: string): void {
  process.stdout.write(`BENCH ${JSON.stringify({ figure, value, note })}\n`);
}

function median(values: number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)]!;
}

function percentile(values: number[], share: number): number {
  return [...values].sort((one, other) => one - other)[Math.min(values.length - 1, Math.floor(values.length * share))]!;
}

/** All that the first page loads before it shows anything. */
function firstLoad(): void {
  const page = readFileSync("dist/index.html", "utf8");
  const names = [...page.matchAll(/(?:src|href)="\/(assets\/[^"]+\.(?:js|css))"/g)].map((match) => match[1]!);
  const sizes = names.map((name) => readFileSync(`dist/${name}.gz`).length);
  tell("first load", sizes.reduce((sum, size) => sum + size, 0) / 1000, `${names.length} files`);
}

declare global {
  interface Window {
    painted?: number;
    told?: number[];
  }
}

/** Notes when the first row of the fleet has been painted. */
function noteRows(): void {
  const watch = new MutationObserver(() => {
    if (!document.querySelector(".fleet-body .fleet-row")) return;
    watch.disconnect();
    requestAnimationFrame(() => setTimeout(() => (window.painted = performance.now())));
  });
  watch.observe(document, { childList: true, subtree: true });
}

async function firstPaint(house: House): Promise<void> {
  const seconds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const person = await Person.at(house, "vera", "/people");
    const page = await person.context.newPage();
    await page.addInitScript(noteRows);
    await page.goto("/");
    await page.waitForFunction(() => window.painted !== undefined);
    seconds.push((await page.evaluate(() => window.painted!)) / 1000);
    await person.context.close();
  }
  tell("fleet, first paint", median(seconds), `${STACKS} stacks, ${ROUNDS} rounds: ${seconds.map((one) => one.toFixed(2)).join(" ")}`);
}

/** From each key to the frame that shows what it found. */
function noteKeys(): void {
  window.told = [];
  let pressed = 0;
  document.addEventListener("keydown", () => (pressed = performance.now()), true);
  const count = [...document.querySelectorAll('[role="status"]')].find((element) => / of \d+$/.test(element.textContent ?? ""))!;
  new MutationObserver(() => {
    const begun = pressed;
    requestAnimationFrame(() => setTimeout(() => window.told!.push(performance.now() - begun)));
  }).observe(count, { childList: true, subtree: true, characterData: true });
}

async function keystrokes(house: House): Promise<void> {
  const person = await Person.at(house, "vera");
  const field = person.page.getByLabel("Search for a stack or a source");
  await field.waitFor();
  await person.page.evaluate(noteKeys);
  for (let round = 0; round < ROUNDS; round += 1) {
    await field.focus();
    for (const key of KEYS) {
      await person.page.keyboard.press(key);
      await person.page.waitForTimeout(150);
    }
    await field.fill("");
    await person.page.waitForTimeout(150);
  }
  const told = (await person.page.evaluate(() => window.told!)).filter((length) => length < 1000);
  tell("fleet, keystroke to paint", percentile(told, 0.95), `p95 of ${told.length} keys, median ${median(told).toFixed(1)} ms`);
  await person.context.close();
}

/** Nobody has so many: these are made up, to see how the band draws them. */
function manyBackups(): object {
  const now = Date.now();
  const first = now - 10 * 365 * 86_400_000;
  const at = (share: number) => new Date(first + (now - first) * share).toISOString();
  const backups = Array.from({ length: MARKS }, (_, n) => ({
    id: `b${n}`, source: "shop", label: null, began: at(n / MARKS), ended: at(n / MARKS), timeline: 1, log_from: "0/1", log_to: "0/2", bytes: 1, bytes_stored: 1,
    pages: 1, pages_changed: 1, damaged_pages: 0, pinned: n % 50 === 0, proven: n % 7 === 0 ? at(n / MARKS) : null,
  }));
  return { source: "shop", now: new Date(now).toISOString(), gaps: [], backups, windows: [{ timeline: 1, from: "0/1", to: "0/2", from_time: at(0), to_time: at(1) }] };
}

/** Time from frame to frame while the wheel turns with each of them. */
async function zoom(frames: number): Promise<number[]> {
  const band = document.querySelector<HTMLCanvasElement>(".band canvas")!;
  const { left, top, width } = band.getBoundingClientRect();
  const took: number[] = [];
  let last = performance.now();
  for (let frame = 0; frame < frames; frame += 1) {
    const deltaY = frame % 60 < 30 ? -220 : 220;
    band.dispatchEvent(new WheelEvent("wheel", { deltaY, clientX: left + width * 0.6, clientY: top + 20, bubbles: true, cancelable: true }));
    await new Promise((done) => requestAnimationFrame(done));
    const now = performance.now();
    took.push(now - last);
    last = now;
  }
  return took;
}

async function frames(house: House): Promise<void> {
  const person = await Person.at(house, "vera", "/people");
  await person.page.route("**/sources/shop/timeline", (route) => route.fulfill({ json: manyBackups() }));
  await person.page.goto("/stacks/shop");
  await person.page.locator(".band canvas").waitFor();
  await person.page.waitForTimeout(3000);
  await person.page.evaluate(zoom, 30);
  const took = await person.page.evaluate(zoom, FRAMES);
  tell("timeline, frame", percentile(took, 0.95), `${MARKS} marks, p95 of ${took.length} frames, median ${median(took).toFixed(1)} ms, worst ${Math.max(...took).toFixed(1)} ms`);
  await person.context.close();
}

test("figures", async () => {
  firstLoad();
  const house = await House.shop();
  try {
    await house.person("vera", "viewer");
    await frames(house);
    await fill(house, STACKS);
    await firstPaint(house);
    await keystrokes(house);
  } finally {
    await closeBrowser();
    await house.close();
  }
});
