/** The server's objects, as docs/json.md has them; keys that the page does not use are left out. */

export interface Band {
  low_90: number | null;
  low_50: number | null;
  high_50: number | null;
  high_90: number | null;
}

export type PositionSide = "long" | "short";

export interface Bin {
  price_low: number;
  price_high: number;
  long_notional: number;
  short_notional: number;
  long_notional_band?: Band;
  short_notional_band?: Band;
  long_expected_forced?: number;
  short_expected_forced?: number;
}

export interface Cluster {
  side: PositionSide;
  price_low: number;
  price_high: number;
  price_peak: number;
  notional: number;
  distance: number;
  prominence: number;
  notional_band?: Band;
  expected_forced?: number;
  expected_forced_band?: Band;
}

export interface Cumulative {
  price: number;
  distance: number;
  position_side: PositionSide;
  notional: number;
  share: number;
  notional_band?: Band;
  expected_forced?: number;
  expected_forced_band?: Band;
}

export interface Balance {
  range: number;
  long_notional: number;
  short_notional: number;
  imbalance: number | null;
  thin: boolean;
  imbalance_band?: Band;
}

export interface Provenance {
  version: string;
  kind: string;
  model: string;
  parameter_hash: string;
  warm_up_share: { long: number; short: number };
  inputs: {
    name: string;
    start: string;
    end: string;
    rows: number;
    coverage: number | null;
    notes: string[];
  }[];
  notes: string[];
}

export interface Skipped {
  venue: string;
  reason: string;
}

export interface MapObject {
  instrument: string;
  as_of: string;
  mark_price: number;
  kind: string;
  model: string;
  open_interest: number;
  inert: { long_notional: number; short_notional: number };
  bins: Bin[];
  cumulative: Cumulative[];
  clusters: Cluster[];
  imbalance: Balance[];
  provenance: Provenance;
  layers?: {
    instrument: string;
    kind: string;
    as_of: string;
    mark_price: number;
    basis: number;
    open_interest: number;
    share: number;
  }[];
  skipped?: Skipped[];
  measured?: MeasuredSummary;
}

export interface MeasuredSummary {
  levels: string;
  scaled: boolean;
  venue_open_interest: number | null;
  long: { positions: number; accounts: number; coverage: number | null };
  short: { positions: number; accounts: number; coverage: number | null };
  state_age_seconds: { median: number; p90: number; oldest: number };
}

export interface LiquidationAmounts {
  recorded: boolean;
  share: number;
  long_usd: number | null;
  short_usd: number | null;
  long_events: number | null;
  short_events: number | null;
}

export interface LiquidationEvent {
  time: string;
  venue: string;
  symbol: string;
  position_side: PositionSide;
  notional_usd: number;
  price: number | null;
  price_meaning: string | null;
}

export interface Liquidations {
  coin: string;
  since: string;
  until: string;
  venues: (LiquidationAmounts & {
    venue: string;
    completeness: string;
    gaps: { start: string; end: string; reason: string }[];
  })[];
  aggregate: LiquidationAmounts & {
    floor: boolean;
    intervals: (LiquidationAmounts & { start: string; end: string; venues_recorded: number })[];
  };
  largest: LiquidationEvent[];
  imbalance: {
    window: string;
    long_usd: number | null;
    short_usd: number | null;
    headline: { percent: number | null; direction: PositionSide; small_denominator: boolean } | null;
    imbalance: number | null;
    interval_90: [number | null, number | null] | null;
    percentile: number | null;
  }[];
  not_in_lake: Skipped[];
  notes: string[];
}

export interface Series {
  coin: string;
  as_of: string;
  step: string;
  times: string[];
  venues: {
    venue: string;
    symbol: string;
    open_interest: (number | null)[];
    funding_rate: (number | null)[];
    funding_interval_hours: number | null;
  }[];
  total: { open_interest: (number | null)[]; funding_rate: (number | null)[]; venues_known: number[] };
  skipped: Skipped[];
}

export interface Ladder {
  push: number;
  price: number | null;
  distance: number | null;
  price_band: Band;
  beyond_book: number;
  forced: number;
  amplification: number;
  book_price: number | null;
}

export interface Zone {
  trigger_price: number;
  trigger_size: number;
  trigger_size_band: Band | null;
  landing_price: number | null;
  forced: number;
  branching: number;
}

export interface Curve {
  price: number[];
  absorbed: number[];
  forced: number[];
  push: number[];
}

export interface Fan {
  second: number;
  p5: number;
  p25: number;
  p50: number;
  p75: number;
  p95: number;
}

export interface SqueezePath {
  push: number;
  horizon_seconds: number;
  farthest_price: Omit<Fan, "second">;
  forced: Omit<Fan, "second">;
  probability_more_than_doubled: number;
  probability_deleveraged: number | null;
  probability_book_ends: number;
  fan: Fan[];
}

export interface Squeeze {
  side: "up" | "down";
  position_side: PositionSide;
  as_of: string;
  mark_price: number;
  forced_total: number;
  depth: { kind: string; source: string; as_of: string; ends_at: number | null };
  ladder: Ladder[];
  zones: Zone[];
  members: number;
  paths: SqueezePath[];
  envelope?: Curve;
  conditions: { horizon: string; touched: { price: number; probability: number }[] } | null;
}

export interface SqueezeAnswer {
  stress: string;
  squeezes: Squeeze[];
}

export interface Positions {
  venue: string;
  as_of: string;
  mark_price: number;
  open_interest: number | null;
  close: { positions: number; notional: number };
  positions: {
    rank: number;
    account: string;
    position_side: PositionSide;
    notional: number;
    liquidation_price: number;
    distance: number;
    age: number;
    margin_mode: string | null;
    share: number;
  }[];
}

export interface Health {
  status: string;
  version: string;
  newest: { venue: string; table: string; last: string }[];
  recorder?: { state: string; trouble: string } | null;
}

export interface Packed {
  dtype: "float32";
  shape: number[];
  base64: string;
}

export interface Layers {
  coin: string;
  as_of: string;
  mark_price: number;
  model: string;
  classes: {
    distances: number[];
    distance_bounds: Record<PositionSide, [number, number][]>;
    turnovers: number[];
  };
  grid: { width: number; first: number; count: number };
  venues: {
    venue: string;
    instrument: string;
    open_interest: number;
    weights: Record<PositionSide, number[][]>;
    standing: Packed;
  }[];
  score: LayerScore | null;
  score_reason: string | null;
}

export interface LayerScore {
  step: string;
  start: string[];
  end: string[];
  recorded_long: number[];
  recorded_short: number[];
  recorded_venues: string[];
  floors: Record<PositionSide, number | null>;
  predicted: (Packed & { venue: string })[];
  baselines: { model: string; log_mae: number | null; rank_correlation: number | null; total_ratio: number | null }[];
  note: string;
}

export interface ModelList {
  models: { name: string; default: boolean; source: string; parameter_hash: string }[];
}

export interface Fact {
  name: string;
  value: number | null;
  unit: string;
  as_of: string;
  source: string;
  kind: string;
  coverage: number | null;
  band_90: { low: number; high: number } | null;
  notes: string[];
}

export interface MarketContext {
  coin: string;
  as_of: string;
  sections: { name: string; title: string; facts: Fact[] }[];
  build_ups: { window: string; name: string | null }[];
}
