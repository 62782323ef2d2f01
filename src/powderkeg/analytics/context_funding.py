"""Funding and basis: what longs pay at each venue, how unusual that is for the coin, and for how long."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from powderkeg.analytics.context_facts import ContextSection, FactWriter, bringing, bringing_any
from powderkeg.analytics.context_inputs import ContextInputs, last
from powderkeg.core.alignment import cadence_of
from powderkeg.core.funding_rates import (
    annualised,
    crowded_side,
    per_common_interval,
    persistence,
    weighted_mean,
)
from powderkeg.core.liquidation_imbalance import percentile_rank
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.tables import Source, read_table
from powderkeg.model.arrays import FloatArray
from powderkeg.model.fact import Fact
from powderkeg.model.times import DAY, HOUR, MINUTE, WEEK
from powderkeg.model.window import Window
from powderkeg.venues.venue import Venue

_FEWEST_WINDOWS = 20
_OLDEST_INDEX = 10 * MINUTE
_SPOT_AGE = 2 * HOUR
_SIDE_VALUE = {"long": 1.0, "short": -1.0, None: 0.0}


def funding_and_basis(inputs: ContextInputs, write: FactWriter, spot: Source | None) -> ContextSection:
    """Return the section; `spot` is a table of spot bars of the coin, or None."""
    facts = [*_funding(inputs, write), *_basis(inputs, write, spot)]
    return ContextSection("funding", "Funding and basis", tuple(facts))


def _funding(inputs: ContextInputs, write: FactWriter) -> Iterator[Fact]:
    week = Window(write.as_of - WEEK, write.as_of)
    rates, summed, shares, weights = [], [], [], []
    for one in inputs.recent.venues:
        rate = last(one.funding_rate, filled=0)
        told = one.funding_interval and math.isfinite(rate)
        common = per_common_interval(rate, one.funding_interval) if told else math.nan
        source = f"funding of {one.venue} {one.symbol}"
        notes = (
            (f"settled last, {rate:.6%} per {one.funding_interval / HOUR:g} hours",)
            if told
            else (bringing(_venue(inputs, one.venue), "funding", inputs.coin),)
        )
        yield write.fact(f"funding_rate.{one.venue}", common, "per_8h", source, notes=notes)
        yield write.fact(
            f"funding_rate.{one.venue}.annualised", annualised(common), "per_year", source, notes=notes
        )
        total, share, week_rates = _week(inputs, one.venue, one.symbol, week)
        yield write.fact(
            f"funding_rate.{one.venue}.cumulative_7d",
            total,
            "fraction",
            source,
            window=week,
            coverage=share,
            notes=("paid by a long who held for the seven days",),
        )
        persisted = persistence(week_rates)
        yield write.fact(
            f"funding_rate.{one.venue}.persistence",
            persisted.share,
            "fraction",
            source,
            window=week,
            coverage=share,
            notes=(f"of {persisted.settlements} settlements on the side of the last one",),
        )
        rates.append(common)
        summed.append(total)
        shares.append(math.copysign(persisted.share, common))
        weights.append(last(one.open_interest_usd))
    yield from _weighted(inputs, write, week, *(np.array(part) for part in (rates, summed, shares, weights)))


def _weighted(
    inputs: ContextInputs,
    write: FactWriter,
    week: Window,
    rates: FloatArray,
    summed: FloatArray,
    shares: FloatArray,
    weights: FloatArray,
) -> Iterator[Fact]:
    counted = [
        one.venue
        for one, rate, weight in zip(inputs.recent.venues, rates, weights, strict=True)
        if math.isfinite(rate) and weight > 0
    ]
    source = f"funding of {', '.join(counted) or 'no venue'}, weighed by open interest"
    coverage = len(counted) / len(inputs.venues)
    lacking = () if counted else (bringing_any(inputs.venues, "funding", inputs.coin),)
    rate = float(weighted_mean(rates, weights))
    # Signed, so that venues on the other side count against it.
    persisted = float(weighted_mean(shares, weights)) * (math.copysign(1.0, rate) if rate else math.nan)
    persisted = max(persisted, 0.0) if math.isfinite(persisted) else math.nan
    value, past = _history(inputs)
    rank = percentile_rank(past, value)
    enough = rank.windows >= _FEWEST_WINDOWS and math.isfinite(value)
    percentile = rank.share if enough else math.nan
    hour = int(inputs.past.times[-1])
    yield write.fact("funding_rate.weighted", rate, "per_8h", source, coverage=coverage, notes=lacking)
    yield write.fact(
        "funding_rate.weighted.annualised",
        annualised(rate),
        "per_year",
        source,
        coverage=coverage,
        notes=("times 3 a day and 365 days, not compounded", *lacking),
    )
    yield write.fact(
        "funding_rate.weighted.cumulative_7d",
        float(weighted_mean(summed, weights)),
        "fraction",
        source,
        window=week,
        coverage=coverage,
        notes=lacking,
    )
    yield write.fact(
        "funding_rate.weighted.persistence",
        persisted,
        "fraction",
        source,
        window=week,
        coverage=coverage,
        notes=(
            "settlements of the week on the side of the rate; venues on the other side count against",
            *lacking,
        ),
    )
    yield write.fact(
        "funding_rate.weighted.percentile",
        percentile,
        "fraction",
        source,
        window=Window(int(inputs.past.times[0]) - HOUR, hour),
        notes=(
            f"the mean of the last day among {rank.windows} earlier days that do not overlap"
            + ("" if enough else f"; expected {_FEWEST_WINDOWS} or more"),
        ),
    )
    known = all(map(math.isfinite, (rate, percentile, persisted)))
    side = crowded_side(rate, percentile, persisted)
    yield write.fact(
        "funding_rate.crowded_side",
        _SIDE_VALUE[side] if known else math.nan,
        "side",
        source,
        notes=(
            "1 longs, -1 shorts, 0 neither: longs pay above 0.01 % per 8 hours in the top tenth of the "
            "coin's past, or shorts pay in the bottom tenth, and 80 % of the week's settlements were theirs"
            if known
            else "rate, percentile or persistence is not known",
        ),
    )


def _week(inputs: ContextInputs, name: str, symbol: str, week: Window) -> tuple[float, float, FloatArray]:
    """Return the sum of the rates settled in the week, how much of it they cover, and the rates."""
    rows = inputs.lake.read(
        DatasetKey("funding", name, symbol),
        Window(week.start, week.end + 1),
        ("ts", "funding_rate", "interval_ms"),
    ).sort("ts")
    # What was settled at the start was for the time before.
    rows = rows.filter(rows["ts"] > week.start + MINUTE)
    if rows.is_empty():
        return math.nan, 0.0, np.empty(0)
    rates = rows["funding_rate"].to_numpy()
    told = rows["interval_ms"].to_numpy()
    lengths = np.where(np.isfinite(told.astype(np.float64)), told, cadence_of(rows["ts"].to_numpy()))
    return float(rates.sum()), float(lengths.sum()) / week.length, rates


def _history(inputs: ContextInputs) -> tuple[float, FloatArray]:
    """Return the mean weighed rate of the last day, and of the days before it, newest first."""
    hourly = weighted_mean(inputs.past.common_rates(), inputs.past.open_interest_usd())
    per_day = DAY // HOUR
    days = len(hourly) // per_day
    blocks = hourly[len(hourly) - days * per_day :].reshape(days, per_day)[::-1]
    known = np.isfinite(blocks)
    means = np.where(known, blocks, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    means = np.where(known.mean(axis=1) >= 0.9, means, np.nan)
    return (float(means[0]), means[1:][np.isfinite(means[1:])]) if days else (math.nan, np.empty(0))


def _basis(inputs: ContextInputs, write: FactWriter, spot: Source | None) -> Iterator[Fact]:
    values, weights = [], []
    for one in inputs.recent.venues:
        key = DatasetKey("mark_prices", one.venue, one.symbol)
        window = Window(write.as_of - _OLDEST_INDEX, write.as_of + 1)
        rows = inputs.lake.read(key, window, ("ts", "mark_price", "index_price")).sort("ts").drop_nulls()
        value = float(rows["mark_price"][-1] / rows["index_price"][-1]) - 1 if rows.height else math.nan
        yield write.fact(
            f"basis.{one.venue}.mark_to_index",
            value,
            "fraction",
            f"mark_prices of {one.venue} {one.symbol}",
            notes=() if rows.height else (bringing(_venue(inputs, one.venue), "mark_prices", inputs.coin),),
        )
        values.append(value)
        weights.append(last(one.open_interest_usd))
    yield write.fact(
        "basis.weighted.mark_to_index",
        float(weighted_mean(np.array(values), np.array(weights))),
        "fraction",
        "mark_prices, weighed by open interest",
        notes=()
        if any(map(math.isfinite, values))
        else (bringing_any(inputs.venues, "mark_prices", inputs.coin),),
    )
    yield _to_spot(inputs, write, spot)


def _to_spot(inputs: ContextInputs, write: FactWriter, spot: Source | None) -> Fact:
    name, one = "basis.perpetual_to_spot", inputs.reference
    if spot is None:
        return write.missing(name, "fraction", "no spot series was given: `--spot FILE`, bars of the coin")
    table = read_table(spot, "bars", symbol=inputs.coin)
    length = cadence_of(table.times)
    ended = np.flatnonzero(table.times + length <= write.as_of)
    if not len(ended) or write.as_of - int(table.times[ended[-1]]) - length > _SPOT_AGE:
        return write.missing(name, "fraction", f"{table.label}: no bar ended in the two hours before")
    end = int(table.times[ended[-1]]) + length
    mark = last(one.mark_price, behind=(write.as_of - end) // inputs.recent.step * inputs.recent.step)
    return write.fact(
        name,
        mark / float(table.values["close"][ended[-1]]) - 1,
        "fraction",
        f"mark price of {one.venue}, and {table.source}",
        kind="given",
        notes=("close of the last spot bar, and the mark of that time",),
    )


def _venue(inputs: ContextInputs, name: str) -> Venue:
    return next(one for one in inputs.venues if one.name == name)
