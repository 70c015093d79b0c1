// What of a restore goes together, what the address keeps of it, and what the daemon is asked.

import { expect, test } from "vitest";
import { toExtractAsk, toRestoreAsk } from "./ask";
import { asHeader } from "./consent";
import { EMPTY, fromAddress, lacks, offered, toAddress, together, type Form } from "./form";

const TIME = "2026-11-21T01:57:00.000Z";
const AT: Form = { ...EMPTY, value: TIME };

/** A form in which everything was once filled in, whatever is chosen now. */
const ALL: Form = {
  ...AT, before: true, timeline: "2", database: "sales", tables: "public.orders\n\n public.items ", into: "/srv/x", name: "sales_old", port: "5433", host: "10.0.0.7",
  limit: "50", delta: true, tablespaces: "16385=/srv/fast", owner: "pg", keepServing: true, begins: "next-window", beginsAt: TIME, happened: TIME, detected: TIME,
  why: "a wrong UPDATE", breakGlass: "restore shop without approval", noSnapshot: "restore shop without a snapshot",
};

test("what was chosen is in the address, but for what a person must type", () => {
  const form: Form = { ...ALL, mode: "into", files: "only" };
  expect(fromAddress(toAddress(form))).toEqual({ ...form, breakGlass: "", noSnapshot: "" });
  const address = toAddress(form).toString();
  expect(address).not.toContain("without");
  expect(fromAddress(new URLSearchParams("latest=true")).kind).toBe("latest");
  expect(toAddress(AT).toString()).toBe(new URLSearchParams({ time: TIME }).toString());
});

test("an address that was changed by hand offers nothing that there is not", () => {
  const form = fromAddress(new URLSearchParams("time=x&part=all&mode=sideways&files=none&delta=true"));
  expect(form).toMatchObject({ part: "cluster", mode: "swap", files: "open", delta: true });
  expect(fromAddress(new URLSearchParams("part=database&mode=beside&files=only"))).toMatchObject({ mode: "swap", files: "copied" });
});

test("a name of a restore point and the name of what is restored are two", () => {
  const form: Form = { ...AT, kind: "name", value: "before-release", part: "database", mode: "into", database: "sales", name: "sales_old" };
  expect(fromAddress(toAddress(form))).toEqual(form);
});

test("what does not belong to what was chosen is not asked for", () => {
  const swap = JSON.parse(JSON.stringify(toRestoreAsk(ALL))) as object;
  expect(swap).toEqual({
    target: { time: TIME }, before: true, timeline: 2, owner: "pg", at: "next-window", break_glass: ALL.breakGlass, no_snapshot: ALL.noSnapshot,
    mode: "swap", open: false, copy: false, no_start: false, limit: 50_000_000, delta: false, happened: TIME, detected: TIME,
  });
  const beside = toRestoreAsk({ ...ALL, mode: "beside", files: "copied" });
  expect(beside).toMatchObject({ into: "/srv/x", port: 5433, host: "10.0.0.7", copy: true, delta: false });
  expect(beside.limit ?? beside.tablespaces).toBeUndefined();
  const into = toRestoreAsk({ ...ALL, mode: "into", files: "only" });
  expect(into).toMatchObject({ into: "/srv/x", open: false, no_start: true, delta: true, tablespaces: { 16385: "/srv/fast" } });
  expect(into.port ?? into.host ?? into.at ?? into.no_snapshot ?? into.happened ?? into.limit).toBeUndefined();
  expect(toRestoreAsk({ ...AT, mode: "into", into: "/srv/x" })).toMatchObject({ open: true, no_start: false, delta: false });
});

test("a part is asked for by its names", () => {
  expect(toExtractAsk({ ...ALL, part: "tables" })).toMatchObject({ database: "sales", tables: ["public.orders", "public.items"], swap: true, keep_serving: true, at: "next-window" });
  const beside = toExtractAsk({ ...ALL, part: "database", mode: "into" });
  expect(beside).toMatchObject({ database: "sales", tables: [], into: "sales_old", swap: false, keep_serving: false });
  expect(beside.at ?? beside.no_snapshot).toBeUndefined();
  expect(toExtractAsk({ ...ALL, part: "database" }).into).toBeUndefined();
});

test("what is still to be said is said", () => {
  expect(lacks(AT)).toBeUndefined();
  expect(lacks({ ...EMPTY, kind: "latest" })).toBeUndefined();
  const cases: [Partial<Form>, RegExp][] = [
    [{ value: " " }, /which moment/],
    [{ kind: "xid", value: "4711x" }, /number/],
    [{ part: "database" }, /which database/],
    [{ part: "tables", database: "sales", tables: " \n" }, /which tables/],
    [{ mode: "into", into: "srv/x" }, /absolute path/],
    [{ mode: "beside", into: "/srv/x" }, /port or address/],
    [{ mode: "into", into: "/srv/x", files: "copied", tablespaces: "16385=/a\n16386 /b" }, /not as “16386 \/b”/],
    [{ begins: "time" }, /what time/],
  ];
  for (const [changed, said] of cases) expect(lacks({ ...AT, ...changed })).toMatch(said);
  // What is not offered any more is not missed either.
  expect(lacks({ ...AT, part: "database", database: "sales", mode: "into", begins: "time", tablespaces: "x" })).toBeUndefined();
});

test("a whole cluster alone moves elsewhere, and a directory of its own alone has no server", () => {
  expect(together({ ...AT, part: "tables", mode: "beside" }).mode).toBe("swap");
  expect(together({ ...AT, mode: "swap", files: "only" }).files).toBe("copied");
  expect(offered({ ...AT, mode: "into", files: "only" })).toMatchObject({ port: false, overWhatIsThere: true, ahead: false });
  expect(offered({ ...AT, part: "database" })).toMatchObject({ keepServing: true, name: false, directory: false, incident: false });
});

test("why goes in a header, which holds plain letters", () => {
  expect(asHeader("zurück – wegen €")).toBe("zuruck ? wegen ?");
});
