// What pages look at, each under the key by which it is kept and made anew.

import { QueryCache, QueryClient, MutationCache, queryOptions, useQuery } from "@tanstack/react-query";
import { api, ApiError, ask, setCsrf } from "./client";
import type { Me } from "./types";

const SIGNED_OUT = 401;
const TRIES = 2;

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: noticeEndOfSession }),
  mutationCache: new MutationCache({ onError: noticeEndOfSession }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (tried, error) => tried < TRIES && error instanceof ApiError && (error.status === 0 || error.status >= 500),
      retryDelay: 1_000,
    },
  },
});

/** Whoever was signed in is not any more: what was shown stays in its address, and is shown again after signing in. */
function noticeEndOfSession(error: unknown): void {
  if (error instanceof ApiError && error.status === SIGNED_OUT) {
    setCsrf(undefined);
    queryClient.setQueryData<Me | null>(["me"], null);
  }
}

/** Looked at from time to time, so that the end of a session is noticed while nobody does anything. */
const ME_EVERY_MS = 30_000;

export const meOptions = queryOptions({
  queryKey: ["me"],
  queryFn: async (): Promise<Me | null> => {
    try {
      const me = await ask(api.GET("/api/v1/me"));
      setCsrf(me.csrf ?? undefined);
      return me;
    } catch (error) {
      if (error instanceof ApiError && error.status === SIGNED_OUT) return null;
      throw error;
    }
  },
  refetchInterval: ME_EVERY_MS,
});

const path = <T extends object>(values: T) => ({ params: { path: values } });

export const operationOptions = (id: string) =>
  queryOptions({
    queryKey: ["operation", id],
    queryFn: () => ask(api.GET("/api/v1/operations/{id}", path({ id }))),
  });

export const planOptions = (id: string) =>
  queryOptions({
    queryKey: ["operation", id, "plan"],
    queryFn: () => ask(api.GET("/api/v1/operations/{id}/plan", path({ id }))),
    retry: false,
  });

export const reportOptions = (id: string) =>
  queryOptions({
    queryKey: ["operation", id, "report"],
    queryFn: () => ask(api.GET("/api/v1/operations/{id}/report", path({ id }))),
    retry: false,
  });

interface Listed {
  kind?: string;
  source?: string;
  unfinished?: boolean;
  limit?: number;
  before?: string;
}

export const operationsOptions = (query: Listed) =>
  queryOptions({
    queryKey: ["operations", query],
    queryFn: () => ask(api.GET("/api/v1/operations", { params: { query } })),
  });

export const stacksOptions = queryOptions({
  queryKey: ["stacks"],
  queryFn: () => ask(api.GET("/api/v1/stacks")),
});

export const stackOptions = (name: string) =>
  queryOptions({
    queryKey: ["stack", name],
    queryFn: () => ask(api.GET("/api/v1/stacks/{name}", path({ name }))),
    retry: false,
  });

export const sourceOptions = (name: string) =>
  queryOptions({
    queryKey: ["source", name],
    queryFn: () => ask(api.GET("/api/v1/sources/{name}", path({ name }))),
    refetchInterval: 5_000,
  });

export const timelineOptions = (name: string) =>
  queryOptions({
    queryKey: ["source", name, "timeline"],
    queryFn: () => ask(api.GET("/api/v1/sources/{name}/timeline", path({ name }))),
    refetchInterval: 10_000,
  });

const REFUSED_AGAIN_MS = 3_000;

export const momentOptions = (name: string, at: Date) =>
  queryOptions({
    queryKey: ["source", name, "moment", at.getTime()],
    queryFn: () =>
      ask(api.GET("/api/v1/sources/{name}/moment", { params: { path: { name }, query: { at: at.toISOString() } } })),
    retry: false,
    // What is too new to be sure of can be reached in a moment.
    refetchInterval: (query) => (query.state.data?.refused ? REFUSED_AGAIN_MS : false),
  });

export const volumeOptions = (name: string) =>
  queryOptions({
    queryKey: ["source", name, "volume"],
    queryFn: () => ask(api.GET("/api/v1/sources/{name}/volume", path({ name }))),
    staleTime: 60_000,
  });

export const consumersOptions = (name: string) =>
  queryOptions({
    queryKey: ["source", name, "consumers"],
    queryFn: () => ask(api.GET("/api/v1/sources/{name}/consumers", path({ name }))),
  });

export const expiryOptions = (name: string) =>
  queryOptions({
    queryKey: ["source", name, "expiry"],
    queryFn: () => ask(api.GET("/api/v1/sources/{name}/expiry", path({ name }))),
    staleTime: 60_000,
  });

export const outlookOptions = (name: string) =>
  queryOptions({
    queryKey: ["source", name, "outlook"],
    queryFn: () => ask(api.GET("/api/v1/sources/{name}/outlook", path({ name }))),
    staleTime: 60_000,
  });

export const instancesOptions = queryOptions({
  queryKey: ["instances"],
  queryFn: () => ask(api.GET("/api/v1/instances")),
  refetchInterval: 5_000,
});

export const alarmsOptions = (query: { all?: boolean; source?: string }) =>
  queryOptions({
    queryKey: ["alarms", query],
    queryFn: () => ask(api.GET("/api/v1/alarms", { params: { query: { ...query, limit: 500 } } })),
    refetchInterval: 10_000,
  });

export const vaultOptions = queryOptions({
  queryKey: ["vault"],
  queryFn: () => ask(api.GET("/api/v1/vault")),
  refetchInterval: 30_000,
});

export const settingsOptions = queryOptions({
  queryKey: ["settings"],
  queryFn: () => ask(api.GET("/api/v1/settings")),
  refetchInterval: 10_000,
});

export const usersOptions = queryOptions({
  queryKey: ["users"],
  queryFn: () => ask(api.GET("/api/v1/users")),
});

export const tokensOptions = queryOptions({
  queryKey: ["tokens"],
  queryFn: () => ask(api.GET("/api/v1/tokens")),
});

export const retiredOptions = queryOptions({
  queryKey: ["retired"],
  queryFn: () => ask(api.GET("/api/v1/retired")),
});

/** Whoever is signed in; pages are only shown to somebody. */
export function useMe(): Me {
  const me = useQuery(meOptions).data;
  if (!me) throw new Error("a page is shown to nobody");
  return me;
}
