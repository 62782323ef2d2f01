"""Alert rules as data: their kinds, the parameters of each, and how a table becomes one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from powderkeg.errors import InputError
from powderkeg.model.market_rows import TABLES
from powderkeg.model.times import HOUR, duration

SEVERITIES = ("info", "warning", "critical")
DEFAULT_COOLDOWN = HOUR
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}")
_COIN = re.compile(r"[A-Za-z0-9]{1,20}")
_COMMON = ("name", "coin", "kind", "cooldown", "hysteresis", "severity")

Value = float | int | str


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a kind of rule.

    Attributes
    ----------
    meaning
        With its unit.
    default
        As it is written in a file; None where there is none.
    low, high
        Bounds of a number, both exclusive; None for a length of time or a word.
    words
        What a word may be; empty for any.
    group
        Of the parameters of one group exactly one counts: the one that is given, else the one with a default.
    required
        Whether it must be given.
    """

    meaning: str
    default: Value | None = None
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()
    group: str = ""
    required: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it is a number."""
        return self.low is not None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of rule: what it says, its parameters, its margin, and whether it must be seen outside first."""

    meaning: str
    parameters: Mapping[str, Parameter]
    hysteresis: float = 0.1
    leaves_first: bool = False


def _fraction(meaning: str, default: float | None, group: str = "", high: float = 1.0) -> Parameter:
    return Parameter(meaning, default, 0.0, high, group=group)


def _usd(meaning: str, default: float | None, group: str = "") -> Parameter:
    return Parameter(meaning, default, 0.0, 1e15, group=group)


_SIDE = Parameter("whose positions: long, short or either", "either", words=("long", "short", "either"))
_LEAST = {
    "least_usd": _usd("smallest wall that counts, USD", None, "wall"),
    "least_share": _fraction("smallest wall that counts, a fraction of open interest", 0.02, "wall"),
}
_HEARD = _fraction("share of the window to be heard before a small sum says anything", 0.5)
_VENUE = Parameter("one venue; any of them without", None)
_TABLE = Parameter("table of the lake", "liquidations", words=tuple(table.name for table in TABLES))

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "price_near_wall": Kind(
            "the mark price comes close to a cluster of the map",
            {"within": _fraction("distance, a fraction of the mark price", 0.01), **_LEAST, "side": _SIDE},
            0.5,
        ),
        "wall_grew": Kind(
            "of a cluster near the price so much has come to stand within a window",
            {
                "added": _fraction("part of the cluster that is new, a fraction of it", 0.5),
                "window": Parameter("since when", "4h"),
                "within": _fraction("distance that counts, a fraction of the mark price", 0.1),
                **_LEAST,
                "side": _SIDE,
            },
        ),
        "wall_swept": Kind(
            "the price has passed the peak of a cluster that stood there when a window began",
            {"window": Parameter("how long ago the map is from", "1h"), **_LEAST, "side": _SIDE},
        ),
        "map_imbalance_beyond": Kind(
            "much more stands on one side of the price than on the other",
            {
                "range": _fraction("distance on each side, a fraction of the mark price", 0.05),
                "beyond": _fraction("imbalance without its sign", None, "limit"),
                "percentile": _fraction("of the coin's history, of either tail", 0.95, "limit"),
            },
        ),
        "realised_imbalance_beyond": Kind(
            "many more of one side were liquidated than of the other",
            {
                "window": Parameter("1h, 4h, 12h or 24h", "4h", words=("1h", "4h", "12h", "24h")),
                "beyond": _fraction("imbalance without its sign", None, "limit"),
                "percentile": _fraction("of the coin's history, of either tail", 0.98, "limit"),
            },
        ),
        "liquidations_above": Kind(
            "reported liquidations of a window exceed an amount; what is reported is a floor",
            {
                "usd": _usd("USD", 50e6),
                "window": Parameter("in how long", "1h"),
                "side": _SIDE,
                "least_coverage": _HEARD,
            },
        ),
        "cascade_under_way": Kind(
            "liquidations run high while open interest falls",
            {
                "usd": _usd("reported liquidations, USD", 20e6),
                "drop": _fraction("fall of open interest in base units, a fraction", 0.02),
                "window": Parameter("in how long", "15m"),
                "least_coverage": _HEARD,
            },
            0.3,
        ),
        "funding_extreme": Kind(
            "the funding rate is far from what it usually is, or from zero",
            {
                "percentile": _fraction("of the coin's history, of either tail", 0.98, "limit"),
                "absolute": _fraction("rate without its sign, a fraction per 8 hours", None, "limit"),
            },
        ),
        "open_interest_drop": Kind(
            "open interest in base units has fallen",
            {
                "fraction": _fraction("by so much of it", 0.05),
                "window": Parameter("in how long", "1h"),
            },
            0.3,
        ),
        "measured_position_near": Kind(
            "a counted position of some size is close to its liquidation",
            {
                "usd": _usd("smallest that counts, USD", 10e6),
                "within": _fraction("distance, a fraction of the mark price", 0.02),
                "side": _SIDE,
            },
            0.5,
        ),
        "price_crosses": Kind(
            "the mark price crosses a level",
            {
                "level": Parameter("quote per base", None, 0.0, 1e12, required=True),
                "direction": Parameter("up or down", None, words=("up", "down"), required=True),
            },
            0.002,
            leaves_first=True,
        ),
        "feed_silent": Kind(
            "nothing has come into a table for long",
            {"table": _TABLE, "venue": _VENUE, "longer_than": Parameter("how long", "30m")},
        ),
        "coverage_lost": Kind(
            "of a window too little is complete in a table",
            {
                "table": _TABLE,
                "venue": _VENUE,
                "window": Parameter("of how long", "6h"),
                "least": _fraction("share of it that is to be complete", 0.9),
            },
        ),
    }
)
_LENGTHS = ("window", "longer_than")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """When to tell somebody something.

    Attributes
    ----------
    name
        Unique among the rules.
    coin
        In upper case.
    kind
        One of `KINDS`.
    parameters
        Those of the kind; lengths of time in milliseconds. Of a group only the one that counts is there.
    cooldown
        Milliseconds that pass at least between two triggers.
    hysteresis
        Margin by which the value has to leave the threshold before the rule can fire again, in [0, 1).
    severity
        ``info``, ``warning`` or ``critical``.
    """

    name: str
    coin: str
    kind: str
    parameters: Mapping[str, Value]
    cooldown: int
    hysteresis: float
    severity: str

    def number(self, name: str) -> float:
        """Return a parameter that is a number."""
        return float(self.parameters[name])

    @property
    def window(self) -> int:
        """The rule's window in milliseconds."""
        return int(self.parameters["window"])

    @property
    def side(self) -> str:
        """Whose positions count."""
        return str(self.parameters["side"])


def alert_rules(tables: Iterable[Mapping[str, Any]]) -> tuple[AlertRule, ...]:
    """Return the rules of tables as a rules file has them.

    Raises
    ------
    InputError
        A table is no rule, or two have one name; the message names rule, field, value and what was expected.
    """
    rules: dict[str, AlertRule] = {}
    for number, table in enumerate(tables, 1):
        rule = alert_rule(table, f"rule {number}")
        if rule.name in rules:
            raise InputError(f"rule {number}: name is {rule.name!r}; expected one that no other rule has")
        rules[rule.name] = rule
    return tuple(rules.values())


def alert_rule(table: Mapping[str, Any], place: str = "rule") -> AlertRule:
    """Return the rule of a table; `place` is what it is called until its name is known. Errors as above."""
    name = table.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(
            f"{place}: name is {name!r}; expected up to 64 letters, digits, spaces, dots, dashes and "
            "underscores, a letter or digit first"
        )
    place = f"rule {name!r}"
    coin = table.get("coin")
    if not isinstance(coin, str) or not _COIN.fullmatch(coin):
        raise InputError(f"{place}: coin is {coin!r}; expected one such as 'BTC'")
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise InputError(f"{place}: kind is {kind!r}; expected one of {', '.join(KINDS)}")
    known = KINDS[kind].parameters
    for field in table:
        if field not in _COMMON and field not in known:
            raise InputError(
                f"{place}: {field} is {table[field]!r}, but a rule of kind {kind} has no such field; "
                f"expected {', '.join((*_COMMON, *known))}"
            )
    severity = table.get("severity", "warning")
    if severity not in SEVERITIES:
        raise InputError(f"{place}: severity is {severity!r}; expected one of {', '.join(SEVERITIES)}")
    margin = table.get("hysteresis", KINDS[kind].hysteresis)
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not 0 <= margin < 1:
        raise InputError(f"{place}: hysteresis is {margin!r}; expected a fraction from 0 to below 1")
    return AlertRule(
        name=name,
        coin=coin.upper(),
        kind=kind,
        parameters=MappingProxyType(_parameters(place, known, table)),
        cooldown=_length(place, "cooldown", table.get("cooldown", DEFAULT_COOLDOWN)),
        hysteresis=float(margin),
        severity=severity,
    )


def _parameters(place: str, known: Mapping[str, Parameter], table: Mapping[str, Any]) -> dict[str, Value]:
    chosen: dict[str, Value] = {}
    for name, parameter in known.items():
        rivals = [other for other, one in known.items() if parameter.group and one.group == parameter.group]
        given = [rival for rival in rivals if rival in table]
        if len(given) > 1:
            raise InputError(
                f"{place}: {given[1]} is {table[given[1]]!r} beside {given[0]}; expected one of the two"
            )
        if given and name not in table:
            continue
        value = table.get(name, parameter.default)
        if value is None:
            if parameter.required:
                raise InputError(f"{place}: {name} is missing; expected {parameter.meaning}")
            continue
        chosen[name] = _value(place, name, parameter, value)
    return chosen


def _value(place: str, name: str, parameter: Parameter, value: Any) -> Value:
    if parameter.is_number:
        number = not isinstance(value, bool) and isinstance(value, int | float)
        if not number or not float(parameter.low or 0) < value < float(parameter.high or 0):
            raise InputError(
                f"{place}: {name} is {value!r}; expected a number above {parameter.low:g} and below "
                f"{parameter.high:g}: {parameter.meaning}"
            )
        return float(value)
    if not isinstance(value, str) or (parameter.words and value not in parameter.words):
        words = f"one of {', '.join(parameter.words)}" if parameter.words else parameter.meaning
        raise InputError(f"{place}: {name} is {value!r}; expected {words}")
    return _length(place, name, value) if name in _LENGTHS else value


def _length(place: str, name: str, value: Any) -> int:
    try:
        return duration(value)
    except InputError:
        raise InputError(
            f"{place}: {name} is {value!r}; expected a length of time such as 15m or 1h"
        ) from None
