/**
 * A map under other assumptions: it is linear in the weights of its worlds, so changed weights are a sum (docs/json.md,
 * `/v1/layers`).
 */

import type { Bin, Layers, LayerScore, Packed, PositionSide } from "./api_types";

export interface Assumptions {
  /** Lognormal law of distances: its median as a fraction of the entry price, and the deviation of its logarithm. */
  median: number;
  sigma: number;
  /** How much more each faster class of turnover weighs than the model says, in logs; 0 leaves them. */
  turnover: number;
  /** Factors on venues' open interest; 1 where none is named. */
  venues: Readonly<Record<string, number>>;
}

/** Weights by side, distance and turnover. */
export type Weights = Record<PositionSide, number[][]>;

const SIDES: readonly PositionSide[] = ["long", "short"];

/** Numbers of an array as the server packs it. */
export function unpacked({ base64 }: Packed): Float32Array {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new Float32Array(bytes.buffer);
}

/** Whether the classes of distance have a width, so that a law can be laid over them. */
export function canBeChanged({ classes }: Layers): boolean {
  return SIDES.every((side) => classes.distance_bounds[side].every(([low, high]) => high > low));
}

/** The lognormal law that comes closest to the weights as served, by the moments of log distance. */
export function servedAssumptions({ classes, venues }: Layers): Assumptions {
  const weights = venues[0]!.weights.long.map(sum);
  const total = sum(weights);
  const logs = classes.distances.map(Math.log);
  const mean = sum(logs.map((log, d) => (log * weights[d]!) / total));
  const variance = sum(logs.map((log, d) => ((log - mean) ** 2 * weights[d]!) / total));
  return { median: Math.exp(mean), sigma: Math.sqrt(variance), turnover: 0, venues: {} };
}

/** A venue's weights under assumptions; what lies beyond the farthest class stands at no price. */
export function changedWeights(told: Layers, served: Weights, wanted: Assumptions, venue: string): Weights {
  const factor = wanted.venues[venue] ?? 1;
  const made = (side: PositionSide): number[][] => {
    const speeds = speedShares(served[side], wanted.turnover);
    return told.classes.distance_bounds[side].map(([low, high]) => {
      const share = lognormal(high, wanted) - lognormal(low, wanted);
      return speeds.map((speed) => factor * share * speed);
    });
  };
  return { long: made("long"), short: made("short") };
}

/** Share of each class of turnover: as served, times exp(tilt x number), summing to 1. */
function speedShares(weights: number[][], tilt: number): number[] {
  const shares = weights[0]!.map((_, t) => sum(weights.map((row) => row[t]!)) * Math.exp(tilt * t));
  const total = sum(shares);
  return shares.map((share) => share / total);
}

function lognormal(distance: number, { median, sigma }: Assumptions): number {
  return 0.5 * (1 + erf((Math.log(distance) - Math.log(median)) / (sigma * Math.SQRT2)));
}

/** The error function to 1.5e-7: M. Abramowitz, I. A. Stegun, Handbook of Mathematical Functions (1964), 7.1.26. */
export function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}

/** The map's bins of weights by venue. */
export function binsOf(told: Layers, standing: readonly Float32Array[], weights: readonly Weights[]): Bin[] {
  const { width, first, count } = told.grid;
  const sides = { long: new Float64Array(count), short: new Float64Array(count) };
  const turnovers = told.classes.turnovers.length;
  weights.forEach((byVenue, v) => {
    const values = standing[v]!;
    SIDES.forEach((side, s) => {
      byVenue[side].forEach((row, d) =>
        row.forEach((weight, t) => {
          if (weight === 0) return;
          const from = ((s * byVenue[side].length + d) * turnovers + t) * count;
          for (let i = 0; i < count; i++) sides[side][i]! += weight * values[from + i]!;
        }),
      );
    });
  });
  return Array.from({ length: count }, (_, i) => ({
    price_low: Math.exp((first + i) * width),
    price_high: Math.exp((first + i + 1) * width),
    long_notional: sides.long[i]!,
    short_notional: sides.short[i]!,
  }));
}

export interface Score {
  log_mae: number | null;
  total_ratio: number | null;
}

/** What weights would have scored: mean abs(ln(predicted / recorded)), both raised to floors, and the ratio of sums. */
export function scoreOf(score: LayerScore, predicted: readonly Float32Array[], weights: ReadonlyMap<string, Weights>): Score {
  const many = score.start.length;
  const recorded = { long: score.recorded_long, short: score.recorded_short };
  let [errors, counted, total, whole] = [0, 0, 0, 0];
  SIDES.forEach((side, s) => {
    const floor = score.floors[side];
    for (let i = 0; i < many; i++) {
      let value = 0;
      score.predicted.forEach(({ venue, shape }, v) => {
        const [, , distances, turnovers] = shape as [number, number, number, number];
        const rows = weights.get(venue)![side];
        const from = (i * 2 + s) * distances * turnovers;
        for (let d = 0; d < distances; d++) {
          for (let t = 0; t < turnovers; t++) {
            const one = predicted[v]![from + d * turnovers + t]!;
            if (!Number.isNaN(one)) value += rows[d]![t]! * one;
          }
        }
      });
      const told = recorded[side][i]!;
      total += value;
      whole += told;
      if (floor === null) continue;
      errors += Math.abs(Math.log(Math.max(value, floor) / Math.max(told, floor)));
      counted += 1;
    }
  });
  return { log_mae: counted ? errors / counted : null, total_ratio: whole > 0 ? total / whole : null };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Upper bounds of the groups of distance classes that the chart tells apart, as fractions. */
export const CLASS_BOUNDS = [0.02, 0.05, 0.1, 0.2, Infinity] as const;

/** The map's bins by how far from its entry price a position is liquidated: one array of USD for each group. */
export function binsByClass(told: Layers, standing: readonly Float32Array[]): Float64Array[] {
  return CLASS_BOUNDS.map((bound, group) => {
    const least = group === 0 ? 0 : CLASS_BOUNDS[group - 1]!;
    const kept = told.classes.distances.map((distance) => distance >= least && distance < bound);
    const own = told.venues.map(({ weights }) => ({ long: only(weights.long, kept), short: only(weights.short, kept) }));
    return Float64Array.from(binsOf(told, standing, own), (bin) => bin.long_notional + bin.short_notional);
  });
}

function only(weights: number[][], kept: readonly boolean[]): number[][] {
  return weights.map((row, d) => (kept[d] ? row : row.map(() => 0)));
}
