// What a restore replaced is kept: it can be brought back, by a plan of its own, or let go for good by an admin.

import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { api, ask } from "../../api/client";
import { may } from "../../api/may";
import { retiredOptions, useMe } from "../../api/queries";
import type { Operation } from "../../api/types";
import { Act } from "../../parts/Act";
import { Waiting } from "../../parts/Loaded";
import { Problem } from "../../parts/Problem";
import { Sure } from "../../parts/Sure";
import { askWayBack, askWayBackPlan } from "../../restore/ask";
import { ConsentForm } from "../../restore/ConsentForm";
import { lacksTime, NOTHING_SAID, type Consent } from "../../restore/consent";
import { bytes } from "../../words/units";
import { PlanView } from "./PlanView";
import { useStackOf } from "./useStackOf";

export function GoBack({ operation }: { operation: Operation }) {
  const me = useMe();
  const stack = useStackOf(operation.source);
  const kept = useQuery(retiredOptions).data?.find((one) => one.operation === operation.id);
  if (!kept) return null;
  return (
    <>
      {may(me.grants, "operator", stack) && <RollBack operation={operation} />}
      {may(me.grants, "admin") && (
        <Sure
          title="Let go of what was replaced"
          what={<Text size="sm">{kept.path}{kept.bytes != null && ` (${bytes(kept.bytes)})`} is removed for good. There is no way back from that.</Text>}
          act={() => ask(api.POST("/api/v1/operations/{id}/retire", { params: { path: { id: operation.id } } }))}
          anew={[["retired"]]}
          label="Remove it for good"
          color="red"
          variant="default"
        >
          Let go of what was replaced
        </Sure>
      )}
    </>
  );
}

function RollBack({ operation }: { operation: Operation }) {
  const [opened, { open, close }] = useDisclosure();
  return (
    <>
      <Button variant="default" onClick={open}>Roll back …</Button>
      <Modal closeButtonProps={{ "aria-label": "Close" }} opened={opened} onClose={close} title="Bring back what was replaced" size="xl">
        <WayBack operation={operation} notNow={close} />
      </Modal>
    </>
  );
}

/** The plan is shown at once; when something else is said, it is asked for again before it can be begun. */
function WayBack({ operation, notNow }: { operation: Operation; notNow: () => void }) {
  const [said, setSaid] = useState(NOTHING_SAID);
  const [asked, setAsked] = useState(said);
  const plan = useQuery({ queryKey: ["operation", operation.id, "way back", asked], queryFn: () => askWayBackPlan(operation.id, asked), retry: false, gcTime: 0, refetchOnWindowFocus: false });
  const lacking = lacksTime(said);
  const isAnswered = said === asked && !plan.isFetching;
  return (
    <Stack>
      <ConsentForm said={said} change={(changed) => setSaid({ ...said, ...changed })} source={operation.source ?? ""} ahead />
      {plan.isFetching && <Waiting lines={6} />}
      {isAnswered && plan.isError && <Problem error={plan.error} />}
      {isAnswered && plan.data && <PlanView plan={plan.data} />}
      <Group justify="flex-end" align="flex-start">
        <Text size="sm" c="dimmed" role="status">{lacking}</Text>
        <Button variant="default" onClick={notNow}>Not now</Button>
        {said !== asked && <Button disabled={lacking !== undefined} onClick={() => setAsked(said)}>Show the plan</Button>}
        {isAnswered && plan.data && <Begin operation={operation} said={said} />}
      </Group>
    </Stack>
  );
}

/** Of one plan: sent twice it is one way back all the same, and another plan is another one. */
function Begin({ operation, said }: { operation: Operation; said: Consent }) {
  const [, go] = useLocation();
  const [key] = useState(() => crypto.randomUUID());
  return <Act color="red" act={() => askWayBack(operation.id, said, key)} then={(begun) => go(`/operations/${begun.id}`)}>Roll back</Act>;
}
