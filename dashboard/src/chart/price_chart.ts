/** The chart: candles over the heatmap, panes below, and what the visitor does with them. */

import {
  CandlestickSeries,
  createChart,
  CrosshairMode,
  HistogramSeries,
  LineSeries,
  LineStyle,
  PriceScaleMode,
  TickMarkType,
  type CandlestickData,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  type Logical,
  type MouseEventParams,
  type Time,
  type UTCTimestamp,
  type WhitespaceData,
} from "lightweight-charts";

import type { Heatmap, Level } from "../data/heatmap_data";
import { candleOf, slotTime } from "../data/time_axis";
import { moment, percent, priceDecimals, usd, type TimeZone } from "../format";
import type { Theme } from "../data/colours";
import { CHART_COLOURS, type ChartColours } from "./chart_colours";
import { HeatmapPrimitive } from "./heatmap_primitive";
import { BubblesPrimitive, FanPrimitive, LevelsPrimitive } from "./overlays";
import { ProfilePrimitive, profileWidth } from "./profile_primitive";

export type PaneName = "totals" | "interest" | "funding";

/** A value per column; null where nothing is known. */
export type PaneValues = readonly (number | null)[];

/** Where the pointer is: a column of the heatmap (it may lie outside), and a price. */
export interface Pointed {
  column: number;
  price: number;
  x: number;
  y: number;
}

const TITLES: Record<PaneName, string> = { totals: "", interest: "open interest", funding: "funding" };
const PANE_HEIGHT = 0.16;
const ROOM_RIGHT = 24;
/** How much of the candles' range is shown above and below them, and at least as a share of the price. */
const AROUND = 0.7;
const LEAST_AROUND = 0.035;

export class PriceChart {
  readonly api: IChartApi;
  readonly candles: ISeriesApi<"Candlestick">;
  readonly heatmap = new HeatmapPrimitive();
  readonly levels = new LevelsPrimitive();
  readonly bubbles = new BubblesPrimitive();
  readonly profile = new ProfilePrimitive();
  readonly fan = new FanPrimitive();
  private readonly panes = new Map<PaneName, ISeriesApi<"Line" | "Histogram">[]>();
  /** Whether the map by price is shown, or will be. */
  withProfile = true;
  private withCandles = true;
  private zone: TimeZone = "UTC";
  private data: Heatmap | null = null;
  private forming: CandlestickData | null = null;
  private line: IPriceLine | null = null;
  private colours: ChartColours = CHART_COLOURS.dark;

  constructor(element: HTMLElement) {
    this.api = createChart(element, {
      autoSize: true,
      layout: { attributionLogo: true, fontFamily: "system-ui, sans-serif", panes: { enableResize: true } },
      crosshair: { mode: CrosshairMode.Normal },
      localization: { locale: "en-GB", timeFormatter: (time: Time) => this.timeText(time) },
      timeScale: {
        timeVisible: true,
        secondsVisible: false,
        minBarSpacing: 0.05,
        // Candles narrower than a pixel are drawn as one: their number decides how long a frame takes.
        enableConflation: true,
        tickMarkFormatter: (time: Time, type: TickMarkType) => this.tickText(time, type),
      },
      kineticScroll: { touch: true, mouse: false },
    });
    this.candles = this.api.addSeries(CandlestickSeries, {
      priceLineVisible: true,
      lastValueVisible: true,
      autoscaleInfoProvider: (original: () => { priceRange: { minValue: number; maxValue: number } | null } | null) => {
        const found = original();
        if (!found?.priceRange) return found;
        const { minValue, maxValue } = found.priceRange;
        const room = Math.max(AROUND * (maxValue - minValue), LEAST_AROUND * maxValue);
        return { ...found, priceRange: { minValue: Math.max(minValue - room, minValue / 2), maxValue: maxValue + room } };
      },
    });
    for (const one of [this.heatmap, this.levels, this.bubbles, this.profile, this.fan]) {
      this.candles.attachPrimitive(one);
    }
  }

  /** Forget the chart. */
  remove(): void {
    this.api.remove();
  }

  /** Show the candles of a heatmap; the view stays where it is unless `fit`. */
  show(heatmap: Heatmap | null, withCandles: boolean, fit: boolean): void {
    this.data = heatmap;
    this.forming = null;
    const points: (CandlestickData | WhitespaceData)[] = [];
    for (let column = 0; heatmap && column < heatmap.columns; column++) {
      const time = seconds(slotTime(heatmap, column));
      points.push({ time, ...(candleOf(heatmap, column) ?? {}) });
    }
    this.candles.setData(points);
    this.withCandles = withCandles;
    this.colourCandles();
    const mark = heatmap?.markPrice[heatmap.columns - 1];
    if (mark) {
      const decimals = priceDecimals(mark);
      this.candles.applyOptions({ priceFormat: { type: "price", precision: decimals, minMove: 10 ** -decimals } });
      this.tick(mark);
    }
    if (fit) this.fit();
  }

  /** Let a price that streams in move the candle that is forming. */
  tick(price: number): void {
    if (!this.data || !(price > 0)) return;
    const time = seconds(slotTime(this.data, this.data.columns - 1));
    const before = this.forming;
    this.forming = before
      ? { ...before, high: Math.max(before.high, price), low: Math.min(before.low, price), close: price }
      : { time, open: price, high: price, low: price, close: price };
    this.candles.update(this.forming);
  }

  /** All columns, with room for the map by price where it is shown. */
  fit(): void {
    const { data } = this;
    if (!data) return;
    const width = this.api.timeScale().width();
    const room = ROOM_RIGHT + (this.withProfile ? profileWidth(width) : 0);
    const spacing = (width - room) / data.columns;
    const right = room / Math.max(spacing, 0.05);
    this.api.timeScale().setVisibleLogicalRange({ from: -0.5 as Logical, to: (data.columns - 0.5 + right) as Logical });
    this.candles.priceScale().applyOptions({ autoScale: true });
  }

  /** Zoom by a factor around the middle of what is in view. */
  zoom(factor: number): void {
    const range = this.api.timeScale().getVisibleLogicalRange();
    if (!range) return;
    const [middle, half] = [(range.from + range.to) / 2, ((range.to - range.from) / 2) * factor];
    this.api.timeScale().setVisibleLogicalRange({ from: (middle - half) as Logical, to: (middle + half) as Logical });
  }

  /** Move by a share of what is in view, to the right where positive. */
  pan(share: number): void {
    const range = this.api.timeScale().getVisibleLogicalRange();
    if (!range) return;
    const by = share * (range.to - range.from);
    this.api.timeScale().setVisibleLogicalRange({ from: (range.from + by) as Logical, to: (range.to + by) as Logical });
  }

  scale(mode: "log" | "linear"): void {
    this.candles.priceScale().applyOptions({
      mode: mode === "log" ? PriceScaleMode.Logarithmic : PriceScaleMode.Normal,
    });
  }

  look(theme: Theme, zone: TimeZone): void {
    this.zone = zone;
    const colours = (this.colours = CHART_COLOURS[theme]);
    this.api.applyOptions({
      layout: {
        background: { color: colours.background },
        textColor: colours.muted,
        panes: { separatorColor: colours.grid, separatorHoverColor: colours.muted },
      },
      grid: { vertLines: { color: colours.grid }, horzLines: { color: colours.grid } },
      rightPriceScale: { borderColor: colours.grid },
      timeScale: { borderColor: colours.grid },
      localization: { timeFormatter: (time: Time) => this.timeText(time) },
    });
    this.candles.applyOptions({ priceLineColor: colours.accent });
    this.colourCandles();
  }

  /** Candles that are not shown are still there, unseen: the axis of prices is theirs. */
  private colourCandles(): void {
    const up = this.withCandles ? this.colours.rising : "transparent";
    const down = this.withCandles ? this.colours.falling : "transparent";
    this.candles.applyOptions({
      upColor: up,
      borderUpColor: up,
      wickUpColor: up,
      downColor: down,
      borderDownColor: down,
      wickDownColor: down,
    });
  }

  /** A line across the chart at a price, with a word on the axis; none without a price. */
  mark(price: number | null, title: string): void {
    if (this.line) this.candles.removePriceLine(this.line);
    this.line =
      price === null
        ? null
        : this.candles.createPriceLine({
            price,
            title,
            color: this.colours.accent,
            lineStyle: LineStyle.Dashed,
            lineWidth: 1,
            axisLabelVisible: true,
          });
  }

  /** Show panes of values per column, in this order. Longs of `totals` are drawn downwards. */
  showPanes(wanted: readonly (readonly [PaneName, readonly PaneValues[]])[]): void {
    const order = wanted.map(([name]) => name);
    if (order.join() !== [...this.panes.keys()].join()) {
      for (const series of [...this.panes.values()].flat()) this.api.removeSeries(series);
      this.panes.clear();
      for (const [name, values] of wanted) this.panes.set(name, this.added(name, values.length));
      this.api.panes()[0]!.setStretchFactor(1);
    }
    for (const [name, values] of wanted) {
      this.panes.get(name)!.forEach((series, i) => {
        const colour = name === "totals" ? (i === 0 ? this.colours.long : this.colours.short) : this.colours.accent;
        series.applyOptions({ color: colour });
        series.setData(this.points(values[i]!, name === "totals" && i === 0 ? -1 : 1));
      });
    }
  }

  private added(name: PaneName, many: number): ISeriesApi<"Line" | "Histogram">[] {
    const pane = this.api.addPane();
    const format = name === "funding" ? (value: number) => percent(value, 4, true) : (value: number) => usd(value);
    const options = {
      priceLineVisible: false,
      lastValueVisible: name !== "totals",
      priceFormat: { type: "custom" as const, formatter: format, minMove: name === "funding" ? 1e-6 : 1 },
      title: TITLES[name],
    };
    const made = Array.from({ length: many }, () =>
      name === "totals"
        ? pane.addSeries(HistogramSeries, { ...options, base: 0 })
        : pane.addSeries(LineSeries, { ...options, lineWidth: 1 }),
    );
    // A pane begins with the scale of prices, which may be logarithmic.
    made[0]!.priceScale().applyOptions({ mode: PriceScaleMode.Normal, scaleMargins: { top: 0.2, bottom: 0.15 } });
    pane.setStretchFactor(PANE_HEIGHT);
    return made as ISeriesApi<"Line" | "Histogram">[];
  }

  private points(values: PaneValues, sign: number): ({ time: UTCTimestamp; value: number } | { time: UTCTimestamp })[] {
    const { data } = this;
    if (!data) return [];
    return Array.from({ length: data.columns }, (_, column) => {
      const value = values[column];
      const time = seconds(slotTime(data, column));
      return value == null ? { time } : { time, value: sign * value };
    });
  }

  /** Tell where the pointer is, or null when it leaves the prices. */
  onPoint(tell: (pointed: Pointed | null) => void): void {
    this.api.subscribeCrosshairMove((event: MouseEventParams) => {
      const { data } = this;
      const at = event.point && event.paneIndex === 0 ? this.candles.coordinateToPrice(event.point.y) : null;
      if (!data || !event.point || at === null) return tell(null);
      const place = this.api.timeScale().coordinateToLogical(event.point.x);
      if (place === null) return tell(null);
      tell({ column: Math.round(place), price: at, x: event.point.x, y: event.point.y });
    });
  }

  /** Tell the price that was clicked. */
  onClick(tell: (price: number) => void): void {
    this.api.subscribeClick((event: MouseEventParams) => {
      const at = event.point && event.paneIndex === 0 ? this.candles.coordinateToPrice(event.point.y) : null;
      if (at !== null) tell(at);
    });
  }

  /** The level of the heatmap that is drawn now. */
  level(): Level | null {
    return this.heatmap.level();
  }

  /** The chart as a picture, without the pointer. */
  picture(): HTMLCanvasElement {
    return this.api.takeScreenshot(true, false);
  }

  private timeText(time: Time): string {
    return `${moment((time as number) * 1000, this.zone)} ${this.zone}`;
  }

  private tickText(time: Time, type: TickMarkType): string {
    const text = moment((time as number) * 1000, this.zone);
    if (type === TickMarkType.Time || type === TickMarkType.TimeWithSeconds) return text.slice(11);
    if (type === TickMarkType.Year) return text.slice(0, 4);
    const date = new Date(`${text.slice(0, 10)}T00:00Z`);
    return date.toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
  }
}

function seconds(ms: number): UTCTimestamp {
  return Math.floor(ms / 1000) as UTCTimestamp;
}

