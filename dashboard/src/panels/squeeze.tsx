/** Try a squeeze: drag a price or a size; envelope, zones and fan follow at once. */

import { useSignalEffect } from "@preact/signals";

import { asked, isCalibrated, passThrough, path, paths, point, settle, squeeze, squeezes, stress, type Stress } from "../data/squeeze";
import type { Squeeze as SqueezeObject } from "../data/api_types";
import { percent, price, usd } from "../format";
import { kind } from "../state";
import { EnvelopePlot } from "./envelope_plot";
import { BandText, Choice, Loaded, PickRow } from "./parts";

const STRESSES: readonly (readonly [Stress, string, string])[] = [
  ["calm", "Calm", "all of the depth"],
  ["thin", "Thin", "70 % of the depth is left"],
  ["stressed", "Stressed", "40 % of the depth is left"],
  ["collapsed", "Collapsed", "10 % of the depth is left"],
];

/** How many zones are listed. */
const ZONES = 8;

/** The slider's ends: an order's size in USD, by powers of ten. */
const [LEAST, MOST] = [5, 10.5];

export function Squeeze() {
  useSignalEffect(() => settle(point.value?.size ?? null));
  if (kind.value === "measured") {
    return <p class="missing">Squeezes are computed on modelled maps. Choose “Modelled” above.</p>;
  }
  return (
    <>
      <Choice
        label="Direction"
        options={[
          ["up", "▲ Up: shorts"],
          ["down", "▼ Down: longs"],
        ]}
        value={asked.value.side}
        choose={(side) => (asked.value = { side, price: null, size: null })}
      />
      <Choice label="Depth" options={STRESSES} value={stress.value} choose={(one) => (stress.value = one)} />
      {!isCalibrated.value && <PassThrough />}
      <Loaded of={squeezes}>{() => (squeeze.value ? <Explorer one={squeeze.value} /> : <p>No answer.</p>)}</Loaded>
    </>
  );
}

/** A calibrated map holds its own. */
function PassThrough() {
  return (
    <label class="slider">
      <span>Really forced of what stands</span>
      <input
        type="range"
        min="0"
        max="1"
        step="0.05"
        value={passThrough.value}
        onChange={(event) => (passThrough.value = Number(event.currentTarget.value))}
      />
      <output>{percent(passThrough.value, 0)}</output>
    </label>
  );
}

function Explorer({ one }: { one: SqueezeObject }) {
  const at = point.value;
  const size = at?.size ?? asked.value.size ?? 0;
  const sign = one.side === "up" ? 1 : -1;
  return (
    <>
      <EnvelopePlot one={one} />
      <label class="slider">
        <span>Order</span>
        <input
          type="range"
          min={LEAST}
          max={MOST}
          step="0.01"
          value={Math.log10(Math.max(size, 10 ** LEAST))}
          data-testid="squeeze-size"
          onInput={(event) =>
            (asked.value = { ...asked.value, price: null, size: 10 ** Number(event.currentTarget.value) })
          }
        />
        <output>{usd(size)}</output>
      </label>
      <label class="slider">
        <span>Carries price by</span>
        <input
          type="range"
          min="0.1"
          max="20"
          step="0.1"
          value={at ? Math.min(20, Math.abs(100 * (at.price / one.mark_price - 1))) : 20}
          onInput={(event) =>
            (asked.value = {
              ...asked.value,
              size: null,
              price: one.mark_price * (1 + (sign * Number(event.currentTarget.value)) / 100),
            })
          }
        />
        <output>{at ? percent(at.price / one.mark_price - 1, 1, true) : "beyond"}</output>
      </label>
      {at ? (
        <dl class="facts" data-testid="squeeze-facts">
          <dt>Order</dt>
          <dd>{usd(at.size)}</dd>
          <dt>Comes to rest at</dt>
          <dd data-testid="squeeze-landing">{price(at.price)}</dd>
          <dt>Forced on the way</dt>
          <dd>{usd(at.forced)}</dd>
          <dt>The book absorbs</dt>
          <dd>{usd(at.absorbed)}</dd>
          <dt>Amplification</dt>
          <dd>{at.size > 0 ? `${((at.size + at.forced) / at.size).toFixed(2)}×` : "–"}</dd>
        </dl>
      ) : (
        <p class="missing">Such an order goes beyond what the curve reaches: 20 % from the mark.</p>
      )}
      <Zones one={one} />
      <Fan />
      <p class="note">
        Depth: {one.depth.kind}. {one.members > 1 ? `Bands over ${one.members} members.` : "No bands: one member."} A
        calculation on what stands and what is offered, no forecast.
      </p>
    </>
  );
}

function Zones({ one }: { one: SqueezeObject }) {
  if (one.zones.length === 0) {
    return <p class="note">No zone in which forced orders would carry price on by themselves.</p>;
  }
  const largest = [...one.zones]
    .sort((a, b) => b.forced - a.forced)
    .slice(0, ZONES)
    .sort((a, b) => Math.abs(a.trigger_price - one.mark_price) - Math.abs(b.trigger_price - one.mark_price));
  return (
    <>
      <h3>
        Self-sustaining zones{one.zones.length > ZONES && `, the ${ZONES} largest of ${one.zones.length}`}
      </h3>
      <table>
        <thead>
          <tr>
            <th class="number">From</th>
            <th class="number">To</th>
            <th class="number">Order</th>
            <th class="number">Forced</th>
          </tr>
        </thead>
        <tbody>
          {largest.map((zone) => (
            <PickRow
              key={zone.trigger_price}
              pick={() => (asked.value = { ...asked.value, price: zone.trigger_price, size: null })}
            >
              <td class="number">{price(zone.trigger_price)}</td>
              <td class="number">{zone.landing_price === null ? "end of the book" : price(zone.landing_price)}</td>
              <td class="number">
                {usd(zone.trigger_size)}
                <BandText band={zone.trigger_size_band} />
              </td>
              <td class="number">{usd(zone.forced)}</td>
            </PickRow>
          ))}
        </tbody>
      </table>
    </>
  );
}

/** What the paths in time say; the fan itself is on the chart. */
function Fan() {
  const found = path.value;
  return (
    <>
      <h3>Paths in time</h3>
      {paths.problem.value && <p class="problem">{paths.problem.value.message}</p>}
      {found ? (
        <dl class={`facts${paths.loading.value ? " old" : ""}`}>
          <dt>Farthest price, median</dt>
          <dd>{price(found.farthest_price.p50)}</dd>
          <dt>5 % to 95 %</dt>
          <dd>
            {price(Math.min(found.farthest_price.p5, found.farthest_price.p95))} –{" "}
            {price(Math.max(found.farthest_price.p5, found.farthest_price.p95))}
          </dd>
          <dt>Forced, median</dt>
          <dd>{usd(found.forced.p50)}</dd>
          <dt>More than doubles the push</dt>
          <dd>{percent(found.probability_more_than_doubled, 0)}</dd>
          <dt>Auto-deleveraging</dt>
          <dd>{percent(found.probability_deleveraged, 0)}</dd>
        </dl>
      ) : (
        !paths.problem.value && <p class="waiting">{paths.loading.value ? "Simulating…" : "Choose an order."}</p>
      )}
    </>
  );
}
