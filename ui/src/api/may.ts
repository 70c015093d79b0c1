// What somebody may do, by the rules of the daemon. The daemon decides; this only keeps what it would refuse from being offered.

import type { Grant, Role } from "./types";

const INCLUDES: Record<Role, Role[]> = {
  viewer: ["viewer"],
  operator: ["viewer", "operator"],
  approver: ["viewer", "approver"],
  admin: ["viewer", "operator", "approver", "admin"],
};

/** Whether the grants give the role for a stack; for everything when no stack is said. */
export function may(grants: Grant[], role: Role, stack?: string): boolean {
  return grants.some((grant) => {
    return INCLUDES[grant.role].includes(role) && (grant.stack == null || grant.stack === stack);
  });
}

export function maySomewhere(grants: Grant[], role: Role): boolean {
  return grants.some((grant) => INCLUDES[grant.role].includes(role));
}

/** `admin`, `operator of shop, viewer` */
export function rolesInWords(grants: Grant[]): string {
  if (grants.length === 0) return "nothing";
  return grants.map((grant) => (grant.stack ? `${grant.role} of ${grant.stack}` : grant.role)).join(", ");
}
