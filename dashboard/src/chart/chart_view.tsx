/** The chart on the page: what is chosen and known, turned into what is drawn. */

import { effect, signal, useComputed } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import type { Series } from "../data/api_types";
import { classes, otherBins } from "../data/assumptions";
import { colourScale, densityOf, type ColourScale } from "../data/colours";
import { finest, type Heatmap } from "../data/heatmap_data";
import { CLASS_BOUNDS } from "../data/reweighing";
import { asked, fanLook } from "../data/squeeze";
import { standingLevels } from "../data/standing_levels";
import { heatmap, liquidations, map, series } from "../data/store";
import { livePrice, liveLiquidations } from "../data/stream";
import { columnAt } from "../data/time_axis";
import { percent } from "../format";
import { palette, panel, priceScale, saturation, shown, sides, theme, threshold, zone } from "../state";
import { CHART_COLOURS } from "./chart_colours";
import { cellAt } from "./heatmap_primitive";
import { PriceChart, type PaneName, type PaneValues, type Pointed } from "./price_chart";
import { sideStacks, type ProfileLook } from "./profile_primitive";
import { Tooltip } from "./tooltip";

/** The chart that is on the page, for keys and pictures. */
export const chart = signal<PriceChart | null>(null);
/** Where the pointer is. */
export const pointed = signal<Pointed | null>(null);
/** The colour scale of the heatmap that is shown. */
export const scale = signal<ColourScale>({ brightest: 0, exponent: 1 });

const CLASS_NAMES = CLASS_BOUNDS.map((bound, i) =>
  Number.isFinite(bound) ? `within ${percent(bound, 0)} of entry` : `beyond ${percent(CLASS_BOUNDS[i - 1], 0)}`,
);
const WALL = 0.75;
const MOST_LEVELS = 30;

export function ChartView() {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const made = new PriceChart(element.current!);
    chart.value = made;
    made.onPoint((at) => (pointed.value = at));
    made.onClick((price) => {
      if (panel.value === "squeeze") asked.value = { ...asked.value, price, size: null };
    });
    const stop = keepDrawn(made);
    return () => {
      stop();
      chart.value = null;
      made.remove();
    };
  }, []);
  const cell = useComputed(() => {
    const at = pointed.value;
    const held = heatmap.value.value;
    const level = at && held ? chart.value?.level() : null;
    return at && held && level ? { at, level, cell: cellAt(held.heatmap, level, at.column, at.price) } : null;
  });
  return (
    <div class="chart" ref={element} role="img" aria-label="Candles over the liquidation heatmap">
      <Tooltip pointed={cell} />
    </div>
  );
}

/** Draw again whatever has changed, each part for itself, until the returned function is called. */
function keepDrawn(made: PriceChart): () => void {
  let fitted = "";
  const stops = [
    effect(() => made.look(theme.value, zone.value)),
    effect(() => made.scale(priceScale.value)),
    effect(() => {
      made.withProfile = shown.value.has("profile");
    }),
    effect(() => {
      const held = heatmap.value.value;
      const which = `${held?.asked} ${shown.value.has("profile")}`;
      made.show(held?.heatmap ?? null, shown.value.has("candles"), which !== fitted);
      if (held) fitted = which;
    }),
    effect(() => {
      const held = heatmap.value.value;
      scale.value = held ? colourScale(finest(held.heatmap), sides.value) : { brightest: 0, exponent: 1 };
    }),
    effect(() => {
      const held = heatmap.value.value;
      made.heatmap.show(
        held && shown.value.has("heatmap")
          ? {
              ...held,
              scale: scale.value,
              handles: { threshold: threshold.value, saturation: saturation.value },
              sides: sides.value,
              palette: palette.value,
              theme: theme.value,
            }
          : null,
      );
    }),
    effect(() => {
      const held = heatmap.value.value;
      const least = densityOf(scale.value, WALL);
      const wanted = held && shown.value.has("levels") && least > 0;
      made.levels.show(wanted ? standingLevels(held.heatmap, least, MOST_LEVELS) : [], CHART_COLOURS[theme.value]);
    }),
    effect(() => {
      const told = [...(liquidations.value.value?.largest ?? [])];
      const known = new Set(told.map(eventKey));
      told.push(...liveLiquidations.value.filter((one) => !known.has(eventKey(one))));
      const events = shown.value.has("bubbles") ? told : [];
      made.bubbles.show(heatmap.value.value?.heatmap ?? null, events, CHART_COLOURS[theme.value]);
    }),
    effect(() => made.profile.show(profileLook())),
    effect(() => {
      const look = panel.value === "squeeze" ? fanLook.value : null;
      made.fan.show(heatmap.value.value?.heatmap ?? null, look, CHART_COLOURS[theme.value]);
    }),
    effect(() => {
      const told = livePrice.value;
      if (told) made.tick(told.mark_price);
    }),
    effect(() => drawPanes(made)),
  ];
  return () => stops.forEach((stop) => stop());
}

/** What stands by price: of either side, or by class of distance where that is wanted and known. */
function profileLook(): ProfileLook | null {
  const known = map.value.value;
  if (!known || !shown.value.has("profile")) return null;
  const colours = CHART_COLOURS[theme.value];
  const other = otherBins.value;
  const split = shown.value.has("classes") && known.kind === "modelled" ? classes.value : null;
  if (split) {
    const stacks = split.byClass.map((values, i) => ({ name: CLASS_NAMES[i]!, colour: colours.classes[i]!, values }));
    return { bins: split.bins, stacks, mark: split.mark, colours, other };
  }
  return { bins: known.bins, stacks: sideStacks(known.bins, colours), mark: known.mark_price, colours, other };
}

function eventKey(one: { time: string; venue: string; notional_usd: number; price: number | null }): string {
  return `${one.time} ${one.venue} ${one.notional_usd} ${one.price}`;
}

function drawPanes(made: PriceChart): void {
  const held = heatmap.value.value?.heatmap;
  theme.value; // a dependency
  const layers = shown.value;
  const totals = liquidations.value.value?.aggregate.intervals;
  const told = series.value.value;
  const wanted: [PaneName, PaneValues[]][] = [];
  if (held && totals?.some((one) => one.recorded) && layers.has("totals")) {
    const side = (name: "long_usd" | "short_usd") =>
      perColumn(held, totals.map((one) => [Date.parse(one.start), one[name]]));
    wanted.push(["totals", [side("long_usd"), side("short_usd")]]);
  }
  if (held && told) {
    // A value that was known at the end of a step is that of the slot which begins there.
    const known = (value: (i: number) => number | null) =>
      perColumn(held, told.times.map((time, i) => [Date.parse(time), value(i)]));
    if (layers.has("interest")) wanted.push(["interest", [known((i) => wholeInterest(told, i))]]);
    if (layers.has("funding")) wanted.push(["funding", [known((i) => told.total.funding_rate[i] ?? null)]]);
  }
  made.showPanes(wanted);
}

/** Open interest of all venues; null where one of them is not known, which is no fall. */
function wholeInterest(told: Series, i: number): number | null {
  return told.total.venues_known[i] === told.venues.length ? (told.total.open_interest[i] ?? null) : null;
}

/** Values by time as values per column; of several in one slot the last stands. */
function perColumn(held: Heatmap, values: readonly (readonly [number, number | null])[]): PaneValues {
  const found: (number | null)[] = Array.from({ length: held.columns }, () => null);
  for (const [time, value] of values) {
    const column = columnAt(held, time);
    if (value !== null && column >= 0 && column < held.columns) found[column] = value;
  }
  return found;
}
