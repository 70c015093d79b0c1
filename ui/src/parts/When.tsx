// A moment, in the reader's zone and in UTC, and how long ago it was.

import { Text, Tooltip } from "@mantine/core";
import { useNow } from "../live/clock";
import { ago, exactly, shortWithZone, utc } from "../words/time";

interface Props {
  at: string | Date | null | undefined;
  none?: string;
  /** `ago` as text, with the moment in the tip; else the moment as text. */
  as?: "ago" | "short" | "both";
}

export function When({ at, none = "never", as = "ago" }: Props) {
  const now = useNow();
  if (!at) return <Text span inherit c="dimmed">{none}</Text>;
  const moment = new Date(at);
  const text = as === "ago" ? ago(moment, now) : shortWithZone(moment, now);
  return (
    <Tooltip label={`${exactly(moment)} · ${utc(moment)}`} withArrow multiline>
      <time dateTime={moment.toISOString()} className="when">
        {text}
        {as === "both" && ` (${ago(moment, now)})`}
      </time>
    </Tooltip>
  );
}

/** Both zones in full, for moments that matter. */
export function InBothZones({ at }: { at: Date }) {
  return (
    <span>
      <time dateTime={at.toISOString()}>{exactly(at)}</time>
      <Text span inherit c="dimmed"> · {utc(at)}</Text>
    </span>
  );
}
