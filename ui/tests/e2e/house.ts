// A house to try the dashboard in: a private PostgreSQL, a vault, the real daemon over TLS, and people. Nothing in it is made up.

import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const PROGRAMS = "/usr/lib/postgresql/15/bin";
export const PASSWORD = "correct horse battery";
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 50;

/** The program under test; the Makefile says which. */
export function program(): string {
  const given = process.env["REKINDLE"] ?? join(process.env["CARGO_TARGET_DIR"] ?? "../target", "debug/rekindle");
  const path = resolve(given);
  if (!existsSync(path)) throw new Error(`there is no ${path}: build it, or say where it is by REKINDLE`);
  return path;
}

export async function until<T>(what: string, look: () => T | Promise<T>): Promise<NonNullable<T>> {
  const end = Date.now() + PATIENCE_MS;
  let last: unknown;
  while (Date.now() < end) {
    try {
      const seen = await look();
      if (seen) return seen as NonNullable<T>;
      last = seen;
    } catch (error) {
      last = error;
    }
    await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
  }
  throw new Error(`${what} did not come to be; last: ${String(last)}`);
}

export function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}

const isRoot = process.getuid?.() === 0;

/** Servers never run as root. */
function asOwner(words: string[]): [string, string[]] {
  const become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"];
  const [first, ...rest] = isRoot ? [...become, ...words] : words;
  return [first!, rest];
}

function run(words: string[], options: { input?: string; cwd?: string } = {}): string {
  const [first, ...rest] = words;
  return execFileSync(first!, rest, { encoding: "utf8", stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, TZ: "UTC", RUST_BACKTRACE: "0" }, ...options });
}

export class House {
  private daemon: ChildProcess | undefined;
  private readonly people = new Set<string>();

  private constructor(
    readonly folder: string,
    readonly port: number,
    readonly databasePort: number,
  ) {}

  /** With a cluster that runs and a daemon that protects nothing. */
  static async bare(): Promise<House> {
    const folder = mkdtempSync(join(tmpdir(), "rekindle-ui-"));
    chmodSync(folder, 0o755);
    const house = new House(folder, await freePort(), await freePort());
    return house.after(async () => {
      house.makeCluster();
      house.init();
      await house.startDaemon();
    });
  }

  /** The same, with a shop that is protected by a stack, and a backup of it. */
  static async shop(more = ""): Promise<House> {
    const house = await House.bare();
    return house.after(async () => {
      house.apply(more);
      await house.caughtUp();
      house.cli("backup", "shop", "--name", "first");
      await house.goesOn();
    });
  }

  /** What is not built to its end leaves nothing that runs. */
  private async after(build: () => Promise<void>): Promise<House> {
    try {
      await build();
      return this;
    } catch (error) {
      await this.close().catch(console.error);
      throw error;
    }
  }

  /** People use the shop, until a moment is sure that lies behind all that was before. */
  async goesOn(): Promise<void> {
    for (let second = 0; second < 4; second += 1) this.sql("INSERT INTO orders (what) VALUES ('more'); SELECT pg_sleep(1)");
    await this.caughtUp();
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  get url(): string {
    return `https://localhost:${this.port}`;
  }

  get databaseUrl(): string {
    return `postgres://postgres@/postgres?host=${this.folder}&port=${this.databasePort}`;
  }

  private makeCluster(): void {
    if (isRoot) {
      const [uid, gid] = ["-u", "-g"].map((flag) => Number(run(["id", flag, "postgres"])));
      chownSync(this.folder, uid!, gid!);
    }
    const initdb = asOwner([`${PROGRAMS}/initdb`, "-D", this.path("pg"), "-k", "-A", "trust", "-U", "postgres"]);
    execFileSync(initdb[0], initdb[1], { stdio: "pipe", cwd: "/" });
    this.writeServer("server", this.path("pg"), this.databasePort);
    writeFileSync(this.path("app.env"), `DB_PORT=${this.databasePort}\n`);
    this.service("start");
    this.sql("CREATE TABLE orders (id bigserial PRIMARY KEY, what text); INSERT INTO orders (what) SELECT 'good' FROM generate_series(1, 500)");
  }

  /** A program that starts and stops the server of a directory; without a port it is the one in its settings. */
  writeServer(name: string, directory: string, port?: number): void {
    const become = isRoot ? "setpriv --reuid=postgres --regid=postgres --init-groups " : "";
    const control = `${become}${PROGRAMS}/pg_ctl -D ${directory}`;
    const options = `${port ? `-p ${port} ` : ""}-k ${this.folder} -c listen_addresses= -c fsync=off`;
    const script = `#!/bin/bash
cd /
case $1 in
start) ${control} -w -s -l ${this.path(`${name}.log`)} -o '${options}' start;;
stop) ${control} -w -s -m fast stop;;
status) [ -e ${directory}/PG_VERSION ] || exit 3; ${control} status >/dev/null;;
esac
`;
    writeFileSync(this.path(name), script, { mode: 0o755 });
  }

  service(word: string): void {
    execFileSync(this.path("server"), [word], { stdio: "ignore" });
  }

  sql(text: string, { database = "postgres", port = this.databasePort, folder = this.folder } = {}): string {
    return run([`${PROGRAMS}/psql`, "-h", folder, "-p", String(port), "-U", "postgres", "-XAtqc", text, database]).trim();
  }

  private init(): void {
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"];
    run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", ...subject, "-keyout", this.path("tls.key"), "-out", this.path("tls.crt")]);
    this.cli("init", "--vault", `file:${this.path("vault")}`, "--key-file", this.path("key"), "--data-folder", this.path("data"), "--socket", this.path("socket"));
    this.configure((config) => {
      const listen = `\n[listen]\naddress = "127.0.0.1:${this.port}"\ncertificate = "${this.path("tls.crt")}"\nkey = "${this.path("tls.key")}"\n`;
      return config.replace("look_seconds = 10", "look_seconds = 1").replace("free_percent = 10", "free_percent = 0").replace("hold_off_seconds = 30", "hold_off_seconds = 1") + listen;
    });
  }

  configure(change: (config: string) => string): void {
    const path = this.path("rekindle.toml");
    writeFileSync(path, change(readFileSync(path, "utf8")));
  }

  /** What the command prints; its failure is ours. */
  cli(...words: string[]): string {
    return run([program(), "--config", this.path("rekindle.toml"), ...words]);
  }

  json<T = Record<string, never>>(...words: string[]): T {
    return JSON.parse(run([program(), "--config", this.path("rekindle.toml"), "--json", ...words])) as T;
  }

  /** Asked on the socket, as root of the host. */
  api<T>(path: string): T {
    return JSON.parse(run(["curl", "-sf", "--unix-socket", this.path("socket"), `http://rekindle/api/v1/${path}`])) as T;
  }

  /** Somebody with a password and these roles; the daemon listens in the network once there is one. */
  async person(name: string, ...roles: string[]): Promise<void> {
    if (this.people.has(name)) return;
    this.people.add(name);
    const words = roles.flatMap((role) => ["--role", role]);
    run([program(), "--config", this.path("rekindle.toml"), "users", "add", name, ...words], { input: `${PASSWORD}\n` });
    await this.answers();
  }

  /** How a stack's file says that this program starts and stops something. */
  command(name: string): string {
    const program = JSON.stringify(this.path(name));
    return `driver = "command"\nstart = [${program}, "start"]\nstop = [${program}, "stop"]\nstatus = [${program}, "status"]\n`;
  }

  stackFile(more = ""): string {
    const looks = JSON.stringify(`. ${this.path("app.env")}; ${PROGRAMS}/psql -h ${this.folder} -p $DB_PORT -U postgres -XAtqc 'SELECT max(id) FROM orders' postgres`);
    return `[stack]\nname = "shop"\n[[source]]\nname = "shop"\nurl = ${JSON.stringify(this.databaseUrl)}
[[service]]\nname = "server"\nserver_of = "shop"\n${this.command("server")}
[[health]]\nname = "orders"\ndriver = "command"\ncommand = ["sh", "-c", ${looks}]\n${more}`;
  }

  apply(more = ""): void {
    writeFileSync(this.path("stack.toml"), this.stackFile(more));
    this.cli("apply", this.path("stack.toml"));
  }

  /** All that was written is in the vault. */
  async caughtUp(): Promise<void> {
    const position = this.sql("SELECT pg_current_wal_flush_lsn()");
    const durable = `SELECT coalesce(bool_or(flush_lsn >= '${position}'), false) FROM pg_stat_replication WHERE application_name = 'rekindle_shop'`;
    await until("the log in the vault", () => this.sql(durable) === "t");
  }

  /** A moment that can be restored, after which the orders are spoilt. */
  async spoil(): Promise<Date> {
    this.sql("SELECT pg_switch_wal()");
    const moment = new Date(Number(this.sql("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)")));
    this.sql("SELECT pg_sleep(0.2)");
    this.sql("UPDATE orders SET what = 'spoilt'");
    this.sql("SELECT pg_switch_wal()");
    await this.caughtUp();
    return moment;
  }

  async startDaemon(): Promise<void> {
    const log = openSync(this.path("log"), "a");
    const env = { ...process.env, TZ: "UTC", RUST_BACKTRACE: "0" };
    this.daemon = spawn(program(), ["--config", this.path("rekindle.toml"), "serve"], { stdio: ["ignore", "ignore", log], env });
    await until("the daemon's socket", () => this.socketAnswers());
    if (this.people.size > 0) await this.answers();
  }

  private socketAnswers(): boolean {
    try {
      run(["curl", "-sf", "--unix-socket", this.path("socket"), "http://rekindle/healthz"]);
      return true;
    } catch {
      return false;
    }
  }

  private async answers(): Promise<void> {
    await until("the daemon in the network", () => run(["curl", "-sfk", `${this.url}/healthz`]).includes("ok"));
  }

  /** As a power cut would. */
  async killDaemon(): Promise<void> {
    const daemon = this.daemon;
    this.daemon = undefined;
    if (!daemon) return;
    const gone = new Promise((done) => daemon.once("exit", done));
    daemon.kill("SIGKILL");
    await gone;
  }

  async stopDaemon(): Promise<void> {
    const daemon = this.daemon;
    this.daemon = undefined;
    if (!daemon) return;
    const gone = new Promise((done) => daemon.once("exit", done));
    daemon.kill("SIGTERM");
    await gone;
  }

  /** Nothing is under way: the timetable takes backups of its own. */
  async quiet(): Promise<void> {
    await until("quiet", () => this.json<unknown[]>("ops", "--unfinished").length === 0);
  }

  read(name: string): string {
    return readFileSync(this.path(name), "utf8");
  }

  /** The end of the daemon's log. */
  lastWords(): string {
    return existsSync(this.path("log")) ? this.read("log").split("\n").slice(-40).join("\n") : "nothing: its house is gone";
  }

  async close(): Promise<void> {
    this.removeInstances();
    await this.stopDaemon();
    try {
      this.service("stop");
    } catch {
      // It was stopped by the test.
    }
    this.unmount();
    this.endThoseWhoServed();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private removeInstances(): void {
    for (const { name, kind } of this.daemon ? this.json<{ name: string; kind: string }[]>("clones") : []) {
      if (kind !== "restore") this.cli("clone", "rm", name, "--yes");
    }
  }

  /** A mount is served by a process of its own, which outlives the daemon. */
  private endThoseWhoServed(): void {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
      try {
        if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`${this.folder}/`)) process.kill(Number(pid), "SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    }
  }

  /** What a restore on a mount left. */
  private unmount(): void {
    const ours = (line: string) => line.split(" ")[4]?.startsWith(this.folder);
    const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n").filter(ours).map((line) => line.split(" ")[4]!);
    for (const mount of mounts) run(["umount", "-l", mount]);
  }
}
