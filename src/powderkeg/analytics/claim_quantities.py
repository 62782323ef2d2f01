"""Numbers in a sentence with their unit and how exactly they are meant; dates, times and lengths of time."""

from __future__ import annotations

import calendar
import datetime as dt
import math
import re
from dataclasses import dataclass

from powderkeg.model.times import DAY, HOUR, MINUTE, WEEK
from powderkeg.model.window import Window

WIDEST_ROUNDING = 0.05
"""Half a unit of the last significant digit, but no more than this share: ``$1 billion`` is not 0.5 to 1.5."""
ABOUT = 0.10
"""How far ``about`` and ``nearly`` reach, as a share of the number."""
COINS = {
    "bitcoin": "BTC", "btc": "BTC", "xbt": "BTC", "ethereum": "ETH", "ether": "ETH", "eth": "ETH", "solana": "SOL",
    "sol": "SOL", "xrp": "XRP", "dogecoin": "DOGE", "doge": "DOGE", "bnb": "BNB", "cardano": "ADA",
    "hype": "HYPE", "avax": "AVAX", "ltc": "LTC", "litecoin": "LTC", "sui": "SUI", "pepe": "PEPE",
}  # fmt: skip
_AMBIGUOUS_COINS = frozenset({"sol", "hype", "sui", "ether"})
_CURRENCIES = {
    "$": "USD", "us$": "USD", "usd": "USD", "usdt": "USD", "usdc": "USD", "dollar": "USD", "dollars": "USD",
    "€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR", "£": "GBP", "gbp": "GBP", "pounds": "GBP",
    "¥": "JPY", "jpy": "JPY", "yen": "JPY", "₹": "INR", "inr": "INR", "₩": "KRW", "krw": "KRW", "won": "KRW",
    "chf": "CHF", "cny": "CNY", "yuan": "CNY", "a$": "AUD", "c$": "CAD",
}  # fmt: skip
_SCALES = {
    "k": 1e3, "thousand": 1e3, "m": 1e6, "mm": 1e6, "mn": 1e6, "mln": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9,
    "bln": 1e9, "billion": 1e9, "t": 1e12, "tn": 1e12, "trn": 1e12, "trillion": 1e12,
}  # fmt: skip
_FOREIGN_SCALES = (
    "mrd",
    "mio",
    "mld",
    "milliarden",
    "milliards",
    "milliard",
    "millones",
    "crore",
    "lakh",
    "млрд",
    "млн",
)
_QUANTITY = re.compile(
    r"(?<![\w.,$€£])(?P<sign>[-−+](?=[\d$€£.]))?(?P<currency>(?:US|A|C)\$|[$€£¥₹₩]|(?:USD|EUR|GBP|JPY|CHF)(?=\s?\d))?\s?"
    r"(?P<number>\d[\d.,]*\d|\d)"
    r"(?:(?:\s|-(?=[a-z]{4}))?(?P<scale>thousand|million|billion|trillion|mm|mn|mln|bn|bln|tn|trn|[kmbt]"
    rf"|{'|'.join(_FOREIGN_SCALES)})(?![a-z\d]))?"
    r"(?:(?:\s|-)?(?P<unit>%|percentage points|percent|per cent|pct|bps|basis points|pp(?![a-z])|contracts?|coins?"
    r"|dollars|usdt|usdc|usd|euros?|eur|gbp|pounds|yen|jpy|inr|krw|won|chf|cny|yuan|btc|bitcoins?|eth|ether|sol|xrp|doge"
    r"|x)(?![a-z\d]))?",
    re.IGNORECASE,
)
_RANGE = re.compile(r"\s?[-–—]\s?[$€£]?\d")
_APPROXIMATE = re.compile(
    r"(?:\b(?P<about>about|around|roughly|approximately|approx\.?|circa|some|estimated)|(?P<tilde>[~≈])"
    r"|\b(?P<nearly>nearly|almost|close to|just under|just shy of)"
    r"|\b(?P<over>over|more than|above|exceed(?:s|ed|ing)?|at least|upwards? of|north of|topp(?:ed|ing))"
    r"|\b(?P<under>under|less than|below|at most|up to|fewer than)"
    r"|(?P<sign>[<>]))\s*(?:an?\s+)?(?:estimated\s+)?$",
    re.IGNORECASE,
)
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name} | {
    name.lower(): number for number, name in enumerate(calendar.month_abbr) if name
} | {"sept": 9}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_ISO = re.compile(
    r"(?<![\d-])(?P<date>\d{4}-\d{2}-\d{2})(?:[T ](?P<clock>\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)\s?(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?)?(?![\d-])"
)
_DATE = re.compile(
    rf"\b(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{_MONTH})\b\.?|(?P<month2>{_MONTH})\b\.?\s+(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\b)"
    r"(?:,?\s+(?P<year>20\d\d)\b)?",
    re.IGNORECASE,
)
_RELATIVE = re.compile(r"\b(?P<word>yesterday|today)\b", re.IGNORECASE)
_CLOCK = re.compile(
    r"\b(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?:\s?(?P<zone>UTC|GMT|Z)\b)", re.IGNORECASE
)
_NUMBERS = {
    "a": 1,
    "an": 1,
    "one": 1,
    "single": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "six": 6,
    "seven": 7,
    "twelve": 12,
}
_LENGTHS = {
    "minute": MINUTE,
    "min": MINUTE,
    "hour": HOUR,
    "hr": HOUR,
    "h": HOUR,
    "day": DAY,
    "d": DAY,
    "week": WEEK,
    "month": 30 * DAY,
}
_LENGTH = re.compile(
    r"(?<![\w.,$])(?:(?P<count>\d{1,4})[\s-]?(?P<unit>minute|min|hour|hr|h|day|d|week|month)s?"
    r"|(?:(?:past|last|previous|within|over|in)\s+)(?:the\s+)?(?:(?:past|last|previous)\s+)?"
    r"(?P<word>a|an|one|single|two|three|four|six|seven|twelve)?\s?(?P<unit2>minute|hour|day|week|month)s?)(?![\w])",
    re.IGNORECASE,
)
_SLASHED = re.compile(r"(?<![\d/])\d{1,4}/\d{1,2}/\d{1,4}(?![\d/])")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of a text.

    Attributes
    ----------
    value
        In `unit`; not scaled further.
    unit
        ``USD`` or another currency, ``percent``, ``basis points``, ``contracts``, a coin such as ``BTC``,
        ``leverage``, ``percentage points``, or empty where the text gives none.
    low, high
        What the words allow: half a unit of the last significant digit, more with ``about``; `high` is infinite
        for ``over``, `low` is 0 for ``under``.
    wording
        ``exact``, ``about``, ``nearly``, ``over`` or ``under``.
    scaled
        Whether a word such as ``billion`` stands with it.
    start, end
        Its place in the sentence.
    problem
        Why it cannot be read; empty where it can.
    """

    value: float
    unit: str
    low: float
    high: float
    wording: str
    scaled: bool
    start: int
    end: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """A date or time of a text: `window` is the day, or the instant and one millisecond; None where it is not one."""

    window: Window | None
    start: int
    end: int
    note: str = ""
    is_instant: bool = False


@dataclass(frozen=True, slots=True)
class Length:
    """A length of time of a text in ms."""

    length: int
    start: int
    end: int


def quantities(sentence: str, taken: list[tuple[int, int]]) -> list[Quantity]:
    """Return the numbers of a sentence, those inside `taken` left out."""
    found = []
    for match in _QUANTITY.finditer(sentence):
        start, end = match.span()
        while sentence[start].isspace():
            start += 1
        if not any(start < stop and end > begin for begin, stop in taken):
            found.append(_quantity(sentence, match, start, end))
    return found


def _quantity(sentence: str, match: re.Match[str], start: int, end: int) -> Quantity:
    digits, scale = match["number"], (match["scale"] or "").lower()
    currency, unit_word = (match["currency"] or "").lower(), (match["unit"] or "").lower()
    problem = _problem(sentence, match, digits, scale, currency, unit_word, end)
    unit = _unit(currency, unit_word)
    if problem:
        return Quantity(math.nan, unit, math.nan, math.nan, "exact", bool(scale), start, end, problem)
    factor = _SCALES.get(scale, 1.0)
    plain = digits.replace(",", "")
    value = float(plain) * factor
    half = min(0.5 * _last_digit(plain) * factor, WIDEST_ROUNDING * value)
    wording = _wording(sentence[max(0, start - 24) : start])
    low, high = value - half, value + half
    if wording == "about":
        low, high = value * (1 - ABOUT), value * (1 + ABOUT)
    elif wording == "nearly":
        low = value * (1 - ABOUT)
    elif wording == "over":
        high = math.inf
    elif wording == "under":
        low = 0.0
    if match["sign"] in ("-", "−"):
        value, low, high = -value, -high, -low
    return Quantity(value, unit, low, high, wording, bool(scale), start, end)


def _problem(
    sentence: str, match: re.Match[str], digits: str, scale: str, currency: str, unit_word: str, end: int
) -> str:
    if scale in _FOREIGN_SCALES:
        return f"{match['scale']} is a unit of another language; expected billion, bn, million or M"
    if len(digits) > 24 or not re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?", digits):
        return f"{digits[:40]} is no number in English notation, such as 4.34 or 4,340"
    if _RANGE.match(sentence, end) or re.search(
        r"\d\s?[-–—]\s?$", sentence[max(0, match.start() - 3) : match.start()]
    ):
        return "a range of numbers is not read"
    if len(scale) == 1 and scale in "mbt" and not currency and not unit_word:
        return f"{match['scale']} after a number without a currency may mean several things"
    return ""


def _unit(currency: str, word: str) -> str:
    if word in ("%", "percent", "per cent", "pct"):
        return "percent"
    if word in ("bps", "basis points"):
        return "basis points"
    if word in ("percentage points", "pp"):
        return "percentage points"
    if word.startswith("contract"):
        return "contracts"
    if word == "x":
        return "leverage"
    if word.startswith("coin"):
        return "coins"
    if currency:
        return _CURRENCIES[currency]
    return _CURRENCIES.get(word) or COINS.get(word.removesuffix("s")) or COINS.get(word) or ""


def _last_digit(digits: str) -> float:
    """Return what one unit of the last significant digit is; zeros at the end of a whole number are not significant."""
    if "." in digits:
        return 10.0 ** -len(digits.partition(".")[2])
    return 10.0 ** (len(digits) - len(digits.rstrip("0"))) if digits.strip("0") else 1.0


def _wording(before: str) -> str:
    found = _APPROXIMATE.search(before)
    if found is None:
        return "exact"
    if found["sign"]:
        return "over" if found["sign"] == ">" else "under"
    return "about" if found["tilde"] else str(found.lastgroup)


def lengths(sentence: str, taken: list[tuple[int, int]]) -> list[Length]:
    """Return the lengths of time of a sentence; a month counts as 30 days."""
    found = []
    for match in _LENGTH.finditer(sentence):
        if any(match.start() < stop and match.end() > begin for begin, stop in taken):
            continue
        count = int(match["count"]) if match["count"] else _NUMBERS.get((match["word"] or "a").lower(), 1)
        unit = (match["unit"] or match["unit2"]).lower()
        if count:
            found.append(Length(count * _LENGTHS[unit], *match.span()))
    return found


def moments(sentence: str, at: int | None) -> list[Moment]:
    """Return the dates and times of a sentence.

    Parameters
    ----------
    sentence
        One sentence.
    at
        What a date without a year, ``today`` and ``yesterday`` are of, UTC milliseconds; without it they are none.
    """
    found = [_iso_moment(match) for match in _ISO.finditer(sentence)]
    for match in _DATE.finditer(sentence):
        is_verb = (match["month"] or match["month2"]) in ("may", "march")
        if not is_verb and not any(match.start() < one.end and match.end() > one.start for one in found):
            found.append(_dated(match, at))
    for match in _RELATIVE.finditer(sentence):
        if at is None:
            found.append(Moment(None, *match.span(), f"{match[0]} needs a time to count from"))
        else:
            day = at // DAY * DAY - (DAY if match["word"].lower() == "yesterday" else 0)
            found.append(
                Moment(
                    Window(day, day + DAY), *match.span(), f"{match[0]} is counted from the time of the check"
                )
            )
    found += [
        Moment(None, *match.span(), f"{match[0]} can be two dates; expected such as 2025-10-10")
        for match in _SLASHED.finditer(sentence)
    ]
    return _with_clock(sentence, sorted(found, key=lambda one: one.start))


def _with_clock(sentence: str, found: list[Moment]) -> list[Moment]:
    """Return moments with a time of day that the sentence gives once, in UTC, for its one date."""
    clocks = [
        match
        for match in _CLOCK.finditer(sentence)
        if not any(match.start() < one.end and match.end() > one.start for one in found)
    ]
    dated = [one for one in found if one.window is not None and not one.is_instant]
    if len(clocks) != 1 or len(dated) != 1 or len(found) != 1:
        return found
    clock, date = clocks[0], dated[0]
    assert date.window is not None  # noqa: S101 - as chosen above
    time = date.window.start + int(clock["hour"]) * HOUR + int(clock["minute"]) * MINUTE
    start, end = min(clock.start(), date.start), max(clock.end(), date.end)
    return [Moment(Window(time, time + 1), start, end, date.note, is_instant=True)]


def _iso_moment(match: re.Match[str]) -> Moment:
    start, end = match.span()
    zone = (match["zone"] or "Z").replace("UTC", "+00:00").replace("Z", "+00:00")
    try:
        if match["clock"] is None:
            day = _milliseconds(dt.datetime.fromisoformat(f"{match['date']}T00:00+00:00"))
            return Moment(Window(day, day + DAY), start, end)
        time = _milliseconds(dt.datetime.fromisoformat(f"{match['date']}T{match['clock']}{zone}"))
    except ValueError:
        return Moment(None, start, end, f"{match[0]} is no date")
    note = "" if match["zone"] else f"{match[0]} is taken as UTC"
    return Moment(Window(time, time + 1), start, end, note, is_instant=True)


def _dated(match: re.Match[str], at: int | None) -> Moment:
    start, end = match.span()
    month = _MONTHS[(match["month"] or match["month2"]).lower()]
    number = int(match["day"] or match["day2"])
    note = ""
    if match["year"]:
        year = int(match["year"])
    elif at is None:
        return Moment(None, start, end, f"{match[0]} has no year")
    else:
        known = dt.datetime.fromtimestamp(at / 1000, tz=dt.UTC)
        year = known.year if (month, number) <= (known.month, known.day) else known.year - 1
        note = f"{match[0]} has no year; {year} is the last one by the time of the check"
    try:
        day = _milliseconds(dt.datetime(year, month, number, tzinfo=dt.UTC))
    except ValueError:
        return Moment(None, start, end, f"{match[0]} is no date")
    return Moment(Window(day, day + DAY), start, end, note)


def _milliseconds(time: dt.datetime) -> int:
    return int(time.timestamp() * 1000)


def coins_named(sentence: str) -> list[tuple[int, int, str]]:
    """Return (start, end, coin) of the coins that a sentence names; words that mean other things only in capitals."""
    found = []
    for match in _COIN.finditer(sentence):
        word = match[0].lstrip("$")
        if word.lower() in _AMBIGUOUS_COINS and not (word.isupper() or match[0].startswith("$")):
            continue
        found.append((match.start(), match.end(), COINS[word.lower()]))
    return found


_COIN = re.compile(
    rf"(?<![\w.])\$?(?:{'|'.join(sorted(COINS, key=len, reverse=True))})(?![\w])", re.IGNORECASE
)
