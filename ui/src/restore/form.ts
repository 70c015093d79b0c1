// What somebody chooses of a restore: as the form holds it, as the address keeps it, and what of it goes together. Pure.

import { lacksTime, NOTHING_SAID, type Consent } from "./consent";

export type TargetKind = "time" | "latest" | "backup" | "lsn" | "xid" | "name";
export type Part = "cluster" | "database" | "tables";
/** `into` is a directory of its own for a cluster, and a name of its own on the live server for a part of one. */
export type Mode = "swap" | "beside" | "into";
export type Files = "open" | "copied" | "only";

export interface Form extends Consent {
  kind: TargetKind;
  /** RFC 3339 for a time; else as it was typed. */
  value: string;
  before: boolean;
  timeline: string;
  part: Part;
  database: string;
  /** One a line. */
  tables: string;
  mode: Mode;
  into: string;
  /** Of the new database, or of the schema for the tables. */
  name: string;
  port: string;
  host: string;
  files: Files;
  /** MB a second. */
  limit: string;
  delta: boolean;
  /** `OID=/PATH`, one a line. */
  tablespaces: string;
  owner: string;
  keepServing: boolean;
  happened: string;
  detected: string;
}

export const EMPTY: Form = {
  kind: "time",
  value: "",
  before: false,
  timeline: "",
  part: "cluster",
  database: "",
  tables: "",
  mode: "swap",
  into: "",
  name: "",
  port: "",
  host: "",
  files: "open",
  limit: "",
  delta: false,
  tablespaces: "",
  owner: "",
  keepServing: false,
  happened: "",
  detected: "",
  ...NOTHING_SAID,
};

const KINDS: TargetKind[] = ["time", "latest", "backup", "lsn", "xid", "name"];
type Kept = Exclude<keyof Form, "kind" | "value" | "breakGlass" | "noSnapshot">;
/** By what each is called in the address; what somebody types out in full as a person is not in it. */
const KEPT: Record<Kept, string> = {
  before: "before", timeline: "timeline", part: "part", database: "database", tables: "tables", mode: "mode", into: "into", name: "as",
  port: "port", host: "host", files: "files", limit: "limit", delta: "delta", tablespaces: "tablespaces", owner: "owner",
  keepServing: "keep-serving", begins: "begins", beginsAt: "begins-at", happened: "happened", detected: "detected", why: "why",
};
const KEPT_AS = Object.entries(KEPT) as [Kept, string][];
const ONE_OF: Partial<Record<Kept, string[]>> = {
  part: ["cluster", "database", "tables"],
  mode: ["swap", "beside", "into"],
  files: ["open", "copied", "only"],
  begins: ["now", "next-window", "time"],
};

export function fromAddress(search: URLSearchParams): Form {
  const kind = KINDS.find((kind) => search.has(kind)) ?? "time";
  const form: Form = { ...EMPTY, kind, value: kind === "latest" ? "" : (search.get(kind) ?? "") };
  for (const [field, name] of KEPT_AS) {
    const given = search.get(name);
    if (given === null || ONE_OF[field]?.includes(given) === false) continue;
    Object.assign(form, { [field]: typeof EMPTY[field] === "boolean" ? given === "true" : given });
  }
  return together(form);
}

export function toAddress(form: Form): URLSearchParams {
  const search = new URLSearchParams();
  search.set(form.kind, form.kind === "latest" ? "true" : form.value);
  for (const [field, name] of KEPT_AS) if (form[field] !== EMPTY[field]) search.set(name, String(form[field]));
  return search;
}

/** Only a whole cluster has a place of its own to be pointed to, and only in a directory of its own it may be without a server. */
export function together(form: Form): Form {
  const mode = form.part !== "cluster" && form.mode === "beside" ? "swap" : form.mode;
  const files = form.files === "only" && (form.part !== "cluster" || mode !== "into") ? "copied" : form.files;
  return { ...form, mode, files };
}

/** Which choices there are beside what was chosen; what is not among them is not asked for either. */
export function offered(form: Form) {
  const isWhole = form.part === "cluster";
  const takesOver = form.mode !== "into";
  const isOwnDirectory = isWhole && !takesOver;
  return {
    directory: isWhole && form.mode !== "swap",
    port: isWhole && form.mode !== "swap" && form.files !== "only",
    host: isWhole && form.mode === "beside",
    files: isWhole,
    filesOnly: isOwnDirectory,
    limit: isWhole && form.files === "open",
    overWhatIsThere: isOwnDirectory && form.files !== "open",
    name: !isWhole && !takesOver,
    keepServing: !isWhole && takesOver,
    ahead: takesOver,
    incident: isWhole && takesOver,
  };
}

export function lines(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}

const TABLESPACE = /^(\d+)\s*=\s*(\/.*)$/;

/** Oid → path; a line that is neither is left out. */
export function tablespacesOf(form: Form): Record<string, string> {
  const found = lines(form.tablespaces).map((line) => TABLESPACE.exec(line));
  return Object.fromEntries(found.filter((match) => match !== null).map((match) => [match[1], match[2]]));
}

/** What is still to be said before there can be a plan; nothing when all is. */
export function lacks(form: Form): string | undefined {
  return lacksMoment(form) ?? lacksPart(form) ?? lacksPlace(form) ?? (offered(form).ahead ? lacksTime(form) : undefined);
}

function lacksMoment({ kind, value }: Form): string | undefined {
  if (kind === "latest") return undefined;
  if (value.trim() === "") return "Say which moment.";
  return kind === "xid" && !/^\d+$/.test(value.trim()) ? "A transaction is said by its number." : undefined;
}

function lacksPart({ part, database, tables }: Form): string | undefined {
  if (part === "cluster") return undefined;
  if (database.trim() === "") return "Say which database.";
  return part === "tables" && lines(tables).length === 0 ? "Say which tables." : undefined;
}

function lacksPlace(form: Form): string | undefined {
  const may = offered(form);
  if (may.directory && !form.into.startsWith("/")) return "Say into which directory, by its absolute path.";
  if (may.host && !form.port && !form.host.trim()) return "Say at which other port or address it is found.";
  const wrong = may.overWhatIsThere ? lines(form.tablespaces).find((line) => !TABLESPACE.test(line)) : undefined;
  return wrong ? `A tablespace is said as OID=/PATH, and not as “${wrong}”.` : undefined;
}
