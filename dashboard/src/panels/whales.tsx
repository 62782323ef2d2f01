/** Measured positions that are close to liquidation. */

import { signal } from "@preact/signals";

import { chart } from "../chart/chart_view";
import type { Positions } from "../data/api_types";
import { positions } from "../data/store";
import { age, percent, price, usd } from "../format";
import { Loaded, PickRow, Side } from "./parts";

type Order = "notional" | "distance";
const order = signal<Order>("notional");

export function Whales() {
  return <Loaded of={positions}>{(found) => <Table found={found} />}</Loaded>;
}

function Table({ found }: { found: Positions }) {
  const by = order.value;
  const rows = [...found.positions].sort((a, b) =>
    by === "notional" ? b.notional - a.notional : Math.abs(a.distance) - Math.abs(b.distance),
  );
  const heading = (name: Order, text: string) => (
    <th class="number" aria-sort={by === name ? (name === "notional" ? "descending" : "ascending") : "none"}>
      <button type="button" class="plain" onClick={() => (order.value = name)}>
        {text}
        {by === name ? (name === "notional" ? " ↓" : " ↑") : ""}
      </button>
    </th>
  );
  return (
    <>
      <p class="lead">
        Measured on {found.venue}: {found.close.positions} positions of {usd(found.close.notional)} within 20 % of their
        liquidation. Accounts are pseudonyms.
      </p>
      <table>
        <thead>
          <tr>
            <th>Account</th>
            <th>Side</th>
            {heading("notional", "Size")}
            <th class="number">Level</th>
            {heading("distance", "Away")}
            <th class="number">Seen</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((one) => (
            <PickRow
              key={one.account + one.position_side + one.liquidation_price}
              title={`${one.margin_mode ?? "unknown"} margin, ${percent(one.share, 2)} of the side; click to mark its level`}
              pick={() => chart.value?.mark(one.liquidation_price, usd(one.notional))}
            >
              <td class="account">{one.account}</td>
              <td>
                <Side side={one.position_side} />
              </td>
              <td class="number">{usd(one.notional)}</td>
              <td class="number">{price(one.liquidation_price)}</td>
              <td class="number">{percent(one.distance, 1, true)}</td>
              <td class="number" title="age of the account's state">
                {age(one.age)}
              </td>
            </PickRow>
          ))}
        </tbody>
      </table>
    </>
  );
}
