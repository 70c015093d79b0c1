// What is around every page: where one can go, who one is, what time it is here and in UTC, and how old what is shown is.

import { AppShell, Burger, Group, NavLink, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import {
  IconBell, IconBook2, IconCopy, IconDatabasePlus, IconHistory, IconListDetails, IconLock, IconPlayerPlay, IconSettings,
  IconShieldCheck, IconUsers, type Icon,
} from "@tabler/icons-react";
import { useEffect, type ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { may, maySomewhere } from "../api/may";
import { useMe } from "../api/queries";
import type { Me } from "../api/types";
import { Clock } from "./Clock";
import { Liveness } from "./Liveness";
import { Menu } from "./Menu";

interface Place {
  href: string;
  label: string;
  icon: Icon;
  /** Who may go there; everybody when not said. */
  for?: (me: Me) => boolean;
}

const PLACES: Place[] = [
  { href: "/", label: "Fleet", icon: IconListDetails },
  { href: "/operations", label: "Operations", icon: IconPlayerPlay },
  { href: "/drills", label: "Drills", icon: IconShieldCheck },
  { href: "/clones", label: "Clones", icon: IconCopy },
  { href: "/alarms", label: "Alarms", icon: IconBell },
  { href: "/vault", label: "Vault", icon: IconLock, for: (me) => may(me.grants, "viewer") },
  { href: "/audit", label: "Audit", icon: IconHistory, for: (me) => may(me.grants, "admin") },
  { href: "/people", label: "Users & tokens", icon: IconUsers },
  { href: "/settings", label: "Settings", icon: IconSettings, for: (me) => may(me.grants, "operator") },
  { href: "/add", label: "Add a database", icon: IconDatabasePlus, for: (me) => maySomewhere(me.grants, "admin") && may(me.grants, "admin") },
  { href: "/docs", label: "Documentation", icon: IconBook2 },
];

export function Frame({ children }: { children: ReactNode }) {
  const [opened, { toggle, close }] = useDisclosure();
  const [location] = useLocation();
  const me = useMe();
  useEffect(close, [location, close]);
  return (
    <AppShell header={{ height: 56 }} navbar={{ width: 210, breakpoint: "sm", collapsed: { mobile: !opened } }} padding="md">
      <a href="#content" className="skip no-print">Skip to the content</a>
      <AppShell.Header className="no-print">
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Menu" />
            <Link href="/" className="brand" aria-label="Rekindle"><img src="/icon.svg" alt="" width={26} height={26} /><Text fw={700}>Rekindle</Text></Link>
          </Group>
          <Group gap="md" wrap="nowrap">
            <Liveness />
            <Clock />
            <Menu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" className="no-print" aria-label="Pages">
        {PLACES.filter((place) => place.for?.(me) ?? true).map((place) => <PlaceLink key={place.href} place={place} location={location} />)}
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1}>{children}</AppShell.Main>
    </AppShell>
  );
}

function PlaceLink({ place, location }: { place: Place; location: string }) {
  const Mark = place.icon;
  const active = place.href === "/" ? location === "/" : location.startsWith(place.href);
  return (
    <NavLink
      component={Link}
      href={place.href}
      label={place.label}
      active={active}
      aria-current={active ? "page" : undefined}
      leftSection={<Mark size={18} stroke={1.7} aria-hidden />}
    />
  );
}
