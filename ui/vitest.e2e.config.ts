// Tests in a real browser against the real daemon: one after the other, because the machine is small.
import { defineConfig } from "vitest/config";

const MINUTES = 60_000;

export default defineConfig({
  test: {
    include: [process.env["SHOTS"] ? "tests/shots.ts" : process.env["BENCH"] ? "tests/bench.ts" : "tests/e2e/**/*.e2e.ts"],
    fileParallelism: false,
    testTimeout: 5 * MINUTES,
    hookTimeout: 5 * MINUTES,
    teardownTimeout: MINUTES,
    passWithNoTests: false,
    allowOnly: false,
    bail: 0,
  },
});
