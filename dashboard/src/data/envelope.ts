/** Reading the envelope of a squeeze (docs/json.md): every size and price along straight lines in the log of price. */

import type { Curve } from "./api_types";

/** A point of the envelope. */
export interface Point {
  price: number;
  size: number;
  forced: number;
  absorbed: number;
}

/** Where an order of a size comes to rest: the first price whose push exceeds it; null beyond the curve. */
export function landingOf(curve: Curve, size: number): Point | null {
  const { price, push } = curve;
  for (let i = 0; i < price.length; i++) {
    if (push[i]! < size) continue;
    if (i === 0) return pointAt(curve, 0, 0, size);
    const share = push[i]! > push[i - 1]! ? (size - push[i - 1]!) / (push[i]! - push[i - 1]!) : 0;
    return pointAt(curve, i - 1, share, size);
  }
  return null;
}

/** What it takes to carry price to one: between the curve's points, linear in the log of price. */
export function reachedAt(curve: Curve, reached: number): Point | null {
  const { price } = curve;
  const ascending = price[price.length - 1]! > price[0]!;
  for (let i = 1; i < price.length; i++) {
    if (ascending ? price[i]! < reached : price[i]! > reached) continue;
    const share = Math.log(reached / price[i - 1]!) / Math.log(price[i]! / price[i - 1]!);
    const inside = Number.isNaN(share) ? 1 : Math.min(1, Math.max(0, share)); // a jump has no width
    return pointAt(curve, i - 1, inside, between(curve.push, i - 1, inside));
  }
  return null;
}

function between(values: readonly number[], at: number, share: number): number {
  const next = values[at + 1] ?? values[at]!;
  return values[at]! + share * (next - values[at]!);
}

function pointAt(curve: Curve, at: number, share: number, size: number): Point {
  const next = curve.price[at + 1] ?? curve.price[at]!;
  return {
    price: curve.price[at]! * (next / curve.price[at]!) ** share,
    size,
    forced: between(curve.forced, at, share),
    absorbed: between(curve.absorbed, at, share),
  };
}
