// A house that was lived in: backups, a drill, a clone, an alarm that is over, a restore by two people and its report.

import { House, until } from "./house";

export interface Lived {
  house: House;
  operation: string;
  restore: string;
  alarm: string;
}

interface Run {
  id: string;
  status: string;
}

export async function lived(): Promise<Lived> {
  const house = await House.bare();
  try {
    return await live(house);
  } catch (error) {
    await house.close();
    throw error;
  }
}

async function live(house: House): Promise<Lived> {
  await house.person("ada", "admin");
  await house.person("lea", "approver");
  house.configure((config) => `${config}\n[[alerts.channel]]\nname = "ops"\nkind = "webhook"\nurl = "http://127.0.0.1:9/none"\nallow_http = true\n`);
  await house.stopDaemon();
  await house.startDaemon();
  house.apply(`[policy.objectives]\nrpo = "5 min"\nrto = "30 min"\n[[policy.backup]]\nname = "daily"\nschedule = "daily at 02:00"\nkeep = "gfs 7 daily 5 weekly"\n[policy.approvals]\nrestore = 1\n`);
  await house.caughtUp();
  for (const name of ["first", "second", "before-release-41"]) {
    house.sql("INSERT INTO orders (what) SELECT 'more' FROM generate_series(1, 300)");
    await house.caughtUp();
    await house.quiet();
    house.cli("backup", "shop", "--name", name);
    if (name !== "second") house.cli("drill", "shop");
  }
  house.cli("backup", "shop", "--name", "pinned-one");
  house.cli("clone", "shop", "--to", "latest", "--name", "staging", "--ttl", "8h");
  house.service("stop");
  const alarm = await until("an alarm", () => house.api<{ n: number }[]>("alarms?all=true")[0]);
  house.service("start");
  await house.caughtUp();
  await house.goesOn();
  const moment = await house.spoil();
  const restore = await restored(house, moment);
  const [operation] = house.json<Run[]>("ops", "--kind", "backup");
  return { house, operation: operation!.id, restore, alarm: String(alarm.n) };
}

/** Asked for by root on the host, approved by somebody else. */
async function restored(house: House, moment: Date): Promise<string> {
  const { spawn } = await import("node:child_process");
  const { program } = await import("./house");
  const words = ["--config", house.path("rekindle.toml"), "restore", "shop", "--time", moment.toISOString(), "--swap", "--yes"];
  const child = spawn(program(), words, { stdio: "ignore", env: { ...process.env, "REKINDLE_WHY": "a wrong UPDATE" } });
  const over = new Promise<number | null>((done) => child.once("exit", done));
  const waiting = await until("a restore that waits", () => house.json<Run[]>("ops", "--kind", "restore").find((run) => run.status === "awaiting-approval"));
  await approve(house, waiting.id);
  await over;
  return waiting.id;
}

async function approve(house: House, id: string): Promise<void> {
  const { Person } = await import("./browser");
  const lea = await Person.at(house, "lea", `/operations/${id}`);
  await lea.page.getByRole("button", { name: "Approve", exact: true }).click();
  await lea.page.getByRole("dialog").getByRole("button", { name: "Approve", exact: true }).click();
  await lea.page.getByText("It is done, and its report is sealed into the vault").waitFor();
  await lea.leaves();
}
