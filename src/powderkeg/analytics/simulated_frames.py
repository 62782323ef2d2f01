"""A simulated venue's publications as the tables a user would have, and the true map behind them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

from powderkeg.maps.market_frame import market_frame
from powderkeg.model.arrays import FloatArray
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.price_grid import PriceGrid
from powderkeg.simulation.emission import VenueEmission
from powderkeg.simulation.market import SimulatedMarket
from powderkeg.simulation.truth import OpenPositions

SYMBOL = "SIM"


def venue_tables(market: SimulatedMarket, venue: int) -> dict[str, pl.DataFrame]:
    """Return what one venue publishes as tables: bars, mark, open_interest, funding and liquidations.

    The liquidations are the venue's feed as a careful reader stores it: thinned where the venue thins it.
    """
    emission = market.venues[venue]
    feed = emission.liquidations
    return {
        "bars": pl.DataFrame(
            {field: getattr(emission, field) for field in ("ts", "open", "high", "low", "close", "volume")}
        ),
        "mark": pl.DataFrame(
            {
                "ts": emission.ts,
                **{field: getattr(emission, f"mark_{field}") for field in ("open", "high", "low", "close")},
            }
        ),
        "open_interest": pl.DataFrame(
            {
                "ts": emission.open_interest_ts,
                "open_interest_usd"
                if emission.venue.open_interest_unit == "quote"
                else "open_interest": emission.open_interest,
            }
        ),
        "funding": pl.DataFrame({"ts": emission.funding_ts, "funding_rate": emission.funding_rate}),
        "liquidations": pl.DataFrame(
            {
                "ts": feed.ts,
                "position_side": feed.position_side,
                "price": feed.price,
                "quantity": feed.quantity,
            }
        ),
    }


def complete_totals(market: SimulatedMarket, venue: int, step: int) -> pl.DataFrame:
    """Return all liquidations of one venue per `step` milliseconds, by side, in quote; nothing is thinned.

    Deleveraged counterparts are no liquidations. Intervals without one hold zeros.
    """
    forced = market.truth.liquidations
    count = market.days * (86_400_000 // step)
    mine = (forced.venue == venue) & (forced.method < 2)
    interval = (forced.ts[mine] - market.start) // step
    notional, side = forced.notional[mine], forced.position_side[mine]
    return pl.DataFrame(
        {
            "ts": market.start + step * np.arange(count),
            "long_usd": np.bincount(interval[side > 0], notional[side > 0], minlength=count),
            "short_usd": np.bincount(interval[side < 0], notional[side < 0], minlength=count),
        }
    )


def venue_frame(
    market: SimulatedMarket, venue: int, *, bar_step: str = "5m", complete: int | None = None
) -> MarketFrame:
    """Return one venue's market frame, read with the conventions that the venue states.

    Parameters
    ----------
    market, venue
        The market, and the row of the venue.
    bar_step
        Length of the bars, a multiple of a minute.
    complete
        None takes the venue's own feed; a length in milliseconds takes complete totals per that length.
    """
    emission: VenueEmission = market.venues[venue]
    tables = venue_tables(market, venue)
    sides: Literal[1, 2] = 2 if emission.venue.open_interest_sides == 2 else 1
    return market_frame(
        tables["bars"],
        tables["open_interest"],
        symbol=SYMBOL,
        venue=f"simulated-{emission.venue.name}",
        mark=tables["mark"],
        funding=tables["funding"],
        liquidations=tables["liquidations"] if complete is None else complete_totals(market, venue, complete),
        open_interest_sides=sides,
        open_interest_stamp="interval" if emission.venue.open_interest_mean else "instant",
        bar_step=bar_step,
    )


def true_quantity(positions: OpenPositions, grid: PriceGrid, venue: int) -> FloatArray:
    """Return the true map of one venue in base units by side and bin, shape (2, bins) for (long, short).

    Base units, as the modelled map has underneath: multiplied by one mark price both are in USD alike.
    Positions without a liquidation price, or with one outside the grid, are in no bin.
    """
    mine = np.isfinite(positions.liquidation_price) & (positions.venue == venue)
    bins = np.floor(np.log(positions.liquidation_price[mine]) / grid.width).astype(np.int64) - grid.first
    side = (positions.position_side[mine] < 0).astype(np.int64)
    quantity = positions.quantity[mine]
    fits = (bins >= 0) & (bins < grid.count)
    out = np.zeros((2, grid.count))
    np.add.at(out, (side[fits], bins[fits]), quantity[fits])
    return out
