"""Quantitative claims about derivatives in English text: what is said, of what, when, and where it stands.

Rules, not a language model: what they do not read they report as not understood, with its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from powderkeg.analytics.claim_patterns import (
    ANNUAL,
    CHANGE,
    CHANGE_TO,
    CONDITIONAL,
    CUE,
    EVERY_COIN,
    HAPPENED,
    IMBALANCE,
    LARGER,
    LEVELS,
    MORE_LIQUIDATED,
    MOVE_TO,
    NEGATIVE,
    OF_PRICE,
    PART,
    PAST,
    PRICE_BEFORE,
    SIDE,
    SIDE_BEHIND,
    TIED,
    WAS,
)
from powderkeg.analytics.claim_quantities import (
    Length,
    Moment,
    Quantity,
    coins_named,
    lengths,
    moments,
    quantities,
)
from powderkeg.analytics.claim_text import ReadableText, language_of, readable, sentences
from powderkeg.model.times import duration_text, iso
from powderkeg.model.window import Window

KINDS = {
    "realised_liquidations": "what was liquidated in a time that is over",
    "standing_liquidations": "what would be liquidated if the price went somewhere, or stands on a side",
    "imbalance": "longs against shorts liquidated",
    "price": "the price at a time",
    "price_reached": "a price that is said to have been reached",
    "target": "a price that a move is said to be able to reach",
    "cluster": "a level at which liquidations are said to gather",
    "build_up": "positions said to have been opened near a price",
    "open_interest": "how large open interest is",
    "open_interest_change": "by how much open interest changed",
    "funding": "the rate of funding",
    "comparison": "one side said to be larger than the other",
}
MOST_NUMBERS = 25
"""A sentence with more is a table or a list."""
_FAR = 90
_PER_PART = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim.

    Attributes
    ----------
    kind
        One of `KINDS`.
    start, end, text
        Where it stands in the text as given, markup included: ``given[start:end] == text``.
    coin
        Upper case; ``ALL`` for all coins together; None where the text names none.
    side
        ``long`` or ``short`` positions; None for both, or where it is not said.
    amount
        The number that is claimed; None for a comparison.
    price
        The price that it is about.
    window
        Length of the time it is about, ms.
    moment
        The day, or the instant as one millisecond, that the text names.
    relation
        Of a comparison: the side said to be larger. Of funding: ``annual``. Of a change: ``up`` or ``down``.
    is_conditional
        Whether it is about what would happen.
    notes
        How words were taken where they can be taken otherwise.
    """

    kind: str
    start: int
    end: int
    text: str
    coin: str | None = None
    side: str | None = None
    amount: Quantity | None = None
    price: Quantity | None = None
    window: int | None = None
    moment: Window | None = None
    relation: str = ""
    is_conditional: bool = False
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it with times as ISO 8601 text, ready for `json.dumps`."""
        return {
            "kind": self.kind,
            "start": self.start,
            "end": self.end,
            "text": self.text,
            "coin": self.coin,
            "side": self.side,
            "amount": _quantity_json(self.amount),
            "price": _quantity_json(self.price),
            "window": None if self.window is None else duration_text(self.window),
            "moment": None
            if self.moment is None
            else {"start": iso(self.moment.start), "end": iso(self.moment.end)},
            "relation": self.relation or None,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """A place that holds a number, or is in another language, of which nothing is claimed to be known."""

    start: int
    end: int
    text: str
    reason: str

    def as_json(self) -> dict[str, Any]:
        """Return it, ready for `json.dumps`."""
        return {"start": self.start, "end": self.end, "text": self.text, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Extracted:
    """What was found in a text, in its order; `dated` is the first date with a year in it."""

    claims: tuple[Claim, ...]
    not_understood: tuple[NotUnderstood, ...]
    dated: Window | None


def extracted_claims(
    text: str, *, at: int | None = None, progress: Callable[[int, int], None] | None = None
) -> Extracted:
    """Return the claims of a text in English, and what was not understood, each with its place.

    Time grows with the length of the text, and beside the text itself only a sentence is held at once.

    Parameters
    ----------
    text
        Plain text, Markdown or HTML. Markup is left out, and never acted on.
    at
        UTC milliseconds from which ``yesterday``, and dates without a year, are counted; they are none without it.
    progress
        Called with letters read, and how many there are.
    """
    read = readable(text)
    claims: list[Claim] = []
    unknown: list[NotUnderstood] = []
    dated: Window | None = None
    coin: str | None = None
    for number, (start, end) in enumerate(sentences(read.plain)):
        sentence = _Sentence(text, read, start, read.plain[start:end], at, coin)
        claims += sentence.claims()
        unknown += sentence.unknown
        coin = sentence.coin_after
        if dated is None:
            dated = next((one.window for one in sentence.moments if one.window and not one.note), None)
        if progress is not None and number % 500 == 0:
            progress(end, len(read.plain))
    if progress is not None:
        progress(len(read.plain), len(read.plain))
    return Extracted(tuple(claims), tuple(unknown), dated)


@dataclass(slots=True)
class _Sentence:
    """Reads one sentence; places are in it, until a claim is made."""

    given: str
    read: ReadableText
    offset: int
    text: str
    at: int | None
    coin_before: str | None
    unknown: list[NotUnderstood] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    lengths: list[Length] = field(default_factory=list)
    coins: list[tuple[int, int, str]] = field(default_factory=list)
    coin_after: str | None = None
    cues: list[re.Match[str]] | None = None

    def claims(self) -> list[Claim]:
        """Return the claims, in their order."""
        self.coins = coins_named(self.text)
        self.coin_after = self.coins[-1][2] if self.coins else self.coin_before
        has_number = any(letter.isdigit() for letter in self.text)
        compared = list(self._comparisons())
        if not has_number:
            return compared
        if language_of(self.text) == "other":
            self._not_understood(0, len(self.text), "not in English: only claims in English are read")
            return []
        self.moments = moments(self.text, self.at)
        for moment in self.moments:
            if moment.window is None:
                self._not_understood(moment.start, moment.end, moment.note)
        taken = [(one.start, one.end) for one in self.moments]
        self.lengths = lengths(self.text, taken)
        taken += [(one.start, one.end) for one in self.lengths]
        found = compared
        standing: list[int] = []
        numbers = quantities(self.text, taken)
        if len(numbers) > MOST_NUMBERS:
            self._not_understood(
                0, len(self.text), f"{len(numbers)} numbers in one sentence: a table is not read"
            )
            return found
        for one in numbers:
            if one.problem:
                self._not_understood(one.start, one.end, one.problem)
                continue
            claim = self._claim(one)
            if claim is None:
                continue
            if claim.kind == "standing_price":
                if not self._attached(found, standing, one):
                    claim = self._price_claim(one, alone=True)
                    found += [claim] if claim else []
                continue
            if claim.kind == "standing_liquidations":
                standing.append(len(found))
            found.append(claim)
        return sorted(found, key=lambda claim: claim.start)

    def _claim(self, one: Quantity) -> Claim | None:
        before = self.text[: one.start]
        if IMBALANCE.search(before[-80:]) and one.unit in ("", "percent", "USD"):
            return self._made("imbalance", one, one, side=None)
        if one.unit in ("", "USD") and self._is_price(one, before):
            return self._price_claim(one)
        cue = self._cue(one)
        if one.unit in ("percent", "basis points", "percentage points"):
            return self._percent(one, cue)
        if one.unit in ("", "leverage"):
            self._not_understood(one.start, one.end, "a number whose unit is not said, or that is no amount")
            return None
        if cue == "open_interest":
            return self._interest(one, before)
        if cue == "imbalance":
            return self._made("imbalance", one, one, side=None)
        if cue == "liquidation":
            return self._liquidation(one)
        self._not_understood(one.start, one.end, "an amount that is of none of the kinds that are read")
        return None

    def _percent(self, one: Quantity, cue: str | None) -> Claim | None:
        if cue == "funding":
            annual = bool(ANNUAL.search(self.text))
            negative = NEGATIVE.search(self._part(one)) and one.value > 0
            amount = replace(one, value=-one.value, low=-one.high, high=-one.low) if negative else one
            return self._made("funding", amount, one, side=None, relation="annual" if annual else "")
        if cue == "imbalance":
            return self._made("imbalance", one, one, side=None)
        if cue == "open_interest" and one.unit == "percent":
            return self._interest(one, self.text[: one.start])
        self._not_understood(one.start, one.end, "a share that is of none of the kinds that are read")
        return None

    def _interest(self, one: Quantity, before: str) -> Claim | None:
        part_start = self._part_start(one.start)
        near = self.text[max(part_start, one.start - _FAR) : one.end + 30]
        change = None if CHANGE_TO.search(before[-30:]) else CHANGE.search(near)
        if change is None:
            if one.unit == "percent":
                self._not_understood(one.start, one.end, "a share of open interest without a direction")
                return None
            return self._made("open_interest", one, one, side=None)
        down = change["down"] is not None and one.value > 0
        amount = replace(one, value=-one.value, low=-one.high, high=-one.low) if down else one
        return self._made("open_interest_change", amount, one, side=None, relation="down" if down else "up")

    def _liquidation(self, one: Quantity) -> Claim:
        part = self._part(one)
        side = self._side(one)
        if CONDITIONAL.search(part) or (not PAST.search(part) and CONDITIONAL.search(self.text)):
            return self._made("standing_liquidations", one, one, side=side, conditional=True)
        if PAST.search(part) or ((self.lengths or self.moments) and PAST.search(self.text)):
            return self._made("realised_liquidations", one, one, side=side)
        note = "no verb says whether it was liquidated or would be: taken as what stands"
        return self._made("standing_liquidations", one, one, side=side, conditional=True, notes=(note,))

    def _price_claim(self, one: Quantity, *, alone: bool = False) -> Claim | None:
        before = self.text[self._part_start(one.start) : one.start]
        if OF_PRICE.search(before):
            return self._made("price", None, one, side=None, price=one)
        near = before[-_FAR:]
        place, kind = max((_last(pattern, near), kind) for pattern, kind in LEVELS)
        move = MOVE_TO.search(before)
        moved = -1 if move is None else move.start() - len(before) + len(near)
        if place > moved:
            first = one.start - len(near) + place
            return self._made(kind, None, one, side=self._side_near(first), price=one, first=first)
        if not alone and TIED.search(before):
            return Claim(kind="standing_price", start=0, end=0, text="")
        if move is not None:
            place = one.start - len(before) + move.start()
            happened = HAPPENED.fullmatch(move["verb"]) and not CONDITIONAL.search(before)
            kind = "price_reached" if happened else "target"
            return self._made(kind, None, one, side=None, price=one, first=place, conditional=not happened)
        if self.coins and re.search(r"\b(?:at|is|was)\s+[~≈]?$", before):
            return self._made("price", None, one, side=None, price=one)
        self._not_understood(one.start, one.end, "a price of which nothing is said that is read")
        return None

    def _attached(self, found: list[Claim], standing: list[int], price: Quantity) -> bool:
        """Give a price to the last standing amount without one; return whether there was one."""
        for place in reversed(standing):
            claim = found[place]
            between = "" if claim.amount is None else self.text[claim.amount.end : price.start]
            if claim.price is None and not WAS.search(between):
                start, end = self._place(price.start, price.end)
                start, end = min(start, claim.start), max(end, claim.end)
                found[place] = replace(claim, price=price, start=start, end=end, text=self.given[start:end])
                return True
        return False

    def _comparisons(self) -> Iterator[Claim]:
        for match in LARGER.finditer(self.text):
            first = "short" if match["first"].lower() in ("above", "overhead") else "long"
            second = "short" if match["second"].lower() in ("above", "overhead") else "long"
            if first != second:
                smaller = match["word"].lower() in ("smaller", "fewer", "thinner")
                yield self._compared(match, second if smaller else first, conditional=True)
        for match in MORE_LIQUIDATED.finditer(self.text):
            first, second = (match[name].lower().rstrip("s") for name in ("first", "second"))
            if first != second and re.search(r"liquidat|wiped", self.text, re.IGNORECASE):
                larger = second if match["word"].lower() == "fewer" else first
                yield self._compared(match, larger, conditional=bool(CONDITIONAL.search(self.text)))

    def _compared(self, match: re.Match[str], larger: str, *, conditional: bool) -> Claim:
        if not self.lengths:
            self.moments = self.moments or moments(self.text, self.at)
            self.lengths = lengths(self.text, [(one.start, one.end) for one in self.moments])
        empty = Quantity(0.0, "", 0.0, 0.0, "exact", scaled=False, start=match.start(), end=match.end())
        return self._made("comparison", None, empty, side=None, relation=larger, conditional=conditional)

    def _is_price(self, one: Quantity, before: str) -> bool:
        if one.scaled and not self.text[one.start : one.end].lower().endswith("k"):
            return False
        if one.unit == "" and one.value < 100 and "." not in self.text[one.start : one.end]:
            return False
        if one.value <= 0:
            return False
        cue = PRICE_BEFORE.search(before[-60:])
        # Without a currency `of 40,000` is any number.
        return cue is not None and not (one.unit == "" and cue[0].lower().startswith("of"))

    def _cue(self, one: Quantity) -> str | None:
        """Return the kind of the nearest telling word; one beyond the end of a part of the sentence counts as far."""
        best: tuple[float, str] | None = None
        if self.cues is None:
            self.cues = list(CUE.finditer(self.text))
        for match in self.cues:
            if match.start() >= one.end:
                between = self.text[one.end : match.start()]
            elif match.end() <= one.start:
                between = self.text[match.end() : one.start]
            else:
                continue
            far = len(between) + _PER_PART * len(PART.findall(between))
            if far <= 2 * _FAR and (best is None or far < best[0]):
                best = (far, str(match.lastgroup))
        return None if best is None else best[1]

    def _part_start(self, place: int) -> int:
        return max((match.end() for match in PART.finditer(self.text, 0, place)), default=0)

    def _part(self, one: Quantity) -> str:
        following = PART.search(self.text, one.end)
        return self.text[self._part_start(one.start) : following.start() if following else len(self.text)]

    def _side(self, one: Quantity) -> str | None:
        behind = SIDE_BEHIND.match(self.text, one.end)
        if behind:
            return "short" if behind["word"].lower().startswith("short") else "long"
        part = self._part(one)
        sides = {str(match.lastgroup) for match in SIDE.finditer(part)}
        return sides.pop() if len(sides) == 1 else None

    def _side_near(self, place: int) -> str | None:
        near = self.text[max(0, place - 40) : place + 40]
        sides = [(abs(match.start() - min(place, 40)), str(match.lastgroup)) for match in SIDE.finditer(near)]
        return min(sides)[1] if sides else None

    def _made(
        self,
        kind: str,
        amount: Quantity | None,
        place: Quantity,
        *,
        side: str | None,
        price: Quantity | None = None,
        first: int | None = None,
        relation: str = "",
        conditional: bool = False,
        notes: tuple[str, ...] = (),
    ) -> Claim:
        start, end = self._place(min(place.start, place.start if first is None else first), place.end)
        coin, told = self._coin(place)
        moment = min(
            (one for one in self.moments if one.window), key=lambda one: _gap(one, place), default=None
        )
        length = min(self.lengths, key=lambda one: _gap(one, place), default=None)
        said = (*notes, *told, *((moment.note,) if moment and moment.note else ()))
        return Claim(
            kind=kind,
            start=start,
            end=end,
            text=self.given[start:end],
            coin=coin,
            side=side,
            amount=amount,
            price=price,
            window=None if length is None else length.length,
            moment=None if moment is None else moment.window,
            relation=relation,
            is_conditional=conditional,
            notes=said,
        )

    def _coin(self, place: Quantity) -> tuple[str | None, tuple[str, ...]]:
        if self.coins:
            near = min(self.coins, key=lambda one: min(abs(one[0] - place.end), abs(place.start - one[1])))
            return near[2], ()
        if EVERY_COIN.search(self.text):
            return "ALL", ()
        if self.coin_before is not None:
            return self.coin_before, (
                f"no coin in the sentence: {self.coin_before} was named last before it",
            )
        return None, ()

    def _place(self, start: int, end: int) -> tuple[int, int]:
        return self.read.span(self.offset + start, self.offset + end)

    def _not_understood(self, start: int, end: int, reason: str) -> None:
        first, last = self._place(start, end)
        self.unknown.append(NotUnderstood(first, last, self.given[first:last], reason))


def _last(pattern: re.Pattern[str], text: str) -> int:
    """Return where the last match begins; -1 without one."""
    return max((match.start() for match in pattern.finditer(text)), default=-1)


def _gap(one: Moment | Length, place: Quantity) -> int:
    return max(one.start - place.end, place.start - one.end, 0)


def _quantity_json(one: Quantity | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "value": one.value,
        "unit": one.unit or None,
        "low": one.low,
        "high": one.high,
        "wording": one.wording,
    }
