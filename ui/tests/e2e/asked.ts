// A restore as people ask for it on the page: the form, the plan, what it came to, and what was refused.

import type { Locator, Page } from "playwright-core";
import { expect } from "vitest";
import type { Operation } from "../../src/api/types";
import { Person } from "./browser";
import type { House } from "./house";

export const DONE = "It is done, and its report is sealed into the vault";

/** The form, with what the address says. */
export async function form(house: House, name: string, choices: Record<string, string>): Promise<Person> {
  const person = await Person.at(house, name, `/restore/shop?${new URLSearchParams(choices).toString()}`);
  await person.page.getByRole("button", { name: "Show the plan" }).waitFor();
  return person;
}

export function field(page: Page, name: string): Locator {
  return page.getByRole("textbox", { name, exact: true });
}

/** The plan as the page shows it. */
export async function plan({ page }: Person): Promise<string> {
  await page.getByRole("button", { name: "Show the plan" }).click();
  return page.getByLabel("Plan", { exact: true }).locator("pre").innerText();
}

/** Begun, or asked of others; the page of the operation is shown, and its id returned. */
export async function begin({ page }: Person, label = "Begin the restore"): Promise<string> {
  await page.getByRole("button", { name: label, exact: true }).click();
  await page.waitForURL(/\/operations\//);
  return new URL(page.url()).pathname.split("/").at(-1)!;
}

export async function done({ page }: Person): Promise<void> {
  try {
    await page.getByText(DONE).waitFor({ timeout: 90_000 });
  } catch {
    throw new Error(`it did not get done; the page shows:\n${await page.getByRole("main").innerText()}`);
  }
}

/** A deed of the operation's page, with the question whether it is meant. */
export async function deed({ page }: Person, label: string, why?: string): Promise<void> {
  await page.getByRole("button", { name: label, exact: true }).click();
  const dialog = page.getByRole("dialog");
  if (why !== undefined) await dialog.getByLabel("Why").fill(why);
  await dialog.getByRole("button", { name: label, exact: true }).click();
  await dialog.waitFor({ state: "hidden" });
}

/** The page shows what the daemon said, what to do about it, and under which id its log has it. */
export async function refused({ page }: Person, code: string, message: RegExp, hint: RegExp): Promise<void> {
  const alert = page.getByRole("main").getByRole("alert");
  await alert.getByText(code).waitFor();
  const text = await alert.innerText();
  expect(text).toMatch(message);
  expect(text).toMatch(hint);
  expect(text).toContain(code);
  expect(text).toMatch(/request [0-9a-f]+/);
}

export async function fact({ page }: Person, name: string): Promise<string> {
  return page.locator(".facts div", { has: page.locator("dt", { hasText: new RegExp(`^${name}$`) }) }).locator("dd").innerText();
}

export function operation(house: House, id: string): Operation {
  return house.api<Operation>(`operations/${id}`);
}

/** Each plan names directories that nobody has yet, and the room there is at its time. */
export function comparable(text: string): string {
  const names = text.trimEnd().replace(/\d+ MB free/g, "… MB free").replace(/([._](?:restored|retired|undone|before)[-_])[0-9a-f]{6}/g, "$1XXXXXX");
  return names.split("\n").map((line) => line.trimEnd()).join("\n");
}
