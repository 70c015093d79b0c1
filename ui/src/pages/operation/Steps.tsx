// The steps of an operation: how each stands, which attempt it is, how long it took or takes, how it is taken back.

import { Progress, Text, VisuallyHidden } from "@mantine/core";
import { IconArrowBackUp, IconCheck, IconCircle, IconHelp, IconPlayerPlay, IconX, type Icon } from "@tabler/icons-react";
import type { Operation, Step } from "../../api/types";
import { useNow } from "../../live/clock";
import { current } from "../../words/operation";
import { bytes, percent, seconds } from "../../words/units";

const MARKS: Record<Step["status"], [Icon, string, string]> = {
  waiting: [IconCircle, "var(--state-new)", "waits"],
  "in-flight": [IconPlayerPlay, "var(--mantine-color-text)", "is being done"],
  unknown: [IconHelp, "var(--state-attention)", "nobody knows whether it was done; it is looked at next"],
  done: [IconCheck, "var(--state-well)", "done"],
  undoing: [IconArrowBackUp, "var(--state-attention)", "is being taken back"],
  "half-undone": [IconX, "var(--state-danger)", "could not be taken back"],
  undone: [IconArrowBackUp, "var(--state-new)", "taken back"],
};

export function Steps({ operation, progress }: { operation: Operation; progress: Operation["progress"] }) {
  const at = current(operation)?.at;
  return (
    <ol className="steps" aria-label="Steps">
      {operation.steps.map((step, number) => (
        <StepLine key={step.name} step={step} isCurrent={number === at} progress={number === at ? progress : undefined} />
      ))}
    </ol>
  );
}

function StepLine({ step, isCurrent, progress }: { step: Step; isCurrent: boolean; progress?: Operation["progress"] }) {
  const [Mark, colour, word] = MARKS[step.status];
  return (
    <li aria-current={isCurrent ? "step" : undefined}>
      <Mark size={18} color={colour} aria-hidden />
      <div>
        <Text size="sm" fw={isCurrent ? 700 : 500}>{step.name}<VisuallyHidden>: {word}</VisuallyHidden></Text>
        <Text size="sm" c="dimmed">{step.what}</Text>
        {step.undo && <div className="undo">↶ {step.undo}</div>}
        {isCurrent && progress && progress.bytes_total > 0 && <Moved progress={progress} />}
      </div>
      <div className="took">
        <Took step={step} isCurrent={isCurrent} />
        {(step.attempt > 1 || (isCurrent && step.attempt > 0)) && <div>attempt {step.attempt} of {step.attempts}</div>}
      </div>
    </li>
  );
}

function Took({ step, isCurrent }: { step: Step; isCurrent: boolean }) {
  const now = useNow();
  if (step.began && step.ended) return <>{seconds((Date.parse(step.ended) - Date.parse(step.began)) / 1000)}</>;
  const about = step.seconds_planned == null ? "" : `about ${seconds(step.seconds_planned)}`;
  if (isCurrent && step.began) return <>{seconds(Math.round((now.getTime() - Date.parse(step.began)) / 1000))}{about && ` of ${about}`}</>;
  return <>{about}</>;
}

function Moved({ progress }: { progress: Operation["progress"] }) {
  const share = progress.bytes_done / progress.bytes_total;
  return (
    <div>
      <Progress value={share * 100} size="sm" aria-label="Progress" mt={4} />
      <Text size="xs" c="dimmed">{percent(share)} · {bytes(progress.bytes_done)} of {bytes(progress.bytes_total)} · {bytes(progress.bytes_moved)} moved</Text>
    </div>
  );
}
