// What a source takes in the vault over time. Pure.

import type { Backup, Volume } from "../../api/types";

export interface Growth {
  /** Seconds, ascending. */
  times: number[];
  /** Bytes in the vault up to then, of what is there now. */
  backups: number[];
  log: number[];
}

export function growth(backups: Backup[], volume: Volume[]): Growth {
  const steps = [
    ...backups.map((backup) => ({ at: Date.parse(backup.ended) / 1000, backup: backup.bytes_stored, log: 0 })),
    ...volume.map((stretch) => ({ at: Date.parse(stretch.to) / 1000, backup: 0, log: stretch.bytes_stored })),
  ].sort((one, other) => one.at - other.at);
  const found: Growth = { times: [], backups: [], log: [] };
  let [ofBackups, ofLog] = [0, 0];
  for (const step of steps) {
    ofBackups += step.backup;
    ofLog += step.log;
    found.times.push(step.at);
    found.backups.push(ofBackups);
    found.log.push(ofLog);
  }
  return found;
}

/** What the vault holds of it now. */
export function now(grown: Growth): number {
  return (grown.backups.at(-1) ?? 0) + (grown.log.at(-1) ?? 0);
}
