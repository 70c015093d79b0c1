// Whether what is shown is live. Operations tell of themselves here, for every page; when the connection is lost it says so, and how
// old the data is.

import { Text } from "@mantine/core";
import { IconPlugConnectedX } from "@tabler/icons-react";
import { useEffect, useRef } from "react";
import { queryClient } from "../api/queries";
import type { Operation } from "../api/types";
import { useNow } from "../live/clock";
import { useStream } from "../live/stream";
import { seconds } from "../words/units";

const TELLING = "/api/v1/operations/events";

export function Liveness() {
  const stream = useStream(TELLING, { operation: (data) => noteOperation(data as Operation) });
  const now = useNow();
  const wasLost = useRef(false);
  const fresh = useRef(new Date());
  if (stream.state === "open") fresh.current = now;
  useEffect(() => {
    if (stream.state === "lost") wasLost.current = true;
    if (stream.state === "open" && wasLost.current) {
      wasLost.current = false;
      void queryClient.invalidateQueries();
    }
  }, [stream.state]);
  const age = Math.max(0, (now.getTime() - fresh.current.getTime()) / 1000);
  return (
    <div role="status" className={`liveness liveness-${stream.state}`}>
      {stream.state === "lost" ? (
        <Text size="sm" fw={600} className="lost">
          <IconPlugConnectedX size={16} aria-hidden /> Connection lost · data is {seconds(Math.round(age))} old
        </Text>
      ) : (
        <Text size="xs" c="dimmed"><span className="dot" aria-hidden /> {stream.state === "open" ? "live" : "connecting"}</Text>
      )}
    </div>
  );
}

/** What is over may have changed more than itself: backups, alarms, instances. */
function noteOperation(operation: Operation): void {
  queryClient.setQueryData(["operation", operation.id], operation);
  void queryClient.invalidateQueries({ queryKey: ["operations"] });
  if (operation.ended) {
    void queryClient.invalidateQueries({ queryKey: ["source", operation.source] });
    void queryClient.invalidateQueries({ queryKey: ["instances"] });
    void queryClient.invalidateQueries({ queryKey: ["alarms"] });
  }
}
