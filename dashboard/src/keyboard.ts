/** Keys. They do nothing while something is typed. */

import { chart } from "./chart/chart_view";
import { savePicture } from "./sharing";
import { dialog, PANELS, panel, priceScale, range, RANGES, theme, toggleLayer, type Panel, type Range } from "./state";

interface Key {
  keys: readonly string[];
  does: string;
  act: (key: string) => void;
}

const RANGE_NAMES = Object.keys(RANGES) as Range[];
const PANEL_NAMES = Object.keys(PANELS) as Panel[];

export const KEYS: readonly Key[] = [
  { keys: ["1", "2", "3", "4", "5", "6"], does: "ranges, from a day to 90", act: (key) => (range.value = RANGE_NAMES[Number(key) - 1]!) },
  { keys: ["+", "-"], does: "zoom", act: (key) => chart.value?.zoom(key === "+" ? 0.7 : 1 / 0.7) },
  { keys: ["ArrowLeft", "ArrowRight"], does: "pan", act: (key) => chart.value?.pan(key === "ArrowLeft" ? -0.15 : 0.15) },
  { keys: ["0"], does: "everything in view", act: () => chart.value?.fit() },
  { keys: ["g"], does: "log or linear price", act: () => (priceScale.value = priceScale.value === "log" ? "linear" : "log") },
  { keys: ["h"], does: "heatmap on or off", act: () => toggleLayer("heatmap") },
  { keys: ["b"], does: "liquidation bubbles on or off", act: () => toggleLayer("bubbles") },
  { keys: ["v"], does: "levels on or off", act: () => toggleLayer("levels") },
  { keys: ["p"], does: "map by price on or off", act: () => toggleLayer("profile") },
  { keys: ["d"], does: "map by distance from entry", act: () => toggleLayer("classes") },
  { keys: ["[", "]"], does: "panel before or after", act: (key) => turn(key === "]" ? 1 : -1) },
  { keys: ["l"], does: "layers and colours", act: () => (dialog.value = "layers") },
  { keys: ["t"], does: "dark or light", act: () => (theme.value = theme.value === "dark" ? "light" : "dark") },
  { keys: ["s"], does: "save as an image", act: savePicture },
  { keys: ["?"], does: "this help", act: () => (dialog.value = "help") },
];

function turn(by: number): void {
  const at = PANEL_NAMES.indexOf(panel.value);
  panel.value = PANEL_NAMES[(at + by + PANEL_NAMES.length) % PANEL_NAMES.length]!;
}

/** Listen to keys. */
export function keepKeys(): void {
  addEventListener("keydown", (event) => {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.closest("input, select, textarea, dialog")) return;
    const found = KEYS.find((one) => one.keys.includes(event.key));
    if (!found) return;
    event.preventDefault();
    found.act(event.key);
  });
}
