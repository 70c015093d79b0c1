// From a daemon that protects nothing to the first backup, in the browser alone.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Page } from "playwright-core";
import { closeBrowser, Person } from "./browser";
import { House } from "./house";

let house: House;

beforeAll(async () => {
  house = await House.bare();
  await house.person("ada", "admin");
});

afterAll(async () => {
  await closeBrowser();
  await house?.close();
});

test("the first run leads to a database, its checks, its policy and its first backup", async () => {
  const ada = await Person.at(house, "ada");
  const { page } = ada;
  await page.getByRole("heading", { name: "Add a database" }).waitFor();
  expect(new URL(page.url()).pathname).toBe("/add");

  // A server that cannot be protected says the statement that mends it, and is looked at again.
  house.sql("ALTER SYSTEM SET wal_level = 'minimal'");
  house.sql("ALTER SYSTEM SET max_wal_senders = 0");
  house.service("stop");
  house.service("start");
  await look(page, "shop");
  await page.getByText("ALTER SYSTEM SET wal_level").first().waitFor();
  expect(await page.getByRole("button", { name: "Go on to the policy" }).isDisabled()).toBe(true);
  house.sql("ALTER SYSTEM RESET ALL");
  house.service("stop");
  house.service("start");
  await page.getByRole("button", { name: "Look again" }).click();
  const onwards = page.getByRole("button", { name: "Go on to the policy" });
  await expect.poll(() => onwards.isEnabled(), { timeout: 60_000 }).toBe(true);
  await onwards.click();

  await page.getByLabel("Backups", { exact: true }).fill("daily at 02:00");
  await page.getByRole("button", { name: "Show what it means" }).click();
  await page.getByRole("list", { name: "What changes" }).waitFor();
  expect(house.json<unknown[]>("export")).toEqual([]);
  await page.getByRole("button", { name: "Protect shop" }).click();
  // What was never backed up is due at once: nobody has to ask for it.
  await canBeRestored(page);
  await page.getByText("asked for by timetable").waitFor();
  await house.goesOn();
  await page.getByRole("link", { name: "To its timeline" }).click();
  await page.getByText("Can be restored", { exact: true }).waitFor();
  expect(house.json<{ backups: unknown[] }>("timeline", "shop").backups).not.toHaveLength(0);
  await ada.leaves();
});

test("without a timetable the first backup is asked for", async () => {
  const ada = await Person.at(house, "ada", "/add");
  const { page } = ada;
  await look(page, "till");
  await page.getByRole("button", { name: "Go on to the policy" }).click();
  await page.getByLabel("Backups", { exact: true }).fill("");
  await page.getByRole("button", { name: "Show what it means" }).click();
  await page.getByRole("button", { name: "Protect till" }).click();
  await page.getByRole("button", { name: "Take the first backup" }).click();
  await canBeRestored(page);
  await page.getByText("asked for by ada").waitFor();
  const timeline = house.json<{ backups: { label: string }[] }>("timeline", "till");
  expect(timeline.backups.map((backup) => backup.label)).toEqual(["first"]);
  await ada.leaves();
});

async function look(page: Page, name: string): Promise<void> {
  await page.getByLabel("Connection string").fill(house.databaseUrl);
  await page.getByLabel(/^Name/).fill(name);
  await page.getByRole("button", { name: "Look at it" }).click();
}

function canBeRestored(page: Page): Promise<void> {
  return page.getByText("Every moment from now on can be restored").waitFor();
}
