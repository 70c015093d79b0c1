// An address that no page has.

import { Anchor } from "@mantine/core";
import { Link } from "wouter";
import { Empty } from "../parts/Empty";
import { Page } from "../parts/Page";

export function NotFound() {
  return (
    <Page title="No such page" docs="dashboard">
      <Empty title="Nothing is at this address">
        <Anchor component={Link} href="/">All stacks</Anchor>
      </Empty>
    </Page>
  );
}
