/** Gauges: the map's imbalance by range, and that of realised liquidations by window. */

import { liquidations, map } from "../data/store";
import { percent, usd } from "../format";
import { Loaded } from "./parts";

export function Imbalance() {
  return (
    <>
      <h3>Of the map</h3>
      <p class="lead">Shorts above against longs below, within a distance. Geometry, no forecast of direction.</p>
      <Loaded of={map}>
        {(known) => (
          <div class="gauges">
            {known.imbalance.map((one) => (
              <Gauge
                key={one.range}
                name={`±${percent(one.range, 0)}`}
                value={one.thin ? null : one.imbalance}
                band={one.imbalance_band ? [one.imbalance_band.low_90, one.imbalance_band.high_90] : null}
                left={`longs ${usd(one.long_notional)}`}
                right={`shorts ${usd(one.short_notional)}`}
                note={one.thin ? "hardly anything stands there" : null}
              />
            ))}
          </div>
        )}
      </Loaded>
      <h3>Of realised liquidations</h3>
      <p class="lead">What venues reported. Longs liquidated to the left, shorts to the right.</p>
      <Loaded of={liquidations}>
        {(told) => (
          <div class="gauges">
            {told.imbalance.map((one) => (
              <Gauge
                key={one.window}
                name={one.window}
                value={one.imbalance === null ? null : -one.imbalance}
                band={one.interval_90 && [negative(one.interval_90[1]), negative(one.interval_90[0])]}
                left={`longs ${usd(one.long_usd)}`}
                right={`shorts ${usd(one.short_usd)}`}
                note={
                  one.long_usd === null
                    ? "nothing was recorded"
                    : one.headline
                      ? `headline ratio ${one.headline.percent === null ? "∞" : one.headline.percent.toFixed(0)} % ${one.headline.direction}${one.headline.small_denominator ? ", small denominator" : ""}${one.percentile === null ? "" : ` · percentile ${percent(one.percentile, 0)}`}`
                      : "too little for a ratio"
                }
              />
            ))}
          </div>
        )}
      </Loaded>
    </>
  );
}

function negative(value: number | null): number | null {
  return value === null ? null : -value;
}

interface GaugeParts {
  name: string;
  /** In [-1, 1]; null where it says nothing. */
  value: number | null;
  band: readonly [number | null, number | null] | null;
  left: string;
  right: string;
  note: string | null;
}

function Gauge({ name, value, band, left, right, note }: GaugeParts) {
  const place = (at: number) => `${50 + 50 * at}%`;
  const [low, high] = band ?? [null, null];
  return (
    <div class="gauge">
      <div class="gauge-head">
        <strong>{name}</strong>
        <span>{value === null ? "–" : `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toFixed(2)}`}</span>
      </div>
      <div
        class="gauge-track"
        role="meter"
        aria-label={`imbalance ${name}`}
        aria-valuemin={-1}
        aria-valuemax={1}
        {...(value === null ? {} : { "aria-valuenow": value })}
      >
        <span class="gauge-middle" />
        {low !== null && high !== null && (
          <span class="gauge-band" style={{ left: place(low), width: `${50 * (high - low)}%` }} />
        )}
        {value !== null && <span class={`gauge-value ${value < 0 ? "long" : "short"}`} style={{ left: place(value) }} />}
      </div>
      <div class="gauge-foot">
        <span>{left}</span>
        <span>{right}</span>
      </div>
      {note && <div class="gauge-note">{note}</div>}
    </div>
  );
}
