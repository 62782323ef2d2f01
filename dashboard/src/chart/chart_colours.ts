/** Colours of the chart. Blue and orange tell sides apart for every kind of colour vision; brightness helps besides. */

import type { Theme } from "../data/colours";

export interface ChartColours {
  background: string;
  text: string;
  muted: string;
  grid: string;
  rising: string;
  falling: string;
  /** Longs, below the price; shorts, above it. */
  long: string;
  short: string;
  accent: string;
  /** Classes of distance from the entry, the nearest first. */
  classes: readonly string[];
}

export const CHART_COLOURS: Record<Theme, ChartColours> = {
  dark: {
    background: "#0d0f15",
    text: "#e6e8ee",
    muted: "#8b93a5",
    grid: "rgba(148, 160, 190, 0.10)",
    rising: "#4fd1b5",
    falling: "#e8edf7",
    long: "#56b4e9",
    short: "#f0a33a",
    accent: "#7ee0c3",
    classes: ["#fde725", "#7ad151", "#22a884", "#4a8bc2", "#7a6fd0"],
  },
  light: {
    background: "#ffffff",
    text: "#171a21",
    muted: "#5d6676",
    grid: "rgba(60, 70, 90, 0.10)",
    rising: "#00806a",
    falling: "#3b4354",
    long: "#0072b2",
    short: "#c45a00",
    accent: "#00795c",
    classes: ["#b8a000", "#4f9a26", "#0f7d62", "#2f6ea8", "#5a4bb0"],
  },
};
