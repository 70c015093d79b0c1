// Roles, as the command line takes them: `viewer`, or `operator:shop` for one stack.

import { TagsInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { stacksOptions } from "../../api/queries";
import type { Grant, Role } from "../../api/types";

const ROLES: Role[] = ["viewer", "operator", "approver", "admin"];

export function toWords(grants: Grant[]): string[] {
  return grants.map((grant) => (grant.stack ? `${grant.role}:${grant.stack}` : grant.role));
}

/** Nothing where one of the words is no role. */
export function fromWords(words: string[]): Grant[] | undefined {
  const grants = words.map((word) => {
    const [role, ...stack] = word.split(":");
    return ROLES.includes(role as Role) ? { role: role as Role, stack: stack.length > 0 ? stack.join(":") : undefined } : undefined;
  });
  return grants.includes(undefined) ? undefined : (grants as Grant[]);
}

const STACKS_OFFERED = 200;

export function GrantsInput({ value, onChange }: { value: string[]; onChange: (words: string[]) => void }) {
  const stacks = useQuery(stacksOptions).data ?? [];
  const data = [...ROLES, ...stacks.slice(0, STACKS_OFFERED).flatMap((stack) => ROLES.map((role) => `${role}:${stack.name}`))];
  const wrong = fromWords(value) === undefined && "A role is viewer, operator, approver or admin; role:stack is for one stack";
  return <TagsInput label="Roles" description="viewer, operator, approver, admin; or role:stack for one stack" data={data} value={value} onChange={onChange} error={wrong} maxDropdownHeight={220} />;
}
