/** How numbers, prices and times are written everywhere on the page. */

const SUFFIXES: readonly [number, string][] = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "K"],
];

/** "$1.23B": three significant digits; "–" for what is not known. */
export function usd(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return "–";
  const sign = value < 0 ? "−" : "";
  const size = Math.abs(value);
  for (const [unit, suffix] of SUFFIXES) {
    if (size >= unit * 0.9995) return `${sign}$${significant(size / unit)}${suffix}`;
  }
  return `${sign}$${size === 0 ? "0" : significant(size)}`;
}

/** Three significant digits without an exponent. */
function significant(value: number): string {
  if (value >= 100) return value.toFixed(0);
  if (value >= 10) return value.toFixed(1);
  if (value >= 0.9995) return value.toFixed(2);
  return String(Number(value.toPrecision(2)));
}

/** A price with as many decimals as five significant digits need, and thousands apart. */
export function price(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return "–";
  const decimals = priceDecimals(value);
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** Decimals for five significant digits, at most 10. */
export function priceDecimals(value: number): number {
  const magnitude = Math.floor(Math.log10(Math.abs(value) || 1));
  return Math.min(10, Math.max(0, 4 - magnitude));
}

/** "+1.2%" of a fraction; the sign always stands where `signed`. */
export function percent(fraction: number | null | undefined, digits = 1, signed = false): string {
  if (fraction == null || !Number.isFinite(fraction)) return "–";
  const value = fraction * 100;
  const sign = value < 0 ? "−" : signed && value > 0 ? "+" : "";
  return `${sign}${Math.abs(value).toFixed(digits)}%`;
}

export type TimeZone = "UTC" | "local";

/** "2026-02-10 12:00" in the chosen zone. */
export function moment(ms: number, zone: TimeZone, seconds = false): string {
  const shifted = new Date(zone === "UTC" ? ms : ms - new Date(ms).getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, seconds ? 19 : 16).replace("T", " ");
}

/** "14:05" in the chosen zone. */
export function clockTime(ms: number, zone: TimeZone): string {
  return moment(ms, zone).slice(11);
}

/** "3 s", "12 min", "5 h", "2 d": the largest unit that is at least one and a half. */
export function age(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Milliseconds of a length of time such as "15m" or "7d"; throws on anything else. */
export function lengthOf(text: string): number {
  const found = /^(\d+)([mhdw])$/.exec(text);
  const unit = found && UNITS[found[2]!];
  if (!unit) throw new Error(`${text}: expected a length of time such as 15m`);
  return Number(found[1]) * unit;
}
