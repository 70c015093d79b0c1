// What a restore replaced is kept: it can be brought back, by a plan of its own, or let go for good by an admin.

import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useLocation } from "wouter";
import { api, ask } from "../../api/client";
import { may } from "../../api/may";
import { retiredOptions, useMe } from "../../api/queries";
import type { Operation } from "../../api/types";
import { Act } from "../../parts/Act";
import { Waiting } from "../../parts/Loaded";
import { Problem } from "../../parts/Problem";
import { Sure } from "../../parts/Sure";
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
  const [, go] = useLocation();
  const path = { params: { path: { id: operation.id } }, body: {} };
  const plan = useMutation({ mutationFn: () => ask(api.POST("/api/v1/operations/{id}/rollback/plan", path)) });
  const begin = () => {
    plan.mutate();
    open();
  };
  return (
    <>
      <Button variant="default" onClick={begin}>Roll back …</Button>
      <Modal closeButtonProps={{ "aria-label": "Close" }} opened={opened} onClose={close} title="Bring back what was replaced" size="xl">
        <Stack>
          {plan.isPending && <Waiting lines={6} />}
          {plan.isError && <Problem error={plan.error} />}
          {plan.data && <PlanView plan={plan.data} />}
          <Group justify="flex-end" align="flex-start">
            <Button variant="default" onClick={close}>Not now</Button>
            {plan.data && <Act color="red" act={() => ask(api.POST("/api/v1/operations/{id}/rollback", path))} then={(begun) => go(`/operations/${begun.id}`)}>Roll back</Act>}
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
