// What a source takes in the vault: over time, how fast it grows, and what keeping it costs at a price that the reader knows.

import { NumberInput, Stack, Text } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import { outlookOptions, timelineOptions, volumeOptions } from "../../api/queries";
import type { Outlook } from "../../api/types";
import { Card } from "../../parts/Card";
import { Facts } from "../../parts/Facts";
import { Loaded, Waiting } from "../../parts/Loaded";
import { bytes, counted } from "../../words/units";
import { growth, now } from "./growth";

const Chart = lazy(async () => ({ default: (await import("../../parts/Chart")).Chart }));
const GB = 1e9;

export function Storage({ source }: { source: string }) {
  const timeline = useQuery(timelineOptions(source));
  const volume = useQuery(volumeOptions(source));
  const outlook = useQuery(outlookOptions(source));
  const backups = timeline.data?.backups;
  const grown = useMemo(() => growth(backups ?? [], volume.data ?? []), [backups, volume.data]);
  const series = useMemo(() => [{ name: "backups", values: grown.backups }, { name: "log", values: grown.log }], [grown]);
  const pace = outlook.data?.pace;
  return (
    <Card title="Storage">
      <Loaded query={volume} lines={4}>
        {() => (
          <Stack gap="sm">
            {grown.times.length > 1 && <Suspense fallback={<Waiting lines={4} />}><Chart label="Bytes in the vault" times={grown.times} series={series} say={bytes} /></Suspense>}
            <Facts
              label="Storage"
              facts={[
                ["In the vault now", `${bytes(grown.backups.at(-1) ?? 0)} of backups, ${bytes(grown.log.at(-1) ?? 0)} of log`],
                ["Comes in", pace ? `${bytes(pace.changed_bytes_a_day)} of backups and ${bytes(pace.log_bytes_a_day)} of log a day` : "not known before there are two backups, an hour apart"],
              ]}
            />
            <Cost held={now(grown)} outlook={outlook.data} />
          </Stack>
        )}
      </Loaded>
    </Card>
  );
}

function Cost({ held, outlook }: { held: number; outlook: Outlook | undefined }) {
  const [price, setPrice] = useLocalStorage<number>({ key: "rekindle-price-per-gb-month", defaultValue: 0.02 });
  const cost = (size: number) => `${((size / GB) * price).toFixed(2)} a month`;
  const ahead = (outlook?.ahead ?? []).map((then): [string, string] => [
    `In ${span(then.days)}`,
    `${counted(then.backups, "backup", "backups")} in ${bytes(then.backup_bytes)}, ${bytes(then.log_bytes)} of log: ${cost(then.backup_bytes + then.log_bytes)}`,
  ]);
  return (
    <>
      <NumberInput label="Price of one GB for a month" description="Yours: it is kept in this browser only" value={price} onChange={(value) => setPrice(Number(value))} min={0} step={0.001} decimalScale={4} w={260} />
      <Facts label="What keeping it costs" facts={[["Now", cost(held)], ...ahead]} />
      {ahead.length > 0 && <Text size="xs" c="dimmed">By the policy, when as much changes as until now. Of one backup after the other what changed between them is counted, and never more than all of it.</Text>}
    </>
  );
}

function span(days: number): string {
  return days === 365 ? "a year" : `${days} days`;
}
