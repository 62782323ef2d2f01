/** What the visitor has chosen: signals, kept in the address so that a link shows the same picture. */

import { effect, signal, type Signal } from "@preact/signals";

import type { Palette, Theme } from "./data/colours";
import type { Sides } from "./data/heatmap_data";
import type { TimeZone } from "./format";

/** Lengths of time, with the distance of columns: of modelled maps, and of measured ones, of which fewer are sent. */
export const RANGES = {
  "1d": { label: "1D", modelled: "5m", measured: "5m" },
  "3d": { label: "3D", modelled: "5m", measured: "10m" },
  "7d": { label: "7D", modelled: "5m", measured: "15m" },
  "14d": { label: "14D", modelled: "15m", measured: "30m" },
  "30d": { label: "30D", modelled: "15m", measured: "1h" },
  "90d": { label: "90D", modelled: "1h", measured: "3h" },
} as const;

export type Range = keyof typeof RANGES;
export type Kind = "modelled" | "measured";
export type PriceScale = "log" | "linear";

export const LAYERS = {
  heatmap: "Heatmap",
  candles: "Candles",
  levels: "Levels until swept",
  bubbles: "Liquidations",
  profile: "Map by price",
  classes: "… by distance from entry",
  clusters: "Clusters",
  interest: "Open interest",
  funding: "Funding",
  totals: "Liquidation bars",
} as const;

export type Layer = keyof typeof LAYERS;

export const PANELS = {
  clusters: "Clusters",
  squeeze: "Squeeze",
  imbalance: "Imbalance",
  context: "Context",
  whales: "Whales",
  assumptions: "What if",
  coverage: "Coverage",
} as const;

export type Panel = keyof typeof PANELS;

function wide(): boolean {
  return matchMedia("(min-width: 900px)").matches;
}

export const coin = signal("BTC");
export const range = signal<Range>("3d");
export const model = signal("");
export const kind = signal<Kind>("modelled");
/** Names of the venues; empty for all that have what a map needs. */
export const venues = signal<readonly string[]>([]);
/** An as-of time in ISO 8601, or empty for now. */
export const at = signal("");
export const sides = signal<Sides>("both");
export const palette = signal<Palette>("one");
export const threshold = signal(0.12);
export const saturation = signal(1);
export const priceScale = signal<PriceScale>("log");
export const theme = signal<Theme>("dark");
export const zone = signal<TimeZone>("UTC");
export const panel = signal<Panel>("clusters");
export const shown = signal<ReadonlySet<Layer>>(
  new Set<Layer>(
    wide()
      ? ["heatmap", "candles", "levels", "bubbles", "profile", "clusters", "interest", "totals"]
      : ["heatmap", "candles", "bubbles", "totals"],
  ),
);

/** The part of the interface that is open over the page. */
export const dialog = signal<"" | "help" | "layers" | "about">("");

interface Kept {
  name: string;
  read: () => string;
  write: (text: string) => void;
}

function kept<T extends string>(name: string, held: Signal<T>, allowed?: readonly T[]): Kept {
  return {
    name,
    read: () => held.value,
    write: (text) => {
      if (!allowed || allowed.includes(text as T)) held.value = text as T;
    },
  };
}

function fraction(name: string, held: Signal<number>): Kept {
  return {
    name,
    read: () => String(Number(held.value.toFixed(3))),
    write: (text) => {
      const value = Number(text);
      if (text !== "" && value >= 0 && value <= 1) held.value = value;
    },
  };
}

const names = <T extends string>(record: Record<T, unknown>): T[] => Object.keys(record) as T[];

const KEPT: readonly Kept[] = [
  { ...kept("coin", coin), write: (text) => /^[A-Za-z0-9]{1,20}$/.test(text) && (coin.value = text.toUpperCase()) },
  kept("range", range, names(RANGES)),
  { ...kept("model", model), write: (text) => /^[a-z_]{0,30}$/.test(text) && (model.value = text) },
  kept("kind", kind, ["modelled", "measured"]),
  {
    name: "venues",
    read: () => venues.value.join(","),
    write: (text) => (venues.value = text.split(",").filter((one) => /^[a-z]{1,20}$/.test(one))),
  },
  { ...kept("at", at), write: (text) => (text === "" || !Number.isNaN(Date.parse(text))) && (at.value = text) },
  kept("sides", sides, ["both", "long", "short"]),
  kept("palette", palette, ["one", "sides"]),
  fraction("threshold", threshold),
  fraction("saturation", saturation),
  kept("scale", priceScale, ["log", "linear"]),
  kept("theme", theme, ["dark", "light"]),
  kept("zone", zone, ["UTC", "local"]),
  kept("panel", panel, names(PANELS)),
  {
    name: "layers",
    read: () => [...shown.value].join(","),
    write: (text) => (shown.value = new Set(text.split(",").filter((one): one is Layer => one in LAYERS))),
  },
];

/** Take over what the address says; what it does not say, or says wrongly, stays as it is. */
function readAddress(): void {
  const said = new URLSearchParams(location.hash.slice(1));
  for (const one of KEPT) {
    const text = said.get(one.name);
    if (text !== null) one.write(text);
  }
  if (saturation.value <= threshold.value) saturation.value = 1;
}

/** The address that shows what is shown now. */
export function link(): string {
  const said = new URLSearchParams();
  for (const one of KEPT) {
    const text = one.read();
    if (text !== "" || one.name === "layers") said.set(one.name, text);
  }
  return `#${said.toString().replaceAll("%2C", ",").replaceAll("%3A", ":")}`;
}

// Before anything is asked for: what the first questions are is in the address.
readAddress();

/** Keep the address and the page's colours up to date from now on. */
export function keepAddress(): void {
  addEventListener("hashchange", readAddress);
  effect(() => {
    const now = link();
    if (location.hash !== now) history.replaceState(null, "", now);
  });
  effect(() => {
    document.documentElement.dataset.theme = theme.value;
  });
}

export function toggleLayer(layer: Layer): void {
  const next = new Set(shown.value);
  if (!next.delete(layer)) next.add(layer);
  shown.value = next;
}

/** Venues as the API takes them. */
export function venueParameter(): string | null {
  return venues.value.length ? venues.value.join(",") : null;
}
