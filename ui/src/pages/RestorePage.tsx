// A restore before it begins: choose the moment, see the plan as the command line prints it, ask for it. What was chosen is in the
// address, so a reload or another browser shows the same; once it is asked for, the page of its operation goes on.

import { Button, Group, Stack, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation, useParams, useSearchParams } from "wouter";
import { may } from "../api/may";
import { sourceOptions, useMe } from "../api/queries";
import type { RestorePlan } from "../api/types";
import { Card } from "../parts/Card";
import { Waiting } from "../parts/Loaded";
import { Page } from "../parts/Page";
import { Forbidden, Problem } from "../parts/Problem";
import { When } from "../parts/When";
import { askPlan, askRestore } from "../restore/ask";
import { ConsentForm, IncidentForm } from "../restore/ConsentForm";
import { fromAddress, lacks, offered, toAddress, together, type Form } from "../restore/form";
import { MomentForm } from "../restore/MomentForm";
import { PartForm } from "../restore/PartForm";
import { PlaceForm } from "../restore/PlaceForm";
import { PlanView } from "./operation/PlanView";
import { Stages } from "./operation/Stages";
import { useStackOf } from "./operation/useStackOf";

export function RestorePage() {
  const { source = "" } = useParams<{ source: string }>();
  const stack = useStackOf(source);
  if (!may(useMe().grants, "operator", stack)) return <Forbidden message="a restore is asked for by an operator of the stack" />;
  return <Restore source={source} />;
}

function Restore({ source }: { source: string }) {
  const [search, setSearch] = useSearchParams();
  const [form, setForm] = useState<Form>(() => fromAddress(search));
  const [asked, setAsked] = useState<Form | undefined>(() => (search.has("planned") ? fromAddress(search) : undefined));
  const plan = useQuery({
    queryKey: ["source", source, "plan", asked],
    queryFn: () => askPlan(source, asked!),
    enabled: asked !== undefined,
    retry: false,
    staleTime: Infinity,
    refetchOnWindowFocus: false,
  });
  const change = (changed: Partial<Form>) => {
    const next = together({ ...form, ...changed });
    setForm(next);
    setAsked(undefined);
    setSearch(toAddress(next), { replace: true });
  };
  const show = () => {
    const address = toAddress(form);
    address.set("planned", "true");
    setSearch(address, { replace: true });
    setAsked({ ...form });
    if (asked) void plan.refetch();
  };
  const lacking = lacks(form);
  return (
    <Page title={`Restore ${source}`} docs="restore-in-place" note={<Newest source={source} />}>
      <Stages active={plan.data ? 1 : 0} />
      <Card title="Moment"><MomentForm form={form} change={change} source={source} /></Card>
      <Card title="What comes back"><PartForm form={form} change={change} /></Card>
      <Card title="Where it goes"><PlaceForm form={form} change={change} source={source} /></Card>
      <Card title="When, and with whose consent">
        <Stack gap="sm">
          <ConsentForm said={form} change={change} source={source} ahead={offered(form).ahead} />
          {offered(form).incident && <IncidentForm said={form} change={change} />}
        </Stack>
      </Card>
      <Group>
        <Button variant={plan.data ? "default" : "filled"} onClick={show} disabled={lacking !== undefined} loading={plan.isFetching}>Show the plan</Button>
        <Text size="sm" c="dimmed" role="status">{lacking ?? "Nothing is touched by that."}</Text>
      </Group>
      {plan.isFetching && <Waiting lines={6} />}
      {plan.isError && !plan.isFetching && <Problem error={plan.error} what="This cannot be restored as asked" />}
      {plan.data && asked && <Agreed source={source} form={asked} plan={plan.data} />}
    </Page>
  );
}

function Newest({ source }: { source: string }) {
  const log = useQuery(sourceOptions(source)).data?.log;
  return log?.complete_at ? <>Any moment up to <When at={log.complete_at} as="both" /> can be restored, as far as its windows reach.</> : null;
}

function Agreed({ source, form, plan }: { source: string; form: Form; plan: RestorePlan }) {
  const [, go] = useLocation();
  // Of this plan: sent twice it is one restore all the same.
  const [key] = useState(() => crypto.randomUUID());
  const begin = useMutation({ mutationFn: () => askRestore(source, form, key), onSuccess: (operation) => go(`/operations/${operation.id}`) });
  const blocked = (plan.findings ?? []).some((finding) => finding.severity === "blocks");
  const needsOthers = (plan.approvals ?? 0) > 0;
  return (
    <Card title="Plan">
      <Stack>
        <PlanView plan={plan} />
        {blocked && <Text size="sm" fw={600} c="var(--state-danger)">What is marked ✗ must be put right first.</Text>}
        {begin.isError && <Problem error={begin.error} what="It was not begun" />}
        <Group>
          <Button color={needsOthers ? undefined : "red"} disabled={blocked} loading={begin.isPending} onClick={() => begin.mutate()}>
            {needsOthers ? "Ask for approval" : "Begin the restore"}
          </Button>
          <Text size="sm" c="dimmed">{howItBegins(form, plan)}</Text>
        </Group>
      </Stack>
    </Card>
  );
}

/** Of what touches nothing live the plan does not say whether the policy asks for approvals: the operation does. */
function howItBegins(form: Form, plan: RestorePlan): string {
  if ((plan.approvals ?? 0) > 0) return "It begins when others have approved it. You cannot approve it yourself.";
  if (plan.waived) return "It begins without anybody's approval, and everybody hears of it.";
  if (form.delta && offered(form).overWhatIsThere) return `What lies in ${form.into} is written over.`;
  if (!offered(form).ahead) return "It begins at once, or when others have approved it where the policy asks for that.";
  if (plan.begins) return "It waits until then, and can be cancelled before.";
  return "It begins at once. Every step can be taken back until you let go of what was replaced.";
}
