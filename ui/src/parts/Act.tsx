// A button that asks the daemon for something, and says below itself when that was refused.

import { Button, Stack, type ButtonProps } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { queryClient } from "../api/queries";
import { Problem } from "./Problem";

interface Props<T> extends ButtonProps {
  act: () => Promise<T>;
  then?: (done: T) => void;
  /** Keys of what is made anew after it. */
  anew?: readonly unknown[][];
  children: ReactNode;
}

export function Act<T>({ act, then, anew = [], children, ...button }: Props<T>) {
  const mutation = useMutation({
    mutationFn: act,
    onSuccess: async (done) => {
      await Promise.all(anew.map((queryKey) => queryClient.invalidateQueries({ queryKey })));
      then?.(done);
    },
  });
  return (
    <Stack gap="xs" align="flex-start">
      <Button {...button} loading={mutation.isPending} onClick={() => mutation.mutate()}>{children}</Button>
      {mutation.isError && <Problem error={mutation.error} />}
    </Stack>
  );
}
