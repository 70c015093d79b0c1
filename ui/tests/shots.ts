// `make ui-shots`: a picture of each page in light and dark, and on a phone, of a house that was lived in. They are looked at by people.

import { mkdirSync, rmSync } from "node:fs";
import { test } from "vitest";
import { closeBrowser, Person, type Look } from "./e2e/browser";
import { lived, type Lived } from "./e2e/lived";
import { open, pages } from "./e2e/pages";

const FOLDER = "shots";
const LOOKS: Record<string, Look> = { light: { scheme: "light" }, dark: { scheme: "dark" }, phone: { scheme: "light", width: 390, height: 844 } };

async function look(home: Lived, name: string, settings: Look): Promise<void> {
  const person = await Person.comes(home.house, "ada", settings);
  await person.page.goto("/");
  await person.page.getByRole("button", { name: "Sign in" }).waitFor();
  await person.page.screenshot({ path: `${FOLDER}/sign-in-${name}.png` });
  await person.signIn();
  for (const shown of pages(home.operation, home.restore, home.alarm)) {
    await open(person, shown);
    await person.page.screenshot({ path: `${FOLDER}/${shown.name}-${name}.png`, fullPage: true });
  }
  await person.page.goto(`/reports/${home.restore}`);
  await person.page.getByText("Words for those who use it").waitFor();
  await person.page.emulateMedia({ media: "print" });
  await person.page.screenshot({ path: `${FOLDER}/report-printed-${name}.png`, fullPage: true });
  await person.leaves();
}

test("a picture of each page", async () => {
  const home = await lived();
  try {
    rmSync(FOLDER, { recursive: true, force: true });
    mkdirSync(FOLDER);
    for (const [name, settings] of Object.entries(LOOKS)) await look(home, name, settings);
  } finally {
    await closeBrowser();
    await home.house.close();
  }
});
