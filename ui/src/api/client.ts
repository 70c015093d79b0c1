// Asks the daemon. Every answer that is not well becomes an `ApiError`, so a page has one thing to show.

import createClient from "openapi-fetch";
import type { ErrorBody, Paths } from "./types";

/** What went wrong, as the daemon says it; or that it did not answer. */
export class ApiError extends Error {
  readonly status: number;
  readonly body: ErrorBody;

  constructor(status: number, body: ErrorBody) {
    super(body.message);
    this.status = status;
    this.body = body;
  }
}

const NOT_REACHED: ErrorBody = {
  code: "",
  kind: "unavailable",
  message: "the daemon does not answer",
  hint: "It is tried again by itself. If this lasts: is the daemon running, and is the network there?",
  exit_code: 6,
};

let csrf: string | undefined;

/** The word of the session, which every request that changes something carries. It is kept in memory alone. */
export function setCsrf(word: string | undefined): void {
  csrf = word;
}

const client = createClient<Paths>({ baseUrl: "", credentials: "same-origin" });

client.use({
  onRequest({ request }) {
    if (request.method !== "GET" && csrf) request.headers.set("X-Rekindle-CSRF", csrf);
    return request;
  },
});

export const api = client;

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer, or an `ApiError`. */
export async function ask<T>(asked: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await asked;
  } catch {
    throw new ApiError(0, NOT_REACHED);
  }
  if (answer.response.ok) return answer.data as T;
  throw new ApiError(answer.response.status, bodyOf(answer));
}

function bodyOf({ error, response }: Answer<unknown>): ErrorBody {
  if (typeof error === "object" && error !== null && "message" in error) return error as ErrorBody;
  const request_id = response.headers.get("x-request-id") ?? undefined;
  return { ...NOT_REACHED, message: `the daemon answered ${response.status}`, request_id };
}

export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ApiError(0, { code: "", kind: "internal", message, exit_code: 70 });
}
