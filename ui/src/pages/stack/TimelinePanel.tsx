// The timeline of a source, and what its cursor says. The moment is part of the address: another browser shows the same.

import { Stack } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useSearchParams } from "wouter";
import { momentOptions, operationsOptions, timelineOptions, volumeOptions } from "../../api/queries";
import type { Timeline } from "../../api/types";
import { Empty } from "../../parts/Empty";
import { Loaded } from "../../parts/Loaded";
import { bandOf, gapAt, newestSure, windowAt, type Band } from "../../timeline/band";
import { TimelineBand } from "../../timeline/TimelineBand";
import { exactly } from "../../words/time";
import { Card } from "../../parts/Card";
import { Legend } from "./Legend";
import { ReadOut } from "./ReadOut";

const OPERATIONS = 200;
/** The daemon is asked about a moment once the cursor rests. */
const RESTS_MS = 180;

export function TimelinePanel({ source, stack }: { source: string; stack?: string }) {
  const query = useQuery(timelineOptions(source));
  return (
    <Card title="Timeline" aside={<Legend />}>
      <Loaded query={query} lines={6}>
        {(timeline) =>
          timeline.windows.length === 0 && timeline.backups.length === 0 ? (
            <Empty title="Nothing of it is in the vault yet">Take a backup: from its end on, every moment can be restored.</Empty>
          ) : (
            <Panel timeline={timeline} source={source} stack={stack} />
          )
        }
      </Loaded>
    </Card>
  );
}

function Panel({ timeline, source, stack }: { timeline: Timeline; source: string; stack?: string }) {
  const operations = useQuery(operationsOptions({ source, limit: OPERATIONS })).data;
  const volume = useQuery(volumeOptions(source)).data;
  const band = useMemo(() => bandOf(timeline, operations ?? [], volume ?? []), [timeline, operations, volume]);
  const [search, setSearch] = useSearchParams();
  const given = Date.parse(search.get("at") ?? "");
  const [cursor, setCursor] = useState(() => (Number.isNaN(given) ? newestSure(band) : given));
  const [resting] = useDebouncedValue(cursor, RESTS_MS);
  const moment = useQuery({ ...momentOptions(source, new Date(resting)), placeholderData: keepPreviousData });
  const move = (at: number) => {
    const kept = Math.min(Math.round(at), Date.now());
    setCursor(kept);
    setSearch((before) => {
      const next = new URLSearchParams(before);
      next.set("at", new Date(kept).toISOString());
      return next;
    }, { replace: true });
  };
  const settled = resting === cursor && !moment.isPlaceholderData ? moment.data : undefined;
  return (
    <Stack gap="md">
      <TimelineBand band={band} cursor={cursor} onCursor={move} label={`Moment of ${source}`} readOut={spoken(band, cursor)} />
      <ReadOut source={source} stack={stack} at={new Date(cursor)} moment={settled} error={moment.error} timeline={timeline} onMove={move} />
    </Stack>
  );
}


/** What is known at once, without asking. */
function spoken(band: Band, at: number): string {
  const gap = gapAt(band, at);
  if (gap) return `${exactly(new Date(at))}, in a gap: ${gap.why}`;
  return `${exactly(new Date(at))}, ${windowAt(band, at) ? "inside a window" : "outside of every window"}`;
}
