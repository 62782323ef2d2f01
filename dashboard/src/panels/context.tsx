/** What surrounds the map: positioning, deleveraging, funding, ripple and venue stress, each number with where it is from. */

import type { Fact, MarketContext } from "../data/api_types";
import { context } from "../data/store";
import { moment, percent, price, usd } from "../format";
import { zone } from "../state";
import { Loaded } from "./parts";

export function Context() {
  return (
    <Loaded of={context}>
      {(told) => (
        <>
          <p class="lead">As of {moment(Date.parse(told.as_of), zone.value)} {zone.value}. Hover a number for its source.</p>
          {told.build_ups.length > 0 && <BuildUps told={told} />}
          {told.sections.map((section) => (
            <Section key={section.name} title={section.title} facts={section.facts} />
          ))}
        </>
      )}
    </Loaded>
  );
}

function Section({ title, facts }: { title: string; facts: readonly Fact[] }) {
  const known = facts.filter((one) => one.value !== null);
  const missing = facts.length - known.length;
  return (
    <details open={known.length > 0}>
      <summary>
        {title}
        {missing > 0 && <span class="missing"> {missing} not known</span>}
      </summary>
      <table>
        <tbody>
          {(known.length ? known : facts).map((one) => (
            <tr key={one.name} title={`${one.source}${one.notes.length ? `\n${one.notes.join("\n")}` : ""}`}>
              <td>{named(one.name)}</td>
              <td class="number">
                {written(one)}
                {one.band_90 && (
                  <span class="band">
                    {amount(one.band_90.low, one.unit)} – {amount(one.band_90.high, one.unit)}
                  </span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

/** What the joint move of price and open interest is called, by window. */
function BuildUps({ told }: { told: MarketContext }) {
  return (
    <table>
      <thead>
        <tr>
          <th>Window</th>
          <th>Price and open interest</th>
        </tr>
      </thead>
      <tbody>
        {told.build_ups.map((one) => (
          <tr key={one.window}>
            <td>{one.window}</td>
            <td>{one.name?.replaceAll("_", " ") ?? "not known, or within the usual"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** "open interest · change 24h" of a fact's name. */
function named(name: string): string {
  return name.replaceAll("_", " ").replaceAll(".", " · ");
}

function written(one: Fact): string {
  return one.value === null ? "–" : amount(one.value, one.unit);
}

/** A number in its unit. */
export function amount(value: number, unit: string): string {
  if (unit === "USD") return usd(value);
  if (unit === "price") return price(value);
  if (unit === "fraction") return percent(value, Math.abs(value) < 0.01 ? 3 : 1, true);
  if (unit.startsWith("per_")) return `${percent(value, 4, true)} ${unit.replace("_", " ")}`;
  const text = Math.abs(value) >= 1000 ? value.toLocaleString("en-US", { maximumFractionDigits: 0 }) : String(Number(value.toPrecision(3)));
  return unit === "count" || unit === "ratio" ? text : `${text} ${unit.replaceAll("_", " ")}`;
}
