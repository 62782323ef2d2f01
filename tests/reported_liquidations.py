"""A lake with liquidations written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import (
    InstrumentRow,
    Liquidation,
    LiquidationTotal,
    MarketRow,
    PositionSide,
    StreamGap,
    variant_of,
)
from powderkeg.model.times import HOUR
from powderkeg.model.window import Window

START = 1_773_705_600_000  # 2026-03-17T00:00:00Z


def order(
    ts: int,
    side: PositionSide,
    notional: float,
    *,
    price: float = 100_000.0,
    meaning: str = "fill",
    occurrence: int = 0,
) -> Liquidation:
    """Return a liquidation `ts` ms after START."""
    return Liquidation(START + ts, side, price, meaning, notional / price, notional, None, "", occurrence)


def total(ts: int, interval: int, long_usd: float, short_usd: float) -> LiquidationTotal:
    """Return a venue's own total of the interval `ts` ms after START."""
    return LiquidationTotal(START + ts, interval, long_usd, short_usd)


@dataclass(frozen=True)
class MadeLake:
    """A lake, and short ways of writing to it; times are ms after START."""

    lake: Lake

    def instrument(self, venue: str, symbol: str, base: str, quote: str = "USDT") -> None:
        """Describe an instrument."""
        row = InstrumentRow(START, base, quote, quote, "linear", 1.0, 0.1, 0.001, "trading", None, None)
        self._append(DatasetKey("instruments", venue, symbol), [row], [])

    def events(
        self,
        venue: str,
        symbol: str,
        rows: Sequence[Liquidation],
        covered: Iterable[tuple[int, int]] = ((0, 24 * HOUR),),
        variant: str = "all",
    ) -> None:
        """Write liquidations and the times that were listened to."""
        self._append(DatasetKey("liquidations", venue, symbol, variant), rows, covered)

    def totals(
        self,
        venue: str,
        symbol: str,
        rows: Sequence[LiquidationTotal],
        covered: Iterable[tuple[int, int]],
    ) -> None:
        """Write a venue's own totals, all of one interval."""
        key = DatasetKey("liquidation_totals", venue, symbol, variant_of(rows[0]))
        self._append(key, rows, covered)

    def gap(self, venue: str, symbol: str, start: int, end: int, reason: str) -> None:
        """Write a gap of the recording."""
        row = StreamGap(START + start, START + end, "liquidations", reason)
        self._append(DatasetKey("gaps", venue, symbol), [row], [])

    def _append(self, key: DatasetKey, rows: Sequence[MarketRow], covered: Iterable[tuple[int, int]]) -> None:
        windows = [Window(START + start, START + end) for start, end in covered]
        self.lake.append(key, rows, received_ts=START, source="live", covered=windows)
