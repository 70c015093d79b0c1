// What a source takes in the vault: over time, how fast it grows, and what keeping it costs at a price that the reader knows.

import { NumberInput, Stack, Text } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import { timelineOptions, volumeOptions } from "../../api/queries";
import { Card } from "../../parts/Card";
import { Facts } from "../../parts/Facts";
import { Loaded, Waiting } from "../../parts/Loaded";
import { bytes } from "../../words/units";
import { growth, now, perDay } from "./growth";

const Chart = lazy(async () => ({ default: (await import("../../parts/Chart")).Chart }));
const DAYS = 30;
const GB = 1e9;

export function Storage({ source }: { source: string }) {
  const timeline = useQuery(timelineOptions(source));
  const volume = useQuery(volumeOptions(source));
  const backups = timeline.data?.backups;
  const grown = useMemo(() => growth(backups ?? [], volume.data ?? []), [backups, volume.data]);
  const series = useMemo(() => [{ name: "backups", values: grown.backups }, { name: "log", values: grown.log }], [grown]);
  const daily = perDay(grown);
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
                ["Growth", daily === undefined ? "not known before an hour has passed" : `${bytes(daily)} a day, if nothing expires`],
              ]}
            />
            <Cost held={now(grown)} daily={daily} />
          </Stack>
        )}
      </Loaded>
    </Card>
  );
}

function Cost({ held, daily }: { held: number; daily: number | undefined }) {
  const [price, setPrice] = useLocalStorage<number>({ key: "rekindle-price-per-gb-month", defaultValue: 0.02 });
  const cost = (size: number) => ((size / GB) * price).toFixed(2);
  return (
    <>
      <NumberInput label="Price of one GB for a month" description="Yours: it is kept in this browser only" value={price} onChange={(value) => setPrice(Number(value))} min={0} step={0.001} decimalScale={4} w={260} />
      <Text size="sm">
        Keeping what is there now: {cost(held)} a month{daily !== undefined && <>; in {DAYS} days, if nothing expires: {cost(held + daily * DAYS)} a month</>}.
      </Text>
    </>
  );
}
