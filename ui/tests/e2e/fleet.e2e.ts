// Five thousand stacks on the real daemon: all of them are there, few are drawn, and any is found.

import { afterAll, beforeAll, expect, test } from "vitest";
import { closeBrowser, Person } from "./browser";
import { fill } from "./fill";
import { House } from "./house";

const STACKS = 5000;
let house: House;

beforeAll(async () => {
  house = await House.shop();
  await house.person("vera", "viewer");
  await fill(house, STACKS);
});

afterAll(async () => {
  await closeBrowser();
  await house?.close();
});

test("thousands of stacks are listed, searched and filtered", async () => {
  const vera = await Person.at(house, "vera");
  const { page } = vera;
  const table = page.getByRole("table", { name: "Stacks" });
  await table.waitFor();
  expect(await table.getAttribute("aria-rowcount")).toBe(String(STACKS + 2));
  expect(await table.getByRole("row").count()).toBeLessThan(60);

  await page.getByLabel("Search for a stack or a source").fill("stack-04711");
  await expect.poll(() => table.getByRole("row").count()).toBe(2);
  await table.getByRole("link", { name: "stack-04711" }).click();
  await page.getByRole("heading", { name: "stack-04711" }).waitFor();
  await page.goBack();
  await expect.poll(() => table.getByRole("row").count()).toBe(2);
  expect(await page.getByLabel("Search for a stack or a source").inputValue()).toBe("stack-04711");
  await page.getByLabel("Search for a stack or a source").fill("");
  const first = () => table.getByRole("row").nth(1).getByRole("link").textContent();
  await table.getByRole("button", { name: "Stack" }).click();
  await expect.poll(first).toBe("shop");
  await table.getByRole("button", { name: "Stack" }).click();
  await expect.poll(first).toBe(`stack-0${STACKS - 1}`);
  expect(await table.getByRole("columnheader", { name: "Stack" }).getAttribute("aria-sort")).toBe("descending");
  await page.waitForURL(/order=-name/);
  await page.reload();
  await expect.poll(first).toBe(`stack-0${STACKS - 1}`);
  await table.getByRole("button", { name: "State" }).click();

  await page.mouse.wheel(0, 400_000);
  await table.getByRole("link", { name: /^stack-04/ }).first().waitFor();
  await page.getByText("At work 0").click();
  await page.getByText("No stack is like that").waitFor();
  await vera.leaves();
});

test("what happens to a stack is seen without asking", async () => {
  const vera = await Person.at(house, "vera");
  const { page } = vera;
  await page.getByLabel("Search for a stack or a source").fill("shop");
  const row = page.getByRole("row").filter({ hasText: "shop" });
  await row.getByText("protected").waitFor();
  house.service("stop");
  await row.getByText("data may be lost").or(row.getByText("needs a person")).waitFor();
  house.service("start");
  await row.getByText("protected").waitFor();
  await vera.leaves();
});
