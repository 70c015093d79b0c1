// Who one is, light or dark, and the way out.

import { ActionIcon, Menu as Dropdown, Text, useMantineColorScheme } from "@mantine/core";
import { IconDeviceDesktop, IconLogout, IconMoon, IconSun, IconUser } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { api, ask, setCsrf } from "../api/client";
import { rolesInWords } from "../api/may";
import { queryClient, useMe } from "../api/queries";

export function Menu() {
  const me = useMe();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const out = useMutation({ mutationFn: () => ask(api.POST("/api/v1/logout")), onSettled: forget });
  const schemes = [["light", IconSun], ["dark", IconMoon], ["auto", IconDeviceDesktop]] as const;
  return (
    <Dropdown position="bottom-end" withArrow>
      <Dropdown.Target>
        <ActionIcon variant="default" size="lg" aria-label={`Menu of ${me.name}`}><IconUser size={18} aria-hidden /></ActionIcon>
      </Dropdown.Target>
      <Dropdown.Dropdown>
        <Dropdown.Label>
          <Text size="sm" fw={600}>{me.name}</Text>
          <Text size="xs">{rolesInWords(me.grants)}</Text>
        </Dropdown.Label>
        <Dropdown.Divider />
        {schemes.map(([scheme, Mark]) => (
          <Dropdown.Item key={scheme} leftSection={<Mark size={16} aria-hidden />} onClick={() => setColorScheme(scheme)} aria-current={scheme === colorScheme}>
            {scheme === "auto" ? "as the system" : scheme}{scheme === colorScheme && " ✓"}
          </Dropdown.Item>
        ))}
        <Dropdown.Divider />
        <Dropdown.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={() => out.mutate()}>Sign out</Dropdown.Item>
      </Dropdown.Dropdown>
    </Dropdown>
  );
}

function forget(): void {
  setCsrf(undefined);
  queryClient.clear();
  queryClient.setQueryData(["me"], null);
}
