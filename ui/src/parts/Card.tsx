// A part of a page with a name.

import { Group, Paper, Title } from "@mantine/core";
import type { ReactNode } from "react";

export function Card({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <Paper withBorder p="md" component="section" aria-label={title}>
      <Group justify="space-between" mb="sm" gap="xs">
        <Title order={2} size="h5">{title}</Title>
        {aside}
      </Group>
      {children}
    </Paper>
  );
}
