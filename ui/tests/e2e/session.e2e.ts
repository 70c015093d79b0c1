// Sessions: a wrong password, one that ended, and cookies and policies as strict as they are said to be.

import { afterAll, beforeAll, expect, test } from "vitest";
import { closeBrowser, Person } from "./browser";
import { House, PASSWORD } from "./house";

let house: House;

beforeAll(async () => {
  house = await House.shop();
  await house.person("vera", "viewer");
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
  const vera = await Person.at(house, "vera", "/stacks/shop");
  await vera.page.getByText("Can be restored", { exact: true }).waitFor();
  const there = vera.page.url();
  // Setting a password ends all sessions.
  house.json("users", "list");
  await endSessions(house);
  await vera.page.reload();
  await vera.page.getByText("your session is over").waitFor();
  expect(vera.page.url()).toBe(there);
  await vera.signIn();
  await vera.page.getByText("Can be restored", { exact: true }).waitFor();
  expect(vera.page.url()).toBe(there);
  await vera.leaves();
});

test("a session that ends while somebody works is noticed by the next thing he does", async () => {
  const vera = await Person.at(house, "vera", "/alarms");
  await vera.page.getByText("Nothing is wrong").waitFor();
  await endSessions(house);
  await vera.page.getByRole("link", { name: "Drills" }).click();
  await vera.page.getByText("your session is over").waitFor();
  await vera.signIn();
  await vera.page.getByRole("heading", { name: "Drills" }).waitFor();
  await vera.leaves();
});

test("the session's cookie cannot be read by a page, and the policy of the page lets nothing else run", async () => {
  const vera = await Person.at(house, "vera");
  const [cookie] = await vera.context.cookies();
  expect(cookie).toMatchObject({ name: "__Host-rekindle", httpOnly: true, secure: true, sameSite: "Strict" });
  expect(await vera.page.evaluate(() => document.cookie)).toBe("");
  const stored = await vera.page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  expect(stored).not.toContain(cookie!.value);
  expect(stored.toLowerCase()).not.toContain("csrf");
  const answer = await vera.page.goto("/");
  const policy = answer!.headers()["content-security-policy"]!;
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self';");
  expect(policy).not.toContain("unsafe");
  const ran = await vera.page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.ran = true";
    document.head.append(script);
    return "ran" in window;
  });
  expect(ran).toBe(false);
  vera.wrong.length = 0;
  await vera.leaves();
});

async function endSessions(house: House): Promise<void> {
  const { execFileSync } = await import("node:child_process");
  const { program } = await import("./house");
  execFileSync(program(), ["--config", house.path("rekindle.toml"), "users", "password", "vera"], { input: `${PASSWORD}\n` });
}
