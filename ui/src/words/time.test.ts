// How moments are told; the zones are said, so it does not matter where this runs.

import { expect, test } from "vitest";
import { ago, exactly, fromField, short, shortInBothZones, shortWithZone, toField, utc, zoneName } from "./time";

const at = (text: string) => new Date(text);
const NOW = at("2026-11-21T13:05:31Z");
const BERLIN = "Europe/Berlin";

test("a moment in full names its zone, and its milliseconds only where there are some", () => {
  expect(exactly(at("2026-11-21T01:57:00Z"), BERLIN)).toBe("Sat 21 Nov 2026 02:57:00 CET");
  expect(exactly(at("2026-07-01T01:57:00.250Z"), BERLIN)).toBe("Wed 1 Jul 2026 03:57:00.250 CEST");
  expect(exactly(at("2026-09-01T00:00:00Z"), "UTC")).toBe("Tue 1 Sep 2026 00:00:00 UTC");
});

test("a zone is named as people there name it", () => {
  expect(zoneName(at("2026-01-01T00:00:00Z"), "America/New_York")).toBe("EST");
  expect(zoneName(at("2026-01-01T00:00:00Z"), "UTC")).toBe("UTC");
});

test("the day is said only where there could be a doubt", () => {
  expect(short(at("2026-11-21T13:02:07Z"), NOW, "UTC")).toBe("13:02:07");
  expect(short(at("2026-11-19T17:41:10Z"), NOW, "UTC")).toBe("Thu 17:41:10");
  expect(short(at("2026-11-03T17:41:10Z"), NOW, "UTC")).toBe("3 Nov 17:41:10");
  expect(short(at("2025-11-03T17:41:10Z"), NOW, "UTC")).toBe("3 Nov 2025 17:41:10");
  expect(short(at("2026-11-20T23:30:00Z"), NOW, BERLIN), "it is the 21st there already").toBe("00:30:00");
  expect(shortWithZone(at("2026-11-21T13:02:07Z"), NOW, BERLIN)).toBe("14:02:07 CET");
  expect(shortInBothZones(at("2026-11-21T13:02:07Z"), NOW, BERLIN)).toBe("14:02:07 CET · 13:02:07 UTC");
  expect(shortInBothZones(at("2026-11-21T13:02:07Z"), NOW, "UTC")).toBe("13:02:07 UTC");
});

test("what lies ahead by a wrong clock is now", () => {
  expect(ago(at("2026-11-21T13:05:32Z"), NOW)).toBe("now");
  expect(ago(at("2026-11-21T13:05:30Z"), NOW)).toBe("1 s ago");
});

test("a field gives back what was put into it", () => {
  const moment = at("2026-11-21T13:05:31Z");
  expect(fromField(toField(moment))?.getTime()).toBe(moment.getTime());
  expect(fromField("")).toBeUndefined();
  expect(utc(moment)).toBe("2026-11-21 13:05:31 UTC");
});
