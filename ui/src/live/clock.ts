// Now, again and again, for ages that grow on the screen.

import { useSyncExternalStore } from "react";

const EVERY_MS = 1000;
const listeners = new Set<() => void>();
let now = new Date();
let timer: ReturnType<typeof setInterval> | undefined;

function tick(): void {
  now = new Date();
  listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(tick, EVERY_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** Changes every second. */
export function useNow(): Date {
  return useSyncExternalStore(subscribe, () => now);
}
