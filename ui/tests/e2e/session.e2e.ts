// Sessions: a wrong password, one that ended, and cookies and policies as strict as they are said to be.

import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { closeBrowser, Person } from "./browser";
import { House, PASSWORD, program } from "./house";

let house: House;

beforeAll(async () => {
  house = await House.shop();
  // Signing in often within a short time is refused, so each test has somebody of its own.
  for (const name of ["vera", "walt", "xenia", "yuri", "zoe"]) await house.person(name, "viewer");
});

afterAll(async () => {
  await closeBrowser();
  await house?.close();
});

test("a wrong password is refused with the daemon's words and the request's id", async () => {
  const vera = await Person.comes(house, "vera");
  await vera.page.goto("/");
  await vera.page.getByLabel("Name").fill("vera");
  await vera.page.getByLabel(/^Password/).first().fill("not the password");
  await vera.page.getByRole("button", { name: "Sign in" }).click();
  const alert = vera.page.getByRole("alert");
  await alert.waitFor();
  expect(await alert.innerText()).toMatch(/Name or password is not right[\s\S]*RK-3073[\s\S]*request [0-9a-f]+/);
  await vera.leaves();
});

test("who is signed out meanwhile signs in again and is where he was", async () => {
  const walt = await Person.at(house, "walt", "/stacks/shop");
  await walt.page.getByText("Can be restored", { exact: true }).waitFor();
  const there = walt.page.url();
  // Setting a password ends all sessions.
  endSessions(house, "walt");
  await walt.page.reload();
  await walt.page.getByText("your session is over").waitFor();
  expect(walt.page.url()).toBe(there);
  await walt.signIn();
  await walt.page.getByText("Can be restored", { exact: true }).waitFor();
  expect(walt.page.url()).toBe(there);
  await walt.leaves();
});

test("a session that ends while somebody works is noticed by the next thing he does", async () => {
  const xenia = await Person.at(house, "xenia", "/alarms");
  await xenia.page.getByText("Nothing is wrong").waitFor();
  endSessions(house, "xenia");
  await xenia.page.getByRole("link", { name: "Drills" }).click();
  await xenia.page.getByText("your session is over").waitFor();
  await xenia.signIn();
  await xenia.page.getByRole("heading", { name: "Drills" }).waitFor();
  await xenia.leaves();
});

test("the session's cookie cannot be read by a page, and the policy of the page lets nothing else run", async () => {
  const yuri = await Person.at(house, "yuri");
  const [cookie] = await yuri.context.cookies();
  expect(cookie).toMatchObject({ name: "__Host-rekindle", httpOnly: true, secure: true, sameSite: "Strict" });
  expect(await yuri.page.evaluate(() => document.cookie)).toBe("");
  const stored = await yuri.page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  expect(stored).not.toContain(cookie!.value);
  expect(stored.toLowerCase()).not.toContain("csrf");
  const answer = await yuri.page.goto("/");
  const policy = answer!.headers()["content-security-policy"]!;
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self';");
  expect(policy).not.toContain("unsafe");
  const ran = await yuri.page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.ran = true";
    document.head.append(script);
    return "ran" in window;
  });
  expect(ran).toBe(false);
  yuri.wrong.length = 0;
  await yuri.leaves();
});

test("who was away longer than a session may idle signs in again, and is where he was", async () => {
  house.configure((config) => config.replace("idle_minutes = 30", "idle_minutes = 1"));
  await house.stopDaemon();
  await house.startDaemon();
  const zoe = await Person.at(house, "zoe", "/stacks/shop");
  await zoe.page.getByText("Can be restored", { exact: true }).waitFor();
  await zoe.page.getByRole("slider", { name: "Moment of shop" }).press(",");
  await expect.poll(() => new URL(zoe.page.url()).searchParams.get("at")).toMatch(/^\d{4}-/);
  await zoe.page.getByText("Can be restored", { exact: true }).waitFor();
  const there = zoe.page.url();
  // The lid is closed, and nothing is asked of the daemon until it is opened again.
  await zoe.context.setOffline(true);
  const left = Date.now();
  await expect.poll(() => Date.now() - left, { timeout: 90_000, interval: 1_000 }).toBeGreaterThan(IDLE_MS);
  expect(await zoe.page.getByText("your session is over").count()).toBe(0);
  await zoe.context.setOffline(false);
  await zoe.page.getByText("your session is over").waitFor({ timeout: 60_000 });
  expect(zoe.page.url()).toBe(there);
  await zoe.signIn();
  await zoe.page.getByText("Can be restored", { exact: true }).waitFor();
  expect(zoe.page.url()).toBe(there);
  await zoe.leaves();
});

/** A little more than the minute, which is the least that a session may idle. */
const IDLE_MS = 62_000;

function endSessions(house: House, name: string): void {
  execFileSync(program(), ["--config", house.path("rekindle.toml"), "users", "password", name], { input: `${PASSWORD}\n` });
}
