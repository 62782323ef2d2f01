/**
 * A heatmap as the server sends it, and its coarser levels.
 *
 * The layout of the bytes is in docs/server.md. A level is coarser by powers of two: over prices cells are added, so
 * that no notional is lost; over time the last column of a group stands for it, a map that really was.
 */

const MAGIC = "PKHEAT01";
/** How long a column that is alone stands. */
const LONELY = 300_000;

export interface HeatmapDescription {
  instrument: string;
  kind: string;
  model: string;
  columns: { as_of: string; mark_price: number; open_interest: number; missing?: string[] }[];
  provenance: { version: string; parameter_hash: string; notes: string[] };
  layers?: { instrument: string; share: number; coverage: number }[];
  skipped?: { venue: string; reason: string }[];
}

export interface Heatmap {
  /** What the server says of it: megabytes of text where there are many columns, so read when it is wanted. */
  described: () => HeatmapDescription;
  columns: number;
  bins: number;
  /** Width of a bin in natural log of price, and the number of the lowest. */
  width: number;
  first: number;
  /** As-of time of the first column, UTC milliseconds, and the distance of two. */
  start: number;
  step: number;
  /** Whether there is anything known of a column: 1 or 0. */
  known: Uint8Array;
  markPrice: Float64Array;
  open: Float64Array;
  high: Float64Array;
  low: Float64Array;
  close: Float64Array;
  /** USD, one column after the other. */
  long: Float32Array;
  short: Float32Array;
}

/** The heatmap of the bytes; throws if they are none. */
export function parseHeatmap(buffer: ArrayBuffer): Heatmap {
  const view = new DataView(buffer);
  const magic = String.fromCharCode(...new Uint8Array(buffer, 0, Math.min(8, buffer.byteLength)));
  if (magic !== MAGIC) throw new Error(`the server sent no heatmap: ${magic}`);
  const columns = view.getUint32(8, true);
  const bins = view.getUint32(12, true);
  const described = view.getUint32(32, true);
  let at = 40 + described;
  const stamps = new BigInt64Array(buffer, at, columns);
  at += 8 * columns;
  const floats = (): Float64Array => {
    const found = new Float64Array(buffer, at, columns);
    at += 8 * columns;
    return found;
  };
  const [markPrice, open, high, low, close] = [floats(), floats(), floats(), floats(), floats()];
  const cells = columns * bins;
  const long = new Float32Array(buffer, at, cells);
  const short = new Float32Array(buffer, at + 4 * cells, cells);
  const sent = {
    described: () =>
      JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 40, described))) as HeatmapDescription,
    bins,
    width: view.getFloat64(16, true),
    first: Number(view.getBigInt64(24, true)),
    markPrice,
    open,
    high,
    low,
    close,
    long,
    short,
  };
  return regular(sent, Float64Array.from(stamps, Number));
}

type Sent = Omit<Heatmap, "columns" | "start" | "step" | "known">;

/** The heatmap with a column at every multiple of the least distance of two. */
function regular(sent: Sent, times: Float64Array): Heatmap {
  let step = Infinity;
  for (let i = 1; i < times.length; i++) step = Math.min(step, times[i]! - times[i - 1]!);
  if (!Number.isFinite(step)) step = LONELY;
  const start = times[0] ?? 0;
  const columns = times.length ? Math.round((times[times.length - 1]! - start) / step) + 1 : 0;
  const known = new Uint8Array(columns);
  if (columns === times.length) return { ...sent, columns, start, step, known: known.fill(1) };
  const places = Array.from(times, (time) => Math.round((time - start) / step));
  for (const place of places) known[place] = 1;
  const spread = (values: Float64Array): Float64Array => {
    const found = new Float64Array(columns).fill(NaN);
    places.forEach((place, i) => (found[place] = values[i]!));
    return found;
  };
  const spreadCells = (cells: Float32Array): Float32Array => {
    const found = new Float32Array(columns * sent.bins);
    places.forEach((place, i) => found.set(cells.subarray(i * sent.bins, (i + 1) * sent.bins), place * sent.bins));
    return found;
  };
  return {
    ...sent,
    columns,
    start,
    step,
    known,
    markPrice: spread(sent.markPrice),
    open: spread(sent.open),
    high: spread(sent.high),
    low: spread(sent.low),
    close: spread(sent.close),
    long: spreadCells(sent.long),
    short: spreadCells(sent.short),
  };
}

/**
 * The cells of a heatmap without candles, on the axis and under the candles of another of the same step. Columns that only
 * one of them has are there, and known as far as the cells are.
 */
export function underCandles(cells: Heatmap, candles: Heatmap): Heatmap {
  if (cells.step % candles.step !== 0 && candles.step !== cells.step) return cells;
  const start = Math.min(cells.start, candles.start);
  const { step } = candles;
  const end = Math.max(cells.start + (cells.columns - 1) * cells.step, candles.start + (candles.columns - 1) * step);
  const columns = Math.round((end - start) / step) + 1;
  const found: Heatmap = {
    ...cells,
    columns,
    start,
    step,
    known: new Uint8Array(columns),
    markPrice: new Float64Array(columns).fill(NaN),
    open: new Float64Array(columns).fill(NaN),
    high: new Float64Array(columns).fill(NaN),
    low: new Float64Array(columns).fill(NaN),
    close: new Float64Array(columns).fill(NaN),
    long: new Float32Array(columns * cells.bins),
    short: new Float32Array(columns * cells.bins),
  };
  const offset = Math.round((candles.start - start) / step);
  for (const name of ["markPrice", "open", "high", "low", "close"] as const) found[name].set(candles[name], offset);
  for (let column = 0; column < cells.columns; column++) {
    if (!cells.known[column]) continue;
    const place = Math.round((cells.start + column * cells.step - start) / step);
    found.known[place] = 1;
    found.markPrice[place] = cells.markPrice[column]!;
    for (const side of ["long", "short"] as const) {
      found[side].set(cells[side].subarray(column * cells.bins, (column + 1) * cells.bins), place * cells.bins);
    }
  }
  return found;
}

/** Which positions are looked at. */
export type Sides = "both" | "long" | "short";

export interface Level {
  /** How many columns and bins of the heatmap one of this level's stands for. */
  perColumn: number;
  perBin: number;
  columns: number;
  bins: number;
  /** Number of the lowest of the heatmap's bins, counted from a price of 1, that the first row begins at. */
  first: number;
  /** USD per cell, one column after the other. */
  long: Float32Array;
  short: Float32Array;
}

/** Prices of the bounds of a row. */
export function rowPrices(heatmap: Heatmap, level: Level, row: number): [number, number] {
  const from = level.first + row * level.perBin;
  return [Math.exp(from * heatmap.width), Math.exp((from + level.perBin) * heatmap.width)];
}

/** The row of a price, below 0 or beyond the last where the heatmap does not reach. */
export function rowOf(heatmap: Heatmap, level: Level, price: number): number {
  return Math.floor((Math.log(price) / heatmap.width - level.first) / level.perBin);
}

/** The heatmap's own cells. */
export function finest(heatmap: Heatmap): Level {
  const { columns, bins, first, long, short } = heatmap;
  return { perColumn: 1, perBin: 1, columns, bins, first, long, short };
}

/** A level of `perColumn` columns and `perBin` bins in one; the rows begin at multiples of `perBin`. */
export function coarser(heatmap: Heatmap, perColumn: number, perBin: number): Level {
  if (perColumn === 1 && perBin === 1) return finest(heatmap);
  const first = Math.floor(heatmap.first / perBin) * perBin;
  const offset = heatmap.first - first;
  const bins = Math.ceil((offset + heatmap.bins) / perBin);
  const columns = Math.ceil(heatmap.columns / perColumn);
  const long = new Float32Array(columns * bins);
  const short = new Float32Array(columns * bins);
  for (let column = 0; column < columns; column++) {
    const source = (Math.min((column + 1) * perColumn, heatmap.columns) - 1) * heatmap.bins;
    const target = column * bins;
    if (perBin === 1) {
      long.set(heatmap.long.subarray(source, source + bins), target);
      short.set(heatmap.short.subarray(source, source + bins), target);
      continue;
    }
    for (let bin = 0; bin < heatmap.bins; bin++) {
      const row = target + Math.floor((bin + offset) / perBin);
      long[row]! += heatmap.long[source + bin]!;
      short[row]! += heatmap.short[source + bin]!;
    }
  }
  return { perColumn, perBin, columns, bins, first, long, short };
}

/** Levels made so far: a heatmap has few, and panning needs the same one again and again. */
export class Levels {
  private readonly made = new Map<string, Level>();

  constructor(readonly heatmap: Heatmap) {}

  /** The level whose cells are not smaller than a pixel, given pixels per column and per bin. */
  fitting(pixelsPerColumn: number, pixelsPerBin: number): Level {
    return this.get(powerOfTwo(pixelsPerColumn), powerOfTwo(pixelsPerBin));
  }

  get(perColumn: number, perBin: number): Level {
    const key = `${perColumn}x${perBin}`;
    let found = this.made.get(key);
    if (!found) {
      found = coarser(this.heatmap, perColumn, perBin);
      this.made.set(key, found);
    }
    return found;
  }
}

/** How many in one, a power of two up to 64, until one is at least a pixel wide. */
function powerOfTwo(pixels: number): number {
  let many = 1;
  while (many < 64 && many * pixels < 1) many *= 2;
  return many;
}

/** USD of the chosen sides in a cell. */
export function amount(level: Level, sides: Sides, column: number, row: number): number {
  const at = column * level.bins + row;
  return (sides === "short" ? 0 : level.long[at]!) + (sides === "long" ? 0 : level.short[at]!);
}
