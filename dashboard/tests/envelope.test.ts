import { describe, expect, it } from "vitest";

import { landingOf, reachedAt } from "../src/data/envelope";

/** Up from 100: ten of size to 101, a jump there to 30, then nothing more is needed up to 104. */
const UP = {
  price: [100, 101, 101, 104],
  absorbed: [0, 12, 32, 50],
  forced: [0, 2, 2, 40],
  push: [0, 10, 30, 30],
};
const DOWN = { price: [100, 98, 95], absorbed: [0, 5, 9], forced: [0, 1, 2], push: [0, 4, 7] };

describe("where an order comes to rest", () => {
  it("is read along the line of the push, in the log of price", () => {
    const found = landingOf(UP, 5)!;
    expect(found.price).toBeCloseTo(Math.sqrt(100 * 101));
    expect(found.forced).toBeCloseTo(1);
  });

  it("is a jump's price for every size within it", () => {
    for (const size of [11, 20, 30]) expect(landingOf(UP, size)!.price).toBeCloseTo(101);
  });

  it("is nowhere for more than the curve holds", () => {
    expect(landingOf(UP, 31)).toBeNull();
  });
});

describe("what it takes to reach a price", () => {
  it("goes up and down", () => {
    expect(reachedAt(UP, Math.sqrt(100 * 101))!.size).toBeCloseTo(5);
    expect(reachedAt(DOWN, 98)!.size).toBeCloseTo(4);
    expect(reachedAt(DOWN, Math.sqrt(98 * 95))!.size).toBeCloseTo(5.5);
  });

  it("is a number on a jump, and nothing beyond the curve", () => {
    expect(reachedAt(UP, 101)!.size).toBeCloseTo(10);
    expect(reachedAt(UP, 105)).toBeNull();
  });

  it("answers what landing answers", () => {
    for (const size of [1, 4, 6.5]) expect(reachedAt(DOWN, landingOf(DOWN, size)!.price)!.size).toBeCloseTo(size);
  });
});
