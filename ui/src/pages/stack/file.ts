// A stack's file, as far as the page shows it in words. The file itself is the policy; nothing here decides.

import { parse } from "smol-toml";

export interface Part {
  name: string;
  what: string;
}

export interface StackFile {
  policy: [name: string, value: string][];
  sources: Part[];
  services: Part[];
  endpoints: Part[];
  hooks: Part[];
  health: Part[];
}

type Values = Record<string, unknown>;

/** `[policy]` as words: `objectives.rpo`, `5 min`. */
function flat(values: Values, above = ""): [string, string][] {
  return Object.entries(values).flatMap(([name, value]): [string, string][] => {
    const key = above ? `${above}.${name}` : name;
    if (Array.isArray(value) && value.some((one) => typeof one === "object" && one !== null)) {
      return value.flatMap((one: Values) => flat(one, typeof one["name"] === "string" ? `${key} ${one["name"]}` : key));
    }
    if (typeof value === "object" && value !== null && !(value instanceof Date) && !Array.isArray(value)) return flat(value as Values, key);
    return [[key, Array.isArray(value) ? value.join(", ") : String(value)]];
  });
}

function list(file: Values, kind: string, what: (one: Values) => string): Part[] {
  const found = file[kind];
  return Array.isArray(found) ? found.map((one: Values) => ({ name: String(one["name"] ?? ""), what: what(one) })) : [];
}

/** How often and how long is looked stands in the file; what it is and what it moves stands here. */
const DETAILS = ["name", "stopped_codes", "timeout_seconds", "in_a_row", "every_seconds", "deadline_seconds", "env"];

function rest(one: Values): string {
  const kept = Object.entries(one).filter(([name]) => !DETAILS.includes(name));
  return kept.map(([name, value]) => (name === "driver" ? said(value) : `${name.replace(/_/g, " ")} ${said(value)}`)).join(" · ");
}

function said(value: unknown): string {
  if (Array.isArray(value)) return value.join(" ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

export function readStackFile(text: string): StackFile {
  const file = parse(text) as Values;
  const policy = flat((file["policy"] ?? {}) as Values).filter(([name]) => !name.endsWith(".name"));
  return {
    policy,
    sources: list(file, "source", (one) => String(one["url"] ?? "")),
    services: list(file, "service", (one) => rest(one)),
    endpoints: list(file, "endpoint", (one) => rest(one)),
    hooks: list(file, "hook", (one) => rest(one)),
    health: list(file, "health", (one) => rest(one)),
  };
}
