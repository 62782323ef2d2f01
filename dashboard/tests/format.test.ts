import { describe, expect, it } from "vitest";

import { age, lengthOf, moment, percent, price, usd } from "../src/format";

describe("numbers", () => {
  it("says dollars in three digits", () => {
    expect(usd(9_600_000_000)).toBe("$9.60B");
    expect(usd(999_999)).toBe("$1.00M");
    expect(usd(-12_345)).toBe("−$12.3K");
    expect(usd(0)).toBe("$0");
    expect(usd(0.1234)).toBe("$0.12");
  });

  it("does not make a number of what is not known", () => {
    for (const value of [null, undefined, NaN, Infinity]) {
      expect(usd(value)).toBe("–");
      expect(price(value)).toBe("–");
      expect(percent(value)).toBe("–");
    }
  });

  it("gives prices five digits at any size", () => {
    expect(price(96_900.4)).toBe("96,900");
    expect(price(1.23456)).toBe("1.2346");
    expect(price(0.00001234)).toBe("0.000012340");
  });

  it("signs shares where asked", () => {
    expect(percent(0.0123, 1, true)).toBe("+1.2%");
    expect(percent(-0.5)).toBe("−50.0%");
  });
});

describe("times", () => {
  it("writes UTC whatever the machine's zone", () => {
    expect(moment(Date.parse("2025-10-10T21:15:30Z"), "UTC")).toBe("2025-10-10 21:15");
    expect(moment(Date.parse("2025-10-10T21:15:30Z"), "UTC", true)).toBe("2025-10-10 21:15:30");
  });

  it("reads lengths and refuses others", () => {
    expect(lengthOf("15m")).toBe(900_000);
    expect(lengthOf("90d")).toBe(7_776_000_000);
    expect(() => lengthOf("soon")).toThrow("soon");
  });

  it("says ages in the unit that fits", () => {
    expect([age(3_000), age(600_000), age(7_200_000), age(172_800_000)]).toEqual(["3 s", "10 min", "2 h", "2 d"]);
  });
});
