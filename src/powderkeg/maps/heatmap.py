"""The heatmap: the liquidation map through time, each column as it was known at its own instant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from powderkeg.errors import InputError, MissingExtraError
from powderkeg.maps.liquidation_map import UNITS, LiquidationMap
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray, read_only
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.provenance import Provenance
from powderkeg.model.times import iso

if TYPE_CHECKING:
    import polars as pl
    import xarray as xr


@dataclass(frozen=True, slots=True)
class Heatmap:
    """Liquidation maps of one instrument at a series of instants on one price grid.

    A column is the map at its own time and never changes afterwards: what later bars sweep is missing from
    later columns only.

    Attributes
    ----------
    instrument
        ``venue:symbol`` or the symbol.
    times
        As-of time of each column in UTC milliseconds, ascending, shape (columns,).
    grid
        The price bins, common to all columns.
    long_notional, short_notional
        USD at each column's mark price, shape (columns, grid.count), float32.
    open, high, low, close
        Traded prices between the previous column's time and this one's, shape (columns,); NaN where no bar
        was observed.
    mark_price
        Mark price at each column's time, shape (columns,).
    open_interest
        One-sided open interest in USD at each column's time, shape (columns,).
    predicted_long, predicted_short
        Modelled liquidations in USD between the previous column's time and this one's, shape (columns,).
    provenance
        Where it comes from.
    """

    instrument: str
    times: IntArray
    grid: PriceGrid
    long_notional: np.ndarray
    short_notional: np.ndarray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    mark_price: FloatArray
    open_interest: FloatArray
    predicted_long: FloatArray
    predicted_short: FloatArray
    provenance: Provenance

    def __post_init__(self) -> None:
        columns = len(self.times)
        object.__setattr__(self, "times", read_only(self.times, np.int64))
        for name in PER_COLUMN:
            values = read_only(getattr(self, name))
            if values.shape != (columns,):
                raise InputError(f"{name}: shape {values.shape}, expected ({columns},)")
            object.__setattr__(self, name, values)
        for name in ("long_notional", "short_notional"):
            values = getattr(self, name)
            if values.shape != (columns, self.grid.count):
                raise InputError(f"{name}: shape {values.shape}, expected ({columns}, {self.grid.count})")
            # A view is frozen instead of copying what may be the largest array of the program.
            values = values.view()
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    def __len__(self) -> int:
        return len(self.times)

    @property
    def kind(self) -> str:
        """``modelled``, ``measured`` or ``simulated``."""
        return self.provenance.kind

    @property
    def column_length(self) -> int:
        """Milliseconds between columns, the least where some are left out; 0 for a single one."""
        return int(np.diff(self.times).min()) if len(self) > 1 else 0

    def at_columns(self, kept: BoolArray) -> Heatmap:
        """Return the heatmap of those columns for which `kept`, shape (columns,), is True."""
        names = ("times", "long_notional", "short_notional", *PER_COLUMN)
        return replace(self, **{name: getattr(self, name)[kept] for name in names})

    def map_at(self, column: int) -> LiquidationMap:
        """Return one column as a `LiquidationMap`; negative numbers count from the end."""
        return LiquidationMap(
            instrument=self.instrument,
            as_of=int(self.times[column]),
            mark_price=float(self.mark_price[column]),
            open_interest=float(self.open_interest[column]),
            grid=self.grid,
            long_notional=self.long_notional[column].astype(np.float64),
            short_notional=self.short_notional[column].astype(np.float64),
            provenance=self.provenance,
        )

    def to_polars(self) -> pl.DataFrame:
        """Return one row per column and occupied bin: as_of, price_low, price_high and both notionals."""
        import polars as pl

        column, bin_index = np.nonzero((self.long_notional > 0) | (self.short_notional > 0))
        edges = self.grid.edges
        return pl.DataFrame(
            {
                "as_of": pl.Series(self.times[column]).cast(pl.Datetime("ms", "UTC")),
                "price_low": edges[bin_index],
                "price_high": edges[bin_index + 1],
                "long_notional": self.long_notional[column, bin_index],
                "short_notional": self.short_notional[column, bin_index],
            }
        )

    def to_xarray(self) -> xr.Dataset:
        """Return both sides over time and price, with units and provenance as attributes.

        Raises
        ------
        MissingExtraError
            xarray is not installed.
        """
        try:
            import xarray as xr
        except ImportError:
            raise MissingExtraError("xarray is not installed: pip install 'powderkeg[xarray]'") from None
        cells = ("as_of", "price")
        return xr.Dataset(
            {
                "long_notional": (cells, self.long_notional, {"units": "USD"}),
                "short_notional": (cells, self.short_notional, {"units": "USD"}),
                **{name: ("as_of", getattr(self, name)) for name in PER_COLUMN},
            },
            coords={
                "as_of": self.times.astype("datetime64[ms]"),
                "price": ("price", self.grid.centres, {"units": UNITS["price"]}),
            },
            attrs={
                "instrument": self.instrument,
                "kind": self.kind,
                "model": self.provenance.model,
                "parameter_hash": self.provenance.parameter_hash,
            },
        )

    def plot(self, path: str | Path | None = None) -> Any:
        """Draw candles over the heatmap; write it to `path` if given and return the figure.

        Raises
        ------
        MissingExtraError
            matplotlib is not installed.
        OutputError
            `path` cannot be written.
        """
        from powderkeg.maps.heatmap_picture import draw_heatmap

        return draw_heatmap(self, path)

    def as_json(self) -> dict[str, Any]:
        """Return what ``powderkeg heatmap --json`` prints: the columns' summary, not their cells."""
        return {
            "instrument": self.instrument,
            "kind": self.kind,
            "model": self.provenance.model,
            "units": UNITS,
            "columns": self._columns_json(),
            "provenance": self.provenance.as_json(),
        }

    def _columns_json(self) -> list[dict[str, Any]]:
        """Return a summary of each column, made of whole arrays: there may be thousands."""
        told = {
            "mark_price": self.mark_price,
            "open_interest": self.open_interest,
            "long_notional": self.long_notional.sum(axis=1, dtype=np.float64),
            "short_notional": self.short_notional.sum(axis=1, dtype=np.float64),
            "predicted_long_liquidations": self.predicted_long,
            "predicted_short_liquidations": self.predicted_short,
        }
        names = ("as_of", *told)
        values = zip(map(iso, self.times.tolist()), *(one.tolist() for one in told.values()), strict=True)
        return [dict(zip(names, row, strict=True)) for row in values]


def whole_axis(times: IntArray) -> IntArray:
    """Return the times from the first to the last at their least distance: also of columns left out."""
    return np.arange(times[0], times[-1] + 1, np.diff(times).min() if len(times) > 1 else 1)


PER_COLUMN = (
    "open",
    "high",
    "low",
    "close",
    "mark_price",
    "open_interest",
    "predicted_long",
    "predicted_short",
)
