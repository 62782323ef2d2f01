"""One run of the kernel from an empty market to arrays: populate, warm up, advance, collect."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from powderkeg.model.arrays import FloatArray, IntArray, read_only
from powderkeg.model.times import MINUTE
from powderkeg.simulation.emission import (
    VenueEmission,
    liquidation_feed,
    long_short_ratio,
    published_open_interest,
)
from powderkeg.simulation.forced_closing import DELEVERAGED_COUNTERPART
from powderkeg.simulation.market_kernel import BAR_FIELDS, COUNT_FIELDS, advance, populate
from powderkeg.simulation.market_state import (
    BASIS_TRADER,
    DIRECTIONAL,
    HEDGER,
    MARKET_MAKER,
    OPEN,
    PORTFOLIO,
    RETAIL,
    MarketState,
    empty_market,
)
from powderkeg.simulation.parameters import MarketParameters
from powderkeg.simulation.randomness import SeedArray
from powderkeg.simulation.scenarios import Episode, conditions
from powderkeg.simulation.simulated_venue import SimulatedVenue
from powderkeg.simulation.truth import MarketTruth, OpenPositions, RealisedLiquidations

_MINUTES_PER_DAY = 1_440
_HOURS_OF_PAST = 24 * 90
_SPARE_LOG_ROWS = 20_000
# Share of an intended holding time that traders stay on average: stops, targets and second thoughts.
_RETAIL_STAY = 0.6
_DIRECTIONAL_STAY = 0.5


def run_market(
    seeds: SeedArray,
    *,
    episodes: tuple[Episode, ...],
    days: int,
    start: int,
    venues: tuple[SimulatedVenue, ...],
    parameters: MarketParameters,
    instants: IntArray,
) -> tuple[tuple[VenueEmission, ...], MarketTruth]:
    """Return what every venue emits, and the truth; arguments as checked by `market.simulated_market`."""
    outside = conditions(episodes, days=days, warm_up_days=parameters.warm_up_days)
    factors = np.array(
        [
            *(outside.drift, outside.depth, outside.leverage, outside.long_bias, outside.appetite),
            outside.push,
        ],
        np.float64,
    )
    size_of = _mean_notionals(parameters)
    state = empty_market(venues, parameters, seeds, _slots(venues, parameters, size_of))
    arrivals = _populated(state, venues, parameters, size_of)
    warm_up = parameters.warm_up_days * _MINUTES_PER_DAY
    total = warm_up + days * _MINUTES_PER_DAY
    stops = sorted({*range(0, total, _MINUTES_PER_DAY), *(warm_up + (instants - start) // MINUTE), total})
    wanted = {int(minute): int(ts) for minute, ts in zip((instants - start) // MINUTE, instants, strict=True)}

    bars = np.zeros((len(venues), days * _MINUTES_PER_DAY, len(BAR_FIELDS)))
    counts = np.zeros((len(venues), days * _MINUTES_PER_DAY, len(COUNT_FIELDS)), np.int64)
    room = 3 * state.positions.size + _SPARE_LOG_ROWS
    log_integers, log_floats = np.zeros((room, 8), np.int64), np.zeros((room, 4))
    logged: list[tuple[IntArray, FloatArray]] = []
    snapshots: list[OpenPositions] = []
    funding_minutes = np.array([venue.funding_interval // MINUTE for venue in venues], np.int64)
    means = np.full(2, math.log(parameters.initial_price))
    minute = 0
    for stop in stops[1:]:
        while minute < stop:
            some_bars = np.zeros((len(venues), stop - minute, len(BAR_FIELDS)))
            some_counts = np.zeros((len(venues), stop - minute, len(COUNT_FIELDS)), np.int64)
            reached = advance(
                state,
                minute,
                stop,
                warm_up,
                factors,
                arrivals,
                means,
                funding_minutes,
                some_bars,
                some_counts,
                log_integers,
                log_floats,
            )
            if minute >= warm_up:
                rows = slice(minute - warm_up, reached - warm_up)
                bars[:, rows] = some_bars[:, : reached - minute]
                counts[:, rows] = some_counts[:, : reached - minute]
            rows_logged = int(state.venues["log_rows"][0])
            logged.append((log_integers[:rows_logged].copy(), log_floats[:rows_logged].copy()))
            state.venues["log_rows"][0] = 0
            minute = reached
        if minute - warm_up in wanted:
            snapshots.append(open_positions(state, parameters, wanted[minute - warm_up]))

    complete = _realised(logged, parameters.lot, start)
    one_sided = counts[:, :, 0] * parameters.lot
    ts = read_only(start + np.arange(days * _MINUTES_PER_DAY, dtype=np.int64) * MINUTE, np.int64)
    emissions = tuple(
        _emission(venue, ts, bars[v], counts[v], one_sided[v], _of_venue(complete, v), parameters.lot)
        for v, venue in enumerate(venues)
    )
    truth = MarketTruth(
        positions=tuple(snapshots),
        liquidations=complete,
        open_interest=read_only(one_sided),
        closings=read_only(state.closings[..., 0], np.int64),
        closed_quantity=read_only(state.closings[..., 1] * parameters.lot),
        refused=read_only(state.venues["dropped"], np.int64),
    )
    return emissions, truth


def _mean_notionals(parameters: MarketParameters) -> FloatArray:
    """Return the mean notional of (retail, directional, hedgers) under their laws, caps included."""
    nodes = (np.arange(20_000) + 0.5) / 20_000
    tail, cap = parameters.directional_tail, parameters.directional_cap
    directional = np.minimum(parameters.directional_minimum * nodes ** (-1 / tail), cap).mean()
    retail = parameters.retail_median * math.exp(parameters.retail_sigma**2 / 2)
    return np.array([min(retail, parameters.retail_cap), directional, parameters.hedger_notional])


def _shares(parameters: MarketParameters) -> FloatArray:
    return np.array([parameters.retail_share, parameters.directional_share, parameters.hedger_share])


def _slots(venues: Sequence[SimulatedVenue], parameters: MarketParameters, size_of: FloatArray) -> int:
    """Return room for several times the positions that the largest venue is meant to have."""
    largest = max(venue.open_interest for venue in venues) * parameters.initial_price * 2
    return int(5 * (largest * _shares(parameters) / size_of).sum()) + 3_000


def _populated(
    state: MarketState,
    venues: Sequence[SimulatedVenue],
    parameters: MarketParameters,
    size_of: FloatArray,
) -> FloatArray:
    """Fill `state` with positions and return the arrivals that keep them, per second, shape (venues, 3)."""
    retail = parameters.retail_holding_hours / 24 * math.exp(parameters.retail_holding_sigma**2 / 2)
    directional = parameters.directional_holding_days * math.exp(parameters.directional_holding_sigma**2 / 2)
    stay = 86_400 * np.array(
        [_RETAIL_STAY * retail, _DIRECTIONAL_STAY * directional, parameters.hedger_holding_days]
    )
    past = _past_prices(state, parameters)
    arrivals = np.zeros((len(venues), 3))
    for v, venue in enumerate(venues):
        notional = 2 * venue.open_interest * parameters.initial_price * _shares(parameters)
        arrivals[v] = notional / size_of / stay
        for kind in (RETAIL, DIRECTIONAL, HEDGER):
            populate(state, v, kind, notional[kind], 1 / stay[kind], past)
        held = abs(int(state.maker_inventory[v].sum())) * parameters.lot * parameters.initial_price
        populate(state, v, BASIS_TRADER, held, 1 / stay[HEDGER], past)
    return arrivals


def _past_prices(state: MarketState, parameters: MarketParameters) -> FloatArray:
    """Return hourly prices before the start, the latest first, ending at the initial price."""
    # Its own generator, seeded by the stream of the efficient price, which does not advance.
    generator = np.random.default_rng([int(word) for word in state.seeds[0]])
    steps = generator.normal(scale=parameters.daily_volatility / math.sqrt(24), size=_HOURS_OF_PAST)
    return np.asarray(parameters.initial_price * np.exp(np.concatenate([[0.0], np.cumsum(steps)])))


def open_positions(state: MarketState, parameters: MarketParameters, ts: int) -> OpenPositions:
    """Return every open position of `state`, market makers included, as of `ts`."""
    held = state.positions["status"] == OPEN
    venue, _ = np.nonzero(held)
    makers_venue, account = np.nonzero(state.maker_inventory)
    inventory = state.maker_inventory[makers_venue, account]
    nothing = np.full(len(inventory), np.nan)
    positions, lot = state.positions, parameters.lot
    mark = state.venues["mark"][:, None]
    beyond = positions["side"] * (mark - positions["liquidation_price"]) <= 0

    def column(values: np.ndarray, of_makers: np.ndarray, dtype: type) -> np.ndarray:
        return read_only(np.concatenate([values[held], of_makers]), dtype)

    return OpenPositions(
        ts=ts,
        mark_price=read_only(state.venues["mark"].copy()),
        venue=read_only(np.concatenate([venue, makers_venue]), np.int8),
        identity=column(positions["identity"], -1 - account, np.int64),
        kind=column(positions["kind"], np.full(len(inventory), MARKET_MAKER), np.int8),
        position_side=column(positions["side"], np.sign(inventory), np.int8),
        quantity=column(positions["quantity"] * lot, np.abs(inventory) * lot, np.float64),
        entry_price=column(positions["entry_price"], nothing, np.float64),
        margin=column(positions["margin"], state.maker_cash[makers_venue, account], np.float64),
        margin_mode=column(positions["margin_mode"], np.full(len(inventory), PORTFOLIO), np.int8),
        liquidation_price=column(positions["liquidation_price"], nothing, np.float64),
        stop_price=column(positions["stop_price"], nothing, np.float64),
        target_price=column(positions["target_price"], nothing, np.float64),
        in_liquidation=column(beyond & (positions["reduced"] > 0), np.zeros(len(inventory)), np.bool_),
        deposits=read_only(state.venues["deposits"].copy()),
        fees=read_only(state.venues["fees"].copy()),
        insurance_fund=read_only(state.venues["fund"].copy()),
        depth=read_only(state.venues["depth"] * lot),
    )


def _realised(logged: list[tuple[IntArray, FloatArray]], lot: float, start: int) -> RealisedLiquidations:
    integers = np.concatenate([rows for rows, _ in logged])
    floats = np.concatenate([rows for _, rows in logged])
    order = np.lexsort((integers[:, 1], integers[:, 0]))
    integers, floats = integers[order], floats[order]
    return RealisedLiquidations(
        ts=read_only(integers[:, 0] + start, np.int64),
        venue=read_only(integers[:, 1], np.int8),
        identity=read_only(integers[:, 2], np.int64),
        kind=read_only(integers[:, 3], np.int8),
        margin_mode=read_only(integers[:, 4], np.int8),
        position_side=read_only(integers[:, 5], np.int8),
        quantity=read_only(integers[:, 6] * lot),
        price=read_only(floats[:, 0]),
        bankruptcy_price=read_only(floats[:, 1]),
        liquidation_price=read_only(floats[:, 2]),
        mark_price=read_only(floats[:, 3]),
        method=read_only(integers[:, 7], np.int8),
    )


def _of_venue(complete: RealisedLiquidations, venue: int) -> RealisedLiquidations:
    """Return the liquidations of one venue, without the counterparts that were deleveraged."""
    rows = (complete.venue == venue) & (complete.method != DELEVERAGED_COUNTERPART)
    return RealisedLiquidations(
        **{name: getattr(complete, name)[rows] for name in RealisedLiquidations.__slots__}
    )


def _emission(
    venue: SimulatedVenue,
    ts: IntArray,
    bars: FloatArray,
    counts: IntArray,
    one_sided: FloatArray,
    complete: RealisedLiquidations,
    lot: float,
) -> VenueEmission:
    column = {name: bars[:, i] for i, name in enumerate(BAR_FIELDS)}
    interest_ts, interest = published_open_interest(venue, ts, one_sided, column["mark_close"])
    ratio_ts, ratio = long_short_ratio(ts, counts[:, 2:])
    funded = np.isfinite(column["funding_rate"])
    published, events = liquidation_feed(venue, complete)
    prices = ("open", "high", "low", "close", "mark_open", "mark_high", "mark_low", "mark_close")
    return VenueEmission(
        venue=venue,
        ts=ts,
        **{name: read_only(column[name]) for name in prices},
        volume=read_only(column["volume"] * lot),
        taker_buy=read_only(column["taker_buy"] * lot),
        open_interest_ts=read_only(interest_ts, np.int64),
        open_interest=read_only(interest),
        funding_ts=read_only(ts[funded], np.int64),
        funding_rate=read_only(column["funding_rate"][funded]),
        long_short_ratio_ts=read_only(ratio_ts, np.int64),
        long_short_ratio=read_only(ratio),
        published_liquidations=published,
        liquidations=events,
    )
