// Choices that few need: folded away, and open from the beginning where the address already makes one of them.

import { Accordion, Text } from "@mantine/core";
import type { ReactNode } from "react";

interface Props {
  label: string;
  isSet: boolean;
  children: ReactNode;
}

const ITEM = "more";

export function More({ label, isSet, children }: Props) {
  return (
    <Accordion variant="contained" chevronPosition="left" defaultValue={isSet ? ITEM : null}>
      <Accordion.Item value={ITEM}>
        <Accordion.Control><Text span size="sm">{label}</Text></Accordion.Control>
        <Accordion.Panel>{children}</Accordion.Panel>
      </Accordion.Item>
    </Accordion>
  );
}
