/**
 * Columns as slots of time.
 *
 * The slot of a column begins at its as-of time. It shows what stood then, and the candle of what was traded until the
 * next: a candle lies over what stood before it. The last slot has no candle yet but what streams in.
 */

import type { Heatmap } from "./heatmap_data";

export interface Candle {
  open: number;
  high: number;
  low: number;
  close: number;
}

/** Beginning of a column's slot, UTC milliseconds. */
export function slotTime(heatmap: Heatmap, column: number): number {
  return heatmap.start + column * heatmap.step;
}

/** The column in whose slot a time is; it may lie outside of the heatmap. */
export function columnAt(heatmap: Heatmap, ms: number): number {
  return Math.floor((ms - heatmap.start) / heatmap.step);
}

/** Place of a time among the columns, whole numbers being the middles of slots. */
export function placeOf(heatmap: Heatmap, ms: number): number {
  return (ms - heatmap.start) / heatmap.step - 0.5;
}

/** What was traded during a column's slot; null where nothing is known of it. */
export function candleOf(heatmap: Heatmap, column: number): Candle | null {
  const after = column + 1;
  if (after >= heatmap.columns || Number.isNaN(heatmap.open[after]!)) return null;
  return {
    open: heatmap.open[after]!,
    high: heatmap.high[after]!,
    low: heatmap.low[after]!,
    close: heatmap.close[after]!,
  };
}
