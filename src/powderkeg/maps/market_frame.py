"""From the user's own tables to one market on one regular clock, never looking ahead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np

from powderkeg.core.alignment import RegularSeries, coarser_series, regular_series
from powderkeg.core.plausibility import daily_volume, volume_notes
from powderkeg.core.price_plausibility import check_price_jumps, check_price_unit, lone_price_notes
from powderkeg.errors import InputError
from powderkeg.lake.column_names import Kind
from powderkeg.lake.one_market import base_coin
from powderkeg.lake.tables import SeriesTable, SideMeaning, Source, read_table
from powderkeg.maps.aligned_inputs import (
    aligned_funding,
    aligned_liquidations,
    aligned_long_short_ratio,
    aligned_mark,
    aligned_taker_buy,
    bars_coverage,
)
from powderkeg.maps.input_coverage import Stamp
from powderkeg.maps.open_interest_input import Unit, aligned_open_interest
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.times import duration, duration_text


def market_frame(
    bars: Source,
    open_interest: Source,
    *,
    symbol: str,
    venue: str | None = None,
    mark: Source | None = None,
    funding: Source | None = None,
    taker: Source | None = None,
    long_short_ratio: Source | None = None,
    liquidations: Source | None = None,
    open_interest_unit: Unit | None = None,
    open_interest_sides: Literal[1, 2] = 1,
    open_interest_stamp: Stamp = "interval",
    columns: Mapping[str, Mapping[str, str]] | None = None,
    bar_step: str | None = None,
    volume_scale: float = 1.0,
    liquidation_side_meaning: SideMeaning | None = None,
) -> MarketFrame:
    """Return one market's tables aligned on the clock of its bars.

    Row i holds what was known when bar i ended. Each table is the path of a Parquet or CSV file or a polars
    frame; its columns are recognised by name (`powderkeg.lake.column_names`), and its times are datetimes,
    ISO 8601 text or epoch numbers, UTC where they do not say. Rows of `symbol` and `venue` are picked where a
    table has columns for them. Nothing is repaired: a value that cannot be this market stops with its row.

    Parameters
    ----------
    bars
        Traded open, high, low, close (quote per base) and volume (base units), labelled by their start. A bar
        that is missing between others becomes a row that is not valid.
    open_interest
        Open interest in USD or base units, at any cadence.
    symbol
        The coin, ``BTC``; or the exact name of an instrument in the tables, ``BTCUSDT``.
    venue
        The venue of every table that names venues. None takes, per table, the one that covers the most of
        the bars' time, and says so in its notes.
    mark
        Bars of the mark price, whose extremes liquidate; of the bars' step or finer. Without it, and for the
        bars that it lacks, the traded prices stand in.
    funding
        Rates paid, as fractions of notional, at the times they were paid.
    taker
        Volume bought by takers, of the bars' step or finer. It is read in base units or in USD, whichever
        makes it nearer to half of the bars' volume.
    long_short_ratio
        Ratio of long to short accounts. Rows describe the interval that begins at their time.
    liquidations
        Totals by side per interval in USD, or single events with a side and a notional (else price and
        quantity), which are summed per bar.
    open_interest_unit
        ``base`` or ``usd``; by default USD where a column is named for it, else base units. USD is divided
        by the mean close of the interval that a row describes, or for instants by the last close before it.
    open_interest_sides
        1 where it counts contracts, 2 where it counts longs and shorts; two sides are halved.
    open_interest_stamp
        ``interval``: a row describes the time from its label to the next and is known at its end, which is
        also right for means labelled with the hour's start. ``instant``: it is known at its label.
    columns
        Table name -> field name -> column name, as in ``{"bars": {"ts": "my_time"}}``; wins over the names
        that are recognised.
    bar_step
        Length of the bars to make, such as ``1h``, a multiple of the given ones; UTC days and hours. A bar
        of which a part is missing is not valid, and dropped at either end.
    volume_scale
        Factor on the volume, where bars are another venue's than the open interest, or count contracts; on
        the taker volume as well.
    liquidation_side_meaning
        What buy and sell mean in a liquidation's ``side``: ``order`` (sell closed a long, as at Binance) or
        ``position`` (buy is the long that was closed, as at Bybit).

    Returns
    -------
    MarketFrame
        With the coverage of every table in ``series``, and the conventions chosen in its notes.

    Raises
    ------
    MissingColumnError
        A table lacks a column; the message lists those it has and the names that are recognised.
    InputError
        A file cannot be read; a value is missing, impossible or in a wrong unit; times are not sorted; a
        table has no rows of the symbol or venue, or none in the time of the bars.
    """
    _check_choice("open_interest_unit", open_interest_unit, (None, *get_args(Unit)))
    _check_choice("open_interest_sides", open_interest_sides, (1, 2))
    _check_choice("open_interest_stamp", open_interest_stamp, get_args(Stamp))
    _check_choice("liquidation_side_meaning", liquidation_side_meaning, (None, *get_args(SideMeaning)))
    for kind in columns or {}:
        _check_choice(
            "columns", kind, tuple(name for name in get_args(Kind) if name not in ("positions", "depth"))
        )
    if not symbol.strip():
        raise InputError(f"symbol: {symbol!r}; expected a coin such as BTC, or an instrument's exact name")
    if not 0 < volume_scale < np.inf:
        raise InputError(f"volume_scale is {volume_scale:g}; expected a finite number above 0")
    window: tuple[int, int] | None = None

    def read(source: Source, kind: Kind) -> SeriesTable:
        return read_table(
            source,
            kind,
            symbol=symbol,
            venue=venue,
            columns=(columns or {}).get(kind),
            window=window,
            side_meaning=liquidation_side_meaning,
        )

    table = read(bars, "bars")
    coin = base_coin(symbol)
    check_price_unit(coin, table.values["close"], table.times, label=table.label)
    check_price_jumps(table.values, table.times, table.rows, label=table.label)
    values = {**table.values, "volume": table.values["volume"] * volume_scale}
    fine = regular_series(table.times, values, table.rows, label=table.label)
    clock = _bars_of(bar_step, fine, table.label)
    window = clock.start, clock.end
    series = [bars_coverage(table, fine, clock)]
    notes = list(lone_price_notes(table.values, table.times, table.rows))
    if volume_scale != 1:
        notes.append(f"the bars' volume is multiplied by {volume_scale:g}")

    volume_per_day = daily_volume(fine)
    interest, age, covered = aligned_open_interest(
        read(open_interest, "open_interest"),
        fine,
        clock,
        unit=open_interest_unit,
        sides=open_interest_sides,
        stamp=open_interest_stamp,
        volume_per_day=volume_per_day,
    )
    series.append(covered)
    notes += volume_notes(interest[np.isfinite(interest)], volume_per_day)
    mark_high, mark_low, mark_close = (clock.values[field] for field in ("high", "low", "close"))
    if mark is None:
        notes.append("no mark price is given, and the traded price stands in for it")
    else:
        mark_high, mark_low, mark_close, covered = aligned_mark(read(mark, "mark"), clock)
        series.append(covered)
    funding_rate = taker_buy = ratio = totals = None
    if funding is not None:
        funding_rate, covered = aligned_funding(read(funding, "funding"), clock)
        series.append(covered)
    if taker is not None:
        taker_buy, covered = aligned_taker_buy(read(taker, "taker"), fine, clock, volume_scale=volume_scale)
        series.append(covered)
    if long_short_ratio is not None:
        ratio, covered = aligned_long_short_ratio(read(long_short_ratio, "long_short_ratio"), clock)
        series.append(covered)
    if liquidations is not None:
        totals, covered = aligned_liquidations(read(liquidations, "liquidations"), clock)
        series.append(covered)
    return MarketFrame(
        symbol=coin,
        venue=venue,
        step=clock.step,
        ts=clock.ts,
        open=clock.values["open"],
        high=clock.values["high"],
        low=clock.values["low"],
        close=clock.values["close"],
        volume=clock.values["volume"],
        mark_high=mark_high,
        mark_low=mark_low,
        mark_close=mark_close,
        open_interest=interest,
        open_interest_age=age,
        valid=clock.valid,
        funding_rate=funding_rate,
        taker_buy=taker_buy,
        long_short_ratio=ratio,
        liquidations=totals,
        mark_is_last=mark is None,
        series=tuple(series),
        notes=tuple(notes),
    )


def _bars_of(bar_step: str | None, bars: RegularSeries, label: str) -> RegularSeries:
    """Return the bars of the step that the caller asks for."""
    step = bars.step if bar_step is None else duration(bar_step, "bar_step")
    if step == bars.step:
        return bars
    if step < bars.step:
        raise InputError(
            f"bar_step: {bar_step} is finer than the bars of {duration_text(bars.step)} in {label}; "
            "expected a multiple of them"
        )
    return coarser_series(bars, step, label=label)


def _check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        expected = ", ".join(repr(choice) for choice in choices)
        raise InputError(f"{name}: {value!r}; expected one of {expected}")
