// Where a restore stands on its way from a moment to a report.

import { Stepper } from "@mantine/core";
import type { Operation } from "../../api/types";
import { isOver } from "../../words/operation";

const STAGES = ["Moment", "Plan", "Approval", "Steps", "Report"];

export function stageOf(operation: Operation | undefined, planned: boolean): number {
  if (!operation) return planned ? 1 : 0;
  if (operation.status === "awaiting-approval" || operation.status === "planned") return 2;
  if (operation.status === "succeeded") return 5;
  return isOver(operation) ? 4 : 3;
}

export function Stages({ active }: { active: number }) {
  return (
    <Stepper active={active} size="xs" iconSize={28} allowNextStepsSelect={false} className="no-print" aria-label="Where the restore stands" visibleFrom="sm">
      {STAGES.map((stage) => <Stepper.Step key={stage} label={stage} allowStepSelect={false} />)}
    </Stepper>
  );
}
