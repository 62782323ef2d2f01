/** The page. */

import { useSignal } from "@preact/signals";

import { ChartView } from "./chart/chart_view";
import { ColourBar } from "./colour_bar";
import { setToken } from "./data/api";
import { heatmap, map } from "./data/store";
import { connection, liveLiquidations } from "./data/stream";
import { Dialogs } from "./dialogs";
import { clockTime, price, usd } from "./format";
import { Assumptions } from "./panels/assumptions";
import { Clusters } from "./panels/clusters";
import { Context } from "./panels/context";
import { Coverage } from "./panels/coverage";
import { Imbalance } from "./panels/imbalance";
import { Squeeze } from "./panels/squeeze";
import { Whales } from "./panels/whales";
import { notice } from "./sharing";
import { at, coin, PANELS, panel, zone, type Panel } from "./state";
import { TopBar } from "./top_bar";

const SHOWN: Record<Panel, () => preact.JSX.Element> = {
  clusters: Clusters,
  squeeze: Squeeze,
  imbalance: Imbalance,
  context: Context,
  whales: Whales,
  assumptions: Assumptions,
  coverage: Coverage,
};

export function App() {
  if (map.problem.value?.status === 401) return <AskToken />;
  const Panel = SHOWN[panel.value];
  return (
    <>
      <TopBar />
      <Banner />
      <main>
        <section class="picture" aria-label="Chart">
          <ChartView />
          <ColourBar />
        </section>
        <aside class="panel">
          <nav aria-label="Panels" role="tablist">
            {(Object.entries(PANELS) as [Panel, string][]).map(([name, text]) => (
              <button
                key={name}
                type="button"
                role="tab"
                aria-selected={panel.value === name}
                data-testid={`tab-${name}`}
                onClick={() => (panel.value = name)}
              >
                {text}
              </button>
            ))}
          </nav>
          <div class="panel-body" role="tabpanel">
            <Panel />
          </div>
          <Tape />
        </aside>
      </main>
      <Dialogs />
      {notice.value && (
        <div class="notice" role="status">
          {notice.value}
        </div>
      )}
    </>
  );
}

/** What keeps the picture from being what it should be, in words. */
function Banner() {
  const problem = heatmap.problem.value ?? map.problem.value;
  if (problem) {
    return (
      <div class="banner" role="alert" data-testid="banner">
        {problem.status === 404 ? (
          <>
            <strong>No map of {coin.value}.</strong> {problem.message}
          </>
        ) : (
          problem.message
        )}
      </div>
    );
  }
  if (connection.value === "lost") {
    return (
      <div class="banner quiet" role="status" data-testid="banner">
        The live connection is gone; it is tried again. What is shown was known before.
      </div>
    );
  }
  if (at.value) {
    return (
      <div class="banner quiet" role="status" data-testid="banner">
        A past time is shown, with nothing in it that was not known then.
      </div>
    );
  }
  return null;
}

/** Liquidations as they come. */
function Tape() {
  const last = liveLiquidations.value.slice(-8).reverse();
  if (last.length === 0) return null;
  return (
    <div class="tape" aria-label="Liquidations as they come" data-testid="tape">
      {last.map((one, i) => (
        <div key={`${one.time}${one.venue}${one.notional_usd}${i}`} class={one.position_side}>
          <span>{clockTime(Date.parse(one.time), zone.value)}</span>
          <span>{one.venue}</span>
          <span>{one.position_side === "long" ? "▼ long" : "▲ short"}</span>
          <span class="number">{usd(one.notional_usd)}</span>
          <span class="number">{price(one.price)}</span>
        </div>
      ))}
    </div>
  );
}

/** A server that others can reach wants a token. */
function AskToken() {
  const typed = useSignal("");
  return (
    <form
      class="token"
      onSubmit={(event) => {
        event.preventDefault();
        setToken(typed.value);
        location.reload();
      }}
    >
      <img src="./assets/icon.svg" alt="" width="48" height="48" />
      <h1>powderkeg</h1>
      <p>This server wants a token. It is kept in this tab until it is closed.</p>
      <input
        type="password"
        aria-label="Token"
        autocomplete="off"
        value={typed.value}
        onInput={(event) => (typed.value = event.currentTarget.value)}
      />
      <button type="submit">Open</button>
    </form>
  );
}
