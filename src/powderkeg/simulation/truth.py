"""What nobody at a real market knows: every position, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.price_grid import PriceGrid

CodeArray = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPositions:
    """Every open position of a simulated market at one instant, one row each; arrays of shape (positions,).

    Attributes
    ----------
    ts
        The instant, UTC milliseconds.
    mark_price
        Mark price of each venue, quote per base, shape (venues,).
    venue
        Row of the venue in the market's venues.
    identity
        Number of the position, unique per venue and never used again; -1 - account for a market maker.
    kind
        Code of the trader in `TRADER_KINDS`.
    position_side
        +1 for a long, -1 for a short.
    quantity
        Base units, > 0.
    entry_price
        Mean price of the entry in quote per base; NaN for market makers, who have none.
    margin
        Isolated margin, or the wallet behind a cross account, in quote, before unrealised profit. For a
        market maker the cash balance of the account, whose equity is that plus the value of its inventory.
    margin_mode
        Code in `MARGIN_MODES`. A ``portfolio`` account is hedged by something else and has no liquidation
        price.
    liquidation_price
        Mark price at which the venue takes the position over, NaN where there is none.
    stop_price, target_price
        Where the trader's own orders wait; NaN without one.
    in_liquidation
        True for a position of which a part was liquidated and whose rest the venue leaves alone for a moment:
        the only one that can stand beyond its liquidation price.
    deposits, fees, insurance_fund
        Per venue and in quote since the beginning: what traders and the venue's founders paid in minus what
        was taken out, fees taken, and what the fund holds; shape (venues,).
    depth
        Base units that each venue's book holds within 1 % of its price at rest, shape (venues,); how it is
        spread over distance is `powderkeg.simulation.order_book`.
    """

    ts: int
    mark_price: FloatArray
    venue: CodeArray
    identity: IntArray
    kind: CodeArray
    position_side: CodeArray
    quantity: FloatArray
    entry_price: FloatArray
    margin: FloatArray
    margin_mode: CodeArray
    liquidation_price: FloatArray
    stop_price: FloatArray
    target_price: FloatArray
    in_liquidation: npt.NDArray[np.bool_]
    deposits: FloatArray
    fees: FloatArray
    insurance_fund: FloatArray
    depth: FloatArray

    def __len__(self) -> int:
        return len(self.venue)

    def open_interest(self, position_side: int) -> FloatArray:
        """Return the base units that stand on one side (+1 long, -1 short) at each venue, shape (venues,)."""
        side = self.position_side == position_side
        held = np.bincount(self.venue[side], self.quantity[side], minlength=len(self.mark_price))
        return np.asarray(held, np.float64)

    def standing_notional(self, grid: PriceGrid, venue: int | None = None) -> FloatArray:
        """Return the true map: notional by side and bin of `grid`, shape (2, bins) for (long, short).

        A position stands in the bin of its liquidation price with its quantity times that price, in quote.
        Positions without a liquidation price, or with one outside the grid, are in no bin.

        Parameters
        ----------
        grid
            Price bins.
        venue
            Row of one venue; all of them by default.
        """
        notional = np.zeros((2, grid.count))
        inside = np.isfinite(self.liquidation_price)
        if venue is not None:
            inside &= self.venue == venue
        price = self.liquidation_price[inside]
        bins = np.floor(np.log(price) / grid.width).astype(np.int64) - grid.first
        row = (self.position_side[inside] < 0).astype(np.int64)
        fits = (bins >= 0) & (bins < grid.count)
        np.add.at(notional, (row[fits], bins[fits]), (self.quantity[inside] * price)[fits])
        return notional


@dataclass(frozen=True, slots=True, kw_only=True)
class RealisedLiquidations:
    """Every forced fill of a simulated market in order of time, venue by venue; arrays of shape (fills,).

    Attributes
    ----------
    ts
        UTC milliseconds.
    venue, identity, kind, margin_mode, position_side
        As in `OpenPositions`; the side is that of the position that was closed.
    quantity
        Base units of this fill.
    price
        Mean price of the fill.
    bankruptcy_price, liquidation_price, mark_price
        Of the position and of the venue at that moment. NaN bankruptcy price for a deleveraged counterpart,
        whose own liquidation price was not reached.
    method
        Code in `FORCED_METHODS`: closed by a market order, closed by deleveraging others, or being the one
        who was deleveraged.
    """

    ts: IntArray
    venue: CodeArray
    identity: IntArray
    kind: CodeArray
    margin_mode: CodeArray
    position_side: CodeArray
    quantity: FloatArray
    price: FloatArray
    bankruptcy_price: FloatArray
    liquidation_price: FloatArray
    mark_price: FloatArray
    method: CodeArray

    def __len__(self) -> int:
        return len(self.ts)

    @property
    def notional(self) -> FloatArray:
        """Quantity times the fill's price, in quote."""
        return self.quantity * self.price


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTruth:
    """What is true of a simulated market beside what its venues publish.

    Attributes
    ----------
    positions
        Open positions at each requested instant, in order of time.
    liquidations
        Every forced fill.
    open_interest
        One-sided open interest in base units at the end of each bar, shape (venues, bars).
    closings
        Number of fills that closed a position or a part of it, by venue, side (long, short) and cause in
        `CLOSING_CAUSES`, shape (venues, 2, 5).
    closed_quantity
        Base units that they closed, same shape.
    refused
        Traders who found no room in the simulation, shape (venues,). Zero, or the market was not what it was
        meant to be.
    """

    positions: tuple[OpenPositions, ...]
    liquidations: RealisedLiquidations
    open_interest: FloatArray
    closings: IntArray
    closed_quantity: FloatArray
    refused: IntArray
