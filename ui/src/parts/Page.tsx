// The frame of a page: what it is, where its documentation is, its one primary action.

import { ActionIcon, Group, Stack, Text, Title, Tooltip } from "@mantine/core";
import { IconHelp } from "@tabler/icons-react";
import { useEffect, type ReactNode } from "react";
import { Link } from "wouter";

interface Props {
  title: string;
  /** Name of the page of the documentation that the question mark opens. */
  docs: string;
  note?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, docs, note, actions, children }: Props) {
  useEffect(() => {
    document.title = `${title} · Rekindle`;
  }, [title]);
  return (
    <Stack gap="lg">
      <Group justify="space-between" align="flex-start" gap="sm">
        <div>
          <Group gap="xs">
            <Title order={1} size="h2">{title}</Title>
            <Help page={docs} />
          </Group>
          {note && <Text c="dimmed" size="sm" component="div">{note}</Text>}
        </div>
        {actions && <Group gap="xs" className="no-print">{actions}</Group>}
      </Group>
      {children}
    </Stack>
  );
}

export function Help({ page }: { page: string }) {
  const label = `What this is: opens the documentation, ${page.split("#")[0]}`;
  return (
    <Tooltip label={label} withArrow>
      <ActionIcon component={Link} href={`/docs/${page}`} variant="subtle" color="gray" aria-label={label} className="no-print">
        <IconHelp size={20} aria-hidden />
      </ActionIcon>
    </Tooltip>
  );
}
