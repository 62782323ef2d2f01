import { describe, expect, it } from "vitest";

import type { Layers, LayerScore } from "../src/data/api_types";
import {
  binsByClass,
  binsOf,
  canBeChanged,
  changedWeights,
  erf,
  scoreOf,
  servedAssumptions,
  unpacked,
} from "../src/data/reweighing";

const packed = (values: number[], shape: number[]) => ({
  dtype: "float32" as const,
  shape,
  base64: btoa(String.fromCharCode(...new Uint8Array(Float32Array.from(values).buffer))),
});

/** Two distances, two turnovers, three bins: USD at weight 1 of side, distance, turnover and bin. */
const STANDING = Array.from({ length: 24 }, (_, i) => i + 1);
const WEIGHTS = [
  [0.1, 0.2],
  [0.3, 0.1],
];
const LAYERS = {
  coin: "BTC",
  as_of: "2026-02-10T12:00:00Z",
  mark_price: 100,
  model: "worlds",
  classes: {
    distances: [0.04, 0.15],
    distance_bounds: { long: [[0.02, 0.08], [0.08, 0.3]], short: [[0.02, 0.08], [0.08, 0.3]] },
    turnovers: [0.1, 1],
  },
  grid: { width: 0.01, first: 460, count: 3 },
  venues: [
    { venue: "bybit", instrument: "bybit:BTC", open_interest: 1e9, weights: { long: WEIGHTS, short: WEIGHTS }, standing: packed(STANDING, [2, 2, 2, 3]) },
  ],
  score: null,
  score_reason: "none",
} as unknown as Layers;

const standing = [Float32Array.from(STANDING)];
const own = LAYERS.venues.map((one) => one.weights);

describe("packed arrays", () => {
  it("come out as they went in", () => {
    expect([...unpacked(packed([1.5, -2, 0], [3]))]).toEqual([1.5, -2, 0]);
    expect([...unpacked(LAYERS.venues[0]!.standing)]).toEqual(STANDING);
  });
});

describe("bins of weights", () => {
  it("are the weighted sum over classes", () => {
    const bins = binsOf(LAYERS, standing, own);
    // Longs of the first bin: classes hold 1, 4, 7 and 10.
    expect(bins[0]!.long_notional).toBeCloseTo(0.1 * 1 + 0.2 * 4 + 0.3 * 7 + 0.1 * 10);
    expect(bins[2]!.short_notional).toBeCloseTo(0.1 * 15 + 0.2 * 18 + 0.3 * 21 + 0.1 * 24);
    expect(bins[1]!.price_low).toBeCloseTo(Math.exp(4.61));
  });

  it("split by class of distance and add up again", () => {
    const bins = binsOf(LAYERS, standing, own);
    const byClass = binsByClass(LAYERS, standing);
    bins.forEach((bin, i) => {
      const sum = byClass.reduce((total, values) => total + values[i]!, 0);
      expect(sum).toBeCloseTo(bin.long_notional + bin.short_notional);
    });
    expect(byClass[1]![0]).toBeGreaterThan(0); // 4 % from the entry
    expect(byClass[3]![0]).toBeGreaterThan(0); // 15 %
    expect(byClass[0]![0]).toBe(0);
  });
});

describe("changed assumptions", () => {
  it("put as much into classes as the law does", () => {
    const made = changedWeights(LAYERS, own[0]!, { median: 0.08, sigma: 0.5, turnover: 0, venues: {} }, "bybit");
    const near = made.long[0]!.reduce((a, b) => a + b);
    const far = made.long[1]!.reduce((a, b) => a + b);
    // The median is the bound between them: half lies beyond it, less what is beyond 30 %.
    expect(near).toBeCloseTo(0.5 - 0.5 * (1 + erf(Math.log(0.02 / 0.08) / 0.5 / Math.SQRT2)), 6);
    expect(far).toBeCloseTo(0.5 * (1 + erf(Math.log(0.3 / 0.08) / 0.5 / Math.SQRT2)) - 0.5, 6);
  });

  it("keep shares of turnover, tilt them, and weigh venues", () => {
    const law = { median: 0.08, sigma: 0.5, venues: {} };
    const [row] = changedWeights(LAYERS, own[0]!, { ...law, turnover: 0 }, "bybit").long;
    expect(row![1]! / row![0]!).toBeCloseTo(0.3 / 0.4); // as served, over both distances
    const [fast] = changedWeights(LAYERS, own[0]!, { ...law, turnover: 1 }, "bybit").long;
    expect(fast![1]! / fast![0]!).toBeCloseTo((0.3 / 0.4) * Math.E);
    const [half] = changedWeights(LAYERS, own[0]!, { ...law, turnover: 0, venues: { bybit: 0.5 } }, "bybit").long;
    expect(half![0]).toBeCloseTo(row![0]! / 2);
  });

  it("begin at what is served", () => {
    const found = servedAssumptions(LAYERS);
    expect(found.median).toBeGreaterThan(0.04);
    expect(found.median).toBeLessThan(0.15);
    expect(canBeChanged(LAYERS)).toBe(true);
    const points = structuredClone(LAYERS);
    points.classes.distance_bounds.long[0] = [0.02, 0.02];
    expect(canBeChanged(points)).toBe(false);
  });
});

describe("scores", () => {
  const score = {
    start: ["a", "b"],
    recorded_long: [10, 20],
    recorded_short: [0, 0],
    floors: { long: 1, short: null },
    predicted: [{ venue: "bybit", ...packed([], [2, 2, 2, 2]) }],
  } as unknown as LayerScore;

  it("are the mean log error over sides that have a floor, and the ratio of sums", () => {
    const predicted = Float32Array.from([...[20, 0, 0, 0], ...[0, 0, 0, 0], ...[NaN, 0, 10, 0], ...[0, 0, 0, 0]]);
    const weights = new Map([["bybit", { long: [[1, 0], [1, 0]], short: [[1, 0], [1, 0]] }]]);
    const found = scoreOf(score, [predicted], weights);
    // 20 for 10, and 10 for 20: a factor of two each way; what a venue did not record is left out.
    expect(found.log_mae).toBeCloseTo(Math.log(2));
    expect(found.total_ratio).toBeCloseTo(1);
  });
});

describe("the error function", () => {
  it("is right to a millionth", () => {
    expect(erf(0)).toBeCloseTo(0, 6);
    expect(erf(0.5)).toBeCloseTo(0.5204998778, 6);
    expect(erf(-1)).toBeCloseTo(-0.8427007929, 6);
    expect(erf(3)).toBeCloseTo(0.9999779095, 6);
  });
});
