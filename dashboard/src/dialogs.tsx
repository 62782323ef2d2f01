/** What opens over the page: layers and colours, and keys with what the picture means. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { KEYS } from "./keyboard";
import { Choice } from "./panels/parts";
import { dialog, LAYERS, palette, priceScale, shown, sides, theme, toggleLayer, zone, type Layer } from "./state";

const ARROWS: Record<string, string> = { ArrowLeft: "←", ArrowRight: "→" };

export function Dialogs() {
  if (dialog.value === "layers") return <Layers />;
  if (dialog.value === "help") return <Help />;
  return null;
}

function Dialog({ title, children }: { title: string; children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => element.current?.showModal(), []);
  return (
    <dialog
      ref={element}
      onClose={() => (dialog.value = "")}
      onClick={(event) => event.target === element.current && element.current?.close()}
    >
      <div class="dialog-body">
        <header>
          <h2>{title}</h2>
          <button type="button" onClick={() => element.current?.close()} aria-label="Close">
            ✕
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

function Layers() {
  return (
    <Dialog title="Layers and colours">
      <div class="checks">
        {(Object.entries(LAYERS) as [Layer, string][]).map(([name, text]) => (
          <label key={name}>
            <input type="checkbox" checked={shown.value.has(name)} onChange={() => toggleLayer(name)} /> {text}
          </label>
        ))}
      </div>
      <p>Positions</p>
      <Choice
        label="Positions"
        options={[
          ["both", "Both sides"],
          ["long", "Longs"],
          ["short", "Shorts"],
        ]}
        value={sides.value}
        choose={(one) => (sides.value = one)}
      />
      <p>Colours</p>
      <Choice
        label="Colours"
        options={[
          ["one", "One scale"],
          ["sides", "Longs blue, shorts orange"],
        ]}
        value={palette.value}
        choose={(one) => (palette.value = one)}
      />
      <Choice
        label="Theme"
        options={[
          ["dark", "Dark"],
          ["light", "Light"],
        ]}
        value={theme.value}
        choose={(one) => (theme.value = one)}
      />
      <p>Axes</p>
      <Choice
        label="Price scale"
        options={[
          ["log", "Log price"],
          ["linear", "Linear price"],
        ]}
        value={priceScale.value}
        choose={(one) => (priceScale.value = one)}
      />
      <Choice
        label="Time zone"
        options={[
          ["UTC", "UTC"],
          ["local", "Local time"],
        ]}
        value={zone.value}
        choose={(one) => (zone.value = one)}
      />
    </Dialog>
  );
}

function Help() {
  return (
    <Dialog title="Keys, and how to read it">
      <dl class="keys">
        {KEYS.map(({ keys, does }) => (
          <div key={does}>
            <dt>
              {keys.map((one) => (
                <kbd key={one}>{ARROWS[one] ?? one}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <h3>How to read it</h3>
      <ul>
        <li>
          A column is what stood at the time it begins, as it was known then; the candle over it is what price did next.
          Columns are never repainted.
        </li>
        <li>
          Brightness is USD per bin of price. Zoomed out, bins are added; over time the last column of a group stands for
          it. Nothing is smoothed.
        </li>
        <li>A level runs until price sweeps it: there it ends in a cross.</li>
        <li>
          Filled bubbles are longs liquidated, rings shorts. Where a venue tells a bankruptcy price and not that of a trade,
          they stand at the candle.
        </li>
        <li>Modelled is an estimate from public data; measured is counted positions. They are never added up.</li>
        <li>A map is risk geometry: it says what would be force-closed where, not where price will go.</li>
      </ul>
      <p>
        The chart is drawn with TradingView’s Lightweight Charts™. <a href="assets/licences.txt">Licences</a>
      </p>
    </Dialog>
  );
}
