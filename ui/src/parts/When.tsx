// A moment, in the reader's zone and in UTC, and how long ago it was.

import { Text } from "@mantine/core";
import { useNow } from "../live/clock";
import { ago, exactly, shortInBothZones, shortWithZone, utc } from "../words/time";

interface Props {
  at: string | Date | null | undefined;
  none?: string;
  /** How long ago; the moment; or the moment in both zones, and how long ago. All of it stands in the tip. */
  as?: "ago" | "short" | "both";
}

export function When({ at, none = "never", as = "ago" }: Props) {
  const now = useNow();
  if (!at) return <span className="dim">{none}</span>;
  const moment = new Date(at);
  const texts = {
    ago: () => ago(moment, now),
    short: () => shortWithZone(moment, now),
    both: () => `${shortInBothZones(moment, now)} (${ago(moment, now)})`,
  };
  return (
    <time dateTime={moment.toISOString()} className="when" title={`${exactly(moment)} · ${utc(moment)}`}>
      {texts[as]()}
    </time>
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
