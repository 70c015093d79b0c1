// Nothing is there: why that is, and what would make it otherwise.

import { Paper, Stack, Text } from "@mantine/core";
import { IconInbox } from "@tabler/icons-react";
import type { ReactNode } from "react";

export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <Paper withBorder p="xl" className="empty">
      <Stack align="center" gap="xs">
        <IconInbox size={36} stroke={1.4} aria-hidden />
        <Text fw={600}>{title}</Text>
        {children && <Text size="sm" c="dimmed" ta="center" component="div">{children}</Text>}
        {action}
      </Stack>
    </Paper>
  );
}
