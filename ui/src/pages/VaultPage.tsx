// The vault: how large it is and how it grows, what comparing and compressing save, its checks, its keys, and what expires next.

import { Alert, Stack, Switch, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo, useState } from "react";
import { Link, useLocation } from "wouter";
import { api, ask } from "../api/client";
import { may } from "../api/may";
import { operationsOptions, useMe, vaultOptions } from "../api/queries";
import type { Vault } from "../api/types";
import { Card } from "../parts/Card";
import { Empty } from "../parts/Empty";
import { Facts } from "../parts/Facts";
import { Loaded, Waiting } from "../parts/Loaded";
import { Page } from "../parts/Page";
import { Sure } from "../parts/Sure";
import { When } from "../parts/When";
import { Wide } from "../parts/Wide";
import { bytes, count } from "../words/units";
import { OperationTable } from "./operation/OperationTable";
import { Expiry } from "./stack/Expiry";

const MINUTE_SECONDS = 60;
const Chart = lazy(async () => ({ default: (await import("../parts/Chart")).Chart }));

export function VaultPage() {
  const query = useQuery(vaultOptions);
  return (
    <Page title="Vault" docs="format" note={query.data?.location} actions={may(useMe().grants, "operator") && <Check />}>
      <Loaded query={query} lines={10}>{(vault) => <Parts vault={vault} />}</Loaded>
    </Page>
  );
}

function Check() {
  const [, go] = useLocation();
  const [reads, setReads] = useState(false);
  const begin = () => ask(api.POST("/api/v1/check", { body: { read_data_percent: reads ? 100 : undefined } }));
  const what = (
    <Stack gap="xs">
      <Text size="sm">Every object is looked for, and every map and manifest is read.</Text>
      <Switch label="Read all data as well" description="Takes as long as reading the whole vault" checked={reads} onChange={(event) => setReads(event.currentTarget.checked)} />
    </Stack>
  );
  return <Sure title="Check the vault" what={what} act={begin} then={(begun) => go(`/operations/${begun.id}`)} label="Check">Check the vault</Sure>;
}

function Parts({ vault }: { vault: Vault }) {
  const checks = useQuery(operationsOptions({ kind: "check", limit: 5 }));
  return (
    <Stack gap="lg">
      {vault.key_wrong && <Alert color="red" variant="light" title="The key does not open the vault">{vault.key_wrong}</Alert>}
      <Card title="Size"><Size vault={vault} /></Card>
      <Card title="What comparing and compressing save"><Shares vault={vault} /></Card>
      <Card title="Keys"><Keys vault={vault} /></Card>
      <Card title="Checks">
        <Loaded query={checks}>{(checks) => (checks.length === 0 ? <Empty title="The vault was not checked yet">A check finds what is missing or damaged, and which backups that affects.</Empty> : <OperationTable operations={checks} />)}</Loaded>
      </Card>
      {vault.sources.map((share) => <div key={share.source}><Text size="sm" fw={600} mb={4}>{share.source}</Text><Expiry source={share.source} /></div>)}
    </Stack>
  );
}

function Size({ vault }: { vault: Vault }) {
  const times = useMemo(() => vault.sizes.map((one) => Date.parse(one.at) / 1000), [vault.sizes]);
  const series = useMemo(() => [{ name: "vault", values: vault.sizes.map((one) => one.bytes) }], [vault.sizes]);
  return (
    <Stack gap="sm">
      <Facts
        facts={[
          ["Takes", vault.bytes == null ? "not listed yet" : <>{bytes(vault.bytes)} in {count(vault.objects ?? 0)} objects, as listed <When at={vault.sizes.at(-1)?.at} /></>],
          vault.free != null && ["Free on its disk", bytes(vault.free)],
          ["Id", <span className="mono">{vault.id}</span>],
        ]}
      />
      {times.length > 1 && times.at(-1)! - times[0]! > MINUTE_SECONDS ? (
        <Suspense fallback={<Waiting lines={6} />}><Chart label="Size of the vault" times={times} series={series} say={bytes} /></Suspense>
      ) : (
        <Text size="sm" c="dimmed">It is listed once an hour: its growth is drawn when there are two sizes of it.</Text>
      )}
    </Stack>
  );
}

function Shares({ vault }: { vault: Vault }) {
  if (vault.sources.length === 0) return <Text size="sm" c="dimmed">There is no backup yet.</Text>;
  const times = (one: number, other: number) => (other > 0 ? `${(one / other).toFixed(1)}×` : "–");
  return (
    <Wide minWidth={560}>
      <Table>
        <Table.Thead><Table.Tr><Table.Th>Source</Table.Th><Table.Th>Backups</Table.Th><Table.Th>As full copies</Table.Th><Table.Th>New when taken</Table.Th><Table.Th>In the vault</Table.Th><Table.Th>Compared</Table.Th><Table.Th>Compressed</Table.Th></Table.Tr></Table.Thead>
        <Table.Tbody>
          {vault.sources.map((share) => (
            <Table.Tr key={share.source}>
              <Table.Td>{share.source}</Table.Td><Table.Td>{share.backups}</Table.Td><Table.Td>{bytes(share.bytes)}</Table.Td><Table.Td>{bytes(share.bytes_new)}</Table.Td><Table.Td>{bytes(share.bytes_stored)}</Table.Td>
              <Table.Td>{times(share.bytes, share.bytes_new)}</Table.Td><Table.Td>{times(share.bytes_new, share.bytes_stored)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Wide>
  );
}

function Keys({ vault }: { vault: Vault }) {
  return (
    <Stack gap="xs">
      <Text size="sm">Last seen to open the vault: <When at={vault.key_tested} as="both" />. <Link href="/docs/alarms">It is tried every day.</Link></Text>
      {vault.keys.length === 1 && <Text size="sm" c="var(--state-attention)">There is one way in. Without a key nothing can be restored: keep a copy elsewhere, or add a second one with <code>rekindle vault key add</code>.</Text>}
      <Table>
        <Table.Thead><Table.Tr><Table.Th>Key</Table.Th><Table.Th>Kind</Table.Th><Table.Th>Made</Table.Th></Table.Tr></Table.Thead>
        <Table.Tbody>
          {vault.keys.map((key) => <Table.Tr key={key.id}><Table.Td>{key.label || key.id}</Table.Td><Table.Td>{key.kind}</Table.Td><Table.Td><When at={key.created} as="short" /></Table.Td></Table.Tr>)}
        </Table.Tbody>
      </Table>
    </Stack>
  );
}
