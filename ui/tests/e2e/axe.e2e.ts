// No page has a serious fault for those who see little, use keys alone, or have it read to them; in light, in dark, and on a phone.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { afterAll, beforeAll, expect, test } from "vitest";
import { closeBrowser, Person } from "./browser";
import { lived, type Lived } from "./lived";
import { open, pages } from "./pages";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  id: string;
  impact: string;
  nodes: { target: string[]; failureSummary: string }[];
}

declare global {
  interface Window {
    axe: { run: () => Promise<{ violations: Violation[] }> };
  }
}

let home: Lived | undefined;

beforeAll(async () => {
  home = await lived();
});

afterAll(async () => {
  await closeBrowser();
  await home?.house.close();
});

async function faults(person: Person, where: string): Promise<string[]> {
  // By the debugger's way: the page's own policy would not let it in.
  await person.page.evaluate(AXE);
  const { violations } = await person.page.evaluate(() => window.axe.run());
  const serious = violations.filter((one) => one.impact === "serious" || one.impact === "critical");
  return serious.map((one) => `${where}: ${one.id}: ${one.nodes.map((node) => `${node.target.join(" ")} (${node.failureSummary})`).join("; ")}`);
}

test.each([["light", 1360], ["dark", 1360], ["light", 390]] as const)("no serious fault in %s at %i pixels", async (scheme, width) => {
  const found: string[] = [];
  const person = await Person.comes(home!.house, "ada", { scheme, width });
  await person.page.goto("/");
  await person.page.getByRole("button", { name: "Sign in" }).waitFor();
  found.push(...(await faults(person, "sign-in")));
  await person.signIn();
  for (const shown of pages(home!.operation, home!.restore, home!.alarm)) {
    await open(person, shown);
    found.push(...(await faults(person, shown.name)));
  }
  expect(found).toEqual([]);
  await person.leaves();
});

const DIALOGUES: [string, string][] = [
  ["/stacks/shop", "Back up now"], ["/stacks/shop", "Clone"], ["/stacks/shop", "Change"], ["/people", "Add a user"], ["/people", "Make a token"],
  ["/vault", "Check the vault"],
];

test.each(["light", "dark"] as const)("no serious fault in dialogues, in %s", async (scheme) => {
  const found: string[] = [];
  const person = await Person.at(home!.house, "ada", "/", { scheme });
  for (const [path, name] of DIALOGUES) {
    await person.page.goto(path);
    await person.page.getByRole("button", { name, exact: true }).click();
    await person.page.getByRole("dialog").waitFor();
    found.push(...(await faults(person, `${path}: ${name}`)));
    // By keys alone it is left again, and what opened it has the focus.
    await person.page.keyboard.press("Escape");
    await person.page.getByRole("dialog").waitFor({ state: "hidden" });
    await expect.poll(() => person.page.evaluate(() => document.activeElement?.textContent)).toBe(name);
  }
  expect(found).toEqual([]);
  await person.leaves();
});

test("the timeline is worked with keys alone, and says what they do", async () => {
  const person = await Person.at(home!.house, "ada", "/stacks/shop");
  const band = person.page.getByRole("slider", { name: "Moment of shop" });
  await band.focus();
  const said = () => band.getAttribute("aria-valuetext");
  const before = await said();
  await person.page.keyboard.press("p");
  await expect.poll(said).not.toBe(before);
  const onBackup = await said();
  expect(onBackup).toContain("window");
  await person.page.keyboard.press("ArrowUp");
  await person.page.keyboard.press("Shift+ArrowLeft");
  await expect.poll(said).not.toBe(onBackup);
  expect(new URL(person.page.url()).searchParams.get("at")).toMatch(/^\d{4}-/);
  await person.page.keyboard.press("End");
  await person.page.getByText("Can be restored", { exact: true }).waitFor();
  await person.page.keyboard.press("Home");
  await person.page.getByText("Restore to here").waitFor();
  await person.leaves();
});
