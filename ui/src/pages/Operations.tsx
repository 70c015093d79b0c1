// What runs and what ran, the newest first, in pages.

import { Button, Group, Select, Stack, Switch } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useSearchParams } from "wouter";
import { api, ask } from "../api/client";
import { Empty } from "../parts/Empty";
import { Waiting } from "../parts/Loaded";
import { Page } from "../parts/Page";
import { Problem } from "../parts/Problem";
import { OperationTable } from "./operation/OperationTable";

const KINDS = ["backup", "restore", "drill", "clone", "peek", "extract", "check", "expire", "pin", "protect", "retire"];
const PAGE = 50;

export function Operations() {
  const [search, setSearch] = useSearchParams();
  const kind = search.get("kind") ?? undefined;
  const unfinished = search.get("unfinished") === "true";
  const source = search.get("source") ?? undefined;
  const query = useInfiniteQuery({
    queryKey: ["operations", { kind, unfinished, source, pages: true }],
    queryFn: ({ pageParam }) =>
      ask(api.GET("/api/v1/operations", { params: { query: { kind, source, unfinished: unfinished || undefined, limit: PAGE, before: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => (last.length < PAGE ? undefined : last.at(-1)?.id),
  });
  const change = (name: string, value: string | undefined) => {
    const next = new URLSearchParams(search);
    if (value) next.set(name, value);
    else next.delete(name);
    setSearch(next, { replace: true });
  };
  const operations = query.data?.pages.flat() ?? [];
  return (
    <Page title="Operations" docs="operations" note="A backup, a restore, a clone, a drill: each is written down before it begins">
      <Group>
        <Select aria-label="Kind" placeholder="All kinds" data={KINDS} value={kind ?? null} onChange={(value) => change("kind", value ?? undefined)} clearable w={180} />
        <Switch label="Only what is not over" checked={unfinished} onChange={(event) => change("unfinished", event.currentTarget.checked ? "true" : undefined)} />
      </Group>
      {query.isError && <Problem error={query.error} again={() => void query.refetch()} />}
      {query.isPending && <Waiting lines={8} />}
      {query.isSuccess && operations.length === 0 && <Empty title="There is no such operation">What is done to a database, by people or by the timetable, is listed here.</Empty>}
      {operations.length > 0 && (
        <Stack>
          <OperationTable operations={operations} />
          {query.hasNextPage && <Group justify="center"><Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>Older ones</Button></Group>}
        </Stack>
      )}
    </Page>
  );
}
