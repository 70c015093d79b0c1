// Debian's Chromium, with a window of its own for each person. What the page's policy refuses, and what the page throws, fails the test.

import { chromium, type Browser, type BrowserContext, type Cookie, type Page } from "playwright-core";
import { afterEach, expect } from "vitest";
import { PASSWORD, type House } from "./house";

const ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--disable-dev-shm-usage",
];
/** A frame is shown as soon as it is drawn, so that its time can be measured. */
const UNCAPPED = ["--disable-frame-rate-limit", "--disable-gpu-vsync"];
const PATIENCE_MS = 30_000;

let browser: Browser | undefined;

async function theBrowser(): Promise<Browser> {
  browser ??= await chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: process.env["BENCH"] ? [...ARGUMENTS, ...UNCAPPED] : ARGUMENTS });
  return browser;
}

export async function closeBrowser(): Promise<void> {
  await browser?.close();
  browser = undefined;
}

/** Who signed in once is known again: signing in often within a short time is refused, and rightly. */
const sessions = new Map<string, Cookie[]>();

export interface Look {
  scheme?: "light" | "dark";
  width?: number;
  height?: number;
  /** With fingers instead of a mouse. */
  touch?: boolean;
}

export class Person {
  readonly wrong: string[] = [];

  private constructor(
    readonly name: string,
    readonly context: BrowserContext,
    readonly page: Page,
    readonly house: House,
  ) {}

  /** In front of a window that knows nobody. */
  static async comes(house: House, name: string, look: Look = {}, cookies: Cookie[] = []): Promise<Person> {
    const context = await (await theBrowser()).newContext({
      storageState: { cookies, origins: [] },
      ignoreHTTPSErrors: true,
      baseURL: house.url,
      colorScheme: look.scheme ?? "light",
      viewport: { width: look.width ?? 1360, height: look.height ?? 900 },
      hasTouch: look.touch ?? false,
      timezoneId: "UTC",
      locale: "en-GB",
      permissions: ["clipboard-read", "clipboard-write"],
      reducedMotion: "reduce",
    });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const person = new Person(name, context, page, house);
    there.add(person);
    page.on("pageerror", (error) => person.wrong.push(`thrown: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() === "error" && !EXPECTED.test(message.text())) person.wrong.push(message.text());
    });
    return person;
  }

  /** Signed in, at an address. */
  static async at(house: House, name: string, path = "/", look: Look = {}): Promise<Person> {
    const known = `${house.url} ${name}`;
    const person = await Person.comes(house, name, look, sessions.get(known));
    await person.page.goto(path);
    const password = person.page.getByLabel(/^Password/).first();
    await person.menu().or(password).first().waitFor();
    if (await password.isVisible() && !(await person.menu().isVisible())) await person.signIn();
    sessions.set(known, await person.context.cookies());
    return person;
  }

  async tells(): Promise<void> {
    const shown = this.page.isClosed() ? "nothing: it was closed" : await this.page.innerText("body", { timeout: 5_000 }).catch(String);
    console.error(`The window of ${this.name} showed ${this.page.url()}:\n${shown}\n\nThe daemon said at last:\n${this.house.lastWords()}`);
  }

  private menu() {
    return this.page.getByRole("button", { name: `Menu of ${this.name}` });
  }

  async signIn(password = PASSWORD): Promise<void> {
    await this.page.getByLabel("Name").fill(this.name);
    await this.page.getByLabel(/^Password/).first().fill(password);
    await this.page.getByRole("button", { name: "Sign in" }).click();
    await this.menu().waitFor();
  }

  async leaves(): Promise<void> {
    there.delete(this);
    await this.context.close();
    expect(this.wrong, `what went wrong in the window of ${this.name}`).toEqual([]);
  }
}

/** The browser notes every answer that is an error, and every connection that is refused; the pages show them. */
const EXPECTED = /Failed to load resource|net::ERR_/;

/** Those in front of a window. Of a test that fails they tell what they saw. */
const there = new Set<Person>();

afterEach(async ({ task }) => {
  if (task.result?.state === "fail") for (const person of there) await person.tells();
  there.clear();
});
