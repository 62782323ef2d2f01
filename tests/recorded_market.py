"""One coin of the recorded data: prices of Binance, open interest and liquidations of Hyperliquid."""

from __future__ import annotations

from pathlib import Path

from powderkeg.maps.market_frame import market_frame
from powderkeg.model.market_frame import MarketFrame


def recorded_market(shared: Path, coin: str) -> MarketFrame:
    """Return its frame; `shared` is the folder that POWDERKEG_SHARED names."""
    data = shared / "data"
    return market_frame(
        data / "binance-usdm-2025-2026" / f"{coin}USDT-5m-futures.parquet",
        data / "multivenue-2025-2026" / "open_interest_1h.parquet",
        funding=data / "binance-usdm-2025-2026" / f"{coin}USDT-funding-8h.parquet",
        liquidations=data / "multivenue-2025-2026" / "hyperliquid_liquidation_volume_daily.parquet",
        symbol=coin,
        venue="hyperliquid",
        open_interest_sides=2,
    )
