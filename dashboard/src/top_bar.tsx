/** What is looked at: coin, range, kind, venues, model, time; and how fresh it is. */

import { useSignal } from "@preact/signals";

import { coins, heatmap, map, models, offeredVenues } from "./data/store";
import { connection, livePrice } from "./data/stream";
import { age, moment, price } from "./format";
import { Choice } from "./panels/parts";
import {
  at,
  coin,
  dialog,
  kind,
  model,
  range,
  RANGES,
  theme,
  venues,
  zone,
  type Range,
} from "./state";
import { now } from "./clock";
import { savePicture, share } from "./sharing";

/** A map older than this is said to be stale: two bars. */
const STALE = 12 * 60_000;

export function TopBar() {
  return (
    <header class="top">
      <a class="logo" href="#" aria-label="powderkeg">
        <img src="./assets/icon.svg" alt="" width="22" height="22" />
        <span>powderkeg</span>
      </a>
      <Coin />
      <Price />
      <Choice
        label="Range"
        options={Object.entries(RANGES).map(([name, { label }]) => [name as Range, label])}
        value={range.value}
        choose={(one) => (range.value = one)}
      />
      <Choice
        label="Kind"
        options={[
          ["modelled", "Modelled", "Estimated from public data of the venues"],
          ["measured", "Measured", "Counted positions on Hyperliquid"],
        ]}
        value={kind.value}
        choose={(one) => (kind.value = one)}
      />
      {kind.value === "modelled" && (
        <>
          <Model />
          <Venues />
        </>
      )}
      <AsOf />
      <Freshness />
      <span class="tools">
        <button type="button" onClick={() => (dialog.value = "layers")} title="Layers and colours (l)">
          Layers
        </button>
        <button type="button" onClick={savePicture} title="Save the chart as an image (s)" aria-label="Save">
          ⤓
        </button>
        <button type="button" onClick={share} title="Copy a link to this picture">
          Link
        </button>
        <button
          type="button"
          onClick={() => (theme.value = theme.value === "dark" ? "light" : "dark")}
          title="Dark or light (t)"
          aria-label="Dark or light"
        >
          ◐
        </button>
        <button type="button" onClick={() => (dialog.value = "help")} title="Keys and help (?)" aria-label="Help">
          ?
        </button>
      </span>
    </header>
  );
}

function Coin() {
  const typed = useSignal<string | null>(null);
  const choose = (text: string) => {
    typed.value = null;
    const wanted = text.trim().toUpperCase();
    if (/^[A-Z0-9]{1,20}$/.test(wanted)) coin.value = wanted;
  };
  return (
    <label class="coin">
      <span class="hidden">Coin</span>
      <input
        list="coins"
        value={typed.value ?? coin.value}
        size={6}
        spellcheck={false}
        autocomplete="off"
        maxLength={20}
        data-testid="coin"
        onInput={(event) => (typed.value = event.currentTarget.value)}
        onChange={(event) => choose(event.currentTarget.value)}
        onFocus={(event) => event.currentTarget.select()}
      />
      <datalist id="coins">
        {coins.value.value?.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
    </label>
  );
}

function Price() {
  const told = livePrice.value;
  const known = map.value.value;
  const value = told?.mark_price ?? known?.mark_price;
  return (
    <span class="price" data-testid="price" title={told ? `mark price of ${told.venue}` : "mark price of the map"}>
      {price(value)}
    </span>
  );
}

function Model() {
  const offered = models.value.value?.models ?? [];
  const chosen = model.value || offered.find((one) => one.default)?.name || "";
  return (
    <label class="select">
      <span class="hidden">Model</span>
      <select value={chosen} onChange={(event) => (model.value = event.currentTarget.value)} data-testid="model">
        {offered.map((one) => (
          <option key={one.name} value={one.name} title={one.source}>
            {one.name.replaceAll("_", " ")}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The venues of the sum; one that was taken out can be put back. */
function Venues() {
  const known = map.value.value;
  const inside = (known?.layers ?? []).map((one) => one.instrument.split(":")[0]!);
  const skipped = new Map((known?.skipped ?? []).map((one) => [one.venue, one.reason]));
  const chosen = venues.value;
  const all = [...new Set([...chosen, ...inside, ...skipped.keys(), ...offeredVenues.value])].sort();
  const isOn = (name: string) => (chosen.length ? chosen.includes(name) : !skipped.has(name));
  const toggle = (name: string) => {
    const on = all.filter((one) => (one === name ? !isOn(one) : isOn(one)));
    venues.value = on.length === 0 ? chosen : on;
  };
  return (
    <div class="venues" role="group" aria-label="Venues">
      {all.map((name) => {
        const reason = skipped.get(name);
        return (
          <button
            key={name}
            type="button"
            class={reason ? "missing" : ""}
            aria-pressed={isOn(name)}
            title={reason ?? (isOn(name) ? `leave ${name} out` : `add ${name}`)}
            onClick={() => toggle(name)}
          >
            {name}
            {reason && isOn(name) ? " ⚠" : ""}
          </button>
        );
      })}
      {chosen.length > 0 && (
        <button type="button" onClick={() => (venues.value = [])} title="All venues that have what a map needs">
          all
        </button>
      )}
    </div>
  );
}

/** Now, or a past time: the map as it was known then. */
function AsOf() {
  const open = useSignal(false);
  const past = at.value;
  if (!past && !open.value) {
    return (
      <button type="button" title="Show what was known at a past time" onClick={() => (open.value = true)} data-testid="as-of-open">
        Now ▾
      </button>
    );
  }
  const close = () => {
    at.value = "";
    open.value = false;
  };
  return (
    <span class="as-of">
      <label title="As-of time in UTC: nothing known later is shown">
        <span class="hidden">As of, UTC</span>
        <input
          type="datetime-local"
          value={past ? new Date(Date.parse(past)).toISOString().slice(0, 16) : ""}
          max={new Date(now.value).toISOString().slice(0, 16)}
          data-testid="as-of"
          onChange={(event) => {
            const text = event.currentTarget.value;
            if (text) at.value = `${text}Z`;
          }}
        />{" "}
        UTC
      </label>
      <button type="button" onClick={close}>
        Back to now
      </button>
    </span>
  );
}

/** How old what is shown is, and whether the server is there: always in view. */
function Freshness() {
  const known = map.value.value;
  const problem = map.problem.value;
  const state = at.value ? "past" : connection.value;
  const asOf = known ? Date.parse(known.as_of) : null;
  const old = asOf !== null && !at.value && now.value - asOf > STALE;
  const words = {
    live: "live",
    connecting: "connecting",
    lost: "server gone",
    paused: "past",
    past: "past",
  }[state];
  const loading = heatmap.loading.value || map.loading.value;
  return (
    <span
      class={`fresh ${old ? "stale" : state}${loading ? " loading" : ""}`}
      data-testid="freshness"
      title={problem ? problem.message : "how old the map is; it moves at the close of five-minute bars"}
    >
      <i />
      {words}
      {asOf !== null && (
        <span class="fresh-age">
          {at.value ? ` ${moment(asOf, zone.value)}` : old ? ` · STALE, ${age(now.value - asOf)} old` : ` · ${age(now.value - asOf)} old`}
        </span>
      )}
    </span>
  );
}
