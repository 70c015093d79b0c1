// The file of a new stack, made of what the form says. What the words mean is in docs/policies.md.

import { stringify } from "smol-toml";

export interface PolicyForm {
  backups: string;
  keep: string;
  logKeep: string;
  drills: string;
  rpo: string;
  rto: string;
  approvals: number;
  zone: string;
}

/** What suits most: it can be changed at any time. */
export function usual(zone: string): PolicyForm {
  const at = (time: string) => `${time}${zone ? ` ${zone}` : ""}`;
  return {
    backups: "hourly",
    keep: "gfs 24 hourly 7 daily 5 weekly 12 monthly",
    logKeep: "7 d",
    drills: `daily at ${at("04:00")}`,
    rpo: "5 min",
    rto: "30 min",
    approvals: 0,
    zone,
  };
}

export function fileOf(name: string, url: string, form: PolicyForm): string {
  const policy: Record<string, unknown> = {};
  if (form.zone) policy["zone"] = form.zone;
  if (form.backups) policy["backup"] = [{ name: "regular", schedule: form.backups, keep: form.keep }];
  if (form.logKeep) policy["log"] = { keep: form.logKeep };
  if (form.drills) policy["drill"] = { schedule: form.drills };
  const objectives = { ...(form.rpo && { rpo: form.rpo }), ...(form.rto && { rto: form.rto }) };
  if (Object.keys(objectives).length > 0) policy["objectives"] = objectives;
  if (form.approvals > 0) policy["approvals"] = { restore: form.approvals };
  return stringify({ stack: { name }, source: [{ name, url }], policy });
}
