// The reader's time and UTC beside it: at 3 am nobody should have to compute.

import { Text } from "@mantine/core";
import { useNow } from "../live/clock";
import { fields, zoneName } from "../words/time";

export function Clock() {
  const now = useNow();
  return (
    <Text size="xs" c="dimmed" className="clock" role="timer" aria-live="off">
      <span>{fields(now).clock} {zoneName(now)}</span>
      <span>{fields(now, "UTC").clock} UTC</span>
    </Text>
  );
}
