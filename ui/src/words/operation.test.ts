// What can be done with an operation that is stuck: the one command that leads back comes first.

import { expect, test } from "vitest";
import type { Operation } from "../api/types";
import { deeds, next } from "./operation";

function stuck(way_back: string): Operation {
  return { id: "7f3", kind: "restore", status: "stuck", way_back, steps: [], approvals: [], approvals_needed: 0 } as unknown as Operation;
}

test("what is stuck names the one command that leads back", () => {
  expect(next(stuck("rekindle ops retry 7f3"))).toContain("this leads back: rekindle ops retry 7f3");
  expect(deeds(stuck("rekindle ops retry 7f3"))).toEqual(["retry", "abandon"]);
  expect(deeds(stuck("rekindle ops cancel 7f3"))).toEqual(["cancel", "retry", "abandon"]);
});
