// A plan, exactly as the command line prints it.

import type { RestorePlan } from "../../api/types";
import { planText } from "../../words/plan";

export function PlanView({ plan }: { plan: RestorePlan }) {
  return <pre className="plan" aria-label="Plan" tabIndex={0}>{planText(plan, new Date())}</pre>;
}
