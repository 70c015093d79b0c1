// A restore that does not go straight on: cancelled in the middle, put right and tried again, and rolled back when it was over.

import { rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { begin, deed, done, fact, form, operation, plan } from "./asked";
import { closeBrowser, type Person } from "./browser";
import { House } from "./house";

let house: House;

/** One hook lasts as long as a file is there, the other fails as long as another is. */
function hooks(folder: string): string {
  const hook = (name: string, when: string, script: string) => `[[hook]]\nname = "${name}"\nwhen = "${when}"\ndriver = "command"\ncommand = ["sh", "-c", "${script}"]\n`;
  return hook("page", "announce", `while [ -e ${folder}/slow ]; do sleep 0.2; done`) + hook("search", "re-sync", `test ! -e ${folder}/broken`);
}

beforeAll(async () => {
  house = await House.bare();
  house.apply(hooks(house.folder));
  await house.caughtUp();
  house.cli("backup", "shop", "--name", "first");
  await house.goesOn();
  await house.person("olga", "operator");
});

afterAll(async () => {
  await closeBrowser();
  rmSync(house.path("slow"), { force: true });
  await house?.close();
});

const bad = () => Number(house.sql("SELECT count(*) FROM orders WHERE what = 'spoilt'"));

/** Begun, with the orders spoilt behind its moment. */
async function begun(): Promise<[Person, string]> {
  house.sql("UPDATE orders SET what = 'good'");
  const moment = await house.spoil();
  await house.goesOn();
  const olga = await form(house, "olga", { time: moment.toISOString() });
  await plan(olga);
  return [olga, await begin(olga)];
}

test("cancelled in the middle, everything is as it was", async () => {
  writeFileSync(house.path("slow"), "");
  const [olga, id] = await begun();
  const { page } = olga;
  const announce = page.getByRole("listitem").filter({ hasText: "run page" });
  await expect.poll(() => announce.getAttribute("aria-current"), { timeout: 60_000 }).toBe("step");
  await deed(olga, "Cancel and go back", "it was another database");
  // A program that runs is waited for.
  rmSync(house.path("slow"));
  await page.getByText("cancelled", { exact: true }).first().waitFor({ timeout: 60_000 });
  const { steps } = operation(house, id);
  expect(steps.find((step) => step.name === "beside")?.status).toBe("undone");
  expect(await fact(olga, "Data")).toBe("not back yet");
  expect(bad()).toBeGreaterThan(0);
  expect(house.json<unknown[]>("retired")).toEqual([]);
  expect(await page.getByRole("button", { name: "Cancel and go back" }).count()).toBe(0);
  await olga.leaves();
});

test("a step that failed waits for a person, and is tried again when it was put right", async () => {
  writeFileSync(house.path("broken"), "");
  const [olga, id] = await begun();
  const { page } = olga;
  const alert = page.getByRole("main").getByRole("alert");
  await alert.getByText(/search/).first().waitFor({ timeout: 90_000 });
  expect(await alert.innerText()).toMatch(/RK-305[01]/);
  await page.getByRole("status").getByText("It waits for a person").waitFor();
  expect(await fact(olga, "Data")).toMatch(/^back since/);
  expect(await fact(olga, "Connectivity")).toBe("well");
  // As long as it is not put right it fails again.
  await deed(olga, "Retry now", "perhaps it was the network");
  await expect.poll(() => operation(house, id).steps.find((step) => step.name === "re-sync")?.attempt).toBeGreaterThan(1);
  await page.getByRole("status").getByText("It waits for a person").waitFor();
  rmSync(house.path("broken"));
  await deed(olga, "Retry now", "the index is there again");
  await done(olga);
  expect(bad()).toBe(0);
  await olga.leaves();
});

test("rolled back: the plan of the way back first, then it serves the state before", async () => {
  const [olga, id] = await begun();
  const { page } = olga;
  await done(olga);
  expect(bad()).toBe(0);
  house.sql("INSERT INTO orders (what) VALUES ('since')");
  await page.getByRole("button", { name: "Roll back …" }).click();
  const dialog = page.getByRole("dialog");
  const shown = await dialog.getByLabel("Plan").innerText();
  expect(shown).toContain("cut-over");
  expect(shown).not.toContain(" beside ");
  expect(bad(), "nothing was touched by looking").toBe(0);
  await dialog.getByRole("button", { name: "Not now" }).click();
  await dialog.waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "Roll back …" }).click();
  await dialog.getByRole("button", { name: "Roll back", exact: true }).click();
  await page.waitForURL((url) => !url.pathname.endsWith(id));
  await done(olga);
  expect(bad()).toBeGreaterThan(0);
  expect(house.sql("SELECT count(*) FROM orders WHERE what = 'since'")).toBe("0");
  await olga.leaves();
});
