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
