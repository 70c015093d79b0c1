// Who there is and what they may; and the tokens that programs show. Users are for admins, tokens for everybody.

import { Text } from "@mantine/core";
import { may, rolesInWords } from "../api/may";
import { useMe } from "../api/queries";
import { Card } from "../parts/Card";
import { Page } from "../parts/Page";
import { Tokens } from "./people/Tokens";
import { Users } from "./people/Users";

export function People() {
  const me = useMe();
  return (
    <Page title="Users & tokens" docs="people" note={<>You are {me.name}: {rolesInWords(me.grants)}</>}>
      {may(me.grants, "admin") ? <Users /> : <Card title="Users"><Text size="sm" c="dimmed">Users are looked after by admins.</Text></Card>}
      <Tokens />
    </Page>
  );
}
