// Every page there is, with what it must show before it is looked at closely.

import type { Person } from "./browser";

export interface Shown {
  name: string;
  path: string;
  ready: string | RegExp;
}

export function pages(operation: string, restore: string, alarm: string): Shown[] {
  return [
    { name: "fleet", path: "/", ready: /stacks? of \d/ },
    { name: "stack", path: "/stacks/shop", ready: /^Can be restored$/ },
    { name: "restore", path: "/restore/shop", ready: "Where it goes" },
    { name: "restore-tables", path: "/restore/shop?latest=true&part=tables&database=postgres&mode=into", ready: "Name of the schema for the tables" },
    { name: "restore-copy", path: "/restore/shop?latest=true&mode=into&into=/srv/pg/restored&files=copied&delta=true", ready: "Tablespaces" },
    { name: "restore-beside", path: "/restore/shop?time=2037-01-01T00:00:00.000Z&mode=beside&begins=time", ready: "Say into which directory" },
    { name: "operations", path: "/operations", ready: "Only what is not over" },
    { name: "operation", path: `/operations/${operation}`, ready: "Who and when" },
    { name: "restore-done", path: `/operations/${restore}`, ready: "Data, connectivity, behaviour" },
    { name: "report", path: `/reports/${restore}`, ready: "Words for those who use it" },
    { name: "drills", path: "/drills", ready: "How long it took, over time" },
    { name: "clones", path: "/clones", ready: "On the local disk" },
    { name: "alarms", path: "/alarms?all=true", ready: "What to do" },
    { name: "alarm", path: `/alarms/${alarm}`, ready: "Who was told" },
    { name: "vault", path: "/vault", ready: "What comparing and compressing save" },
    { name: "audit", path: "/audit", ready: "Is it whole?" },
    { name: "people", path: "/people", ready: /^Tokens$/ },
    { name: "settings", path: "/settings", ready: "An alarm is told again" },
    { name: "add", path: "/add", ready: "Which database server" },
    { name: "docs", path: "/docs", ready: "restore in place" },
    { name: "docs-page", path: "/docs/restore-in-place", ready: "What it needs" },
    { name: "not-found", path: "/stacks/none", ready: /there is no stack/i },
  ];
}

export async function open(person: Person, shown: Shown): Promise<void> {
  await person.page.goto(shown.path);
  await person.page.getByText(shown.ready).first().waitFor();
  // Lists that are asked for once the page is there.
  await person.page.getByRole("status", { name: "Loading" }).first().waitFor({ state: "hidden" });
}
