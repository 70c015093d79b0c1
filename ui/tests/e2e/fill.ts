// Stacks in great number, put into the catalog of a daemon that is down, as though they had been applied. Their sources are not at work.

import { execFileSync } from "node:child_process";
import type { House } from "./house";

const SCRIPT = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
file = '[stack]\\nname = "%s"\\n\\n[[source]]\\nname = "%s"\\nurl = "postgres:///%s"\\n\\n[policy.objectives]\\nrpo = "5 min"\\nrto = "30 min"\\n'
names = ["stack-%05d" % n for n in range(int(sys.argv[2]))]
db.executemany("INSERT INTO stack (name, file, applied, applied_by) VALUES (?, ?, '2026-01-01T00:00:00Z', 'ada')",
               [(name, file % (name, "db-" + name, name)) for name in names])
db.commit()
`;

export async function fill(house: House, stacks: number): Promise<void> {
  await house.stopDaemon();
  execFileSync("python3", ["-c", SCRIPT, house.path("data/catalog.db"), String(stacks)]);
  await house.startDaemon();
}
