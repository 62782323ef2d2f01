/** What the server pushes: connected again after every break, from the event that was seen last. */

import { effect, signal } from "@preact/signals";

import { at, coin } from "../state";
import { token } from "./api";
import type { LiquidationEvent } from "./api_types";

export type Connection = "connecting" | "live" | "lost" | "paused";

export interface LivePrice {
  venue: string;
  mark_price: number;
  /** UTC milliseconds. */
  time: number;
}

export const connection = signal<Connection>("connecting");
export const livePrice = signal<LivePrice | null>(null);
/** As-of time of the last map that the stream told of. */
export const liveMap = signal<string | null>(null);
/** Liquidations since the page was opened, the newest last. */
export const liveLiquidations = signal<readonly LiquidationEvent[]>([]);
/** UTC milliseconds at which anything was heard last. */
export const lastHeard = signal(0);

const KEPT = 2_000;
const SLOWEST = 10_000;

type Told =
  | { type: "hello" | "reset" | "dropped" | "error" }
  | { type: "map"; as_of: string; id: string }
  | { type: "price"; venue: string; mark_price: number; time: string; id?: string }
  | { type: "liquidations"; liquidations: LiquidationEvent[]; id: string };

/** Keep a connection for the coin that is looked at, until the page goes; none while a past time is. */
export function keepStream(): void {
  effect(() => {
    const wanted = coin.value;
    livePrice.value = null;
    liveLiquidations.value = [];
    liveMap.value = null;
    if (at.value) {
      connection.value = "paused";
      return;
    }
    const listener = new Listener(wanted);
    return () => listener.stop();
  });
}

class Listener {
  private socket: WebSocket | null = null;
  private since: string | null = null;
  private wait = 500;
  private timer = 0;
  private stopped = false;

  constructor(private readonly coin: string) {
    this.open();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  private open(): void {
    const address = new URL("v1/stream", location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.hash = "";
    address.searchParams.set("coins", this.coin);
    if (this.since) address.searchParams.set("since", this.since);
    const known = token();
    const socket = new WebSocket(address, known ? ["powderkeg", `token.${base64url(known)}`] : []);
    this.socket = socket;
    socket.onmessage = (message) => this.hear(JSON.parse(message.data as string) as Told);
    socket.onclose = () => {
      if (this.stopped) return;
      connection.value = "lost";
      this.timer = window.setTimeout(() => this.open(), this.wait);
      this.wait = Math.min(SLOWEST, this.wait * 1.7);
    };
  }

  private hear(told: Told): void {
    if (this.stopped) return;
    lastHeard.value = Date.now();
    switch (told.type) {
      case "hello":
        connection.value = "live";
        this.wait = 500;
        return;
      case "reset":
        this.since = null;
        liveMap.value = null;
        return;
      case "map":
        this.since = told.id;
        liveMap.value = told.as_of;
        return;
      case "price":
        if (told.id) this.since = told.id;
        livePrice.value = { venue: told.venue, mark_price: told.mark_price, time: Date.parse(told.time) };
        return;
      case "liquidations":
        this.since = told.id;
        liveLiquidations.value = [...liveLiquidations.value, ...told.liquidations].slice(-KEPT);
    }
  }
}

function base64url(text: string): string {
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
