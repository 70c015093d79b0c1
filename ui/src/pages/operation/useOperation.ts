// One operation as it goes: itself, its log and its progress, by events; what was missed is sent again.

import { useQuery } from "@tanstack/react-query";
import { useCallback, useReducer } from "react";
import { operationOptions, queryClient } from "../../api/queries";
import type { LogLine, Operation } from "../../api/types";
import { useStream } from "../../live/stream";

interface Progress {
  step: string;
  progress: Operation["progress"];
}

interface Live {
  lines: LogLine[];
  progress: Progress | undefined;
}

type Told = { line: LogLine } | { progress: Progress };

/** Lines come in order, and again from the first when the connection was lost. */
export function heard(live: Live, told: Told): Live {
  if ("progress" in told) return { ...live, progress: told.progress };
  const last = live.lines.at(-1)?.n ?? 0;
  return told.line.n <= last ? live : { ...live, lines: [...live.lines, told.line] };
}

export function useOperation(id: string) {
  const query = useQuery(operationOptions(id));
  const [live, tell] = useReducer(heard, { lines: [], progress: undefined });
  const note = useCallback((data: unknown) => queryClient.setQueryData<Operation>(["operation", id], data as Operation), [id]);
  const stream = useStream(`/api/v1/operations/${id}/events`, {
    operation: note,
    end: (data) => {
      note(data);
      void queryClient.invalidateQueries({ queryKey: ["operation", id] });
    },
    line: (data) => tell({ line: data as LogLine }),
    progress: (data) => tell({ progress: data as Progress }),
  });
  return { query, live, stream };
}
