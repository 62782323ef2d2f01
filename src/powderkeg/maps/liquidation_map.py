"""The liquidation map of one instrument at one instant, and what can be read from it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from powderkeg.core.bands import Band
from powderkeg.core.clusters import Cluster, side_clusters
from powderkeg.core.map_reading import (
    RangeImbalance,
    cumulative_long,
    cumulative_short,
    liquidated_at,
    price_reaching,
    range_imbalance,
)
from powderkeg.errors import InputError, MissingExtraError
from powderkeg.maps.map_ensemble import MapEnsemble
from powderkeg.model.arrays import FloatArray, read_only
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.provenance import Provenance
from powderkeg.model.times import iso
from powderkeg.model.worlds_parameters import LONG, SHORT

if TYPE_CHECKING:
    import polars as pl
    import xarray as xr

PositionSide = Literal["long", "short"]
IMBALANCE_RANGES = (0.01, 0.02, 0.05, 0.10)
UNITS = {
    "price": "quote currency per unit of base",
    "notional": "USD, base quantity valued at mark_price; one side of each contract",
    "expected_forced": "USD expected to be force-closed if price goes there; only with a calibration",
    "bands": "quantiles 5, 25, 75, 95 %; those of expected_forced hold the noise of outcomes too",
    "distance": "fraction of mark_price, negative below",
    "imbalance": "(short above - long below) / (short above + long below), in [-1, 1]",
    "time": "ISO 8601, UTC",
}


@dataclass(frozen=True, slots=True)
class LiquidatedIf:
    """What a map says is force-closed on the way from the mark price to another price.

    Attributes
    ----------
    price
        The price reached.
    position_side
        ``long`` if it lies below the mark price, ``short`` above.
    notional
        USD at the mark price of the map.
    share
        `notional` as a share of one-sided open interest, in [0, 1].
    distance
        Signed distance from the mark price as a fraction.
    notional_band
        Band of `notional` over the parameters; None on a map that is not calibrated.
    expected_forced
        USD expected to be force-closed on the way: positions are closed, topped up or margined together
        before their level is reached. None on a map that is not calibrated.
    expected_forced_band
        Band of that amount, parameters and the noise of a single outcome.
    """

    price: float
    position_side: PositionSide
    notional: float
    share: float
    distance: float
    notional_band: Band | None = None
    expected_forced: float | None = None
    expected_forced_band: Band | None = None


@dataclass(frozen=True, slots=True)
class LiquidationMap:
    """Notional of long and short positions that would be force-closed if the mark price traded at each price.

    It says what stands where, not where the price will go. Quantities are in base units underneath and are
    shown in USD at `mark_price`, so that each side, inert part included, sums to the open interest.

    Attributes
    ----------
    instrument
        ``venue:symbol`` or the symbol.
    as_of
        End of the last bar that was used, UTC milliseconds: nothing later is in the map.
    mark_price
        Mark price at that time.
    open_interest
        One-sided open interest in USD at that price.
    grid
        The price bins.
    long_notional, short_notional
        USD per bin, shape (grid.count,), not negative. Longs stand below the mark price, shorts above.
    provenance
        Where it comes from; ``provenance.kind`` tells modelled from measured.
    ensemble
        What bands and expected forced notional are read from; None on a map that is not calibrated.
    """

    instrument: str
    as_of: int
    mark_price: float
    open_interest: float
    grid: PriceGrid
    long_notional: FloatArray
    short_notional: FloatArray
    provenance: Provenance
    ensemble: MapEnsemble | None = None

    def __post_init__(self) -> None:
        for name in ("long_notional", "short_notional"):
            values = read_only(getattr(self, name))
            if values.shape != (self.grid.count,):
                raise InputError(f"{name}: shape {values.shape}, expected ({self.grid.count},)")
            object.__setattr__(self, name, values)

    @property
    def kind(self) -> str:
        """``modelled``, ``measured`` or ``simulated``."""
        return self.provenance.kind

    @property
    def knows_open_interest(self) -> bool:
        """False for a measured map whose `open_interest` is the larger counted side, as nobody said more."""
        inputs = self.provenance.inputs
        return self.kind != "measured" or not inputs or math.isfinite(inputs[0].coverage)

    @property
    def inert_notional(self) -> tuple[float, float]:
        """USD of (long, short) open interest that stands at no price: hedges and far-away positions."""
        return (
            max(self.open_interest - float(self.long_notional.sum()), 0.0),
            max(self.open_interest - float(self.short_notional.sum()), 0.0),
        )

    def standing_ahead(self, direction: int) -> FloatArray:
        """Return USD per bin of the side that a rise (1) or a fall (-1) liquidates, shape (bins,)."""
        return self.short_notional if direction > 0 else self.long_notional

    def liquidated_if(self, price: float) -> LiquidatedIf:
        """Return what is liquidated if the mark price reaches `price`.

        Longs at and above a lower price, shorts at and below a higher one; zero at the mark price itself.
        Inside a bin mass counts in proportion to the part that is passed. Orders that liquidations
        themselves set off are not simulated here.

        Raises
        ------
        InputError
            `price` is not a positive finite number.
        """
        if not (math.isfinite(price) and price > 0):
            raise InputError(f"price: {price} is not a positive price")
        side: PositionSide = "long" if price < self.mark_price else "short"
        cumulative = (
            cumulative_long(self.long_notional) if side == "long" else cumulative_short(self.short_notional)
        )
        notional = liquidated_at(self.grid, cumulative, price) if price != self.mark_price else 0.0
        found = LiquidatedIf(
            price=price,
            position_side=side,
            notional=notional,
            share=notional / self.open_interest if self.open_interest else 0.0,
            distance=price / self.mark_price - 1,
        )
        if self.ensemble is None or self.grid.count == 0:
            return found
        number = LONG if side == "long" else SHORT
        # To the grid's other end: beyond the mark a side has nothing but the rest of the mark's own bin.
        edges = self.grid.edges
        low, high = (price, float(edges[-1])) if side == "long" else (float(edges[0]), price)
        band, forced, forced_band = self.ensemble.bands(self.grid, number, low, high)
        return replace(found, notional_band=band, expected_forced=forced, expected_forced_band=forced_band)

    def price_liquidating(self, notional: float, position_side: PositionSide) -> float | None:
        """Return the price nearest to the mark by which `notional` USD of a side is liquidated.

        The inverse of `liquidated_if`; None if the map holds less than `notional` on that side.

        Raises
        ------
        InputError
            `notional` is not positive, or `position_side` is neither ``long`` nor ``short``.
        """
        if not (math.isfinite(notional) and notional > 0):
            raise InputError(f"notional: {notional} is not a positive amount in USD")
        if position_side not in ("long", "short"):
            raise InputError(f"position_side: {position_side!r} is neither 'long' nor 'short'")
        falling = position_side == "long"
        mass = self.long_notional if falling else self.short_notional
        return price_reaching(self.grid, mass, notional, falling=falling)

    def clusters(self, limit: int | None = None) -> list[Cluster]:
        """Return the clusters of both sides, largest notional first, at most `limit` of them.

        See `powderkeg.core.clusters` for what counts as one.

        Raises
        ------
        InputError
            `limit` is negative.
        """
        if limit is not None and limit < 0:
            raise InputError(f"limit: {limit} clusters; expected a number from 0, or None for all")
        found = [
            cluster
            for side, mass in (("long", self.long_notional), ("short", self.short_notional))
            for cluster in side_clusters(
                self.grid,
                mass,
                side=side,
                mark_price=self.mark_price,
                open_interest=self.open_interest,
            )
        ]
        return sorted(found, key=lambda cluster: -cluster.notional)[:limit]

    def imbalance(self, ranges: Sequence[float] = IMBALANCE_RANGES) -> list[RangeImbalance]:
        """Return the balance of shorts above and longs below within each of `ranges`, fractions in (0, 1).

        Raises
        ------
        InputError
            A range is not within (0, 1).
        """
        for distance in ranges:
            if not 0 < distance < 1:
                raise InputError(f"range: {distance} is not a fraction between 0 and 1")
        return [
            range_imbalance(
                self.grid,
                self.long_notional,
                self.short_notional,
                mark_price=self.mark_price,
                open_interest=self.open_interest,
                distance=distance,
            )
            for distance in ranges
        ]

    def to_polars(self) -> pl.DataFrame:
        """Return one row per bin: price_low, price_high, both notionals, and both cumulated from the mark."""
        import polars as pl

        edges = self.grid.edges
        return pl.DataFrame(
            {
                "price_low": edges[:-1],
                "price_high": edges[1:],
                "long_notional": self.long_notional,
                "short_notional": self.short_notional,
                "cumulative_long_notional": cumulative_long(self.long_notional)[:-1],
                "cumulative_short_notional": cumulative_short(self.short_notional)[1:],
            }
        )

    def to_xarray(self) -> xr.Dataset:
        """Return the two sides over the price at bin centres, with units and provenance as attributes.

        Raises
        ------
        MissingExtraError
            xarray is not installed.
        """
        try:
            import xarray as xr
        except ImportError:
            raise MissingExtraError("xarray is not installed: pip install 'powderkeg[xarray]'") from None
        return xr.Dataset(
            {
                "long_notional": ("price", self.long_notional, {"units": "USD"}),
                "short_notional": ("price", self.short_notional, {"units": "USD"}),
            },
            coords={"price": ("price", self.grid.centres, {"units": UNITS["price"]})},
            attrs=self._attributes(),
        )

    def plot(self, path: str | Path | None = None) -> Any:
        """Draw the map and its cumulative curves; write it to `path` if given and return the figure.

        Raises
        ------
        MissingExtraError
            matplotlib is not installed.
        OutputError
            `path` cannot be written.
        """
        from powderkeg.maps.map_picture import draw_map

        return draw_map(self, path)

    def as_json(self, clusters: int = 20, parts: Collection[str] | None = None) -> dict[str, Any]:
        """Return the object that ``powderkeg map --json`` prints, as dictionaries and lists.

        With `parts`, of what does not identify the map only these keys.
        """
        from powderkeg.maps.map_json import map_object

        return {**self._attributes(), **map_object(self, clusters, parts)}

    def _attributes(self) -> dict[str, Any]:
        return {
            "instrument": self.instrument,
            "as_of": iso(self.as_of),
            "mark_price": self.mark_price,
            "kind": self.kind,
            "model": self.provenance.model,
            "open_interest": self.open_interest,
        }
