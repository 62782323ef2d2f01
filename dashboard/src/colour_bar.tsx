/** The colour scale, which is also how it is set: the lower handle hides faint cells, the upper saturates bright ones. */

import { scale } from "./chart/chart_view";
import { densityOf, gradient } from "./data/colours";
import { heatmap } from "./data/store";
import { percent, usd } from "./format";
import { palette, saturation, sides, theme, threshold } from "./state";

const LEAST_APART = 0.05;

export function ColourBar() {
  const held = heatmap.value.value?.heatmap;
  const { brightest } = scale.value;
  if (!held || brightest === 0) return null;
  const amount = (bright: number) => usd(densityOf(scale.value, bright));
  const bin = percent(Math.exp(held.width) - 1, 1);
  const shownSides = palette.value === "one" ? ([0] as const) : sides.value === "both" ? ([0, 1] as const) : ([sides.value === "long" ? 0 : 1] as const);
  return (
    <div class="colour-bar" data-testid="colour-bar">
      <span class="colour-end">{amount(threshold.value)}</span>
      <div class="colour-track">
        {shownSides.map((side) => (
          <span
            key={side}
            class="colour-ramp"
            style={{
              background: gradient(theme.value, palette.value, side),
              left: `${100 * threshold.value}%`,
              right: `${100 * (1 - saturation.value)}%`,
              top: `${(100 * side) / 2}%`,
              height: `${100 / shownSides.length}%`,
            }}
          />
        ))}
        <Handle
          name="threshold"
          label="Faintest cell that is drawn"
          value={threshold.value}
          move={(value) => (threshold.value = Math.min(value, saturation.value - LEAST_APART))}
        />
        <Handle
          name="saturation"
          label="From here on all cells are equally bright"
          value={saturation.value}
          move={(value) => (saturation.value = Math.max(value, threshold.value + LEAST_APART))}
        />
      </div>
      <span class="colour-end">{amount(saturation.value)}</span>
      <span class="colour-unit">USD per {bin} of price; filters the picture, never the sums</span>
    </div>
  );
}

interface HandleParts {
  name: string;
  label: string;
  value: number;
  move: (value: number) => void;
}

function Handle({ name, label, value, move }: HandleParts) {
  return (
    <input
      type="range"
      class="handle"
      min="0"
      max="1"
      step="0.01"
      value={value}
      aria-label={label}
      data-testid={name}
      onInput={(event) => move(Number(event.currentTarget.value))}
    />
  );
}
