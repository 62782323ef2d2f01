/** Where most of the notional stands, largest first; a click shows the price on the chart. */

import { chart } from "../chart/chart_view";
import type { MapObject } from "../data/api_types";
import { map } from "../data/store";
import { percent, price, usd } from "../format";
import { BandText, Loaded, PickRow, Side } from "./parts";

export function Clusters() {
  return <Loaded of={map}>{(known) => <Table known={known} />}</Loaded>;
}

function Table({ known }: { known: MapObject }) {
  const largest = Math.max(...known.clusters.map((one) => one.notional), 1);
  return (
    <>
      <p class="lead">
        {usd(known.open_interest)} of open interest a side at {price(known.mark_price)}.{" "}
        {known.kind === "measured" ? "Counted positions." : `Modelled: ${known.model}.`}
      </p>
      <Ways known={known} />
      {known.clusters.some((one) => one.notional_band) && <p class="note">In small: 90 % bands of what stands.</p>}
      <h3>Clusters</h3>
      <table>
        <thead>
          <tr>
            <th>Side</th>
            <th class="number">Price</th>
            <th class="number">Distance</th>
            <th class="number">Stands</th>
          </tr>
        </thead>
        <tbody>
          {known.clusters.map((one) => (
            <PickRow
              key={one.price_peak}
              title={`${price(one.price_low)} to ${price(one.price_high)}; click to mark it on the chart`}
              pick={() => chart.value?.mark(one.price_peak, usd(one.notional))}
            >
              <td>
                <Side side={one.side} />
              </td>
              <td class="number">{price(one.price_peak)}</td>
              <td class="number">{percent(one.distance, 1, true)}</td>
              <td class="number amount">
                <span class={`bar ${one.side}`} style={{ width: `${(100 * one.notional) / largest}%` }} />
                <span class="over">{usd(one.notional)}</span>
                <BandText band={one.notional_band} />
              </td>
            </PickRow>
          ))}
        </tbody>
      </table>
    </>
  );
}

/** What is force-closed if price moves by whole per cents. */
function Ways({ known }: { known: MapObject }) {
  const cell = (distance: number) => {
    const found = known.cumulative.find((one) => Math.abs(one.distance - distance) < 5e-4);
    return (
      <td class="number">
        {usd(found?.notional)}
        <BandText band={found?.notional_band} />
      </td>
    );
  };
  return (
    <table>
      <thead>
        <tr>
          <th>If price moves by</th>
          <th class="number">
            <Side side="long" /> below
          </th>
          <th class="number">
            <Side side="short" /> above
          </th>
        </tr>
      </thead>
      <tbody>
        {[0.01, 0.02, 0.05, 0.1].map((distance) => (
          <tr key={distance}>
            <td>{percent(distance, 0)}</td>
            {cell(-distance)}
            {cell(distance)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
