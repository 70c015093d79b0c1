// One stack: its timeline, and beside it what its policy says, what it is made of, and what it takes.

import { Grid, Select, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams, useSearchParams } from "wouter";
import { stackOptions } from "../api/queries";
import { Empty } from "../parts/Empty";
import { Loaded } from "../parts/Loaded";
import { Page } from "../parts/Page";
import { Actions } from "./stack/Actions";
import { Consumers } from "./stack/Consumers";
import { Expiry } from "./stack/Expiry";
import { Policy } from "./stack/Policy";
import { SourceState } from "./stack/SourceState";
import { Storage } from "./stack/Storage";
import { TimelinePanel } from "./stack/TimelinePanel";
import { Work } from "./stack/Work";

export function StackPage() {
  const { name = "" } = useParams<{ name: string }>();
  const stack = useQuery(stackOptions(name));
  const [search, setSearch] = useSearchParams();
  return (
    <Loaded query={stack} lines={8} heading={name}>
      {(stack) => {
        const source = search.get("source") ?? stack.sources[0];
        if (!source) return <Page title={name} docs="policies"><Empty title="This stack has no source" /></Page>;
        const choose = (source: string | null) => source && setSearch({ source }, { replace: true });
        return (
          <Page
            title={stack.name}
            docs="dashboard#stack"
            note={stack.sources.length > 1 && <Select aria-label="Source" data={stack.sources} value={source} onChange={choose} size="xs" w={220} allowDeselect={false} />}
            actions={<Actions source={source} stack={stack.name} />}
          >
            <OfSource source={source} stack={stack.name} beside={<Policy stack={stack} />} />
          </Page>
        );
      }}
    </Loaded>
  );
}

/** A source that nobody put into a stack. */
export function SourcePage() {
  const { name = "" } = useParams<{ name: string }>();
  return (
    <Page title={name} docs="dashboard#stack" note="A source without a stack: no policy applies to it" actions={<Actions source={name} />}>
      <OfSource source={name} />
    </Page>
  );
}

function OfSource({ source, stack, beside }: { source: string; stack?: string; beside?: React.ReactNode }) {
  return (
    <Stack gap="lg">
      <SourceState source={source} />
      <TimelinePanel key={source} source={source} stack={stack} />
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 6 }}><Stack gap="lg">{beside}<Work source={source} /></Stack></Grid.Col>
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Stack gap="lg"><Storage source={source} /><Expiry source={source} /><Consumers source={source} /></Stack>
        </Grid.Col>
      </Grid>
    </Stack>
  );
}
