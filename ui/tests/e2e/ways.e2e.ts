// The ways of a restore beside the one in the place of the live cluster: a copy, another place, one database, one table. What is seen on
// the page is compared with what the servers then hold.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { RestoreReport } from "../../src/api/types";
import { begin, comparable, done, fact, field, form, operation, plan } from "./asked";
import { closeBrowser } from "./browser";
import { freePort, House } from "./house";

let house: House;
let port: number;

beforeAll(async () => {
  house = await House.bare();
  port = await freePort();
  await house.person("olga", "operator");
  house.sql("CREATE DATABASE sales");
  house.sql("CREATE TABLE bills AS SELECT n, 'good' AS what FROM generate_series(1, 300) n; CREATE TABLE notes AS SELECT 'good' AS what", { database: "sales" });
  house.writeServer("new-server", house.path("elsewhere"));
  house.apply(`[[service]]\nname = "new-server"\nserver_of = "shop"\ndirectory = "${house.path("elsewhere")}"\n${house.command("new-server")}
[[endpoint]]\nname = "settings"\nof = "shop"\nvalue = "{port}"\ndriver = "file"\npath = "${house.path("app.env")}"\nformat = "env"\nkey = "DB_PORT"\n`);
  await house.caughtUp();
  house.cli("backup", "shop", "--name", "first");
});

afterAll(async () => {
  await closeBrowser();
  await house?.close();
});

/** A moment at which all was well, with the other database spoilt behind it too. */
async function spoilt(): Promise<string> {
  house.sql("UPDATE orders SET what = 'good'");
  house.sql("UPDATE bills SET what = 'good'; UPDATE notes SET what = 'good'", { database: "sales" });
  const moment = await house.spoil();
  house.sql("UPDATE bills SET what = 'spoilt'; UPDATE notes SET what = 'spoilt'", { database: "sales" });
  await house.goesOn();
  return moment.toISOString();
}

const bad = (table: string, where = {}) => house.sql(`SELECT count(*) FROM ${table} WHERE what = 'spoilt'`, where);

test("a copy in a directory of its own, whose choices another browser shows again", async () => {
  const time = await spoilt();
  const olga = await form(house, "olga", { time });
  const { page } = olga;
  await page.getByRole("radio", { name: "Only a copy, into a directory of its own" }).check();
  await page.getByText("Say into which directory, by its absolute path.").waitFor();
  expect(await page.getByRole("button", { name: "Show the plan" }).isDisabled()).toBe(true);
  await field(page, "Directory").fill(house.path("copy"));
  await page.getByRole("button", { name: "More about the files" }).click();
  await page.getByRole("radio", { name: "Copied and verified before it is used" }).check();
  expect(await page.getByRole("radio", { name: "in the policy's next maintenance window" }).count()).toBe(0);

  const again = await form(house, "olga", Object.fromEntries(new URL(page.url()).searchParams));
  expect(await again.page.getByRole("radio", { name: "Only a copy, into a directory of its own" }).isChecked()).toBe(true);
  expect(await field(again.page, "Directory").inputValue()).toBe(house.path("copy"));
  expect(await again.page.getByRole("radio", { name: "Copied and verified before it is used" }).isChecked()).toBe(true);
  await again.leaves();

  const printed = house.cli("restore", "shop", "--time", time, "--into", house.path("copy"), "--dry-run");
  expect(comparable(await plan(olga))).toBe(comparable(printed));
  const id = await begin(olga);
  await page.getByText("What it came to").waitFor({ timeout: 90_000 });
  expect(operation(house, id).steps.map((step) => step.name), "copied, and not opened").toEqual(["restore"]);
  const report = operation(house, id).result as unknown as RestoreReport;
  expect(await fact(olga, "Into")).toBe(house.path("copy"));
  expect(await fact(olga, "Server")).toContain(`port ${report.port}, accepts writes`);
  expect(bad("orders", { port: report.port, folder: report.socket_folder })).toBe("0");
  expect(Number(bad("orders"))).toBeGreaterThan(0);
  await olga.leaves();
});

test("a directory that is not empty is refused, and what lies there stays", async () => {
  house.sql(`COPY (SELECT 'mine') TO '${house.path("mine")}'`);
  const olga = await form(house, "olga", { latest: "true", mode: "into", into: house.folder, files: "copied" });
  await plan(olga);
  await begin(olga);
  const alert = olga.page.getByRole("main").getByRole("alert");
  await alert.getByText(/is not empty/).waitFor();
  expect(await alert.innerText()).toMatch(/name an empty or new directory[\s\S]*RK-2071/);
  expect(house.read("mine")).toBe("mine\n");
  await olga.leaves();
});

test("one database takes the live one's place, and the server runs on", async () => {
  const time = await spoilt();
  const before = house.sql("SELECT pg_postmaster_start_time()");
  const olga = await form(house, "olga", { time });
  const { page } = olga;
  await page.getByRole("radio", { name: "One database" }).check();
  await field(page, "Database").fill("sales");
  expect(await page.getByRole("radio", { name: "In a place of its own, and everybody is pointed there" }).count()).toBe(0);
  const printed = house.cli("restore", "shop", "--time", time, "--database", "sales", "--swap", "--dry-run");
  expect(comparable(await plan(olga))).toBe(comparable(printed));
  await begin(olga);
  await done(olga);
  expect(await fact(olga, "Connectivity")).toBe("well");
  expect(bad("bills", { database: "sales" })).toBe("0");
  expect(Number(bad("orders"))).toBeGreaterThan(0);
  expect(house.sql("SELECT pg_postmaster_start_time()")).toBe(before);
  expect(house.sql("SELECT count(*) FROM pg_database WHERE datname LIKE 'sales_before_%'")).toBe("1");
  await olga.leaves();
});

test("one table is put beside the live one, under the name that was asked for", async () => {
  const time = await spoilt();
  const olga = await form(house, "olga", { time, part: "tables", database: "sales" });
  const { page } = olga;
  await page.getByText("Say which tables.").waitFor();
  await field(page, "Tables").fill("public.bills");
  await page.getByRole("radio", { name: "Beside the live ones, under a name of its own" }).check();
  await field(page, "Name of the schema for the tables").fill("rescued");
  const printed = house.cli("restore", "shop", "--time", time, "--database", "sales", "--table", "public.bills", "--into", "rescued", "--dry-run");
  expect(comparable(await plan(olga))).toBe(comparable(printed));
  await begin(olga);
  await page.getByText("What it came to").waitFor({ timeout: 90_000 });
  expect(await fact(olga, "Counted")).toBe("300 rows in 1 table, the same as at that moment");
  expect(bad("rescued.bills", { database: "sales" })).toBe("0");
  expect(bad("bills", { database: "sales" })).toBe("300");
  expect(house.sql("SELECT to_regclass('rescued.notes') IS NULL", { database: "sales" })).toBe("t");
  await olga.leaves();
});

test("in another place, to which everybody is pointed", async () => {
  const time = await spoilt();
  const olga = await form(house, "olga", { time, mode: "beside" });
  const { page } = olga;
  await field(page, "Directory").fill(house.path("elsewhere"));
  await page.getByText("Say at which other port or address it is found.").waitFor();
  await field(page, "Port").fill(String(port));
  const printed = house.cli("restore", "shop", "--time", time, "--beside", "--into", house.path("elsewhere"), "--port", String(port), "--dry-run");
  expect(comparable(await plan(olga))).toBe(comparable(printed));
  await begin(olga);
  await done(olga);
  await page.getByText("point settings to where it is now", { exact: true }).waitFor();
  expect(house.sql("SHOW data_directory", { port })).toBe(house.path("elsewhere"));
  expect(bad("orders", { port })).toBe("0");
  expect(house.read("app.env")).toBe(`DB_PORT=${port}\n`);
  await olga.leaves();
});

