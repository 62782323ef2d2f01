/** Everything that is asked of the server, each once for the whole page. */

import { computed, effect, signal } from "@preact/signals";

import { lengthOf } from "../format";
import { at, coin, kind, model, panel, range, RANGES, shown, venueParameter } from "../state";
import { ask, askBytes, type Parameters } from "./api";
import type {
  Health,
  Layers,
  Liquidations,
  MapObject,
  MarketContext,
  ModelList,
  Positions,
  Series,
} from "./api_types";
import { Levels, parseHeatmap, underCandles, type Heatmap } from "./heatmap_data";
import { resource } from "./resource";
import { liveMap } from "./stream";

const DAY = 86_400_000;
const WARM_UP = 30 * DAY;
const BAR = 300_000;
/** How many single liquidations are drawn: the largest. */
export const BUBBLES = 1_000;

/** The end of the last whole bar, as far as the page knows: what is asked for again when it moves. */
export const barClock = signal(Math.floor(Date.now() / BAR) * BAR);

/** Let time pass: bars close whether or not the stream says so, and what comes late is asked for when it has come. */
export function keepTime(): void {
  setInterval(() => {
    barClock.value = Math.floor((Date.now() - 15_000) / BAR) * BAR;
  }, 5_000);
  effect(() => {
    const told = liveMap.value;
    const known = map.value.peek()?.as_of;
    if (!told || at.peek() || !known || told <= known) return;
    for (const one of [heatmap, map, liquidations, series]) one.refresh();
  });
}

/** The end of what is looked at, UTC milliseconds. */
export const end = computed(() => (at.value ? Math.floor(Date.parse(at.value) / BAR) * BAR : barClock.value));

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** Parameters that name a map. A model that the server does not say by itself is left to it. */
function which(): Parameters {
  const asked: Parameters = { coin: coin.value, venues: venueParameter(), at: iso(end.value) };
  return model.value ? { ...asked, model: model.value } : asked;
}

export function historyDays(): string {
  return `${Math.ceil((WARM_UP + lengthOf(range.value)) / DAY)}d`;
}

/** Distance of columns. */
const step = computed(() => RANGES[range.value][kind.value]);

/** A heatmap with its coarser levels, and a word for what it was asked for as: it stays until the next has come. */
export interface HeldHeatmap {
  heatmap: Heatmap;
  levels: Levels;
  asked: string;
}

export const heatmap = resource<HeldHeatmap>((signal) => {
  const name = `${coin.value} ${kind.value} ${range.value}`;
  const length = lengthOf(step.value);
  const start = Math.floor((end.value - lengthOf(range.value)) / length) * length;
  const modelled: Parameters = {
    ...which(),
    history: historyDays(),
    start: iso(start),
    step: step.value,
    format: "binary",
  };
  const asked = askBytes("heatmap", modelled, signal).then(parseHeatmap);
  if (kind.value === "modelled") return asked.then((parsed) => withLevels(parsed, name));
  const measured: Parameters = {
    coin: coin.value,
    at: iso(end.value),
    history: range.value,
    step: step.value,
    format: "binary",
  };
  // Measured maps have no candles: those of the modelled are drawn over them, where there are any.
  return Promise.all([
    askBytes("measured/heatmap", measured, signal).then(parseHeatmap),
    asked.catch(() => null),
  ]).then(([cells, candles]) => withLevels(candles ? underCandles(cells, candles) : cells, name));
});

function withLevels(parsed: Heatmap, asked: string): HeldHeatmap {
  return { heatmap: parsed, levels: new Levels(parsed), asked };
}

export const map = resource<MapObject>((signal) =>
  kind.value === "measured"
    ? ask("measured/map", { coin: coin.value, at: iso(end.value) }, signal)
    : ask("map", { ...which(), history: historyDays() }, signal),
);

/** Venues that were in the coin's map, or could have been, since it was chosen. */
export const offeredVenues = signal<readonly string[]>([]);

effect(() => {
  coin.value; // a dependency
  offeredVenues.value = [];
});
effect(() => {
  const known = map.value.value;
  if (known?.kind !== "modelled") return;
  const named = [
    ...(known.layers ?? []).map((one) => one.instrument.split(":")[0]!),
    ...(known.skipped ?? []).map((one) => one.venue),
  ];
  offeredVenues.value = [...new Set([...offeredVenues.peek(), ...named])].sort();
});

export const liquidations = resource<Liquidations>((signal) => {
  return ask(
    "liquidations",
    {
      coin: coin.value,
      venues: venueParameter(),
      since: iso(end.value - lengthOf(range.value)),
      until: at.value ? iso(end.value) : null,
      interval: step.value,
      largest: BUBBLES,
    },
    signal,
  );
});

export const series = resource<Series>((signal) =>
  shown.value.has("interest") || shown.value.has("funding")
    ? ask(
        "series",
        { coin: coin.value, venues: venueParameter(), at: iso(end.value), history: range.value, step: step.value },
        signal,
      )
    : null,
);

export const positions = resource<Positions>((signal) =>
  panel.value === "whales" || kind.value === "measured"
    ? ask("positions", { coin: coin.value, at: iso(end.value), near: 0.2, limit: 100 }, signal)
    : null,
);

export const layers = resource<Layers>((signal) =>
  (panel.value === "assumptions" || shown.value.has("classes")) && kind.value === "modelled"
    ? ask("layers", { coin: coin.value, venues: venueParameter(), at: iso(end.value), history: "30d" }, signal)
    : null,
);

export const context = resource<MarketContext>((signal) =>
  panel.value === "context"
    ? ask("context", { coin: coin.value, venues: venueParameter(), at: iso(end.value) }, signal)
    : null,
);

const healthClock = signal(0);

export const health = resource<Health>((signal) => {
  healthClock.value; // a dependency
  return ask("health", {}, signal);
});

export const models = resource<ModelList>((signal) => ask("models", {}, signal));

export const coins = resource<string[]>((signal) =>
  ask<{ instruments: { base: string }[] }>("instruments", { limit: 1000 }, signal).then((found) =>
    [...new Set(found.instruments.map((one) => one.base))].sort(),
  ),
);

/** Ask how the server is every few seconds. */
export function keepHealth(): void {
  setInterval(() => healthClock.value++, 10_000);
}
