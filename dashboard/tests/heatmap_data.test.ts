import { describe, expect, it } from "vitest";

import { amount, coarser, finest, Levels, parseHeatmap, rowOf, rowPrices } from "../src/data/heatmap_data";
import { brightness, cellColour, colourScale, colourTables, densityOf, paint } from "../src/data/colours";
import { standingLevels } from "../src/data/standing_levels";
import { candleOf, columnAt, placeOf, slotTime } from "../src/data/time_axis";

const START = Date.parse("2026-02-10T00:00Z");
const STEP = 300_000;
const WIDTH = 0.001;
const FIRST = 10_903;

/** The bytes of a heatmap as the server writes them: columns at `places`, cells from a function. */
function bytes(places: number[], bins: number, cell: (column: number, bin: number) => [number, number]): ArrayBuffer {
  const text = JSON.stringify({ instrument: "BTC", kind: "modelled", model: "worlds", columns: [] });
  const described = Math.ceil(text.length / 8) * 8;
  const columns = places.length;
  const buffer = new ArrayBuffer(40 + described + 48 * columns + 8 * columns * bins);
  const view = new DataView(buffer);
  [..."PKHEAT01"].forEach((letter, i) => view.setUint8(i, letter.charCodeAt(0)));
  view.setUint32(8, columns, true);
  view.setUint32(12, bins, true);
  view.setFloat64(16, WIDTH, true);
  view.setBigInt64(24, BigInt(FIRST), true);
  view.setUint32(32, described, true);
  new Uint8Array(buffer, 40, described).set(new TextEncoder().encode(text.padEnd(described)));
  let at = 40 + described;
  for (const place of places) view.setBigInt64((at += 8) - 8, BigInt(START + place * STEP), true);
  for (const factor of [1, 0.99, 1.02, 0.97, 1.01]) {
    for (const place of places) view.setFloat64((at += 8) - 8, factor * (60_000 + place), true);
  }
  for (const side of [0, 1] as const) {
    for (let column = 0; column < columns; column++) {
      for (let bin = 0; bin < bins; bin++) view.setFloat32((at += 4) - 4, cell(column, bin)[side], true);
    }
  }
  return buffer;
}

const some = (column: number, bin: number): [number, number] => (bin < 5 ? [column + bin + 1, 0] : [0, 10 * bin]);
const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0);

describe("parsing", () => {
  it("reads what the server writes", () => {
    const found = parseHeatmap(bytes([0, 1, 2], 9, some));
    expect([found.columns, found.bins, found.first, found.step, found.start]).toEqual([3, 9, FIRST, STEP, START]);
    expect(found.described().model).toBe("worlds");
    expect(amount(finest(found), "long", 2, 3)).toBe(6);
    expect(amount(finest(found), "both", 1, 7)).toBe(70);
    expect(found.high[2]).toBeCloseTo(1.02 * 60_002);
  });

  it("keeps a place for columns that were left out, and does not know them", () => {
    const found = parseHeatmap(bytes([0, 1, 4], 9, some));
    expect([...found.known]).toEqual([1, 1, 0, 0, 1]);
    expect(amount(finest(found), "both", 2, 7)).toBe(0);
    expect(amount(finest(found), "long", 4, 0)).toBe(3);
    expect(candleOf(found, 1)).toBeNull();
    expect(candleOf(found, 3)?.open).toBeCloseTo(0.99 * 60_004);
  });

  it("refuses what is no heatmap", () => {
    expect(() => parseHeatmap(new TextEncoder().encode("{\"error\": 1}").buffer as ArrayBuffer)).toThrow("no heatmap");
  });
});

describe("coarser levels", () => {
  const heatmap = parseHeatmap(bytes([0, 1, 2, 3, 4, 5, 6], 21, some));

  it("conserve the notional of the columns that they show", () => {
    for (const [perColumn, perBin] of [[1, 2], [1, 8], [2, 4], [4, 16]] as const) {
      const level = coarser(heatmap, perColumn, perBin);
      for (let column = 0; column < level.columns; column++) {
        const shown = Math.min((column + 1) * perColumn, heatmap.columns) - 1;
        for (const side of ["long", "short"] as const) {
          const whole = sum(heatmap[side].subarray(shown * heatmap.bins, (shown + 1) * heatmap.bins));
          expect(sum(level[side].subarray(column * level.bins, (column + 1) * level.bins))).toBe(whole);
        }
      }
    }
  });

  it("have rows that hold exactly the prices of their bins", () => {
    const level = coarser(heatmap, 1, 8);
    const [low, high] = rowPrices(heatmap, level, 1);
    expect(Math.log(low) / WIDTH).toBeCloseTo(Math.ceil(FIRST / 8) * 8);
    expect(high / low).toBeCloseTo(Math.exp(8 * WIDTH));
    expect(rowOf(heatmap, level, Math.sqrt(low * high))).toBe(1);
  });

  it("are chosen so that no cell is smaller than a pixel, and made once", () => {
    const levels = new Levels(heatmap);
    const level = levels.fitting(0.3, 0.6);
    expect([level.perColumn, level.perBin]).toEqual([4, 2]);
    expect(levels.fitting(0.3, 0.6)).toBe(level);
    expect(levels.fitting(5, 5).perBin).toBe(1);
  });
});

describe("colours", () => {
  const heatmap = parseHeatmap(bytes([0, 1, 2, 3], 21, some));
  const level = finest(heatmap);
  const scale = colourScale(level, "both");
  const handles = { threshold: 0.2, saturation: 0.9 };
  const tables = colourTables("dark", "one");

  it("go from density to brightness and back", () => {
    for (const bright of [0.1, 0.42, 0.9]) {
      expect(brightness(scale, densityOf(scale, bright))).toBeCloseTo(bright);
    }
    expect(colourScale({ ...level, long: new Float32Array(84), short: new Float32Array(84) }, "both").brightest).toBe(0);
  });

  it("paint every cell with the colour that is told of it", () => {
    const pixels = new Uint32Array(level.columns * level.bins);
    paint(level, "both", scale, handles, tables, pixels);
    let drawn = 0;
    for (let column = 0; column < level.columns; column++) {
      for (let row = 0; row < level.bins; row++) {
        const word = pixels[(level.bins - 1 - row) * level.columns + column]!;
        const told = cellColour(level, "both", scale, handles, tables, column, row);
        if (told === null) expect(word).toBe(0);
        else expect(told).toBe(`rgb(${word & 255}, ${(word >> 8) & 255}, ${(word >> 16) & 255})`);
        drawn += word === 0 ? 0 : 1;
      }
    }
    expect(drawn).toBeGreaterThan(0);
    expect(drawn).toBeLessThan(pixels.length);
  });

  it("mean the same at every level: density, not the sum", () => {
    const even = parseHeatmap(bytes([0, 1], 32, () => [5, 0]));
    const coarse = coarser(even, 1, 4);
    const fine = colourScale(finest(even), "both");
    expect(cellColour(coarse, "both", fine, handles, tables, 0, 3)).toBe(
      cellColour(finest(even), "both", fine, handles, tables, 0, 9),
    );
  });
});

describe("the axis of time", () => {
  const heatmap = parseHeatmap(bytes([0, 1, 2, 3], 9, some));

  it("puts a time into the slot that it is in", () => {
    expect(columnAt(heatmap, START + 2.5 * STEP)).toBe(2);
    expect(slotTime(heatmap, 3)).toBe(START + 3 * STEP);
    expect(placeOf(heatmap, START + 2.5 * STEP)).toBe(2);
  });

  it("lays a candle over the column that stood before it, and leaves the last open", () => {
    expect(candleOf(heatmap, 0)?.close).toBeCloseTo(1.01 * 60_001);
    expect(candleOf(heatmap, 3)).toBeNull();
  });
});

describe("levels", () => {
  /** A wall of shorts that the candle after column 3 sweeps, and one of longs that stands from column 2 on. */
  const at = (price: number) => Math.floor(Math.log(price) / WIDTH) - FIRST;
  const [wall, other] = [at(61_000), at(60_000 * 0.93)];
  const heatmap = parseHeatmap(
    bytes([0, 1, 2, 3, 4, 5], 150, (column, bin) => [
      bin === other && column >= 2 ? 700 : 0,
      bin === wall && column <= 3 ? 500 : 0,
    ]),
  );
  heatmap.high.set([60_100, 60_100, 60_100, 60_100, 61_500, 60_100]);
  heatmap.low.fill(59_900);

  it("run until a candle sweeps them", () => {
    const [swept, standing] = standingLevels(heatmap, 100, 10);
    expect(swept).toMatchObject({ side: "short", notional: 500, from: 0, swept: 3 });
    expect(standing).toMatchObject({ side: "long", notional: 700, from: 2, swept: null });
    expect(Math.abs(swept!.price / 61_000 - 1)).toBeLessThan(WIDTH);
  });

  it("are those that are dense enough", () => {
    expect(standingLevels(heatmap, 600, 10)).toHaveLength(1);
    expect(standingLevels(heatmap, 100, 0)).toEqual([]);
  });
});
