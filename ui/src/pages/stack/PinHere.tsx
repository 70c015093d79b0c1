// Keeps the backup from which the moment is reached, whatever the policy says.

import { api, ask } from "../../api/client";
import type { Backup } from "../../api/types";
import { Sure } from "../../parts/Sure";

/** The newest one that ended before the moment. */
export function backupBefore(backups: Backup[], at: Date): Backup | undefined {
  const before = backups.filter((backup) => Date.parse(backup.ended) <= at.getTime());
  return before.sort((one, other) => Date.parse(other.ended) - Date.parse(one.ended))[0];
}

export function PinHere({ source, at, backups }: { source: string; at: Date; backups: Backup[] }) {
  const backup = backupBefore(backups, at);
  const anew = [["source", source]];
  const path = { params: { path: { name: source, backup: backup?.id ?? "" } } };
  const called = backup?.label ?? backup?.id ?? "";
  if (backup?.pinned) {
    return (
      <Sure
        title={`Take the pins off ${called}`}
        what="The policy decides from then on how long it is kept."
        act={() => ask(api.DELETE("/api/v1/sources/{name}/backups/{backup}/pin", path))}
        anew={anew}
        label="Unpin"
        variant="default"
      >
        Unpin {called}
      </Sure>
    );
  }
  return (
    <Sure
      title={`Pin ${called}`}
      what="This backup is kept whatever the policy says, until somebody takes the pin off."
      act={(why) => ask(api.POST("/api/v1/sources/{name}/backups/{backup}/pin", { ...path, body: { why } }))}
      anew={anew}
      why="asked"
      label="Pin"
      variant="default"
      disabled={!backup}
    >
      Pin the backup before
    </Sure>
  );
}
