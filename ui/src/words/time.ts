// Times as people read them. The zone is the reader's unless another is said; UTC always stands beside it.

import { seconds } from "./units";

export type Zone = string | undefined;

const formats = new Map<string, Intl.DateTimeFormat>();

function format(options: Intl.DateTimeFormatOptions, zone: Zone, locale = "en-GB"): Intl.DateTimeFormat {
  const key = JSON.stringify([options, zone, locale]);
  let known = formats.get(key);
  if (!known) {
    known = new Intl.DateTimeFormat(locale, { ...options, timeZone: zone, hourCycle: "h23" });
    formats.set(key, known);
  }
  return known;
}

const FIELDS: Intl.DateTimeFormatOptions = {
  weekday: "short",
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
};

interface Fields {
  weekday: string;
  day: string;
  month: string;
  year: string;
  clock: string;
  milliseconds: string;
}

export function fields(at: Date, zone?: Zone): Fields {
  const parts = Object.fromEntries(format(FIELDS, zone).formatToParts(at).map((part) => [part.type, part.value]));
  return {
    weekday: parts["weekday"] ?? "",
    day: parts["day"] ?? "",
    month: (parts["month"] ?? "").slice(0, 3),
    year: parts["year"] ?? "",
    clock: `${parts["hour"]}:${parts["minute"]}:${parts["second"]}`,
    milliseconds: String(at.getUTCMilliseconds()).padStart(3, "0"),
  };
}

/** `CET`, `UTC`, `EST`; `+05:30` where the zone has no name of its own. */
export function zoneName(at: Date, zone?: Zone): string {
  for (const locale of ["en-GB", "en-US"]) {
    const parts = format({ timeZoneName: "short" }, zone, locale).formatToParts(at);
    const name = parts.find((part) => part.type === "timeZoneName")?.value ?? "";
    if (name && !/^(GMT|UTC)[+-]/.test(name)) return name;
  }
  const minutes = -at.getTimezoneOffset();
  const two = (number: number) => String(Math.floor(Math.abs(number))).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}

/** `Fri 21 Nov 2026 02:57:00.250 CET` */
export function exactly(at: Date, zone?: Zone): string {
  const { weekday, day, month, year, clock, milliseconds } = fields(at, zone);
  const fraction = milliseconds === "000" ? "" : `.${milliseconds}`;
  return `${weekday} ${day} ${month} ${year} ${clock}${fraction} ${zoneName(at, zone)}`;
}

/** As short as it can be without a doubt: `14:02:07`, `Thu 18:41:10`, `3 Nov 18:41:10`, `3 Nov 2025 18:41:10`. */
export function short(at: Date, now: Date, zone?: Zone): string {
  const [then, today] = [fields(at, zone), fields(now, zone)];
  const days = Math.round((dayOf(now, zone) - dayOf(at, zone)) / 86_400_000);
  if (days === 0) return then.clock;
  if (days >= 1 && days <= 6) return `${then.weekday} ${then.clock}`;
  if (then.year === today.year) return `${then.day} ${then.month} ${then.clock}`;
  return `${then.day} ${then.month} ${then.year} ${then.clock}`;
}

export function shortWithZone(at: Date, now: Date, zone?: Zone): string {
  return `${short(at, now, zone)} ${zoneName(at, zone)}`;
}

/** `14:02:07 CET · 13:02:07 UTC`; once where the reader's zone is UTC. */
export function shortInBothZones(at: Date, now: Date, zone?: Zone): string {
  const here = shortWithZone(at, now, zone);
  return zoneName(at, zone) === "UTC" ? here : `${here} · ${shortWithZone(at, now, "UTC")}`;
}

/** The begin of its day, as though that day were in UTC: only for differences. */
function dayOf(at: Date, zone: Zone): number {
  const options: Intl.DateTimeFormatOptions = { year: "numeric", month: "2-digit", day: "2-digit" };
  const parts = Object.fromEntries(format(options, zone).formatToParts(at).map((part) => [part.type, part.value]));
  return Date.UTC(Number(parts["year"]), Number(parts["month"]) - 1, Number(parts["day"]));
}

/** `1 s ago`; a clock that is ahead of ours counts as now. */
export function ago(at: Date, now: Date): string {
  const passed = Math.floor(now.getTime() / 1000) - Math.floor(at.getTime() / 1000);
  return passed <= 0 ? "now" : `${seconds(passed)} ago`;
}

/** `2026-11-21 01:57:00 UTC` */
export function utc(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** For a field of type `datetime-local`, in the reader's zone. */
export function toField(at: Date): string {
  const two = (number: number) => String(number).padStart(2, "0");
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** What stands in such a field; nothing where it is no time. */
export function fromField(text: string): Date | undefined {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? undefined : at;
}
