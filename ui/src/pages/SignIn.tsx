// Signing in. The address stays, so that whoever's session ended goes on where he was.

import { Button, Center, Code, Paper, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { api, ask, setCsrf } from "../api/client";
import { queryClient } from "../api/queries";
import { Problem } from "../parts/Problem";

export function SignIn() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const signIn = useMutation({
    mutationFn: () => ask(api.POST("/api/v1/login", { body: { name, password } })),
    onSuccess: async (session) => {
      setCsrf(session.csrf);
      setPassword("");
      queryClient.removeQueries({ predicate: (query) => query.queryKey[0] !== "me" });
      await queryClient.refetchQueries({ queryKey: ["me"] });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate();
  };
  const returns = location.pathname !== "/" && location.pathname !== "/sign-in";
  return (
    <Center component="main" mih="100vh" p="md">
      <Paper component="form" onSubmit={submit} withBorder p="xl" w="100%" maw={400}>
        <Stack>
          <Title order={1} size="h3" className="brand"><img src="/icon.svg" alt="" width={30} height={30} />Rekindle</Title>
          {returns && <Text size="sm" role="status">You are not signed in, or your session is over. Sign in to go on where you were.</Text>}
          <TextInput label="Name" autoComplete="username" required autoFocus value={name} onChange={(event) => setName(event.currentTarget.value)} />
          <PasswordInput label="Password" autoComplete="current-password" required value={password} onChange={(event) => setPassword(event.currentTarget.value)} />
          {signIn.isError && <Problem error={signIn.error} what="You could not be signed in" />}
          <Button type="submit" loading={signIn.isPending}>Sign in</Button>
          <Text size="xs" c="dimmed">
            Nobody has an account yet? On the daemon&apos;s host: <Code>rekindle users add NAME --role admin</Code>
          </Text>
        </Stack>
      </Paper>
    </Center>
  );
}
