// Of which stack a source is: roles are for stacks.

import { useQuery } from "@tanstack/react-query";
import { stacksOptions } from "../../api/queries";

export function useStackOf(source: string | null | undefined): string | undefined {
  const stacks = useQuery({ ...stacksOptions, enabled: Boolean(source), staleTime: 60_000 });
  return stacks.data?.find((stack) => stack.sources.includes(source ?? ""))?.name;
}
