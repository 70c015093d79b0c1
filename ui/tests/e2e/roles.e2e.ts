// Each role sees and may do exactly its part: what the pages offer is what the daemon allows.

import { afterAll, beforeAll, expect, test } from "vitest";
import { closeBrowser, Person } from "./browser";
import { fill } from "./fill";
import { House } from "./house";

let house: House;

interface Part {
  places: string[];
  /** Of the page of a stack. */
  buttons: string[];
  /** Pages that say that they are not for this role. */
  forbidden: string[];
}

const LOOKING = ["Fleet", "Operations", "Drills", "Clones", "Alarms", "Vault", "Users & tokens", "Documentation"];
const DOING = ["Restore …", "Back up now", "Clone", "Peek", "Drill"];

const PARTS: Record<string, Part> = {
  viewer: { places: LOOKING, buttons: [], forbidden: ["/audit", "/settings", "/add", "/restore/shop"] },
  operator: { places: [...LOOKING, "Settings"], buttons: DOING, forbidden: ["/audit", "/add"] },
  approver: { places: LOOKING, buttons: [], forbidden: ["/audit", "/settings", "/add", "/restore/shop"] },
  admin: { places: [...LOOKING, "Settings", "Audit", "Add a database"], buttons: [...DOING, "Change"], forbidden: [] },
};

beforeAll(async () => {
  house = await House.shop();
  for (const role of Object.keys(PARTS)) await house.person(role, role);
  await fill(house, 1);
  await house.person("elsewhere", "operator:stack-00000");
});

afterAll(async () => {
  await closeBrowser();
  await house?.close();
});

test.each(Object.entries(PARTS))("%s", async (role, part) => {
  const person = await Person.at(house, role);
  const places = await person.page.getByRole("navigation").getByRole("link").allInnerTexts();
  expect(places.sort()).toEqual([...part.places].sort());

  await person.page.goto("/stacks/shop");
  await person.page.getByText("Can be restored", { exact: true }).waitFor();
  for (const button of [...DOING, "Change"]) {
    const found = person.page.getByRole("button", { name: button, exact: true }).or(person.page.getByRole("link", { name: button, exact: true }));
    expect(await found.count(), `${button} for ${role}`).toBe(part.buttons.includes(button) ? 1 : 0);
  }
  for (const path of part.forbidden) {
    await person.page.goto(path);
    await person.page.getByText("This is not for your role").waitFor();
  }
  const asked = await asks(person);
  expect(asked).toEqual({ backups: role === "operator" || role === "admin" ? 200 : 403, audit: role === "admin" ? 200 : 403 });
  await person.leaves();
});

/** What the daemon itself says to the same session. */
async function asks(person: Person): Promise<{ backups: number; audit: number }> {
  return person.page.evaluate(async () => {
    const me = (await (await fetch("/api/v1/me")).json()) as { csrf: string };
    const headers = { "X-Rekindle-CSRF": me.csrf, "Content-Type": "application/json" };
    const backups = await fetch("/api/v1/sources/shop/backups", { method: "POST", headers, body: "{}" });
    const audit = await fetch("/api/v1/audit");
    return { backups: backups.status, audit: audit.status };
  });
}

test("who has a role for another stack sees nothing of this one", async () => {
  const person = await Person.at(house, "elsewhere");
  await person.page.getByRole("link", { name: "stack-00000" }).waitFor();
  expect(await person.page.getByRole("link", { name: "shop" }).count()).toBe(0);
  await person.page.goto("/stacks/shop");
  await person.page.getByText("This is not for your role").waitFor();
  await person.leaves();
});
