// With whose consent a restore begins: refused by another with a reason, waiting for a window, in an emergency by phrases that are
// typed out in full; and what was asked wrongly.

import { afterAll, beforeAll, expect, test } from "vitest";
import { begin, deed, done, fact, field, form, operation, plan, refused } from "./asked";
import { closeBrowser, Person } from "./browser";
import { House, until } from "./house";

let house: House;

beforeAll(async () => {
  house = await House.bare();
  await house.person("olga", "operator");
  await house.person("lea", "approver");
  house.apply(`[policy]\nwindows = ["daily ${clock(3)}-${clock(4)} UTC"]\n[policy.approvals]\nrestore = 1\n`);
  await house.caughtUp();
  house.cli("backup", "shop", "--name", "first");
});

afterAll(async () => {
  await closeBrowser();
  await house?.close();
});

/** By the clock on the wall, so many hours from now. */
function clock(hours: number): string {
  return new Date(Date.now() + hours * 3_600_000).toISOString().slice(11, 16);
}

async function spoilt(): Promise<string> {
  house.sql("UPDATE orders SET what = 'good'");
  const moment = await house.spoil();
  await house.goesOn();
  return moment.toISOString();
}

const bad = () => Number(house.sql("SELECT count(*) FROM orders WHERE what = 'spoilt'"));

/** Of the form, or of the dialog of a way back. */
async function emergency({ page }: Person, name: "Without approval" | "Without a snapshot", phrase: string): Promise<void> {
  const control = page.getByRole("button", { name: "In an emergency" });
  if ((await control.getAttribute("aria-expanded")) !== "true") await control.click();
  await field(page, name).fill(phrase);
}

test("whoever approves can refuse, and who asked reads why", async () => {
  const olga = await form(house, "olga", { time: await spoilt() });
  await plan(olga);
  const id = await begin(olga, "Ask for approval");
  await olga.page.getByText("awaiting approval", { exact: true }).waitFor();
  const lea = await Person.at(house, "lea", `/operations/${id}`);
  await lea.page.getByRole("button", { name: "Refuse", exact: true }).click();
  // Without a reason it is not refused.
  expect(await lea.page.getByRole("dialog").getByRole("button", { name: "Refuse" }).isDisabled()).toBe(true);
  await lea.page.keyboard.press("Escape");
  await deed(lea, "Refuse", "the spoilt rows are the wanted ones");
  await olga.page.getByText("by lea").waitFor();
  expect(await fact(olga, "Refused")).toContain("the spoilt rows are the wanted ones");
  expect(operation(house, id).status).toBe("cancelled");
  expect(bad()).toBeGreaterThan(0);
  expect(await olga.page.getByRole("button", { name: "Cancel and go back" }).count()).toBe(0);
  await lea.leaves();
  await olga.leaves();
});

test("what was asked wrongly is refused with what to do about it, and nothing begins", async () => {
  const before = house.json<unknown[]>("ops").length;
  const olga = await form(house, "olga", { time: "2001-01-01T00:00:00.000Z" });
  const { page } = olga;
  await page.getByRole("button", { name: "Show the plan" }).click();
  await refused(olga, "RK-2070", /2001/, /any moment of these windows/);

  const again = await form(house, "olga", { time: await spoilt() });
  await emergency(again, "Without approval", "restore shop, quickly");
  await again.page.getByRole("button", { name: "Show the plan" }).click();
  await refused(again, "RK-3057", /phrase/i, /restore shop without approval/);
  // What is changed takes the refusal away with the plan.
  await emergency(again, "Without approval", "");
  expect(await again.page.getByRole("main").getByRole("alert").count()).toBe(0);
  await emergency(again, "Without a snapshot", "restore shop without approval");
  await again.page.getByRole("button", { name: "Show the plan" }).click();
  await refused(again, "RK-3057", /phrase/i, /restore shop without a snapshot/);
  expect(house.json<unknown[]>("ops")).toHaveLength(before);
  await again.leaves();
  await olga.leaves();
});

test("the newest moment is had by its name where it cannot be by its time", async () => {
  const olga = await form(house, "olga", { time: new Date(Date.now() + 3_600_000).toISOString() });
  await olga.page.getByText("Newer than what is known to be complete").waitFor();
  await olga.page.getByRole("button", { name: "Take the latest moment" }).click();
  expect(new URL(olga.page.url()).searchParams.get("latest")).toBe("true");
  expect(await plan(olga)).toContain("Restore shop to the latest moment");
  await olga.leaves();
});

test("in the next window: it waits where everybody sees it, and can be cancelled", async () => {
  const olga = await form(house, "olga", { time: await spoilt() });
  const { page } = olga;
  await page.getByRole("radio", { name: "in the policy's next maintenance window" }).check();
  expect(await plan(olga)).toMatch(/\n begins {4}\w{3} \d+ \w{3} \d{4} /);
  const id = await begin(olga, "Ask for approval");
  const lea = await Person.at(house, "lea", `/operations/${id}`);
  await deed(lea, "Approve", "in the night");
  await page.getByText("waiting", { exact: true }).first().waitFor();
  const begins = new Date(operation(house, id).next_try!);
  expect(begins.getTime() - Date.now()).toBeGreaterThan(2 * 3_600_000);
  const said = await page.getByRole("status").getByText(/^It begins at/).innerText();
  expect(said).toContain(begins.toISOString().slice(11, 16));
  await deed(olga, "Cancel and go back", "tomorrow is too late");
  await page.getByText("cancelled", { exact: true }).first().waitFor();
  expect(bad()).toBeGreaterThan(0);
  await lea.leaves();
  await olga.leaves();
});

test("without a snapshot, by a phrase: plan, operation and report say so", async () => {
  const olga = await form(house, "olga", { time: await spoilt() });
  await emergency(olga, "Without a snapshot", "restore shop without a snapshot");
  const shown = await plan(olga);
  expect(shown).not.toContain(" snapshot ");
  expect(new URL(olga.page.url()).search).not.toContain("without");
  const id = await begin(olga, "Ask for approval");
  const lea = await Person.at(house, "lea", `/operations/${id}`);
  await deed(lea, "Approve", "there is no room");
  await done(olga);
  expect(operation(house, id).steps.map((step) => step.name)).not.toContain("snapshot");
  expect(bad()).toBe(0);
  await olga.page.getByRole("link", { name: "Report" }).click();
  expect(await fact(olga, "Snapshot of the state before")).toMatch(/^not backed up: .+; its files only$/);
  await lea.leaves();
  await olga.leaves();
});

test("the glass is broken: it begins with nobody's approval, and everybody hears of it", async () => {
  const olga = await form(house, "olga", { time: await spoilt() });
  const { page } = olga;
  await emergency(olga, "Without approval", "restore shop without approval");
  expect(await plan(olga)).toContain("NOBODY, although somebody would have to: the glass is broken");
  await page.getByText("everybody hears of it").last().waitFor();
  const id = await begin(olga);
  await page.getByRole("main").getByRole("alert").getByText("The glass was broken").waitFor();
  await done(olga);
  expect(await fact(olga, "Approved")).toContain("by NOBODY");
  expect(bad()).toBe(0);
  const alarm = await until("the alarm", () => house.api<{ kind: string }[]>("alarms?all=true").find((one) => one.kind === "break-glass"));
  expect(alarm.kind).toBe("break-glass");
  await page.goto("/alarms?all=true");
  await page.getByText(/glass/).first().waitFor();
  await page.goBack();

  // The way back asks for the same consent, and for what can be done without it.
  await page.getByRole("button", { name: "Roll back …" }).click();
  const dialog = page.getByRole("dialog");
  const wayBack = dialog.getByLabel("Plan", { exact: true });
  expect(await wayBack.innerText()).toContain("one person, not who asks");
  await emergency(olga, "Without approval", "bring it back");
  expect(await wayBack.count(), "a plan that was not asked for").toBe(0);
  await dialog.getByRole("button", { name: "Show the plan" }).click();
  await dialog.getByRole("alert").getByText("RK-3057").waitFor();
  await dialog.getByRole("radio", { name: "at a time" }).check();
  await dialog.getByText("Say at what time it begins.").waitFor();
  await dialog.getByRole("radio", { name: "as soon as it may" }).check();
  await emergency(olga, "Without approval", "restore shop without approval");
  await dialog.getByRole("button", { name: "Show the plan" }).click();
  expect(await wayBack.innerText()).toContain("NOBODY");
  await dialog.getByRole("button", { name: "Roll back", exact: true }).click();
  await page.waitForURL((url) => !url.pathname.endsWith(id));
  await done(olga);
  expect(bad()).toBeGreaterThan(0);
  await olga.leaves();
});
