/**
 * Other assumptions about the map that is shown, without a rerun.
 *
 * The score is that of the server, on intervals that were recorded: choosing assumptions by it is fitting, and what is best
 * here is not best elsewhere because of that.
 */

import { computed, signal } from "@preact/signals";

import type { Bin, Layers } from "./api_types";
import {
  binsByClass,
  binsOf,
  changedWeights,
  scoreOf,
  unpacked,
  type Assumptions,
  type Score,
  type Weights,
} from "./reweighing";
import { layers } from "./store";

/** What was changed; null as long as the map is as served. */
export const changed = signal<Assumptions | null>(null);

const standing = computed(() => layers.value.value?.venues.map((one) => unpacked(one.standing)) ?? []);
const predicted = computed(() => layers.value.value?.score?.predicted.map(unpacked) ?? []);

const weights = computed<Weights[] | null>(() => {
  const told = layers.value.value;
  const wanted = changed.value;
  if (!told || !wanted) return null;
  return told.venues.map((one) => changedWeights(told, one.weights, wanted, one.venue));
});

/** The map's bins under the changed assumptions; null while nothing was changed. */
export const otherBins = computed<readonly Bin[] | null>(() => {
  const told = layers.value.value;
  return told && weights.value ? binsOf(told, standing.value, weights.value) : null;
});

/** The bins of the layers, and what stands in them by class of distance; null before there are layers. */
export const classes = computed(() => {
  const told = layers.value.value;
  if (!told) return null;
  const served = binsOf(told, standing.value, told.venues.map((one) => one.weights));
  return { bins: served, mark: told.mark_price, byClass: binsByClass(told, standing.value) };
});

function scored(byVenue: (told: Layers) => Weights[]): Score | null {
  const told = layers.value.value;
  if (!told?.score) return null;
  const found = byVenue(told);
  return scoreOf(told.score, predicted.value, new Map(told.venues.map((one, v) => [one.venue, found[v]!])));
}

/** Scores of the map as served, and under the changed assumptions. */
export const servedScore = computed(() => scored((told) => told.venues.map((one) => one.weights)));
export const changedScore = computed(() => {
  const found = weights.value;
  return found ? scored(() => found) : null;
});
