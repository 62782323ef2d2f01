/** What stands under the pointer: the number that the cell's colour, the colour bar and the sums go back to. */

import type { ReadonlySignal } from "@preact/signals";

import type { Bin } from "../data/api_types";
import { amount, type Level } from "../data/heatmap_data";
import { heatmap, map } from "../data/store";
import { candleOf, slotTime } from "../data/time_axis";
import { moment, percent, price, usd } from "../format";
import { zone } from "../state";
import type { Cell } from "./heatmap_primitive";
import type { Pointed } from "./price_chart";

interface Shown {
  at: Pointed;
  level: Level;
  cell: Cell | null;
}

const WIDTH = 250;

export function Tooltip({ pointed }: { pointed: ReadonlySignal<Shown | null> }) {
  const shown = pointed.value;
  const held = heatmap.value.value?.heatmap;
  if (!shown || !held) return null;
  const { at, level, cell } = shown;
  const left = at.x > WIDTH + 24 ? at.x - WIDTH - 16 : at.x + 18;
  const candle = cell ? candleOf(held, at.column) : null;
  return (
    <div class="tooltip" style={{ left: `${left}px`, top: `${Math.max(8, at.y - 40)}px` }} data-testid="tooltip">
      <div class="tooltip-time">
        {cell ? `${moment(slotTime(held, cell.source), zone.value)} ${zone.value}` : "outside of the heatmap"}
      </div>
      {candle && (
        <div class="tooltip-candle">
          O {price(candle.open)} H {price(candle.high)} L {price(candle.low)} C {price(candle.close)}
        </div>
      )}
      <dl>
        <dt>Price</dt>
        <dd>{price(at.price)}</dd>
        {cell && <CellNumbers level={level} cell={cell} />}
        <FromMark reached={at.price} />
      </dl>
    </div>
  );
}

function CellNumbers({ level, cell }: { level: Level; cell: Cell }) {
  const held = heatmap.value.value!.heatmap;
  const long = amount(level, "long", cell.column, cell.row);
  const short = amount(level, "short", cell.column, cell.row);
  return (
    <>
      <dt>
        {price(cell.priceLow)} – {price(cell.priceHigh)}
      </dt>
      <dd data-testid="cell-usd" data-usd={long + short}>
        {held.known[cell.source] ? usd(long + short) : "not known"}
      </dd>
      {long > 0 && short > 0 && (
        <>
          <dt>longs · shorts</dt>
          <dd>
            {usd(long)} · {usd(short)}
          </dd>
        </>
      )}
    </>
  );
}

/** What the newest map says of a move from the mark to a price, with its band where it has one. */
function FromMark({ reached }: { reached: number }) {
  const known = map.value.value;
  if (!known) return null;
  const side = reached < known.mark_price ? "long" : "short";
  const bin = known.bins.find((one) => one.price_low <= reached && reached < one.price_high);
  const band = bin?.[`${side}_notional_band`];
  return (
    <>
      <dt>from the mark</dt>
      <dd>{percent(reached / known.mark_price - 1, 2, true)}</dd>
      <dt>{side}s on the way</dt>
      <dd data-testid="cumulative-usd">{usd(onTheWay(known.bins, known.mark_price, reached))}</dd>
      {band && (
        <>
          <dt>90 % band of the bin now</dt>
          <dd>
            {usd(band.low_90)} – {usd(band.high_90)}
          </dd>
        </>
      )}
    </>
  );
}

/** USD between the mark and a price; a bin that is crossed in part counts in part. */
export function onTheWay(bins: readonly Bin[], mark: number, reached: number): number {
  const [low, high] = [Math.min(mark, reached), Math.max(mark, reached)];
  const side = reached < mark ? "long_notional" : "short_notional";
  let sum = 0;
  for (const bin of bins) {
    const [from, to] = [Math.max(low, bin.price_low), Math.min(high, bin.price_high)];
    if (to > from) sum += (bin[side] * Math.log(to / from)) / Math.log(bin.price_high / bin.price_low);
  }
  return sum;
}
