"""One claim with its evidence: the numbers kept, the answer, and what the rules of all kinds share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from powderkeg.analytics.claim_evidence import ClaimEvidence
from powderkeg.analytics.claim_quantities import Quantity
from powderkeg.analytics.claims import Claim
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.model.amount_text import usd
from powderkeg.model.fact import Fact
from powderkeg.model.times import DAY, iso
from powderkeg.model.window import Window

Verdict = Literal["supported", "contradicted", "unit_error_suspected", "not_decidable"]


UNCALIBRATED = (1.5, 3.0)
"""Without a calibration a map supports what lies within the first factor and contradicts beyond the second."""


NEAR = 0.01
"""How near ``near`` a price is, as a fraction."""


SAME = 0.02
"""Two amounts closer than this are one amount in another unit, or of the other side."""


REPORTED = 0.05
"""By how much venues' own definitions of price, open interest and liquidations differ."""


_FACTORS = {
    2.0: "both sides of each contract counted",
    100.0: "contracts read as coins, or a percentage as a fraction",
}


@dataclass(frozen=True, slots=True)
class ClaimCheck:
    """What data say of a claim.

    Attributes
    ----------
    claim
        Which one.
    coin, as_of
        Of which coin it was taken to be, and the time of the data: nothing known later is in the facts.
    verdict
        As the name says.
    facts
        The numbers compared.
    tolerance
        The rule that decided, in words.
    sentence
        The verdict in one sentence.
    missing
        What would decide it, and which command brings it; empty where it is decided.
    """

    claim: Claim
    coin: str
    as_of: int
    verdict: Verdict
    facts: tuple[Fact, ...]
    tolerance: str
    sentence: str
    missing: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it, ready for `json.dumps` after numbers that are not finite have become null."""
        return {
            "claim": self.claim.as_json(),
            "checked_coin": self.coin,
            "as_of": iso(self.as_of),
            "verdict": self.verdict,
            "facts": [fact.as_json() for fact in self.facts],
            "tolerance": self.tolerance,
            "sentence": self.sentence,
            "missing": self.missing or None,
        }


class Checking:
    """One claim with its evidence, and short ways of answering."""

    def __init__(self, claim: Claim, evidence: ClaimEvidence, as_of: int) -> None:
        self.claim, self.evidence, self.as_of = claim, evidence, as_of
        self.facts: list[Fact] = []

    def command(self) -> str:
        """Return the command that brings what is missing."""
        coin = self.evidence.coin
        if self.claim.kind in ("realised_liquidations", "imbalance") or (
            self.claim.kind == "comparison" and not self.claim.is_conditional
        ):
            return f"powderkeg record --coins {coin}, or powderkeg backfill gate {coin} --tables liquidation_totals"
        return f"powderkeg backfill binance {coin}"

    def fact(self, name: str, value: float, unit: str, source: str, **more: Any) -> None:
        """Keep a number that was compared; None where it is not finite."""
        finite = float(value) if math.isfinite(value) else None
        self.facts.append(Fact(name=name, value=finite, unit=unit, as_of=self.as_of, source=source, **more))

    def answer(self, verdict: Verdict, sentence: str, tolerance: str, missing: str = "") -> ClaimCheck:
        """Return the check with the facts kept so far."""
        return ClaimCheck(
            self.claim,
            self.evidence.coin,
            self.as_of,
            verdict,
            tuple(self.facts),
            tolerance,
            sentence,
            missing,
        )

    def undecided(self, sentence: str, missing: str, tolerance: str = "none applies") -> ClaimCheck:
        """Return that it cannot be decided."""
        return self.answer("not_decidable", sentence, tolerance, missing)

    @property
    def amount(self) -> Quantity:
        """The amount, which every claim of this kind has."""
        assert self.claim.amount is not None  # noqa: S101 - the kinds with an amount have one
        return self.claim.amount

    @property
    def price(self) -> float:
        """The price, as `amount`."""
        assert self.claim.price is not None  # noqa: S101 - the kinds with a price have one
        return self.claim.price.value

    def map(self) -> LiquidationMap:
        """Return the map, and keep its mark price."""
        found = self.evidence.map(self.as_of)
        self.fact("mark_price", found.mark_price, "price", f"{found.instrument}, last bar by then")
        return found

    def window(self) -> Window:
        """Return the time of the claim; a day where it gives no length."""
        if self.claim.moment is not None and self.claim.moment.length > 1 and self.claim.window is None:
            return Window(self.claim.moment.start, self.as_of)
        return Window(self.as_of - (self.claim.window or DAY), self.as_of)

    def compared(self, larger: set[str], told: str, rule: str) -> ClaimCheck:
        """Return the answer to which side is larger: those found by each measure, empty where neither is."""
        if len(larger) != 1 or "" in larger:
            return self.undecided(f"{told} Neither is clearly larger.", "powderkeg calibrate", rule)
        return self.answer("supported" if self.claim.relation in larger else "contradicted", told, rule)


def overlap(claimed: Quantity, low: float, high: float) -> bool:
    """Return whether what the words allow and [low, high] have a number in common."""
    return claimed.low <= high and claimed.high >= low


def is_same(claimed: Quantity, value: float) -> bool:
    """Return whether a number is the claimed one up to `SAME`; an open end of the claim reaches a tenth."""
    if value * claimed.value <= 0:
        return False
    sign = 1 if value > 0 else -1
    low, high = sorted((sign * claimed.low, sign * claimed.high))
    near, far = abs(value) * (1 - SAME), abs(value) * (1 + SAME)
    return low <= far and min(high, abs(claimed.value) * 1.1) >= near


def factor_of(claimed: Quantity, value: float, *, both_sides: bool = False) -> str:
    """Return which mistaken unit would explain the claim; empty where none does."""
    for factor, meaning in _FACTORS.items():
        for tried in (factor, 1 / factor) if factor > 2 or both_sides else ():
            if is_same(claimed, value * tried):
                return f"it is {tried:g} times ours: {meaning}"
    return ""


def around(value: float) -> tuple[float, float]:
    """Return the bounds of `REPORTED` around a number that is not negative."""
    return value * (1 - REPORTED), value * (1 + REPORTED)


def amount_text(amount: float, unit: str = "USD") -> str:
    """Return an amount with three digits, or in its unit."""
    return usd(amount) if unit == "USD" else f"{amount:,.0f} {unit}"


def larger_side(long_usd: float, short_usd: float) -> str:
    """Return the side that is larger by a tenth or more; empty where neither is."""
    if max(long_usd, short_usd) < 1.1 * min(long_usd, short_usd) or long_usd == short_usd:
        return ""
    return "long" if long_usd > short_usd else "short"
