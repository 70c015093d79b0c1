// What went wrong, with what to do about it and the id under which the daemon's log has it; and what may not be seen.

import { Alert, Anchor, Button, Code, Group, List, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconLock, IconPlugConnectedX } from "@tabler/icons-react";
import { Link } from "wouter";
import { asApiError } from "../api/client";

interface Props {
  error: unknown;
  what?: string;
  again?: () => void;
}

const FORBIDDEN = 403;

export function Problem({ error, what, again }: Props) {
  const { status, body } = asApiError(error);
  if (status === FORBIDDEN) return <Forbidden message={body.message} requestId={body.request_id ?? undefined} />;
  const Icon = status === 0 ? IconPlugConnectedX : IconAlertTriangle;
  return (
    <Alert color="red" variant="light" role="alert" icon={<Icon aria-hidden />} title={what ?? sentence(body.message)}>
      <Stack gap="xs">
        {what && <Text size="sm">{sentence(body.message)}</Text>}
        {(body.causes ?? []).length > 0 && (
          <List size="sm">
            {body.causes?.map((cause) => <List.Item key={cause}>{cause}</List.Item>)}
          </List>
        )}
        {body.hint && <Text size="sm" className="as-written">{body.hint}</Text>}
        <Group gap="md">
          {again && <Button size="xs" variant="default" onClick={again}>Try again</Button>}
          <Origin code={body.code} requestId={body.request_id ?? undefined} />
        </Group>
      </Stack>
    </Alert>
  );
}

function Origin({ code, requestId }: { code: string; requestId?: string }) {
  return (
    <Text size="xs" c="dimmed">
      {code && <Anchor component={Link} href="/docs/errors" size="xs">{code}</Anchor>}
      {code && requestId && " · "}
      {requestId && <>request <Code>{requestId}</Code></>}
    </Text>
  );
}

export function Forbidden({ message, requestId }: { message: string; requestId?: string }) {
  return (
    <Alert color="gray" variant="light" icon={<IconLock aria-hidden />} title="This is not for your role">
      <Stack gap="xs">
        <Text size="sm">{sentence(message)}.</Text>
        <Text size="sm">
          An admin can give you the role it needs: <Code>rekindle users role</Code>, or the page of people. Which request needs which role
          is in <Anchor component={Link} href="/docs/people" size="sm">people</Anchor>.
        </Text>
        <Origin code="RK-3071" requestId={requestId} />
      </Stack>
    </Alert>
  );
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
