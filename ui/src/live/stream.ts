// Server-Sent Events of one address, as long as somebody looks. A tab that is hidden lets go of its connection, because a browser
// has few of them for one host; when it is shown again it comes back.

import { useEffect, useRef, useState } from "react";

export type Handlers = Record<string, (data: unknown) => void>;

export interface Stream {
  /** `connecting` at first, `open`, or `lost` until it is back. */
  state: "connecting" | "open" | "lost";
  /** When something was last heard. */
  heard: Date | undefined;
}

const AGAIN_AFTER_MS = 2000;

export function useStream(url: string | undefined, handlers: Handlers): Stream {
  const [stream, setStream] = useState<Stream>({ state: "connecting", heard: undefined });
  const current = useRef(handlers);
  current.current = handlers;
  useEffect(() => {
    if (!url) return undefined;
    const connection = new Connection(url, () => current.current, setStream);
    return () => connection.close();
  }, [url]);
  return stream;
}

class Connection {
  private source: EventSource | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private over = false;
  private heard: Date | undefined;

  constructor(
    private readonly url: string,
    private readonly handlers: () => Handlers,
    private readonly tell: (stream: Stream) => void,
  ) {
    document.addEventListener("visibilitychange", this.look);
    this.look();
  }

  close(): void {
    document.removeEventListener("visibilitychange", this.look);
    this.leave();
  }

  private look = (): void => {
    if (document.hidden) this.leave();
    else if (!this.source && !this.over) this.open();
  };

  private leave(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = undefined;
  }

  private open(): void {
    const source = new EventSource(this.url);
    this.source = source;
    source.onopen = () => this.say("open");
    source.onerror = () => this.lost(source);
    for (const name of Object.keys(this.handlers())) source.addEventListener(name, (event) => this.hear(name, event));
    // What is over is not asked for again.
    source.addEventListener("end", () => {
      this.over = true;
      this.leave();
    });
  }

  private hear(name: string, event: Event): void {
    this.say("open");
    this.handlers()[name]?.(JSON.parse((event as MessageEvent<string>).data));
  }

  /** The browser comes back by itself, unless the daemon refused. */
  private lost(source: EventSource): void {
    if (this.over) return;
    this.tell({ state: "lost", heard: this.heard });
    if (source.readyState === EventSource.CLOSED) {
      this.leave();
      this.timer = setTimeout(this.look, AGAIN_AFTER_MS);
    }
  }

  private say(state: Stream["state"]): void {
    this.heard = new Date();
    this.tell({ state, heard: this.heard });
  }
}
