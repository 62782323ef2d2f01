/** What the numbers rest on: which venues, how fresh, what is missing, and the formula a click away. */

import { health, liquidations, map } from "../data/store";
import { age, moment, percent, usd } from "../format";
import { zone } from "../state";
import { Loaded } from "./parts";

export function Coverage() {
  return (
    <>
      <h3>This map</h3>
      <Loaded of={map}>
        {(known) => (
          <>
            <dl class="facts">
              <dt>As of</dt>
              <dd>
                {moment(Date.parse(known.as_of), zone.value)} {zone.value}
              </dd>
              <dt>Kind</dt>
              <dd>{known.kind}</dd>
              <dt>Model</dt>
              <dd>
                {known.model} <code>{known.provenance.parameter_hash.slice(0, 10)}</code>
              </dd>
              <dt>Rests on a guess</dt>
              <dd title="upper bound of the share that rests on what is assumed of positions older than the data">
                longs {percent(known.provenance.warm_up_share.long, 0)}, shorts{" "}
                {percent(known.provenance.warm_up_share.short, 0)}
              </dd>
              <dt>Version</dt>
              <dd>{known.provenance.version}</dd>
            </dl>
            {known.layers && known.layers.length > 0 && (
              <table>
                <thead>
                  <tr>
                    <th>Venue</th>
                    <th class="number">Share</th>
                    <th class="number">Open interest</th>
                    <th class="number">Basis</th>
                  </tr>
                </thead>
                <tbody>
                  {known.layers.map((one) => (
                    <tr key={one.instrument}>
                      <td>{one.instrument}</td>
                      <td class="number">{percent(one.share, 1)}</td>
                      <td class="number">{usd(one.open_interest)}</td>
                      <td class="number">{percent(one.basis, 3, true)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )}
            {known.measured && (
              <p>
                Counted: {known.measured.long.positions} longs and {known.measured.short.positions} shorts; states are{" "}
                {age(known.measured.state_age_seconds.median * 1000)} old by median.
              </p>
            )}
            {known.skipped?.map((one) => (
              <p class="missing" key={one.venue}>
                <strong>{one.venue} is not in it:</strong> {one.reason}
              </p>
            ))}
            <details>
              <summary>Notes and inputs</summary>
              <ul>
                {known.provenance.notes.map((note) => (
                  <li key={note}>{note}</li>
                ))}
                {known.provenance.inputs.map((one) => (
                  <li key={one.name}>
                    {one.name}: {one.rows} rows, coverage {percent(one.coverage, 1)}
                  </li>
                ))}
              </ul>
            </details>
          </>
        )}
      </Loaded>
      <h3>Liquidation feeds</h3>
      <Loaded of={liquidations}>
        {(told) => (
          <table>
            <thead>
              <tr>
                <th>Venue</th>
                <th>Tells</th>
                <th class="number">Listened</th>
                <th class="number">Gaps</th>
              </tr>
            </thead>
            <tbody>
              {told.venues.map((one) => (
                <tr key={one.venue}>
                  <td>{one.venue}</td>
                  <td>{one.completeness}</td>
                  <td class="number">{percent(one.share, 1)}</td>
                  <td class="number">{one.gaps.length}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Loaded>
      <h3>Newest rows</h3>
      <Loaded of={health}>
        {(told) => (
          <table>
            <thead>
              <tr>
                <th>Venue</th>
                <th>Table</th>
                <th class="number">Age</th>
              </tr>
            </thead>
            <tbody>
              {told.newest.map((one) => (
                <tr key={`${one.venue} ${one.table}`}>
                  <td>{one.venue}</td>
                  <td>{one.table.replaceAll("_", " ")}</td>
                  <td class="number">{age(Date.now() - Date.parse(one.last))}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Loaded>
      <h3>Method</h3>
      <p>
        Every bar conserves open interest on both sides; levels that price has swept are gone; where positions stand is a
        distribution of distances, not of advertised leverages. Columns of the heatmap are what was known at their time,
        and are not repainted. What a number says is in the API: <a href="v1/openapi.json">openapi.json</a>.
      </p>
    </>
  );
}
