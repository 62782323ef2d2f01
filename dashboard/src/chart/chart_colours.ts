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
}

export const CHART_COLOURS: Record<Theme, ChartColours> = {
  dark: {
    background: "#0d0f15",
    text: "#e6e8ee",
    muted: "#8b93a5",
    grid: "#1b1f2a",
    rising: "#e8ecf4",
    falling: "#7d8799",
    long: "#56b4e9",
    short: "#f0a33a",
    accent: "#7ee0c3",
  },
  light: {
    background: "#ffffff",
    text: "#171a21",
    muted: "#5d6676",
    grid: "#eceef2",
    rising: "#3a4252",
    falling: "#98a1b2",
    long: "#0072b2",
    short: "#c45a00",
    accent: "#00795c",
  },
};
