// What the form holds, as the daemon takes it: a whole cluster and a part of one are asked for at different addresses. Pure but for the asking.

import { api, ask } from "../api/client";
import type { ExtractAsk, Operation, RestoreAsk, RestorePlan } from "../api/types";
import { consentAsk, saidWith, type Consent } from "./consent";
import { lines, offered, tablespacesOf, type Form } from "./form";

const MB = 1_000_000;

function target({ kind, value }: Form): RestoreAsk["target"] {
  const said = value.trim();
  switch (kind) {
    case "latest":
      return "latest";
    case "xid":
      return { xid: Number(said) };
    case "lsn":
      return { lsn: said };
    case "name":
      return { name: said };
    case "backup":
      return { backup: said };
    default:
      return { time: said };
  }
}

/** What every restore is asked: the moment, and what is done without. */
function common(form: Form) {
  return {
    target: target(form),
    before: form.before,
    timeline: form.timeline ? Number(form.timeline) : undefined,
    owner: form.owner.trim() || undefined,
    ...consentAsk(form, offered(form).ahead),
  };
}

export function toRestoreAsk(form: Form): RestoreAsk {
  const may = offered(form);
  const isInto = form.mode === "into";
  return {
    ...common(form),
    mode: form.mode,
    into: may.directory ? form.into.trim() : undefined,
    port: may.port && form.port ? Number(form.port) : undefined,
    host: (may.host && form.host.trim()) || undefined,
    open: isInto && form.files === "open",
    copy: !isInto && form.files === "copied",
    no_start: isInto && form.files === "only",
    limit: may.limit && form.limit ? Number(form.limit) * MB : undefined,
    delta: may.overWhatIsThere && form.delta,
    tablespaces: may.overWhatIsThere ? tablespacesOf(form) : undefined,
    happened: (may.incident && form.happened) || undefined,
    detected: (may.incident && form.detected) || undefined,
  };
}

export function toExtractAsk(form: Form): ExtractAsk {
  const may = offered(form);
  return {
    ...common(form),
    database: form.database.trim(),
    tables: form.part === "tables" ? lines(form.tables) : [],
    into: (may.name && form.name.trim()) || undefined,
    swap: form.mode === "swap",
    keep_serving: may.keepServing && form.keepServing,
  };
}

/** Nothing is touched. */
export function askPlan(source: string, form: Form): Promise<RestorePlan> {
  const params = { path: { name: source } };
  return form.part === "cluster"
    ? ask(api.POST("/api/v1/sources/{name}/restores/plan", { params, body: toRestoreAsk(form) }))
    : ask(api.POST("/api/v1/sources/{name}/extracts/plan", { params, body: toExtractAsk(form) }));
}

/** Sent twice with one key it is one restore all the same. */
export function askRestore(source: string, form: Form, key: string): Promise<Operation> {
  const params = { path: { name: source } };
  const headers = saidWith(key, form.why);
  return form.part === "cluster"
    ? ask(api.POST("/api/v1/sources/{name}/restores", { params, body: toRestoreAsk(form), headers }))
    : ask(api.POST("/api/v1/sources/{name}/extracts", { params, body: toExtractAsk(form), headers }));
}

/** What bringing back would do; nothing is touched. */
export function askWayBackPlan(operation: string, consent: Consent): Promise<RestorePlan> {
  return ask(api.POST("/api/v1/operations/{id}/rollback/plan", { params: { path: { id: operation } }, body: consentAsk(consent, true) }));
}

export function askWayBack(operation: string, consent: Consent, key: string): Promise<Operation> {
  return ask(api.POST("/api/v1/operations/{id}/rollback", { params: { path: { id: operation } }, body: consentAsk(consent, true), headers: saidWith(key, consent.why) }));
}
