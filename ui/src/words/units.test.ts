// The same numbers as in crates/cli/src/show/tests.rs: one voice on both.

import { expect, test } from "vitest";
import { bytes, count, counted, seconds } from "./units";

test.each([[0, "0 B"], [812, "812 B"], [999, "999 B"], [1000, "1.0 kB"], [41_000_000, "41 MB"], [3_000_000_000, "3.0 GB"], [999_600, "1.0 MB"]])("%i bytes", (size, said) => {
  expect(bytes(size)).toBe(said);
});

test.each([[0, "0 s"], [0.25, "0.3 s"], [3.9, "3.9 s"], [34, "34 s"], [60, "1 min"], [1305, "21 min 45 s"], [7800, "2 h 10 min"], [273_600, "3 d 4 h"], [-5, "0 s"]])("%f seconds", (length, said) => {
  expect(seconds(length)).toBe(said);
});

test("counts have commas and know one from many", () => {
  expect(count(1204)).toBe("1,204");
  expect(count(1_000_000)).toBe("1,000,000");
  expect(counted(1, "commit", "commits")).toBe("1 commit");
  expect(counted(1204, "commit", "commits")).toBe("1,204 commits");
});
