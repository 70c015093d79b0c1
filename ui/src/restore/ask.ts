// What is asked of a restore, as the form holds it, as the address keeps it, and as the daemon takes it. Pure.

import type { RestoreAsk } from "../api/types";

export type TargetKind = "time" | "latest" | "backup" | "lsn" | "xid" | "name";
export type Mode = "swap" | "beside" | "into";

export interface Form {
  kind: TargetKind;
  /** RFC 3339 for a time; else as it was typed. */
  value: string;
  before: boolean;
  mode: Mode;
  into: string;
  port: string;
  host: string;
  open: boolean;
  copy: boolean;
  begins: "now" | "next-window" | "time";
  beginsAt: string;
  happened: string;
  detected: string;
  breakGlass: string;
  noSnapshot: string;
  why: string;
}

export const EMPTY: Form = {
  kind: "time",
  value: "",
  before: false,
  mode: "swap",
  into: "",
  port: "",
  host: "",
  open: true,
  copy: false,
  begins: "now",
  beginsAt: "",
  happened: "",
  detected: "",
  breakGlass: "",
  noSnapshot: "",
  why: "",
};

const KINDS: TargetKind[] = ["time", "latest", "backup", "lsn", "xid", "name"];
/** Kept in the address; what somebody types out in full as a person is not. */
const KEPT = ["before", "mode", "into", "port", "host", "open", "copy", "begins", "beginsAt", "happened", "detected", "why"] as const;

export function fromAddress(search: URLSearchParams): Form {
  const kind = KINDS.find((kind) => search.has(kind)) ?? "time";
  const form: Form = { ...EMPTY, kind, value: kind === "latest" ? "" : (search.get(kind) ?? "") };
  for (const name of KEPT) {
    const given = search.get(name);
    if (given === null) continue;
    Object.assign(form, { [name]: typeof form[name] === "boolean" ? given === "true" : given });
  }
  return form;
}

export function toAddress(form: Form): URLSearchParams {
  const search = new URLSearchParams();
  search.set(form.kind, form.kind === "latest" ? "true" : form.value);
  for (const name of KEPT) if (form[name] !== EMPTY[name]) search.set(name, String(form[name]));
  return search;
}

function target(form: Form): RestoreAsk["target"] {
  switch (form.kind) {
    case "latest":
      return "latest";
    case "xid":
      return { xid: Number(form.value) };
    case "lsn":
      return { lsn: form.value };
    case "name":
      return { name: form.value };
    case "backup":
      return { backup: form.value };
    default:
      return { time: form.value };
  }
}

export function isAsked(form: Form): boolean {
  return form.kind === "latest" || form.value.trim() !== "";
}

export function toAsk(form: Form): RestoreAsk {
  const beside = form.mode === "beside" ? { host: form.host || undefined } : {};
  const elsewhere = form.mode === "swap" ? {} : { into: form.into, port: form.port ? Number(form.port) : undefined };
  const at = form.begins === "next-window" ? ("next-window" as const) : form.begins === "time" && form.beginsAt ? { time: form.beginsAt } : undefined;
  return {
    target: target(form),
    before: form.before,
    mode: form.mode,
    ...elsewhere,
    ...beside,
    open: form.mode === "into" ? form.open : false,
    copy: form.mode === "into" ? false : form.copy,
    at,
    happened: form.happened || undefined,
    detected: form.detected || undefined,
    break_glass: form.breakGlass || undefined,
    no_snapshot: form.noSnapshot || undefined,
  };
}

/** A header holds letters that every program understands: what is left out is marked. */
export function asHeader(text: string): string {
  const plain = text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
  return plain.replace(/[^\x20-\x7e]/g, "?").slice(0, 1000);
}
