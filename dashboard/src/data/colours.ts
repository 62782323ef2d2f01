/**
 * From an amount to a colour.
 *
 * Brightness is (density / brightest) ** exponent, density being USD per bin of the heatmap's width, so a colour means
 * the same at every zoom. The scale's ends are handles: below `threshold` a cell is not drawn, at `saturation` and
 * above all are equally bright. Both change the picture alone, never a sum.
 */

import { amount, type Level, type Sides } from "./heatmap_data";

export interface ColourScale {
  /** USD per bin at full brightness: the 99.7th percentile of cells that are not empty. */
  brightest: number;
  /** In [0.4, 1.5], such that the median has brightness 0.42. */
  exponent: number;
}

const SAMPLES = 50_000;

/** The scale of a level; an empty one gets a brightest of 0. */
export function colourScale(level: Level, sides: Sides): ColourScale {
  const cells = level.columns * level.bins;
  const stride = Math.max(1, Math.floor(cells / SAMPLES)) | 1;
  const found = new Float64Array(Math.ceil(cells / stride));
  let many = 0;
  for (let at = 0; at < cells; at += stride) {
    const value = (sides === "short" ? 0 : level.long[at]!) + (sides === "long" ? 0 : level.short[at]!);
    if (value > 0) found[many++] = value / level.perBin;
  }
  if (many === 0) return { brightest: 0, exponent: 1 };
  const sorted = found.subarray(0, many).sort();
  const brightest = sorted[Math.min(sorted.length - 1, Math.floor(0.997 * sorted.length))]!;
  const median = sorted[sorted.length >> 1]!;
  const exponent = median < brightest ? Math.log(0.42) / Math.log(median / brightest) : 1;
  return { brightest, exponent: Math.min(1.5, Math.max(0.4, exponent)) };
}

/** Brightness of a density in [0, 1]. */
export function brightness(scale: ColourScale, density: number): number {
  return scale.brightest > 0 ? Math.min(1, (density / scale.brightest) ** scale.exponent) : 0;
}

/** The density of a brightness: the inverse. */
export function densityOf(scale: ColourScale, bright: number): number {
  return scale.brightest * bright ** (1 / scale.exponent);
}

/** Colours of the scale from dark to bright, as [position, red, green, blue]: even in lightness, safe for the colour-blind. */
type Stops = readonly (readonly [number, number, number, number])[];

const DARK: Stops = [
  [0, 20, 17, 37],
  [0.2, 59, 15, 112],
  [0.4, 130, 38, 129],
  [0.6, 205, 64, 113],
  [0.8, 251, 136, 97],
  [1, 252, 253, 191],
];
const LIGHT: Stops = [
  [0, 246, 243, 238],
  [0.2, 253, 216, 160],
  [0.4, 249, 151, 107],
  [0.6, 214, 80, 116],
  [0.8, 137, 41, 130],
  [1, 44, 17, 95],
];
const LONG_DARK: Stops = [
  [0, 14, 22, 38],
  [0.5, 32, 108, 176],
  [1, 190, 230, 255],
];
const SHORT_DARK: Stops = [
  [0, 34, 22, 14],
  [0.5, 200, 104, 20],
  [1, 255, 232, 170],
];
const LONG_LIGHT: Stops = [
  [0, 238, 244, 250],
  [0.5, 70, 140, 200],
  [1, 8, 40, 92],
];
const SHORT_LIGHT: Stops = [
  [0, 252, 244, 234],
  [0.5, 226, 136, 42],
  [1, 104, 48, 4],
];

export type Palette = "one" | "sides";
export type Theme = "dark" | "light";

/** 256 colours as little-endian RGBA words; the first is transparent. */
function table(stops: Stops): Uint32Array {
  const words = new Uint32Array(256);
  for (let i = 1; i < 256; i++) {
    const [red, green, blue] = mixed(stops, i / 255);
    words[i] = ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  }
  return words;
}

function mixed(stops: Stops, position: number): [number, number, number] {
  let upper = 1;
  while (upper < stops.length - 1 && stops[upper]![0] < position) upper++;
  const [from, to] = [stops[upper - 1]!, stops[upper]!];
  const share = (position - from[0]) / (to[0] - from[0]);
  const part = (channel: 1 | 2 | 3) => Math.round(from[channel] + share * (to[channel] - from[channel]));
  return [part(1), part(2), part(3)];
}

const TABLES = {
  dark: { one: [table(DARK), table(DARK)], sides: [table(LONG_DARK), table(SHORT_DARK)] },
  light: { one: [table(LIGHT), table(LIGHT)], sides: [table(LONG_LIGHT), table(SHORT_LIGHT)] },
} as const;

/** Colours of longs and of shorts. */
export function colourTables(theme: Theme, palette: Palette): readonly [Uint32Array, Uint32Array] {
  return TABLES[theme][palette];
}

/** CSS gradient of a side's colours from dark to bright. */
export function gradient(theme: Theme, palette: Palette, side: 0 | 1): string {
  const words = colourTables(theme, palette)[side];
  const stops = Array.from({ length: 17 }, (_, i) => {
    const word = words[Math.max(1, i * 16 - (i === 16 ? 1 : 0))]!;
    return `rgb(${word & 255} ${(word >> 8) & 255} ${(word >> 16) & 255})`;
  });
  return `linear-gradient(to right, ${stops.join(", ")})`;
}

export interface Handles {
  /** Brightness below which a cell is not drawn, in [0, 1). */
  threshold: number;
  /** Brightness from which on all are equally bright, in (threshold, 1]. */
  saturation: number;
}

const STEPS = 4096;
/** Cells lie by column and pixels by row: strips this narrow keep both in the processor's nearest cache. */
const STRIP = 32;

/** Pixels of a level: x is the column, y counts rows from the highest price down. */
export function paint(
  level: Level,
  sides: Sides,
  scale: ColourScale,
  handles: Handles,
  tables: readonly [Uint32Array, Uint32Array],
  pixels: Uint32Array,
): void {
  const { columns, bins, long, short, perBin } = level;
  const index = brightnessTable(scale.exponent, handles);
  const factor = stepsPerUsd(scale, perBin);
  const [longs, shorts] = tables;
  const wanted = { long: sides !== "short", short: sides !== "long" };
  for (let left = 0; left < columns; left += STRIP) {
    const right = Math.min(columns, left + STRIP);
    for (let row = 0; row < bins; row++) {
      const line = (bins - 1 - row) * columns;
      for (let column = left, at = left * bins + row; column < right; column++, at += bins) {
        const l = wanted.long ? long[at]! : 0;
        const s = wanted.short ? short[at]! : 0;
        const step = Math.ceil((l + s) * factor);
        const colour = step === 0 ? 0 : index[step < STEPS ? step : STEPS]!;
        pixels[line + column] = colour === 0 ? 0 : (s > l ? shorts : longs)[colour]!;
      }
    }
  }
}

/** Steps of the table below that a USD in a cell of so many bins is worth. */
function stepsPerUsd(scale: ColourScale, perBin: number): number {
  return scale.brightest > 0 ? STEPS / (scale.brightest * perBin) : 0;
}

/** Number of the colour by linear density in steps of 1/4096 of the brightest. */
function brightnessTable(exponent: number, { threshold, saturation }: Handles): Uint8Array {
  const index = new Uint8Array(STEPS + 1);
  for (let i = 1; i <= STEPS; i++) {
    const bright = (i / STEPS) ** exponent;
    const shown = Math.min(1, bright / saturation);
    index[i] = bright < threshold ? 0 : Math.max(1, Math.round(255 * shown));
  }
  return index;
}

/** The colour that `paint` gives a cell, as "rgb(…)", or null where it draws none. */
export function cellColour(
  level: Level,
  sides: Sides,
  scale: ColourScale,
  handles: Handles,
  tables: readonly [Uint32Array, Uint32Array],
  column: number,
  row: number,
): string | null {
  const step = Math.min(STEPS, Math.ceil(amount(level, sides, column, row) * stepsPerUsd(scale, level.perBin)));
  const colour = step === 0 ? 0 : brightnessTable(scale.exponent, handles)[step]!;
  if (colour === 0) return null;
  const at = column * level.bins + row;
  const isShort = sides === "short" || (sides === "both" && level.short[at]! > level.long[at]!);
  const word = tables[isShort ? 1 : 0][colour]!;
  return `rgb(${word & 255}, ${(word >> 8) & 255}, ${(word >> 16) & 255})`;
}
