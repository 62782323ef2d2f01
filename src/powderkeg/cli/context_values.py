"""Facts of a context as people read them, and the tables that they stand in."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text

from powderkeg.analytics.market_context import MarketContext
from powderkeg.cli.terminal import price_text
from powderkeg.model.amount_text import usd
from powderkeg.model.fact import Fact
from powderkeg.model.times import DAY, HOUR, MINUTE

UNKNOWN = Text("-", style="dim")


def value_text(fact: Fact) -> Text:
    """Return a fact's value as people read it: shares in per cent, amounts with their unit; - without one."""
    if fact.value is None:
        return UNKNOWN
    if fact.unit == "fraction" and ".change_" in fact.name:
        return Text(f"{fact.value:+.2%}")
    return Text(_WRITTEN.get(fact.unit, "{:.3g}".format)(fact.value))


def _dollars(value: float) -> str:
    return f"-{usd(-value)}" if value < 0 else usd(value)


def length_text(milliseconds: float) -> str:
    """Return a length of time, rounded."""
    for unit, name in ((DAY, "d"), (HOUR, "h")):
        if milliseconds >= 2 * unit:
            return f"{milliseconds / unit:.3g} {name}"
    return f"{milliseconds // MINUTE:.0f} min"


_WRITTEN: dict[str, Callable[[float], str]] = {
    "USD": _dollars,
    "fraction": "{:.1%}".format,
    "price": price_text,
    "per_8h": "{:+.4%}".format,
    "per_year": "{:+.1%}".format,
    "milliseconds": length_text,
    "base": lambda value: f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.4g}",
    "count": "{:.0f}".format,
}


def told(result: MarketContext, name: str) -> str:
    """Return a fact as text."""
    return value_text(result.fact(name)).plain


def facts_of(result: MarketContext, *names: str) -> list[Text]:
    """Return the values of facts."""
    return [value_text(result.fact(name)) for name in names]
