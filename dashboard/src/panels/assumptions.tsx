/** Other assumptions: sliders that re-weight the map's layers at once, and the score that they would have had. */

import type { Layers } from "../data/api_types";
import { changed, changedScore, otherBins, servedScore } from "../data/assumptions";
import { canBeChanged, servedAssumptions, type Assumptions as Wanted, type Score } from "../data/reweighing";
import { layers, map } from "../data/store";
import { percent, usd } from "../format";
import { kind } from "../state";
import { Loaded } from "./parts";

export function Assumptions() {
  if (kind.value === "measured") {
    return <p class="missing">Measured positions are counted: there is nothing to assume. Choose “Modelled” above.</p>;
  }
  return <Loaded of={layers}>{(told) => (canBeChanged(told) ? <Sliders told={told} /> : <Points told={told} />)}</Loaded>;
}

function Points({ told }: { told: Layers }) {
  return <p class="missing">The classes of {told.model} are points; choose another model to lay a law over them.</p>;
}

function Sliders({ told }: { told: Layers }) {
  const wanted = changed.value ?? servedAssumptions(told);
  const change = (some: Partial<Wanted>) => (changed.value = { ...wanted, ...some });
  return (
    <>
      <p class="lead">
        The outline on the chart is the map as it would be. It is re-weighted here, nothing is run again.
      </p>
      <Slider
        name="Median distance"
        value={Math.log(wanted.median)}
        from={Math.log(0.01)}
        to={Math.log(0.8)}
        text={percent(wanted.median, 1)}
        change={(value) => change({ median: Math.exp(value) })}
      />
      <Slider
        name="Spread of distances"
        value={wanted.sigma}
        from={0.2}
        to={2}
        text={wanted.sigma.toFixed(2)}
        change={(sigma) => change({ sigma })}
      />
      <Slider
        name="Turnover: slow to fast"
        value={wanted.turnover}
        from={-2}
        to={2}
        text={wanted.turnover.toFixed(1)}
        change={(turnover) => change({ turnover })}
      />
      {told.venues.map(({ venue }) => (
        <Slider
          key={venue}
          name={`Weight of ${venue}`}
          value={wanted.venues[venue] ?? 1}
          from={0}
          to={2}
          text={(wanted.venues[venue] ?? 1).toFixed(2)}
          change={(factor) => change({ venues: { ...wanted.venues, [venue]: factor } })}
        />
      ))}
      <button type="button" disabled={changed.value === null} onClick={() => (changed.value = null)}>
        As served
      </button>
      <Within />
      <Scores told={told} />
    </>
  );
}

interface SliderParts {
  name: string;
  value: number;
  from: number;
  to: number;
  text: string;
  change: (value: number) => void;
}

function Slider({ name, value, from, to, text, change }: SliderParts) {
  return (
    <label class="slider">
      <span>{name}</span>
      <input
        type="range"
        min={from}
        max={to}
        step={(to - from) / 200}
        value={value}
        onInput={(event) => change(Number(event.currentTarget.value))}
      />
      <output>{text}</output>
    </label>
  );
}

/** What stands close to the mark, as served and as changed. */
function Within() {
  const known = map.value.value;
  if (!known) return null;
  const mark = known.mark_price;
  const standing = (bins: readonly { price_low: number; long_notional: number; short_notional: number }[], share: number) =>
    bins
      .filter((bin) => Math.abs(bin.price_low / mark - 1) <= share)
      .reduce((total, bin) => total + bin.long_notional + bin.short_notional, 0);
  const other = otherBins.value;
  return (
    <table>
      <thead>
        <tr>
          <th>Stands within</th>
          <th class="number">As served</th>
          <th class="number">Changed</th>
        </tr>
      </thead>
      <tbody>
        {[0.02, 0.05, 0.1].map((share) => (
          <tr key={share}>
            <td>±{percent(share, 0)}</td>
            <td class="number">{usd(standing(known.bins, share))}</td>
            <td class="number">{other ? usd(standing(other, share)) : "–"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Scores({ told }: { told: Layers }) {
  const { score } = told;
  if (!score) {
    return (
      <>
        <h3>Score</h3>
        <p class="missing">There is none: {told.score_reason}</p>
      </>
    );
  }
  const row = (name: string, one: Score | null, marked = false) => (
    <tr key={name} class={marked ? "marked" : ""}>
      <td>{name}</td>
      <td class="number">{one?.log_mae == null ? "–" : one.log_mae.toFixed(2)}</td>
      <td class="number">{one?.total_ratio == null ? "–" : `${one.total_ratio.toPrecision(2)}×`}</td>
    </tr>
  );
  return (
    <>
      <h3>
        Score on {score.start.length} recorded intervals of {score.step}
      </h3>
      <table>
        <thead>
          <tr>
            <th>Assumptions</th>
            <th class="number" title="mean of |ln(predicted / recorded)|: 0 is right, 0.69 a factor of two">
              Log error
            </th>
            <th class="number" title="all that was predicted over all that was recorded">
              Sum
            </th>
          </tr>
        </thead>
        <tbody>
          {row("as served", servedScore.value)}
          {row("changed", changedScore.value, true)}
          {score.baselines.map((one) => row(one.model.replaceAll("_", " "), one))}
        </tbody>
      </table>
      <p class="note">
        Recorded at {score.recorded_venues.join(", ")}. Choosing by this table is fitting: a score counts on data that was
        not looked at. {score.note}
      </p>
    </>
  );
}
