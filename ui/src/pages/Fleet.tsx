// Every stack in a row: how it stands, its newest restore point against its RPO, its last proof, its projected restore against its RTO.

import { Alert, Button, Group, SegmentedControl, Text, TextInput } from "@mantine/core";
import { IconDatabasePlus, IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useEffect, useMemo, useState } from "react";
import { Link, Redirect } from "wouter";
import { navigate } from "wouter/use-browser-location";
import { may } from "../api/may";
import { alarmsOptions, useMe } from "../api/queries";
import type { FleetRow } from "../api/types";
import { FleetTable } from "./fleet/FleetTable";
import { asText, counts, IN_NEED_FIRST, matching, orderOf, type Shown, shownOf } from "./fleet/filter";
import { useFleet } from "./fleet/useFleet";
import { Empty } from "../parts/Empty";
import { Waiting } from "../parts/Loaded";
import { Page } from "../parts/Page";
import { Problem } from "../parts/Problem";
import { SEVERITY, State } from "../parts/State";
import { counted } from "../words/units";

/** Browsers take long for an address, and not many of them in a short time. */
const ADDRESS_AFTER_MS = 300;

export function Fleet() {
  const me = useMe();
  const fleet = useFleet();
  const adds = may(me.grants, "admin");
  if (fleet.error && !fleet.rows) return <Problem error={fleet.error} />;
  if (!fleet.rows) return <Waiting lines={10} />;
  if (fleet.rows.length === 0 && adds) return <Redirect to="/add" />;
  return (
    <Page
      title="Fleet"
      docs="dashboard#fleet"
      note={counted(fleet.rows.length, "stack", "stacks")}
      actions={adds && <Button component={Link} href="/add" leftSection={<IconDatabasePlus size={18} aria-hidden />}>Add a database</Button>}
    >
      <AboutNoSource />
      {fleet.rows.length === 0 ? <Nothing /> : <Rows rows={fleet.rows} />}
    </Page>
  );
}

function Nothing() {
  return (
    <Empty title="There is no stack that you may see">
      An admin protects databases, and gives you a role for them.
    </Empty>
  );
}

function addressOf(search: string, shown: Shown, order: string): string {
  const said = { ...(search && { search }), ...(shown !== "all" && { shown }), ...(order !== asText(IN_NEED_FIRST) && { order }) };
  return `${window.location.pathname}?${new URLSearchParams(said)}`.replace(/\?$/, "");
}

/** Keeps what is shown in the address, so that a reload or a way back shows it again. */
function useAddress(address: string): void {
  useEffect(() => {
    const tell = () => {
      stop();
      navigate(address, { replace: true });
    };
    const timer = setTimeout(tell, ADDRESS_AFTER_MS);
    const stop = () => {
      clearTimeout(timer);
      document.removeEventListener("click", tell, true);
    };
    // Before whoever is quick has gone on.
    document.addEventListener("click", tell, true);
    return stop;
  }, [address]);
}

function Rows({ rows }: { rows: FleetRow[] }) {
  const [address] = useState(() => new URLSearchParams(window.location.search));
  const [search, setSearch] = useState(address.get("search") ?? "");
  const [shown, setShown] = useState(shownOf(address.get("shown")));
  const [order, setOrder] = useState(orderOf(address.get("order")));
  const wanted = useDeferredValue(search);
  const found = useMemo(() => matching(rows, wanted, shown, order), [rows, wanted, shown, order]);
  useAddress(addressOf(search, shown, asText(order)));
  const of = useMemo(() => counts(rows), [rows]);
  const choices = [
    { value: "all", label: `All ${of.all}` },
    { value: "troubled", label: `In need ${of.troubled}` },
    { value: "over", label: `Over RPO or RTO ${of.over}` },
    { value: "busy", label: `At work ${of.busy}` },
  ];
  return (
    <>
      <Group gap="sm">
        <TextInput
          className="grow"
          aria-label="Search for a stack or a source"
          placeholder="Search for a stack or a source"
          leftSection={<IconSearch size={16} aria-hidden />}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
          type="search"
        />
        <SegmentedControl data={choices} value={shown} onChange={(value) => setShown(value as Shown)} aria-label="Which stacks" className="scrolls" />
      </Group>
      {found.length === 0 ? (
        <Empty title="No stack is like that">Search for something else, or show all of them.</Empty>
      ) : (
        <FleetTable rows={found} order={order} onOrder={setOrder} />
      )}
      <Text size="xs" c="dimmed" role="status">{counted(found.length, "stack", "stacks")} of {rows.length}</Text>
    </>
  );
}

/** Alarms that are of no stack: the vault, the daemon, a channel. */
function AboutNoSource() {
  const me = useMe();
  const everything = may(me.grants, "viewer");
  const raised = useQuery({ ...alarmsOptions({}), enabled: everything });
  return (raised.data ?? []).filter((alarm) => !alarm.source).map((alarm) => (
    <Alert key={alarm.n} color={alarm.severity === "critical" ? "red" : "yellow"} variant="light" title={<Link href={`/alarms/${alarm.n}`}>{alarm.scope}</Link>}>
      <Group gap="sm"><State look={SEVERITY[alarm.severity] ?? SEVERITY["warning"]!} /> <Text size="sm">{alarm.text}</Text></Group>
    </Alert>
  ));
}
