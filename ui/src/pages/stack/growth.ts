// What a source takes in the vault over time, and what keeping it as it is kept now comes to. Pure.

import type { Backup, Volume } from "../../api/types";

export interface Growth {
  /** Seconds, ascending. */
  times: number[];
  /** Bytes in the vault up to then, of what is there now. */
  backups: number[];
  log: number[];
}

const DAY_SECONDS = 86_400;

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

/** Bytes a day, by what came in the time that is looked back on; nothing where there is less than an hour of it. */
export function perDay(grown: Growth): number | undefined {
  const [first, last] = [grown.times[0], grown.times.at(-1)];
  if (first === undefined || last === undefined || last - first < 3600) return undefined;
  const came = grown.backups.at(-1)! + grown.log.at(-1)! - grown.backups[0]! - grown.log[0]!;
  return (came / (last - first)) * DAY_SECONDS;
}

/** What the vault holds of it now. */
export function now(grown: Growth): number {
  return (grown.backups.at(-1) ?? 0) + (grown.log.at(-1) ?? 0);
}

/** The share of the backups that the policy still keeps, times what they take, and the log with it. */
export function afterExpiry(backups: Backup[], kept: Set<string>): number {
  return backups.filter((backup) => kept.has(backup.id)).reduce((sum, backup) => sum + backup.bytes_stored, 0);
}
