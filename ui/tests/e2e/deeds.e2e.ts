// What is done from the cursor and on the other pages: a clone, a look, a pin, a drill; channels, users, the policy.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { closeBrowser, Person } from "./browser";
import { House, until } from "./house";

let house: House;
let hook: Server;
const heard: string[] = [];

beforeAll(async () => {
  hook = createServer((request, response) => {
    request.on("data", (data: Buffer) => heard.push(data.toString()));
    request.on("end", () => response.end());
  });
  await new Promise<void>((done) => hook.listen(0, "127.0.0.1", done));
  const { port } = hook.address() as AddressInfo;
  house = await House.shop();
  await house.person("ada", "admin");
  house.configure((config) => `${config}\n[[alerts.channel]]\nname = "ops"\nkind = "webhook"\nurl = "http://127.0.0.1:${port}/hook"\nallow_http = true\n`);
  await house.stopDaemon();
  await house.startDaemon();
});

afterAll(async () => {
  await closeBrowser();
  hook.close();
  await house?.close();
});

async function onTimeline(): Promise<Person> {
  const ada = await Person.at(house, "ada", "/stacks/shop");
  await ada.page.getByText("Can be restored", { exact: true }).waitFor();
  return ada;
}

test("the moment under the cursor is cloned, and the clone is listed until it is removed", async () => {
  const ada = await onTimeline();
  const { page } = ada;
  await page.getByRole("button", { name: "Clone", exact: true }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("staging");
  await page.getByRole("dialog").getByRole("button", { name: "Clone", exact: true }).click();
  await page.getByText("What it came to").waitFor();
  await page.goto("/clones");
  const clone = page.getByRole("region", { name: "staging · clone of shop" });
  await clone.getByText("serves").waitFor();
  await clone.getByText("ada").waitFor();
  await clone.getByRole("button", { name: "Remove" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await page.getByText("Nothing is open").waitFor();
  expect(house.json<unknown[]>("clones")).toEqual([]);
  await ada.leaves();
});

test("a look by SQL is gone when it is closed", async () => {
  const ada = await onTimeline();
  const { page } = ada;
  await page.getByRole("button", { name: "Peek" }).click();
  await page.getByLabel("SQL").fill("SELECT count(*) AS orders FROM orders");
  await page.getByRole("button", { name: "Run" }).click();
  const rows = page.getByRole("table", { name: "Rows" });
  await rows.getByRole("columnheader", { name: "orders" }).waitFor();
  expect(Number(await rows.getByRole("cell").innerText())).toBeGreaterThanOrEqual(500);
  await page.getByLabel("SQL").fill("DELETE FROM orders");
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByRole("alert").getByText(/read-only/).first().waitFor();
  await page.keyboard.press("Escape");
  await until("the look to be gone", () => house.json<unknown[]>("clones").length === 0);
  await ada.leaves();
});

test("a backup is pinned from the cursor, and the pin taken off", async () => {
  const ada = await onTimeline();
  const { page } = ada;
  await page.getByRole("button", { name: "Pin the backup before" }).click();
  await page.getByRole("textbox", { name: "Why" }).fill("before the audit");
  await page.getByRole("dialog").getByRole("button", { name: "Pin", exact: true }).click();
  await page.getByRole("button", { name: "Unpin first" }).click();
  expect(pinned()).toEqual([true]);
  await page.getByRole("dialog").getByRole("button", { name: "Unpin", exact: true }).click();
  await page.getByRole("button", { name: "Pin the backup before" }).waitFor();
  expect(pinned()).toEqual([false]);
  await ada.leaves();
});

function pinned(): boolean[] {
  return house.json<{ backups: { pinned: boolean }[] }>("timeline", "shop").backups.map((backup) => backup.pinned);
}

test("a drill shows its evidence, and is listed as a proof", async () => {
  const ada = await onTimeline();
  const { page } = ada;
  await page.getByRole("button", { name: "Drill" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Drill" }).click();
  await page.getByText("Passed: this restore point is proven").waitFor();
  await page.goto("/drills");
  await page.getByRole("link", { name: "shop" }).first().waitFor();
  await page.getByText("proven", { exact: true }).first().waitFor();
  await ada.leaves();
});

test("a channel is tested, and what was sent arrives", async () => {
  const ada = await Person.at(house, "ada", "/settings");
  await ada.page.getByRole("button", { name: "Test ops" }).click();
  await ada.page.getByText("✓ delivered").waitFor();
  expect(heard.some((body) => (JSON.parse(body) as { event: string }).event === "test")).toBe(true);
  await ada.leaves();
});

test("a user is added, signs in, and what was done stands in the audit log, which is whole", async () => {
  const ada = await Person.at(house, "ada", "/people");
  const { page } = ada;
  await page.getByRole("button", { name: "Add a user" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(/^Name/).fill("bob");
  await dialog.getByLabel(/^Password/).first().fill("correct horse battery");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("cell", { name: "bob" }).waitFor();
  const bob = await Person.at(house, "bob");
  await bob.page.getByRole("link", { name: "shop" }).waitFor();
  await bob.leaves();
  await page.goto("/audit");
  await page.getByText("POST /api/v1/users").first().waitFor();
  await page.getByRole("button", { name: "Is it whole?" }).click();
  await page.getByText(/^Whole: \d+ records/).waitFor();
  await ada.leaves();
});

test("the policy is changed after its changes were shown", async () => {
  const ada = await onTimeline();
  const { page } = ada;
  await page.getByRole("button", { name: "Change" }).click();
  const file = page.getByRole("dialog").getByLabel("File");
  await file.fill(`${house.stackFile()}\n[policy.objectives]\nrpo = "7 min"\n`);
  await page.getByRole("button", { name: "Show what changes" }).click();
  await page.getByText(/rpo/).last().waitFor();
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await page.getByText("7 min").first().waitFor();
  await ada.leaves();
});

/** Fingers as the browser gets them from the screen, each with an id for as long as it is down. */
async function fingers({ page }: Person): Promise<(type: "Start" | "Move" | "End", ...at: [number, number][]) => Promise<void>> {
  const session = await page.context().newCDPSession(page);
  return async (type, ...at) => {
    const touchPoints = at.map(([x, y], id) => ({ x, y, id }));
    await session.send("Input.dispatchTouchEvent", { type: `touch${type}`, touchPoints });
  };
}

test("on a phone the band follows one finger and two, and the page still scrolls", async () => {
  const ada = await Person.at(house, "ada", "/stacks/shop", { width: 390, height: 844, touch: true });
  const { page } = ada;
  const band = page.getByRole("slider", { name: "Moment of shop" });
  await page.getByText("Can be restored", { exact: true }).waitFor();
  await band.scrollIntoViewIfNeeded();
  const box = (await band.boundingBox())!;
  const y = box.y + box.height / 2;
  const touch = await fingers(ada);
  /** What a finger did is seen in the next frame but one. */
  const drawn = () => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  const at = () => Date.parse(new URL(page.url()).searchParams.get("at") ?? "");
  const tap = async (x: number) => {
    await touch("Start", [box.x + x, y]);
    await touch("End");
    await drawn();
    return at();
  };
  const glide = async (from: [number, number][], to: [number, number][]) => {
    await touch("Start", ...from);
    const steps = 8;
    for (let step = 1; step <= steps; step += 1) {
      await touch("Move", ...from.map(([x, y], n): [number, number] => [x + ((to[n]![0] - x) * step) / steps, y + ((to[n]![1] - y) * step) / steps]));
    }
    await touch("End");
    await drawn();
  };
  const perPixel = async () => ((await tap(120)) - (await tap(40))) / 80;

  const wide = await perPixel();
  const held = await tap(100);
  await glide([[box.x + 100, y]], [[box.x + 60, y]]);
  expect(at(), "a drag leaves the cursor alone").toBe(held);
  expect(Math.abs((await tap(60)) - held)).toBeLessThan(wide * 2);

  // Two fingers that go twice as far apart show half as much, and what is between them stays.
  await glide([[box.x + 40, y], [box.x + 80, y]], [[box.x + 20, y], [box.x + 100, y]]);
  expect(Math.abs((await tap(60)) - held)).toBeLessThan(wide * 2);
  expect(await perPixel()).toBeGreaterThan(wide * 0.4);
  expect(await perPixel()).toBeLessThan(wide * 0.6);

  const rests = at();
  const top = await page.evaluate(() => scrollY);
  await glide([[box.x + 100, y]], [[box.x + 100, y - 200]]);
  await expect.poll(() => page.evaluate(() => scrollY)).toBeGreaterThan(top + 50);
  expect(at(), "scrolling leaves the cursor alone").toBe(rests);
  await ada.leaves();
});
