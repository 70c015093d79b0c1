// When a restore or a way back begins, why, and what is done without: as the form holds it, and as the daemon takes it. Pure.

import type { ConsentAsk } from "../api/types";

export interface Consent {
  begins: "now" | "next-window" | "time";
  beginsAt: string;
  breakGlass: string;
  noSnapshot: string;
  why: string;
}

export const NOTHING_SAID: Consent = { begins: "now", beginsAt: "", breakGlass: "", noSnapshot: "", why: "" };

/** `ahead`: what is live is touched, so there is a time to begin at and a state before to be backed up. */
export function consentAsk({ begins, beginsAt, breakGlass, noSnapshot }: Consent, ahead: boolean): ConsentAsk {
  const at = begins === "next-window" ? ("next-window" as const) : begins === "time" ? { time: beginsAt } : undefined;
  return { at: ahead ? at : undefined, break_glass: breakGlass || undefined, no_snapshot: (ahead && noSnapshot) || undefined };
}

export function lacksTime({ begins, beginsAt }: Consent): string | undefined {
  return begins === "time" && !beginsAt ? "Say at what time it begins." : undefined;
}

/** Sent twice with one key it is begun once. */
export function saidWith(key: string, why: string): Record<string, string> {
  return { "Idempotency-Key": key, ...(why ? { "Rekindle-Why": asHeader(why) } : {}) };
}

/** A header holds letters that every program understands: what is left out is marked. */
export function asHeader(text: string): string {
  const plain = text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
  return plain.replace(/[^\x20-\x7e]/g, "?").slice(0, 1000);
}
