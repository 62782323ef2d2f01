/**
 * The map by price, at the right edge of the chart: a bar per row of pixels that holds bins, and what is force-closed on
 * the way from the mark to each price as a line.
 */

import type { Bin } from "../data/api_types";
import { usd } from "../format";
import { ChartPrimitive, type Surface } from "./chart_primitive";
import type { ChartColours } from "./chart_colours";

const WIDTH = 170;
const WIDEST_SHARE = 0.4;

/** How much of a chart's width it takes, in pixels. */
export function profileWidth(ofChart: number): number {
  return Math.min(WIDTH, WIDEST_SHARE * ofChart);
}

/** A part of what stands: USD in each of the bins. */
export interface Stack {
  name: string;
  colour: string;
  values: ArrayLike<number>;
}

export interface ProfileLook {
  bins: readonly Bin[];
  /** What is drawn side by side from the edge; together they are what stands in a bin. */
  stacks: readonly Stack[];
  mark: number;
  colours: ChartColours;
  /** Bins under other assumptions, drawn as an outline. */
  other: readonly Bin[] | null;
}

/** Longs and shorts of bins. */
export function sideStacks(bins: readonly Bin[], colours: ChartColours): Stack[] {
  return [
    { name: "longs", colour: colours.long, values: bins.map((bin) => bin.long_notional) },
    { name: "shorts", colour: colours.short, values: bins.map((bin) => bin.short_notional) },
  ];
}

/** Bins that share a row of pixels: its bounds, and USD per bin of each stack, so that the drawn area is what stands. */
interface Row {
  top: number;
  bottom: number;
  bins: number;
  values: number[];
}

export class ProfilePrimitive extends ChartPrimitive {
  private look: ProfileLook | null = null;

  constructor() {
    super("top");
  }

  show(look: ProfileLook | null): void {
    this.look = look;
    this.redraw();
  }

  protected draw(surface: Surface): void {
    const { look } = this;
    if (!look || look.bins.length === 0) return;
    const { context, width, height, ratio } = surface;
    const room = profileWidth(width / ratio) * ratio;
    context.save();
    context.fillStyle = look.colours.background;
    context.globalAlpha = 0.72;
    context.fillRect(width - room, 0, room, height);
    const rows = rowsOf(look.bins, look.stacks, surface);
    const other = look.other && rowsOf(look.other, sideStacks(look.other, look.colours), surface);
    const largest = Math.max(...[...rows, ...(other ?? [])].map(total), 1);
    const scale = (room * 0.92) / largest;
    context.globalAlpha = 0.8;
    for (const row of rows) {
      let right = width;
      row.values.forEach((value, i) => {
        context.fillStyle = look.stacks[i]!.colour;
        context.fillRect(right - value * scale, row.top, value * scale, Math.max(1, row.bottom - row.top));
        right -= value * scale;
      });
    }
    context.globalAlpha = 1;
    if (other) outline(surface, other, scale, look.colours.accent);
    cumulative(surface, look, room);
    caption(surface, look.colours, `bars: USD a bin, to ${usd(largest)}`, 4 * ratio, "top");
    if (look.stacks.length > 2) legend(surface, look);
    context.restore();
  }
}

function total(row: Row): number {
  return row.values.reduce((sum, value) => sum + value, 0);
}

/** Bins gathered into rows at least two pixels high: none is dropped that is in view. */
function rowsOf(bins: readonly Bin[], stacks: readonly Stack[], { y, height, ratio }: Surface): Row[] {
  const rows: Row[] = [];
  const least = 2 * ratio;
  bins.forEach((bin, i) => {
    const bottom = Math.round(y(bin.price_low));
    const top = Math.round(y(bin.price_high));
    if (bottom < 0 || top > height) return;
    const open = rows[rows.length - 1];
    if (open && open.bottom - open.top < least) {
      open.top = Math.min(open.top, top);
      open.bins += 1;
      stacks.forEach(({ values }, at) => (open.values[at]! += (values[i]! - open.values[at]!) / open.bins));
    } else {
      rows.push({ top, bottom, bins: 1, values: stacks.map(({ values }) => values[i]!) });
    }
  });
  return rows;
}

function legend({ context, width, ratio }: Surface, { stacks, colours }: ProfileLook): void {
  context.font = `${10 * ratio}px system-ui, sans-serif`;
  context.textBaseline = "top";
  context.textAlign = "right";
  context.lineWidth = 3 * ratio;
  context.lineJoin = "round";
  stacks.forEach(({ name, colour }, i) => {
    const y = (18 + 13 * i) * ratio;
    context.strokeStyle = colours.background;
    context.strokeText(name, width - 4 * ratio, y);
    context.fillStyle = colour;
    context.fillText(name, width - 4 * ratio, y);
  });
}

function outline({ context, width, ratio }: Surface, rows: Row[], scale: number, colour: string): void {
  context.strokeStyle = colour;
  context.lineWidth = 1.25 * ratio;
  context.beginPath();
  rows.forEach((row, i) => {
    const x = width - total(row) * scale;
    context[i ? "lineTo" : "moveTo"](x, row.bottom);
    context.lineTo(x, row.top);
  });
  context.stroke();
}

/** Lines of what is force-closed between the mark and a price, each side to its own end in view. */
function cumulative(surface: Surface, { bins, mark, colours }: ProfileLook, room: number): void {
  const { context, width, height, ratio, y } = surface;
  const above: [number, number][] = [];
  const below: [number, number][] = [];
  let sum = 0;
  for (const bin of bins) {
    if (bin.price_high <= mark) continue;
    sum += bin.short_notional;
    above.push([y(bin.price_high), sum]);
  }
  sum = 0;
  for (const bin of [...bins].reverse()) {
    if (bin.price_low >= mark) continue;
    sum += bin.long_notional;
    below.push([y(bin.price_low), sum]);
  }
  const inView = [...above, ...below].filter(([at]) => at >= 0 && at <= height);
  const largest = Math.max(...inView.map(([, value]) => value), 1);
  for (const [points, colour] of [[above, colours.short], [below, colours.long]] as const) {
    context.strokeStyle = colour;
    context.globalAlpha = 0.9;
    context.lineWidth = 1.5 * ratio;
    context.setLineDash([4 * ratio, 2 * ratio]);
    context.beginPath();
    context.moveTo(width, y(mark));
    for (const [at, value] of points) context.lineTo(width - (room * 0.92 * value) / largest, at);
    context.stroke();
    context.setLineDash([]);
  }
  context.globalAlpha = 1;
  caption(surface, colours, `lines: sum from the mark, to ${usd(largest)}`, height - 4 * ratio, "bottom");
}

/** Text at the right edge that can be read over anything. */
function caption(
  { context, width, ratio }: Surface,
  colours: ChartColours,
  text: string,
  y: number,
  baseline: "top" | "bottom",
): void {
  context.font = `${10 * ratio}px system-ui, sans-serif`;
  context.textBaseline = baseline;
  context.textAlign = "right";
  context.lineWidth = 3 * ratio;
  context.lineJoin = "round";
  context.strokeStyle = colours.background;
  context.strokeText(text, width - 4 * ratio, y);
  context.fillStyle = colours.text;
  context.fillText(text, width - 4 * ratio, y);
}
