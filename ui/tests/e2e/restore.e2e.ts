// A restore in the place of the live database: planned, approved by a second user, watched while the daemon is killed, reported.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Moment, Volume } from "../../src/api/types";
import { comparable } from "./asked";
import { closeBrowser, Person } from "./browser";
import { House } from "./house";

let house: House;

const APPROVALS = "[policy.approvals]\nrestore = 1\n";
/** A hook that takes long enough to be interrupted. */
const SLOW = `[[hook]]\nname = "page"\nwhen = "announce"\ndriver = "command"\ncommand = ["sh", "-c", "sleep 6"]\n`;

beforeAll(async () => {
  house = await House.bare();
  await house.person("olga", "operator");
  await house.person("lea", "approver");
  house.apply(SLOW + APPROVALS);
  await house.caughtUp();
  house.cli("backup", "shop", "--name", "first");
});

afterAll(async () => {
  await closeBrowser();
  await house?.close();
});

test("a restore is asked for by one, approved by another, survives the daemon, and is reported", async () => {
  const moment = await house.spoil();
  saysWhatLiesThere(moment);
  const olga = await Person.at(house, "olga", `/restore/shop?time=${moment.toISOString()}`);
  await olga.page.getByLabel("Why").fill("a wrong UPDATE");
  await olga.page.getByRole("button", { name: "Show the plan" }).click();
  const plan = olga.page.getByLabel("Plan", { exact: true }).locator("pre");
  await plan.waitFor();
  const shown = await plan.innerText();
  const printed = house.cli("restore", "shop", "--time", moment.toISOString(), "--swap", "--dry-run");
  expect(comparable(shown)).toBe(comparable(printed));

  // A reload, and another browser, show the same moment and the same plan.
  await olga.page.reload();
  expect(comparable(await plan.innerText())).toBe(comparable(printed));

  await olga.page.getByRole("button", { name: "Ask for approval" }).click();
  await olga.page.getByText("awaiting approval", { exact: true }).waitFor();
  await olga.page.getByText("You asked for it, so somebody else must approve it").waitFor();
  expect(await olga.page.getByRole("button", { name: "Approve", exact: true }).count()).toBe(0);
  const path = new URL(olga.page.url()).pathname;

  const lea = await Person.at(house, "lea", path, { width: 390, height: 844 });
  expect(comparable(await lea.page.getByLabel("Plan", { exact: true }).locator("pre").innerText())).toBe(comparable(printed));
  await lea.page.getByRole("button", { name: "Approve", exact: true }).click();
  await lea.page.getByLabel("Why").fill("seen with olga");
  await lea.page.getByRole("dialog").getByRole("button", { name: "Approve", exact: true }).click();

  await olga.page.getByText("step 4 of", { exact: false }).first().waitFor();
  await house.killDaemon();
  await olga.page.getByText("Connection lost").waitFor();
  expect(await olga.page.getByText(/data is .* old/).innerText()).toMatch(/\d+ s old/);
  await house.startDaemon();
  await olga.page.getByText("It is done, and its report is sealed into the vault").waitFor();
  expect(await olga.page.getByText("Connection lost").count()).toBe(0);
  for (const side of ["Connectivity", "Behaviour"]) {
    expect(await olga.page.locator(".facts div", { hasText: side }).locator("dd").innerText()).toBe("well");
  }
  expect(house.sql("SELECT count(*) FROM orders WHERE what = 'spoilt'")).toBe("0");

  await searchAndDownload(olga);
  await olga.page.getByRole("link", { name: "Report" }).click();
  await olga.page.getByRole("heading", { name: "Report: shop was restored" }).waitFor();
  await olga.page.getByText("a wrong UPDATE").waitFor();
  await olga.page.getByRole("button", { name: "Share" }).click();
  await olga.page.getByRole("button", { name: "Make the link" }).click();
  const link = await olga.page.getByTestId("link").innerText();
  const stranger = await Person.comes(house, "nobody");
  const answer = await stranger.page.goto(link);
  expect(answer?.status()).toBe(200);
  await stranger.page.getByText("shop").first().waitFor();
  expect((await stranger.page.goto(`${link.slice(0, -1)}0`))?.status()).toBe(link.endsWith("0") ? 200 : 404);
  await stranger.context.close();
  await lea.leaves();
  await olga.leaves();
});

/** What the cursor reads out is what the log holds. */
function saysWhatLiesThere(moment: Date): void {
  const read = house.api<Moment>(`sources/shop/moment?at=${moment.toISOString()}`);
  expect(read.refused).toBeNull();
  expect(Date.parse(read.reached!.commit_before!)).toBeLessThanOrEqual(moment.getTime());
  expect(Date.parse(read.reached!.commit_after!)).toBeGreaterThan(moment.getTime());
  expect(read.reached!.commits_after).toBe(1);
  const refused = house.api<Moment>("sources/shop/moment?at=2001-01-01T00:00:00Z");
  expect(refused.reached).toBeNull();
  expect(refused.refused?.hint).toContain("any moment of these windows");
  const volume = house.api<Volume[]>("sources/shop/volume");
  expect(volume.reduce((sum, one) => sum + one.bytes, 0)).toBeGreaterThan(16_000_000);
  expect(volume.every((one) => one.from <= one.to)).toBe(true);
}

async function searchAndDownload({ page }: Person): Promise<void> {
  const lines = page.getByRole("log").locator(".log-line");
  const all = await lines.count();
  expect(all).toBeGreaterThan(3);
  await page.getByLabel("Search the log").fill("ORDERS IS WELL");
  await expect.poll(() => lines.count()).toBe(1);
  expect(await lines.locator("mark").innerText()).toBe("orders is well");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download" }).click()]);
  expect(readFileSync(await download.path(), "utf8").trimEnd().split("\n").length).toBe(all);
}
