/** What lies over the candles: levels until they are swept, liquidations as bubbles, and a squeeze's fan. */

import type { LiquidationEvent, PositionSide } from "../data/api_types";
import type { Heatmap } from "../data/heatmap_data";
import type { FanLook } from "../data/squeeze";
import type { StandingLevel } from "../data/standing_levels";
import { columnAt, placeOf } from "../data/time_axis";
import { usd } from "../format";
import { ChartPrimitive, type Surface } from "./chart_primitive";
import type { ChartColours } from "./chart_colours";

export class LevelsPrimitive extends ChartPrimitive {
  private levels: readonly StandingLevel[] = [];
  private colours: ChartColours | null = null;

  constructor() {
    super("normal");
  }

  show(levels: readonly StandingLevel[], colours: ChartColours): void {
    this.levels = levels;
    this.colours = colours;
    this.redraw();
  }

  protected draw({ context, width, ratio, x, y }: Surface): void {
    const { colours } = this;
    if (!colours) return;
    const largest = Math.max(...this.levels.map((one) => one.notional), 1);
    context.save();
    context.font = `${10 * ratio}px system-ui, sans-serif`;
    context.textBaseline = "bottom";
    const labelled: number[] = [];
    for (const { price, notional, side, from, swept } of this.levels) {
      const height = Math.round(y(price));
      const left = x(from - 0.5);
      const right = swept === null ? width : x(swept);
      if (right < 0 || left > width) continue;
      context.globalAlpha = swept === null ? 0.95 : 0.6;
      context.strokeStyle = side === "long" ? colours.long : colours.short;
      context.lineWidth = ratio * (0.75 + 1.5 * Math.sqrt(notional / largest));
      context.setLineDash(swept === null ? [] : [3 * ratio, 3 * ratio]);
      context.beginPath();
      context.moveTo(left, height);
      context.lineTo(right, height);
      context.stroke();
      context.setLineDash([]);
      if (swept !== null) cross(context, right, height, 3.5 * ratio);
      // A label where no other stands close.
      if (swept === null && labelled.every((other) => Math.abs(other - height) > 13 * ratio)) {
        labelled.push(height);
        label(context, usd(notional), Math.max(left, 0) + 4 * ratio, height - 2 * ratio, ratio, colours);
      }
    }
    context.restore();
  }
}

function cross(context: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  context.beginPath();
  context.moveTo(x - size, y - size);
  context.lineTo(x + size, y + size);
  context.moveTo(x - size, y + size);
  context.lineTo(x + size, y - size);
  context.stroke();
}

function label(
  context: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  ratio: number,
  colours: ChartColours,
): void {
  context.globalAlpha = 1;
  context.lineWidth = 3 * ratio;
  context.lineJoin = "round";
  context.strokeStyle = colours.background;
  context.strokeText(text, x, y);
  context.fillStyle = colours.text;
  context.fillText(text, x, y);
}

const SMALLEST = 2.5;
const LARGEST = 18;

/**
 * Where a liquidation is drawn: at its price where that is of a trade; a bankruptcy price or a limit may lie far from where
 * the market was, and is drawn at the end of the candle that is nearest.
 */
function bubblePrice(one: LiquidationEvent, candle: { low: number; high: number } | null): number | null {
  if (one.price === null || one.price_meaning === "fill" || !candle) return one.price;
  return Math.min(candle.high, Math.max(candle.low, one.price));
}

/** Radius in pixels: the area goes with the USD, against the largest in view. */
export function bubbleRadius(notional: number, largest: number): number {
  return Math.max(SMALLEST, LARGEST * Math.sqrt(notional / Math.max(largest, 1)));
}

function bubbleImage(side: PositionSide, radius: number, ratio: number, colours: ChartColours): HTMLCanvasElement {
  const image = document.createElement("canvas");
  image.width = image.height = 2 * Math.ceil(radius + ratio);
  const context = image.getContext("2d")!;
  context.lineWidth = ratio;
  context.fillStyle = context.strokeStyle = side === "long" ? colours.long : colours.short;
  context.beginPath();
  context.arc(image.width / 2, image.height / 2, radius, 0, 2 * Math.PI);
  context.globalAlpha = 0.38;
  // Filled for longs, a ring for shorts: the sides can be told apart without colours.
  if (side === "long") context.fill();
  context.globalAlpha = 0.95;
  context.stroke();
  return image;
}

export class BubblesPrimitive extends ChartPrimitive {
  /** Circles are dear to draw, and many are alike to half a pixel: each kind is drawn once. */
  private readonly images = new Map<string, HTMLCanvasElement>();
  private heatmap: Heatmap | null = null;
  private events: readonly { event: LiquidationEvent; ms: number }[] = [];
  private largest = 0;
  private colours: ChartColours | null = null;

  constructor() {
    super("top");
  }

  show(heatmap: Heatmap | null, events: readonly LiquidationEvent[], colours: ChartColours): void {
    this.heatmap = heatmap;
    this.events = events.map((event) => ({ event, ms: Date.parse(event.time) }));
    this.largest = Math.max(0, ...events.map((event) => event.notional_usd));
    if (colours !== this.colours) this.images.clear();
    this.colours = colours;
    this.redraw();
  }

  private bubble(side: PositionSide, radius: number, ratio: number, colours: ChartColours): HTMLCanvasElement {
    const rounded = Math.round(2 * radius) / 2;
    const kind = `${side} ${rounded} ${ratio}`;
    let found = this.images.get(kind);
    if (!found) {
      found = bubbleImage(side, rounded, ratio, colours);
      this.images.set(kind, found);
    }
    return found;
  }

  protected draw({ context, width, ratio, x, y }: Surface): void {
    const { heatmap, colours } = this;
    if (!heatmap || !colours || this.events.length === 0) return;
    context.save();
    for (const { event, ms } of this.events) {
      const across = x(placeOf(heatmap, ms));
      if (across < -20 * ratio || across > width + 20 * ratio) continue;
      const price = bubblePrice(event, this.candle(columnAt(heatmap, ms)));
      if (price === null) continue;
      const radius = bubbleRadius(event.notional_usd, this.largest) * ratio;
      const image = this.bubble(event.position_side, radius, ratio, colours);
      context.drawImage(image, Math.round(across - image.width / 2), Math.round(y(price) - image.height / 2));
    }
    context.restore();
  }

  /** The candle of a column as it is drawn, that which is forming included. */
  private candle(column: number): { low: number; high: number } | null {
    const found = this.series?.dataByIndex(column);
    return found && "high" in found ? found : null;
  }
}

export class FanPrimitive extends ChartPrimitive {
  private heatmap: Heatmap | null = null;
  private look: FanLook | null = null;
  private colours: ChartColours | null = null;

  constructor() {
    super("top");
  }

  show(heatmap: Heatmap | null, look: FanLook | null, colours: ChartColours): void {
    this.heatmap = heatmap;
    this.look = look;
    this.colours = colours;
    this.redraw();
  }

  protected draw({ context, width, ratio, x, y }: Surface): void {
    const { heatmap, look, colours } = this;
    if (!heatmap || !look || !colours) return;
    const left = x(heatmap.columns - 1);
    const room = Math.min(width - left, 220 * ratio);
    if (room < 20) return;
    context.save();
    const colour = look.side === "up" ? colours.short : colours.long;
    if (look.path) {
      const seconds = look.path.horizon_seconds;
      const across = (second: number): number => left + (room * second) / seconds;
      for (const [low, high, alpha] of [["p5", "p95", 0.16], ["p25", "p75", 0.3]] as const) {
        context.globalAlpha = alpha;
        context.fillStyle = colour;
        context.beginPath();
        look.path.fan.forEach((at, i) => context[i ? "lineTo" : "moveTo"](across(at.second), y(at[high])));
        [...look.path.fan].reverse().forEach((at) => context.lineTo(across(at.second), y(at[low])));
        context.closePath();
        context.fill();
      }
      context.globalAlpha = 1;
      context.strokeStyle = colour;
      context.lineWidth = 1.5 * ratio;
      context.beginPath();
      look.path.fan.forEach((at, i) => context[i ? "lineTo" : "moveTo"](across(at.second), y(at.p50)));
      context.stroke();
    }
    if (look.landing !== null) {
      const height = Math.round(y(look.landing));
      context.strokeStyle = colours.text;
      context.lineWidth = 1.5 * ratio;
      context.setLineDash([5 * ratio, 4 * ratio]);
      context.beginPath();
      context.moveTo(left, height);
      context.lineTo(width, height);
      context.stroke();
      context.setLineDash([]);
      context.font = `${11 * ratio}px system-ui, sans-serif`;
      context.textBaseline = look.side === "up" ? "bottom" : "top";
      label(context, "comes to rest", left + 4 * ratio, height + (look.side === "up" ? -3 : 3) * ratio, ratio, colours);
    }
    context.restore();
  }
}
