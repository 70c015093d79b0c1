// What the policy would remove now, before it does.

import { List, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { expiryOptions } from "../../api/queries";
import { Card } from "../../parts/Card";
import { Loaded } from "../../parts/Loaded";
import { When } from "../../parts/When";
import { counted, seconds } from "../../words/units";

const SHOWN = 12;

export function Expiry({ source }: { source: string }) {
  const query = useQuery(expiryOptions(source));
  return (
    <Card title="What expires next">
      <Loaded query={query} lines={3}>
        {(plan) => {
          const gone = plan.backups.filter((one) => !one.keep);
          const kept = plan.backups.filter((one) => one.keep);
          return (
            <Stack gap="xs">
              <Text size="sm">
                {gone.length === 0 ? `Nothing: ${kept.length === 1 ? "the one backup is" : `all ${counted(kept.length, "backup", "backups")} are`} kept.` : `${counted(gone.length, "backup goes", "backups go")} when the policy is applied next; ${kept.length} stay.`}
                {" "}What nothing needs any more stays for {seconds(plan.grace_seconds)} before it is removed.
              </Text>
              <List size="sm" aria-label="Why each is kept or goes">
                {[...gone, ...kept].slice(0, SHOWN).map((one) => (
                  <List.Item key={one.backup}>
                    {one.keep ? "kept" : <Text span inherit c="var(--state-attention)" fw={600}>goes</Text>}: {one.backup} of <When at={one.ended} as="short" /> {one.reasons.length > 0 && `(${one.reasons.join(", ")})`}
                  </List.Item>
                ))}
              </List>
            </Stack>
          );
        }}
      </Loaded>
    </Card>
  );
}
