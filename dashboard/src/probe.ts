/** `window.powderkeg`: where things are on the picture, for scripts of the visitor's and for tests. */

import { chart, scale } from "./chart/chart_view";
import { cellAt } from "./chart/heatmap_primitive";
import { cellColour, colourTables } from "./data/colours";
import { amount } from "./data/heatmap_data";
import { heatmap } from "./data/store";
import { columnAt, placeOf } from "./data/time_axis";
import { palette, saturation, sides, theme, threshold } from "./state";

export interface Probe {
  /** Pixels from the chart's top left corner of a time (UTC milliseconds) and a price. */
  place: (ms: number, price: number) => { x: number; y: number } | null;
  /** What is drawn there: USD, bounds of price, how many bins and columns it stands for, and the colour (null: none). */
  cell: (ms: number, price: number) => object | null;
  /** The first and the last column in view. */
  view: () => { from: number; to: number } | null;
}

declare global {
  interface Window {
    powderkeg: Probe;
  }
}

/** Offer it. */
export function offerProbe(): void {
  window.powderkeg = {
    place(ms, price) {
      const [held, made] = [heatmap.value.value?.heatmap, chart.value];
      const y = made?.candles.priceToCoordinate(price);
      if (!held || !made || y == null) return null;
      const time = made.api.timeScale();
      return { x: (time.logicalToCoordinate(0 as never) ?? 0) + placeOf(held, ms) * time.options().barSpacing, y };
    },
    cell(ms, price) {
      const held = heatmap.value.value?.heatmap;
      const level = chart.value?.level();
      const cell = held && level && cellAt(held, level, columnAt(held, ms), price);
      if (!held || !level || !cell) return null;
      const handles = { threshold: threshold.value, saturation: saturation.value };
      const tables = colourTables(theme.value, palette.value);
      return {
        usd: amount(level, sides.value, cell.column, cell.row),
        priceLow: cell.priceLow,
        priceHigh: cell.priceHigh,
        asOf: held.start + cell.source * held.step,
        perBin: level.perBin,
        perColumn: level.perColumn,
        colour: cellColour(level, sides.value, scale.value, handles, tables, cell.column, cell.row),
      };
    },
    view() {
      const range = chart.value?.api.timeScale().getVisibleLogicalRange();
      return range ? { from: range.from, to: range.to } : null;
    },
  };
}
