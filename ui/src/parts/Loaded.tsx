// A part of a page that waits for an answer: its skeleton, its problem, or what it is for. Old data stays while new comes.

import { Skeleton, Stack, Title } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Problem } from "./Problem";

interface Props<T> {
  /** Of the page, where the whole of it waits: it stands there also when there is nothing else. */
  heading?: string;
  query: UseQueryResult<T>;
  lines?: number;
  what?: string;
  children: (data: T) => ReactNode;
}

export function Loaded<T>({ query, lines = 3, what, heading, children }: Props<T>) {
  if (query.data !== undefined) {
    return (
      <>
        {query.isError && <Problem error={query.error} what="This could not be made anew; what you see is older" again={() => void query.refetch()} />}
        {children(query.data)}
      </>
    );
  }
  return (
    <>
      {heading && <Title order={1} size="h2" mb="md">{heading}</Title>}
      {query.isError ? <Problem error={query.error} what={what} again={() => void query.refetch()} /> : <Waiting lines={lines} />}
    </>
  );
}

export function Waiting({ lines }: { lines: number }) {
  return (
    <Stack gap="sm" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, line) => <Skeleton key={line} height={22} radius="sm" />)}
    </Stack>
  );
}
