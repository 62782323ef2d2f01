/** The squeeze that is being tried: a dragged price or size, and what the envelope says of it at once. */

import { computed, signal } from "@preact/signals";

import type { Squeeze, SqueezeAnswer, SqueezePath } from "./api_types";
import { ask } from "./api";
import { landingOf, reachedAt, type Point } from "./envelope";
import { resource } from "./resource";
import { end, historyDays, map } from "./store";
import { coin, kind, model, panel, venueParameter } from "../state";

export type Stress = "calm" | "thin" | "stressed" | "collapsed";

export interface Asked {
  side: "up" | "down";
  /**
   * Where price is carried to, or how large the order is: the one that was dragged last; the other is null. Both are
   * null before anything was: then it is half of the order that reaches farthest.
   */
  price: number | null;
  size: number | null;
}

export const asked = signal<Asked>({ side: "up", price: null, size: null });
export const stress = signal<Stress>("calm");
export const passThrough = signal(1);

/** Whether the map holds its own share of what is really forced. */
export const isCalibrated = computed(() => map.value.value?.clusters.some((one) => one.expected_forced !== undefined) ?? false);

function parameters() {
  return {
    coin: coin.value,
    venues: venueParameter(),
    at: new Date(end.value).toISOString(),
    history: historyDays(),
    model: model.value || null,
    stress: stress.value,
    pass_through: isCalibrated.value ? null : passThrough.value,
  };
}

export const squeezes = resource<SqueezeAnswer>((signal) =>
  panel.value === "squeeze" && kind.value === "modelled"
    ? ask("squeeze", { ...parameters(), curve: true }, signal)
    : null,
);

export const squeeze = computed<Squeeze | null>(
  () => squeezes.value.value?.squeezes.find((one) => one.side === asked.value.side) ?? null,
);

/** The point that is asked for, price and size each following from the other. */
export const point = computed<Point | null>(() => {
  const curve = squeeze.value?.envelope;
  if (!curve || curve.price.length === 0) return null;
  const { price, size } = asked.value;
  return price !== null ? reachedAt(curve, price) : landingOf(curve, size ?? curve.push[curve.push.length - 1]! / 2);
});

const settled = signal<number | null>(null);
let timer = 0;

/** Ask for paths in time of an order of a size once it has stayed the same for a moment. */
export function settle(size: number | null): void {
  clearTimeout(timer);
  timer = window.setTimeout(() => (settled.value = size), 350);
}

export const paths = resource<SqueezeAnswer>((signal) => {
  const size = settled.value;
  const { side } = asked.value;
  return panel.value === "squeeze" && kind.value === "modelled" && size !== null && size > 0
    ? ask("squeeze", { ...parameters(), side, push: [Math.round(size)], paths: true }, signal)
    : null;
});

export const path = computed(() => paths.value.value?.squeezes.find((one) => one.side === asked.value.side)?.paths[0] ?? null);

/** A squeeze that is being looked at: where it begins, where it would come to rest, and its paths in time. */
export interface FanLook {
  mark: number;
  landing: number | null;
  path: SqueezePath | null;
  side: "up" | "down";
}

export const fanLook = computed<FanLook | null>(() => {
  const one = squeeze.value;
  return one
    ? { mark: one.mark_price, landing: point.value?.price ?? null, path: path.value, side: one.side }
    : null;
});
