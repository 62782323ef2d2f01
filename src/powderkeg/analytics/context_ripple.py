"""Ripple: how other coins move with one, calm and stressed, and what its move would liquidate in them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from powderkeg.analytics.coin_instruments import coin_of_main
from powderkeg.analytics.context_facts import ContextSection, FactWriter, bringing
from powderkeg.analytics.context_inputs import BAR, RECENT, ContextInputs
from powderkeg.core.betas import shrunk_betas
from powderkeg.core.cascade_envelope import FARTHEST, ForcedCurve, forced_curve
from powderkeg.core.co_movement import (
    Measured,
    VolatilityRegimes,
    beta_of,
    correlation_of,
    tail_dependence,
    volatility_regimes,
)
from powderkeg.core.contagion import CoinExposure, jointly_forced
from powderkeg.errors import InputError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.aggregated_map import aggregated_map
from powderkeg.maps.coin_frames import coin_frames
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.maps.snapshot_betas import hourly_closes
from powderkeg.maps.venue_models import VenueModels
from powderkeg.model.arrays import BoolArray, FloatArray
from powderkeg.model.fact import Fact
from powderkeg.model.times import DAY, HOUR
from powderkeg.model.window import Window
from powderkeg.model.worlds_parameters import LONG, SHORT
from powderkeg.venues.registry import venue as venue_of
from powderkeg.venues.venue import Venue

MOVES = {"down_10": -0.10, "down_5": -0.05, "up_5": 0.05, "up_10": 0.10}
"""Moves of the coin, as fractions of its mark, for which joint liquidations are told."""
MOST_OTHERS = 12
MOST_MAPS = 6
WINDOW = 90 * DAY
_FEWEST_HOURS = 200


@dataclass(frozen=True, slots=True)
class CoMovement:
    """How one coin moves with the pushed one, by regime.

    Attributes
    ----------
    coin
        Its name.
    beta, correlation
        By regime, ``calm``, ``stressed`` and ``all``.
    tail_falls, tail_rises
        See `powderkeg.core.co_movement.tail_dependence`.
    """

    coin: str
    beta: dict[str, Measured]
    correlation: dict[str, Measured]
    tail_falls: Measured
    tail_rises: Measured

    def as_json(self) -> dict[str, Any]:
        """Return it with the error and the number of observations of each statistic."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class JointLiquidation:
    """What a move of the pushed coin would liquidate in one coin: modelled.

    Attributes
    ----------
    move
        As ``down_5``.
    price
        The pushed coin's.
    coin, beta, own_move
        Whose liquidations, its beta in stress, and the move of its own that follows, a fraction.
    notional
        USD that stand on the way there, without time, depth or feedback.
    """

    move: str
    price: float
    coin: str
    beta: float
    own_move: float
    notional: float

    def as_json(self) -> dict[str, Any]:
        """Return it as a dictionary."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Ripple:
    """The section, and the tables behind it."""

    section: ContextSection
    co_movements: tuple[CoMovement, ...]
    joint: tuple[JointLiquidation, ...]


def ripple(
    inputs: ContextInputs,
    total: LiquidationMap,
    write: FactWriter,
    models: VenueModels,
    *,
    others: Sequence[str] | None,
    prices: Sequence[float],
) -> Ripple:
    """Return how other coins move with the context's, and what its moves would liquidate in them.

    Parameters
    ----------
    inputs, write
        Of the context.
    total
        The coin's own map.
    models
        Behind the maps of the others.
    others
        Coins; by default the most traded of the venue at which most have bars.
    prices
        Of the coin, besides round moves, within a factor of three of its mark.

    Raises
    ------
    InputError
        A price is out of that range.
    """
    place, coins = _others(inputs, others)
    hour = inputs.as_of // HOUR * HOUR
    window = Window(hour - WINDOW, hour)
    closes = np.column_stack(
        [hourly_closes(inputs.lake, place.name, place.symbol(coin), window) for coin in (inputs.coin, *coins)]
    )
    regimes = volatility_regimes(closes[:, 0], HOUR)
    with np.errstate(invalid="ignore"):
        returns = np.diff(np.log(closes), axis=0)
    source = f"hourly bars of {place.name}"
    facts = [*_regime_facts(write, regimes, source, window)]
    found = []
    for number, coin in enumerate(coins, start=1):
        if np.isfinite(returns[:, number]).sum() < _FEWEST_HOURS:
            facts.append(
                write.missing(
                    f"ripple.{coin}.beta.all", "ratio", bringing(place, "bars", coin), source=source
                )
            )
            continue
        one = _co_movement(coin, returns[:, 0], returns[:, number], regimes)
        found.append(one)
        facts += _co_movement_facts(write, one, source, window)
    if not coins:
        facts.append(
            write.missing(
                "ripple.coins",
                "count",
                f"no other coin has bars; `powderkeg backfill {place.name} ETH` brings them",
            )
        )
    stressed = np.where(regimes.stressed[:, None], returns, np.nan)
    betas = dict(zip((inputs.coin, *coins), shrunk_betas(stressed, 0).tolist(), strict=True))
    joint, why = _joint(inputs, total, models, [one.coin for one in found], betas, prices)
    facts += _joint_facts(write, joint, why)
    return Ripple(ContextSection("ripple", "Ripple to other coins", tuple(facts)), tuple(found), joint)


def _others(inputs: ContextInputs, named: Sequence[str] | None) -> tuple[Venue, list[str]]:
    """Return the venue at which most coins have bars, and the most traded ones there."""
    by_venue: dict[str, set[str]] = {}
    for one in inputs.recent.venues:
        place = venue_of(one.venue)
        symbols = {
            summary.key.symbol
            for summary in inputs.lake.datasets("bars", one.venue)
            # What begins later was not there yet.
            if summary.first_ts is not None and summary.first_ts < inputs.as_of
        }
        by_venue[one.venue] = {coin for symbol in symbols if (coin := coin_of_main(place, symbol))}
    place = venue_of(max(by_venue, key=lambda name: len(by_venue[name])))
    if named is not None:
        return place, [coin.upper() for coin in named if coin.upper() != inputs.coin]
    traded = {
        coin: _traded(inputs.lake, place, coin, inputs.as_of)
        for coin in sorted(by_venue[place.name] - {inputs.coin})
    }
    ranked = sorted((coin for coin in traded if traded[coin] > 0), key=lambda coin: -traded[coin])
    return place, ranked[:MOST_OTHERS]


def _traded(lake: Lake, place: Venue, coin: str, at: int) -> float:
    """Return USD traded in the day before; 0 where no bar of it is known."""
    for variant in ("1h", "5m", "1m"):
        key = DatasetKey("bars", place.name, place.symbol(coin), variant)
        rows = lake.read(key, Window(at - DAY, at), ("ts", "interval_ms", "volume", "close"))
        rows = rows.filter(rows["ts"] + rows["interval_ms"] <= at)
        if rows.height:
            return float((rows["volume"] * rows["close"]).sum())
    return 0.0


def _regime_facts(
    write: FactWriter, regimes: VolatilityRegimes, source: str, window: Window
) -> Iterator[Fact]:
    known = regimes.known_before[np.isfinite(regimes.known_before)]
    share = float(np.mean(known <= regimes.now)) if len(known) and math.isfinite(regimes.now) else math.nan
    yield write.fact(
        "ripple.volatility", regimes.now, "per_root_day", source, window=window, notes=("half-life of a day",)
    )
    yield write.fact(
        "ripple.volatility.percentile",
        share,
        "fraction",
        source,
        window=window,
        notes=(f"now {regimes.present or 'neither calm nor stressed'}: calm up to 0.5, stressed from 0.9",),
    )


def _co_movement(coin: str, pushed: FloatArray, other: FloatArray, regimes: VolatilityRegimes) -> CoMovement:
    chosen: dict[str, BoolArray] = {
        "calm": regimes.calm,
        "stressed": regimes.stressed,
        "all": np.ones(len(pushed), np.bool_),
    }
    return CoMovement(
        coin=coin,
        beta={name: beta_of(pushed[rows], other[rows]) for name, rows in chosen.items()},
        correlation={name: correlation_of(pushed[rows], other[rows]) for name, rows in chosen.items()},
        tail_falls=tail_dependence(pushed, other, -1),
        tail_rises=tail_dependence(pushed, other, 1),
    )


def _co_movement_facts(write: FactWriter, one: CoMovement, source: str, window: Window) -> Iterator[Fact]:
    name = f"ripple.{one.coin}"
    for regime in ("calm", "stressed", "all"):
        yield write.measured(f"{name}.beta.{regime}", one.beta[regime], "ratio", source, window=window)
        yield write.measured(
            f"{name}.correlation.{regime}", one.correlation[regime], "ratio", source, window=window
        )
    for side in ("falls", "rises"):
        found: Measured = getattr(one, f"tail_{side}")
        yield write.measured(f"{name}.tail_dependence.{side}", found, "fraction", source, window=window)


def _joint(
    inputs: ContextInputs,
    total: LiquidationMap,
    models: VenueModels,
    coins: Sequence[str],
    betas: dict[str, float],
    prices: Sequence[float],
) -> tuple[tuple[JointLiquidation, ...], tuple[str, ...]]:
    """Return what moves liquidate in each coin that has a map, and why others have none."""
    maps, why = {inputs.coin: total}, []
    end = inputs.as_of // BAR * BAR
    for coin in coins[:MOST_MAPS]:
        try:
            frames, _ = coin_frames(inputs.lake, inputs.venues, coin, Window(end - RECENT, end))
            maps[coin] = aggregated_map([run.map() for run in models.runs(frames)], coin).total
        except InputError as error:
            why.append(f"{coin}: {error}")
    why += [f"{coin}: maps are made of the {MOST_MAPS} most traded coins" for coin in coins[MOST_MAPS:]]
    exposures = [
        CoinExposure(coin, betas[coin], *(_curve(one, side) for side in (-1, 1)))
        for coin, one in maps.items()
    ]
    mark = total.mark_price
    targets = {name: mark * (1 + move) for name, move in MOVES.items()}
    targets |= {f"to_{price:.10g}": price for price in prices}
    found = []
    for name, price in targets.items():
        if not (math.isfinite(price) and price > 0):
            raise InputError(f"price: {price:g}; expected a positive price")
        move = math.log(price) - math.log(mark)
        if abs(move) > FARTHEST:
            raise InputError(
                f"price: {price:g} is {price / mark:.3g} times the mark of {inputs.coin}, {mark:.10g}; "
                "expected one within a factor of three of it"
            )
        for exposure, notional in zip(exposures, jointly_forced(exposures, move).tolist(), strict=True):
            own = math.expm1(exposure.beta * move)
            found.append(JointLiquidation(name, price, exposure.name, exposure.beta, own, notional))
    return tuple(found), tuple(why)


def _curve(one: LiquidationMap, direction: int) -> ForcedCurve:
    """Return what a map releases: what its calibration expects to be forced, else what stands."""
    mass = (
        one.standing_ahead(direction)
        if one.ensemble is None
        else one.ensemble.expected_forced[SHORT if direction > 0 else LONG]
    )
    return forced_curve(one.grid, mass, one.mark_price, direction)


def _joint_facts(
    write: FactWriter, joint: Sequence[JointLiquidation], why: tuple[str, ...]
) -> Iterator[Fact]:
    source = "modelled maps, and betas in stress drawn towards 1"
    for move in dict.fromkeys(one.move for one in joint):
        rows = [one for one in joint if one.move == move]
        own, elsewhere = rows[0], rows[1:]
        for one in rows:
            yield write.fact(
                f"ripple.joint_liquidation.{move}.{one.coin}",
                one.notional,
                "USD",
                source,
                kind="modelled",
                notes=(
                    f"{own.coin} at {own.price:,.6g}: with a beta of {one.beta:.2f} {one.coin} moves by "
                    f"{one.own_move:+.1%}",
                    "what stands on the way, at once: no time, no depth, no feedback",
                ),
            )
        yield write.fact(
            f"ripple.joint_liquidation.{move}.elsewhere",
            sum(one.notional for one in elsewhere) if elsewhere else math.nan,
            "USD",
            source,
            kind="modelled",
            notes=(
                f"in {', '.join(one.coin for one in elsewhere)}" if elsewhere else "no other coin has a map",
                *why,
            ),
        )
