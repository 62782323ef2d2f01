/** A picture that says what it shows, and a link that shows it again. */

import { signal } from "@preact/signals";

import { CHART_COLOURS } from "./chart/chart_colours";
import { chart, scale } from "./chart/chart_view";
import { colourTables, densityOf } from "./data/colours";
import { heatmap, map } from "./data/store";
import { moment, percent, price, usd } from "./format";
import { coin, kind, link, palette, range, saturation, shown, sides, theme, threshold } from "./state";

/** A word to the visitor that goes away by itself. */
export const notice = signal("");

let timer = 0;

function say(text: string): void {
  notice.value = text;
  clearTimeout(timer);
  timer = window.setTimeout(() => (notice.value = ""), 2_500);
}

/** The chart with a heading and where its numbers come from, as a canvas; null before there is one. */
export function picture(): HTMLCanvasElement | null {
  const known = map.value.value;
  const drawn = chart.value?.picture();
  if (!drawn || !known) return null;
  const ratio = devicePixelRatio;
  const [head, foot] = [46 * ratio, 40 * ratio];
  const made = document.createElement("canvas");
  made.width = drawn.width;
  made.height = drawn.height + head + foot;
  const context = made.getContext("2d")!;
  const colours = CHART_COLOURS[theme.value];
  context.fillStyle = colours.background;
  context.fillRect(0, 0, made.width, made.height);
  context.drawImage(drawn, 0, head);
  const write = (text: string, size: number, x: number, y: number, colour: string, bold = false): void => {
    context.font = `${bold ? "600 " : ""}${size * ratio}px system-ui, sans-serif`;
    context.fillStyle = colour;
    context.fillText(text, x * ratio, y * ratio);
  };
  const asOf = moment(Date.parse(known.as_of), "UTC");
  write(`${coin.value} liquidation heatmap, ${range.value}`, 17, 14, 22, colours.text, true);
  const venues = known.layers?.map((one) => one.instrument).join(", ") || known.instrument;
  write(`as of ${asOf} UTC · mark ${price(known.mark_price)} · ${usd(known.open_interest)} open interest a side`, 12, 14, 40, colours.muted);
  const below = made.height / ratio;
  write(`${kind.value} · model ${known.model} ${known.provenance.parameter_hash.slice(0, 10)} · ${venues}`, 11, 14, below - 22, colours.muted);
  write(`powderkeg ${known.provenance.version} · risk geometry, no forecast of direction`, 11, 14, below - 8, colours.muted);
  drawScale(made, ratio);
  return made;
}

/** The colour scale in the lower right corner: its colours, and the USD per bin of its ends. */
function drawScale(made: HTMLCanvasElement, ratio: number): void {
  const held = heatmap.value.value?.heatmap;
  if (!held || !shown.value.has("heatmap")) return;
  const context = made.getContext("2d")!;
  const [width, height] = [180 * ratio, 9 * ratio];
  const left = made.width - width - 14 * ratio;
  const top = made.height - 32 * ratio;
  const words = colourTables(theme.value, palette.value)[sides.value === "short" ? 1 : 0];
  for (let x = 0; x < width; x++) {
    const bright = threshold.value + ((saturation.value - threshold.value) * x) / width;
    const word = words[Math.max(1, Math.round((255 * bright) / saturation.value))]!;
    context.fillStyle = `rgb(${word & 255} ${(word >> 8) & 255} ${(word >> 16) & 255})`;
    context.fillRect(left + x, top, 1, height);
  }
  const ends = [threshold.value, saturation.value].map((bright) => usd(densityOf(scale.value, bright)));
  context.font = `${11 * ratio}px system-ui, sans-serif`;
  context.fillStyle = CHART_COLOURS[theme.value].muted;
  context.textAlign = "right";
  const bin = percent(Math.exp(held.width) - 1, 1);
  context.fillText(`${ends[0]} to ${ends[1]} per ${bin} of price`, made.width - 14 * ratio, made.height - 9 * ratio);
  context.textAlign = "left";
}

/** Save the picture as a PNG file. */
export function savePicture(): void {
  const made = picture();
  const known = map.value.value;
  if (!made || !known) return say("There is nothing to save yet.");
  made.toBlob((blob) => {
    if (!blob) return say("The browser could not make a picture.");
    const anchor = document.createElement("a");
    anchor.href = URL.createObjectURL(blob);
    anchor.download = `powderkeg-${coin.value}-${known.as_of.replaceAll(":", "")}.png`;
    anchor.click();
    URL.revokeObjectURL(anchor.href);
    say("Saved.");
  }, "image/png");
}

/** Copy a link to what is shown, its as-of time fixed. */
export function share(): void {
  const known = map.value.value;
  const address = new URL(location.href);
  const said = new URLSearchParams(link().slice(1));
  if (known) said.set("at", known.as_of);
  address.hash = said.toString();
  navigator.clipboard.writeText(address.href).then(
    () => say("Link copied; its time is fixed."),
    () => say("The browser does not let pages copy: take the address above."),
  );
}
