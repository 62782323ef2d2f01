"""Who holds: long/short ratios, leverage as far as it is public, and how much of each side is offside."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np

from powderkeg.analytics.context_facts import FactWriter, bringing_any
from powderkeg.analytics.context_inputs import ContextInputs, last
from powderkeg.core.crowding import measured_crowding, modelled_crowding
from powderkeg.errors import InputError
from powderkeg.maps.lake_positions import lake_snapshot
from powderkeg.model.account_positions import CROSS, PositionSnapshot
from powderkeg.model.fact import Fact
from powderkeg.model.times import DAY, HOUR
from powderkeg.model.window import Window

_OLDEST_RATIO = 6 * HOUR
_SIDES = ((1, "long"), (-1, "short"))
_OFFSIDE_NOTES = {
    "offside": "share of the side in unrealised loss, with entries spread evenly over each class of distance",
    "lowest": "of the whole side at least, all that is not known set against it: a bound, no band",
    "highest": "of the whole side at most, all that is not known set for it: a bound, no band",
}


def holders(inputs: ContextInputs, write: FactWriter) -> Iterator[Fact]:
    """Yield ratios, leverage, and modelled and measured shares in unrealised loss."""
    yield from _ratios(inputs, write)
    yield from _leverage(inputs, write)
    yield from _offside(inputs, write)
    yield from _measured_offside(inputs, write)


def _ratios(inputs: ContextInputs, write: FactWriter) -> Iterator[Fact]:
    """Yield the last long/short ratio of each venue and population that had been published whole."""
    found = False
    for venue in inputs.venues:
        newest: dict[str, tuple[int, float]] = {}
        for summary in inputs.lake.datasets("long_short_ratios", venue.name, inputs.symbol(venue.name)):
            rows = inputs.lake.read(
                summary.key,
                Window(write.as_of - _OLDEST_RATIO - DAY, write.as_of),
                ("ts", "interval_ms", "population", "long_share", "short_share"),
            )
            for ts, interval, population, long_share, short_share in rows.iter_rows():
                known_at = ts + interval
                old = write.as_of - known_at > _OLDEST_RATIO
                if (
                    known_at > write.as_of
                    or old
                    or short_share <= 0
                    or known_at < newest.get(population, (0,))[0]
                ):
                    continue
                newest[population] = (known_at, long_share / short_share)
        for population, (known_at, ratio) in sorted(newest.items()):
            found = True
            yield write.fact(
                f"long_short_ratio.{venue.name}.{population}",
                ratio,
                "ratio",
                f"long_short_ratios of {venue.name} {inputs.symbol(venue.name)}, {population}",
                notes=(
                    f"published {(write.as_of - known_at) // 60_000} minutes before",
                    "of positions by size" if population == "top_positions" else "of accounts, not of money",
                ),
            )
    if not found:
        yield write.missing(
            "long_short_ratio", "ratio", bringing_any(inputs.venues, "long_short_ratios", inputs.coin)
        )


def _leverage(inputs: ContextInputs, write: FactWriter) -> Iterator[Fact]:
    usd, traded = [], []
    for one in inputs.recent.venues:
        day = one.volume_usd[-(DAY // inputs.recent.step) :]
        interest = last(one.open_interest_usd)
        if np.isfinite(day).mean() >= 0.9 and math.isfinite(interest):
            usd.append(interest)
            # Bars that lack are taken to be like the others.
            traded.append(float(np.nanmean(day)) * len(day))
    yield write.fact(
        "leverage.open_interest_to_volume",
        sum(usd) / sum(traded) if traded and sum(traded) > 0 else math.nan,
        "ratio",
        "open_interest and bars",
        window=Window(write.as_of - DAY, write.as_of),
        notes=(
            "open interest over the volume of a day: a proxy, no leverage. Balances of exchanges, which "
            "leverage ratios of the press divide by, are in no public feed",
        ),
    )
    for venue in inputs.venues:
        if venue.census is None:
            continue
        name = f"leverage.measured.{venue.name}"
        try:
            snapshot = lake_snapshot(inputs.lake, venue.name, write.as_of)
        except InputError as error:
            yield write.missing(name, "ratio", f"{error}")
            continue
        held, value, accounts = _cross_leverage(snapshot)
        yield write.fact(
            name,
            held / value if value > 0 else math.nan,
            "ratio",
            f"census of {venue.name}",
            kind="measured",
            notes=(
                f"positions over the equity behind them, of {accounts} cross-margined accounts with equity "
                "above 0: all coins, of those accounts that are known",
            ),
        )


def _cross_leverage(snapshot: PositionSnapshot) -> tuple[float, float, int]:
    """Return notional, equity and number of cross accounts with positions and known equity above 0."""
    cross = snapshot.margin_mode == CROSS
    notional = np.bincount(
        snapshot.account[cross],
        (snapshot.quantity * snapshot.state_mark_price)[cross],
        minlength=len(snapshot.accounts),
    )
    chosen = (notional > 0) & (np.nan_to_num(snapshot.cross_account_value) > 0)
    return float(notional[chosen].sum()), float(snapshot.cross_account_value[chosen].sum()), int(chosen.sum())


def _offside(inputs: ContextInputs, write: FactWriter) -> Iterator[Fact]:
    for side, side_name in _SIDES:
        told, reasons = [], []
        for run in inputs.runs:
            try:
                told.append((run.frame.venue, modelled_crowding(run.state(), side)))
            except InputError as error:
                reasons.append(f"{run.frame.venue}: {error}")
        name = f"offside.{side_name}"
        parts: tuple[Literal["offside", "lowest", "highest"], ...] = ("offside", "lowest", "highest")
        weight = sum(one.notional for _, one in told)
        for part in parts:
            full = name if part == "offside" else f"{name}.{part}"
            if not weight > 0:
                yield write.missing(full, "fraction", "; ".join(reasons) or "no map", source="worlds model")
                continue
            value = sum(getattr(one, part) * one.notional for _, one in told) / weight
            yield write.fact(
                full,
                value,
                "fraction",
                f"entries implied by the map's model, at {', '.join(str(venue) for venue, _ in told)}",
                kind="modelled",
                notes=(_OFFSIDE_NOTES[part], *reasons),
            )


def _measured_offside(inputs: ContextInputs, write: FactWriter) -> Iterator[Fact]:
    for venue in inputs.venues:
        if venue.census is None:
            continue
        for side, side_name in _SIDES:
            name = f"offside.measured.{venue.name}.{side_name}"
            try:
                snapshot = lake_snapshot(inputs.lake, venue.name, write.as_of)
                found = measured_crowding(snapshot, inputs.symbol(venue.name), side, np.random.default_rng(0))
            except InputError as error:
                yield write.missing(name, "fraction", str(error))
                continue
            yield write.fact(
                name,
                found.offside.value,
                "fraction",
                f"census of {venue.name}",
                kind="measured",
                band=(found.offside.low, found.offside.high),
                notes=(f"of {found.positions} known positions, by notional",),
            )
