// What can be done with an operation now, by who looks at it.

import { Group, Text } from "@mantine/core";
import { api, ask } from "../../api/client";
import { may } from "../../api/may";
import { useMe } from "../../api/queries";
import type { Operation } from "../../api/types";
import { Sure } from "../../parts/Sure";
import { deeds, type Deed } from "../../words/operation";
import { useStackOf } from "./useStackOf";

interface Look {
  label: string;
  what: string;
  colour?: string;
  why: "asked" | "needed";
}

const LOOKS: Record<Deed, Look> = {
  approve: { label: "Approve", what: "You agree to the plan above. It begins when as many have agreed as the policy asks for.", colour: "green", why: "asked" },
  refuse: { label: "Refuse", what: "It does not begin, and your reason is kept with it.", colour: "red", why: "needed" },
  pause: { label: "Pause", what: "It stops before its next step, and waits for a person.", why: "asked" },
  resume: { label: "Resume", what: "It goes on where it stopped.", why: "asked" },
  cancel: { label: "Cancel and go back", what: "It stops, and takes back what it did, step by step.", colour: "red", why: "asked" },
  retry: { label: "Retry now", what: "The step that failed is tried again at once.", why: "asked" },
  abandon: { label: "Abandon", what: "It is given up as it stands: what it did is not taken back, and what is left is yours to put right.", colour: "red", why: "needed" },
};

const BY_APPROVERS: Deed[] = ["approve", "refuse"];

export function Deeds({ operation }: { operation: Operation }) {
  const me = useMe();
  const stack = useStackOf(operation.source);
  const possible = deeds(operation);
  const allowed = possible.filter((deed) => may(me.grants, BY_APPROVERS.includes(deed) ? "approver" : "operator", stack));
  const asksHimself = operation.asked_by === me.name;
  const offered = allowed.filter((deed) => deed !== "approve" || !asksHimself);
  const has = operation.approvals.some((approval) => approval.by === me.name);
  return (
    <>
      {operation.status === "awaiting-approval" && asksHimself && <Text size="sm" role="note">You asked for it, so somebody else must approve it.</Text>}
      {operation.status === "awaiting-approval" && has && <Text size="sm" role="note">You have approved it.</Text>}
      {possible.length > 0 && offered.length === 0 && !asksHimself && <Text size="sm" c="dimmed">What can be done now needs a role that you do not have.</Text>}
      <Group gap="xs">
        {offered.filter((deed) => deed !== "approve" || !has).map((deed) => <DeedButton key={deed} deed={deed} operation={operation} />)}
      </Group>
    </>
  );
}

function DeedButton({ deed, operation }: { deed: Deed; operation: Operation }) {
  const look = LOOKS[deed];
  const primary = deed === "approve" || deed === "resume" || deed === "retry";
  const act = (why: string) => ask(api.POST(`/api/v1/operations/{id}/${deed}`, { params: { path: { id: operation.id } }, body: { why } }));
  return (
    <Sure
      title={`${look.label}: ${operation.kind} ${operation.id}`}
      what={<Text size="sm">{look.what}</Text>}
      act={act}
      anew={[["operation", operation.id], ["operations"]]}
      why={look.why}
      label={look.label}
      color={look.colour}
      variant={primary ? "filled" : "default"}
    >
      {look.label}
    </Sure>
  );
}
