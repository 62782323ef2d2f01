/** What all our drawings on the chart share: where they are attached, and when to draw again. */

import type {
  IChartApi,
  IPrimitivePaneRenderer,
  ISeriesApi,
  ISeriesPrimitive,
  Logical,
  SeriesAttachedParameter,
  Time,
} from "lightweight-charts";

export type Target = Parameters<IPrimitivePaneRenderer["draw"]>[0];

/** The surface to draw on, in device pixels, and how prices and places among the columns lie on it. */
export interface Surface {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
  /** Device pixels per pixel of the page. */
  ratio: number;
  x: (place: number) => number;
  y: (price: number) => number;
  priceAt: (y: number) => number | null;
}

export abstract class ChartPrimitive implements ISeriesPrimitive<Time> {
  protected chart: IChartApi | null = null;
  protected series: ISeriesApi<"Candlestick"> | null = null;
  private update: (() => void) | null = null;

  constructor(private readonly order: "bottom" | "normal" | "top") {}

  attached({ chart, series, requestUpdate }: SeriesAttachedParameter<Time>): void {
    this.chart = chart as IChartApi;
    this.series = series as ISeriesApi<"Candlestick">;
    this.update = requestUpdate;
  }

  detached(): void {
    this.chart = this.series = this.update = null;
  }

  paneViews() {
    return [{ zOrder: () => this.order, renderer: () => ({ draw: (target: Target) => this.drawOn(target) }) }];
  }

  protected redraw(): void {
    this.update?.();
  }

  protected abstract draw(surface: Surface): void;

  private drawOn(target: Target): void {
    const { chart, series } = this;
    if (!chart || !series) return;
    // The library tells whole places alone.
    const scale = chart.timeScale();
    const origin = scale.logicalToCoordinate(0 as Logical) ?? 0;
    const { barSpacing } = scale.options();
    target.useBitmapCoordinateSpace(({ context, bitmapSize, horizontalPixelRatio, verticalPixelRatio }) => {
      this.draw({
        context,
        width: bitmapSize.width,
        height: bitmapSize.height,
        ratio: verticalPixelRatio,
        x: (place) => (origin + place * barSpacing) * horizontalPixelRatio,
        y: (price) => (series.priceToCoordinate(price) ?? 0) * verticalPixelRatio,
        priceAt: (y) => series.coordinateToPrice(y / verticalPixelRatio),
      });
    });
  }
}
