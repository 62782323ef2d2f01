"""Trend channels of daily bars as facts: the lines, where the price stands, and whether it has left them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from powderkeg.analytics.reference_bars import ReferenceBars, SeenBars
from powderkeg.core.trend_channel import ChannelExit, TrendChannel, channel_exit, fitted_channel
from powderkeg.model.fact import Fact
from powderkeg.model.times import DAY, iso
from powderkeg.model.window import Window

CHANNEL_DAYS = (30, 90, 300)
_LEAST_SHARE = 0.9
_NO_MEANING = "residuals cannot be told from a random walk: the lines describe the window, not what comes"
_BASE_RATE = "of random walks about a quarter have left such a channel, one in twenty beyond that doubt"


@dataclass(frozen=True, slots=True)
class DrawnChannel:
    """A channel of the last `days` daily bars, and whether the price has left the one before.

    `exit` is None where it has not. `exit_since` is when the first bar outside began, UTC milliseconds.
    """

    days: int
    window: Window
    price: float
    channel: TrendChannel
    exit: ChannelExit | None
    exit_since: int | None

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        one = self.channel
        left = None
        if self.exit is not None and self.exit_since is not None:
            left = {
                "since": iso(self.exit_since),
                "bars": self.exit.bars,
                "side": "above" if self.exit.above else "below",
                "beyond": self.exit.beyond,
                "beyond_band_90": {"low": self.exit.beyond_low, "high": self.exit.beyond_high},
                "beyond_extremes": self.exit.beyond_extremes,
            }
        return {
            "days": self.days,
            "window": {"start": iso(self.window.start), "end": iso(self.window.end)},
            "price": self.price,
            "slope_per_day": one.slope,
            "slope_band_90": {"low": one.slope_low, "high": one.slope_high},
            "lines": {
                "lowest": one.line(one.lowest),
                "lower": one.line(one.lower),
                "middle": one.line(),
                "upper": one.line(one.upper),
                "highest": one.line(one.highest),
            },
            "position": one.position(self.price),
            "persistence": one.persistence,
            "left": left,
        }


def drawn_channel(bars: ReferenceBars, days: int) -> DrawnChannel | None:
    """Return the channel of the last `days` daily bars; None where fewer than nine in ten are there.

    Days that lack are passed over, as if the days beside them touched.
    """
    if not bars.is_fresh(DAY):
        return None
    seen = bars.seen(DAY, days * DAY)
    if seen.coverage < _LEAST_SHARE:
        return None
    channel = fitted_channel(seen["close"], seen["high"], seen["low"])
    searched = bars.seen(DAY, 2 * days * DAY)
    left = None
    if len(searched) > len(seen):
        left = channel_exit(searched["close"], len(seen), searched["high"], searched["low"])
    return DrawnChannel(
        days=days,
        window=seen.window,
        price=float(seen["close"][-1]),
        channel=channel,
        exit=left,
        exit_since=None if left is None else int(searched.ts[left.first]),
    )


def channel_facts(bars: ReferenceBars, days: int, drawn: DrawnChannel | None) -> list[Fact]:
    """Return the facts of one channel; their values are None where there is none."""
    names = {
        "slope": "per_day",
        "lower": "price",
        "middle": "price",
        "upper": "price",
        "width": "log_price",
        "position": "fraction",
        "bars_outside": "count",
        "beyond": "log_price",
    }
    if drawn is None:
        return [
            Fact(
                name=f"channel.{days}d.{name}",
                value=None,
                unit=unit,
                as_of=bars.at,
                source=bars.source(DAY),
                notes=(_why_none(bars, days),),
            )
            for name, unit in names.items()
        ]
    one, left = drawn.channel, drawn.exit
    values = {
        "slope": one.slope,
        "lower": one.line(one.lower),
        "middle": one.line(),
        "upper": one.line(one.upper),
        "width": one.width,
        "position": one.position(drawn.price),
        "bars_outside": 0.0 if left is None else float(left.bars),
        "beyond": None if left is None else left.beyond,
    }
    bands = {"slope": (one.slope_low, one.slope_high)}
    if left is not None:
        bands["beyond"] = (left.beyond_low, left.beyond_high)
    walk = (_NO_MEANING,) if one.persistence == 1 else ()
    notes: dict[str, tuple[str, ...]] = {
        "slope": walk,
        "position": (f"outer parallels at {one.line(one.lowest):,.10g} and {one.line(one.highest):,.10g}",),
        "bars_outside": (_exit_note(drawn), _BASE_RATE),
        "beyond": (_exit_note(drawn),),
    }
    return [
        Fact(
            name=f"channel.{days}d.{name}",
            value=values[name],
            unit=unit,
            as_of=bars.at,
            source=bars.source(DAY),
            window=drawn.window,
            coverage=one.count / days,
            low=bands[name][0] if name in bands else None,
            high=bands[name][1] if name in bands else None,
            notes=notes.get(name, ()),
        )
        for name, unit in names.items()
    ]


def _exit_note(drawn: DrawnChannel) -> str:
    left = drawn.exit
    if left is None or drawn.exit_since is None:
        return "the price has not left the channel of as many days before"
    side = "above" if left.above else "below"
    doubt = "within" if left.beyond_low <= 0 else "beyond"
    outer = "and" if left.beyond_extremes else "but not"
    return (
        f"{side} the channel of the {drawn.days} days before since {iso(drawn.exit_since)}, {doubt} what the "
        f"doubt about its slope allows, {outer} outside of its extremes"
    )


def _why_none(bars: ReferenceBars, days: int) -> str:
    end = bars.ended(DAY)
    if end is None:
        return "there are no daily bars"
    if not bars.is_fresh(DAY):
        return f"the daily bars end at {iso(end)}"
    seen: SeenBars = bars.seen(DAY, days * DAY)
    return f"{len(seen)} of {days} daily bars are there; expected nine in ten"
