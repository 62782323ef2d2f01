/**
 * Walls of a heatmap as lines: each from when it stood to when price swept it, or to the end.
 *
 * Read off the columns, which never change: a wall is a run of bins at least as dense as `least`, its amount the sum over
 * them, its price that of its densest bin. A swept one is dated by the candle that crossed it.
 */

import { amount, finest, rowPrices, type Heatmap } from "./heatmap_data";
import { candleOf } from "./time_axis";

export interface StandingLevel {
  side: "long" | "short";
  price: number;
  /** USD: when it was swept, or now. */
  notional: number;
  /** The first column that it stood in. */
  from: number;
  /** The column during whose slot it was swept; null for one that stands. */
  swept: number | null;
}

/** What has to be left of a wall, going back, for it to be the same. */
const KEPT_SHARE = 0.4;

/** The `most` largest walls of each kind (swept, standing), largest first. */
export function standingLevels(heatmap: Heatmap, least: number, most: number): StandingLevel[] {
  const swept: StandingLevel[] = [];
  for (let column = 0; column + 1 < heatmap.columns; column++) {
    const candle = candleOf(heatmap, column);
    if (candle) swept.push(...walls(heatmap, column, least, candle.low, candle.high));
  }
  const now = walls(heatmap, heatmap.columns - 1, least).map((one) => ({ ...one, swept: null }));
  const largest = (found: StandingLevel[]) => found.sort((a, b) => b.notional - a.notional).slice(0, most);
  return [...largest(swept), ...largest(now)];
}

/** Walls of a column between two prices. */
function walls(heatmap: Heatmap, column: number, least: number, low?: number, high?: number): StandingLevel[] {
  const { width, first, bins } = heatmap;
  const level = finest(heatmap);
  const lowest = low === undefined ? 0 : Math.max(0, Math.ceil(Math.log(low) / width) - first);
  const highest = high === undefined ? bins : Math.min(bins, Math.floor(Math.log(high) / width) - first);
  const found: StandingLevel[] = [];
  let from = -1;
  for (let row = lowest; row <= highest; row++) {
    const dense = row < highest && amount(level, "both", column, row) >= least;
    if (dense && from < 0) from = row;
    if (dense || from < 0) continue;
    found.push(wall(heatmap, column, from, row));
    from = -1;
  }
  return found;
}

function wall(heatmap: Heatmap, column: number, from: number, until: number): StandingLevel {
  const level = finest(heatmap);
  let notional = 0;
  let shorts = 0;
  let peak = from;
  for (let row = from; row < until; row++) {
    const here = amount(level, "both", column, row);
    notional += here;
    shorts += amount(level, "short", column, row);
    if (here > amount(level, "both", column, peak)) peak = row;
  }
  const kept = KEPT_SHARE * amount(level, "both", column, peak);
  let began = column;
  while (began > 0 && !(heatmap.known[began - 1] && amount(level, "both", began - 1, peak) < kept)) began--;
  const [low, high] = rowPrices(heatmap, level, peak);
  return {
    side: shorts * 2 > notional ? "short" : "long",
    price: Math.sqrt(low * high),
    notional,
    from: began,
    swept: column,
  };
}
