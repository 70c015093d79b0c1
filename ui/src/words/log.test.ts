// Of an idle server the newest restore point is now, as long as it says so.

import { expect, test } from "vitest";
import { isNow } from "./log";

test("only a server that is heard, and has nothing more, is restorable to now", () => {
  const now = Date.parse("2026-11-21T02:00:10Z");
  const log = { phase: "streaming", lag_bytes: 0, complete_at: "2026-11-21T02:00:05Z" };
  expect(isNow(log, now)).toBe(true);
  expect(isNow({ ...log, lag_bytes: 8 }, now)).toBe(false);
  expect(isNow({ ...log, phase: "waiting" }, now)).toBe(false);
  expect(isNow({ ...log, complete_at: "2026-11-21T01:59:30Z" }, now)).toBe(false);
  expect(isNow({ ...log, complete_at: null }, now)).toBe(false);
});
