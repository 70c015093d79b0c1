// How a source's log stands.

import type { Source } from "../api/types";

/** A quiet server is asked every few seconds whether it has more. */
const CURRENT_MS = 15_000;

/** The server said within the last seconds that it has nothing that the vault has not. */
export function isNow(log: Pick<Source["log"], "phase" | "lag_bytes" | "complete_at">, now = Date.now()): boolean {
  return log.phase === "streaming" && log.lag_bytes === 0 && log.complete_at != null && now - Date.parse(log.complete_at) < CURRENT_MS;
}
