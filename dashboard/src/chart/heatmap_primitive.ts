/** The heatmap under the candles: cells drawn as they are, never mixed with their neighbours. */

import { colourTables, paint, type ColourScale, type Handles, type Palette, type Theme } from "../data/colours";
import { rowOf, rowPrices, type Heatmap, type Level, type Levels, type Sides } from "../data/heatmap_data";
import { ChartPrimitive, type Surface } from "./chart_primitive";

export interface HeatmapLook {
  heatmap: Heatmap;
  levels: Levels;
  scale: ColourScale;
  handles: Handles;
  sides: Sides;
  palette: Palette;
  theme: Theme;
}

/** Where a straight line through the picture's ends is further off than this (pixels), rows are drawn one by one. */
const STRAIGHT = 0.5;

export class HeatmapPrimitive extends ChartPrimitive {
  private look: HeatmapLook | null = null;
  private readonly painted = new Map<Level, HTMLCanvasElement>();
  /** Whether what is shown was not drawn yet: its first drawing is marked, for who measures. */
  private isNew = false;

  constructor() {
    super("bottom");
  }

  /** Show a heatmap, or none. */
  show(look: HeatmapLook | null): void {
    this.look = look;
    this.isNew = look !== null;
    this.painted.clear();
    this.redraw();
  }

  /** The level that is drawn at the present zoom; null without a heatmap. */
  level(): Level | null {
    const { look, chart, series } = this;
    if (!look || !chart || !series) return null;
    const { heatmap, levels } = look;
    const spacing = chart.timeScale().options().barSpacing * devicePixelRatio;
    const range = series.priceScale().getVisibleRange();
    const near = range ? Math.sqrt(Math.max(range.from, range.to / 1e3) * range.to) : heatmap.markPrice[0]!;
    const one = series.priceToCoordinate(near);
    const next = series.priceToCoordinate(near * Math.exp(heatmap.width));
    const height = one === null || next === null ? 1 : Math.abs(next - one) * devicePixelRatio;
    return levels.fitting(spacing, height);
  }

  protected draw({ context, width, height, x, y, priceAt }: Surface): void {
    const { look } = this;
    const level = this.level();
    if (!look || !level) return;
    const { heatmap } = look;
    const spacing = x(1) - x(0);
    const first = Math.max(0, Math.floor(-x(0) / spacing / level.perColumn) - 1);
    const last = Math.min(level.columns, Math.ceil(((width - x(0)) / spacing + 1) / level.perColumn) + 1);
    // Only rows in view: pictures far larger than the screen lose the exactness of their edges.
    const row = (at: number | null, otherwise: number): number =>
      at === null || at <= 0 ? otherwise : rowOf(heatmap, level, at);
    const lowest = Math.max(0, row(priceAt(height), 0) - 1);
    const highest = Math.min(level.bins, row(priceAt(0), level.bins) + 2);
    if (last <= first || highest <= lowest) return;

    const left = Math.round(x(first * level.perColumn - 0.5));
    const right = Math.round(x(last * level.perColumn - 0.5));
    const bottomOf = (place: number): number => y(Math.exp((level.first + place * level.perBin) * heatmap.width));
    const image = this.image(level, look);
    context.save();
    // The last cells of a coarse level may reach beyond the last column.
    context.beginPath();
    context.rect(0, 0, Math.round(x(heatmap.columns - 0.5)), height);
    context.clip();
    context.imageSmoothingEnabled = false;
    const strip = (from: number, rows: number): void => {
      const [bottom, top] = [Math.round(bottomOf(from)), Math.round(bottomOf(from + rows))];
      const source = level.bins - from - rows;
      context.drawImage(image, first, source, last - first, rows, left, top, right - left, bottom - top);
    };
    const middle = bottomOf((lowest + highest) / 2);
    const straight = Math.abs(middle - (bottomOf(lowest) + bottomOf(highest)) / 2) < STRAIGHT;
    if (straight) strip(lowest, highest - lowest);
    else for (let from = lowest; from < highest; from++) strip(from, 1);
    context.restore();
    if (this.isNew) performance.mark("heatmap-drawn");
    this.isNew = false;
  }

  private image(level: Level, look: HeatmapLook): HTMLCanvasElement {
    let found = this.painted.get(level);
    if (found) return found;
    found = document.createElement("canvas");
    found.width = level.columns;
    found.height = level.bins;
    const context = found.getContext("2d")!;
    const data = context.createImageData(level.columns, level.bins);
    const tables = colourTables(look.theme, look.palette);
    paint(level, look.sides, look.scale, look.handles, tables, new Uint32Array(data.data.buffer));
    context.putImageData(data, 0, 0);
    this.painted.set(level, found);
    return found;
  }
}

/** What the crosshair points at: a cell as it is drawn. */
export interface Cell {
  column: number;
  row: number;
  priceLow: number;
  priceHigh: number;
  /** The heatmap's column that is drawn. */
  source: number;
}

/** The cell of a level at a column of the heatmap and a price; null outside. */
export function cellAt(heatmap: Heatmap, level: Level, column: number, price: number): Cell | null {
  const row = rowOf(heatmap, level, price);
  if (column < 0 || column >= heatmap.columns || row < 0 || row >= level.bins) return null;
  const [priceLow, priceHigh] = rowPrices(heatmap, level, row);
  const coarse = Math.floor(column / level.perColumn);
  const source = Math.min((coarse + 1) * level.perColumn, heatmap.columns) - 1;
  return { column: coarse, row, priceLow, priceHigh, source };
}
