// The rows of the fleet: all of them once, then those that change.

import { useCallback, useRef, useState } from "react";
import type { FleetRow, FleetView } from "../../api/types";
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import { queryClient } from "../../api/queries";
import { useStream } from "../../live/stream";

interface Fleet {
  rows: FleetRow[] | undefined;
  error: unknown;
}

const options = { queryKey: ["fleet"], queryFn: () => ask(api.GET("/api/v1/fleet")) };

/** Before anything is drawn: it is what takes longest of the first page. */
export function askForFleet(): void {
  void queryClient.prefetchQuery(options);
}

export function useFleet(): Fleet {
  const query = useQuery(options);
  const [, setVersion] = useState(0);
  const busy = useRef(false);
  const hear = useCallback((data: unknown) => {
    const told = data as FleetView;
    if (told.rows.length === 0 && (told.gone ?? []).length === 0) return;
    queryClient.setQueryData<FleetView>(["fleet"], (known) => merged(known, told));
    if (!busy.current) {
      busy.current = true;
      requestAnimationFrame(() => {
        busy.current = false;
        setVersion((version) => version + 1);
      });
    }
  }, []);
  useStream("/api/v1/fleet/events", { fleet: hear });
  return { rows: query.data?.rows, error: query.error };
}

/** Whoever comes back to the stream is told all rows again. */
function looksTheSame(before: FleetRow, row: FleetRow): boolean {
  const still = (one: FleetRow) => JSON.stringify({ ...one, newest: null, behind_seconds: Math.floor((one.behind_seconds ?? -15) / 15) });
  return still(before) === still(row);
}

/** Rows that did not change stay the same objects, so that nothing of them is drawn anew. */
export function merged(known: FleetView | undefined, told: FleetView): FleetView {
  const rows = new Map((known?.rows ?? []).map((row) => [row.name, row]));
  told.rows.forEach((row) => {
    const before = rows.get(row.name);
    if (!before || !looksTheSame(before, row)) rows.set(row.name, row);
  });
  (told.gone ?? []).forEach((name) => rows.delete(name));
  const sorted = [...rows.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  return { now: told.now, rows: sorted, gone: [] };
}
