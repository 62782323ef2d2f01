"""Liquidation intelligence for crypto perpetual futures.

A liquidation map says where open interest would be force-closed, in USD by price. powderkeg estimates it
from public market data with a published method, and says of every number which model it comes from, what it
has seen and how much of it is a guess. A map is risk geometry, never a forecast of direction.

    import powderkeg

    frame = powderkeg.market_frame("bars.parquet", "open_interest.csv", symbol="BTC")
    run = powderkeg.map_run(frame)
    run.map().liquidated_if(96_900)
    run.heatmap(step="1h").plot("heatmap.png")

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from powderkeg.version import __version__

if TYPE_CHECKING:
    from powderkeg.analytics.comparison import Comparison, comparison
    from powderkeg.analytics.scoreboard import Scoreboard, scoreboard
    from powderkeg.core.clusters import Cluster
    from powderkeg.core.cross_margin import CrossLiquidation, cross_liquidation_price
    from powderkeg.core.liquidation_price import (
        bankruptcy_price,
        liquidation_log_offset,
        liquidation_price,
    )
    from powderkeg.core.map_reading import RangeImbalance
    from powderkeg.core.margin_tiers import TieredLiquidation, maintenance_margin, tiered_liquidation_price
    from powderkeg.core.named_models import NAMED_MODELS, model_parameters
    from powderkeg.core.position import PositionLiquidation, position_liquidation
    from powderkeg.core.venue_tiers import venue_tier_table
    from powderkeg.maps.heatmap import Heatmap
    from powderkeg.maps.liquidation_map import LiquidatedIf, LiquidationMap
    from powderkeg.maps.map_run import MapRun, PredictedLiquidations, map_run
    from powderkeg.maps.market_frame import market_frame
    from powderkeg.maps.measured_map import MeasuredMap, measured_map
    from powderkeg.maps.position_files import position_snapshots, snapshot_at
    from powderkeg.model.account_positions import PositionSnapshot
    from powderkeg.model.instrument import Instrument, LeverageTier, TierTable
    from powderkeg.model.market_frame import LiquidationTotals, MarketFrame
    from powderkeg.model.price_grid import PriceGrid
    from powderkeg.model.provenance import Provenance, SeriesCoverage
    from powderkeg.model.worlds_parameters import WorldsParameters

_HOMES = {
    "powderkeg.analytics.comparison": ("Comparison", "comparison"),
    "powderkeg.analytics.scoreboard": ("Scoreboard", "scoreboard"),
    "powderkeg.core.clusters": ("Cluster",),
    "powderkeg.core.cross_margin": ("CrossLiquidation", "cross_liquidation_price"),
    "powderkeg.core.liquidation_price": ("bankruptcy_price", "liquidation_log_offset", "liquidation_price"),
    "powderkeg.core.map_reading": ("RangeImbalance",),
    "powderkeg.core.margin_tiers": ("TieredLiquidation", "maintenance_margin", "tiered_liquidation_price"),
    "powderkeg.core.named_models": ("NAMED_MODELS", "model_parameters"),
    "powderkeg.core.position": ("PositionLiquidation", "position_liquidation"),
    "powderkeg.core.venue_tiers": ("venue_tier_table",),
    "powderkeg.maps.heatmap": ("Heatmap",),
    "powderkeg.maps.liquidation_map": ("LiquidatedIf", "LiquidationMap"),
    "powderkeg.maps.map_run": ("MapRun", "PredictedLiquidations", "map_run"),
    "powderkeg.maps.market_frame": ("market_frame",),
    "powderkeg.maps.measured_map": ("MeasuredMap", "measured_map"),
    "powderkeg.maps.position_files": ("position_snapshots", "snapshot_at"),
    "powderkeg.model.account_positions": ("PositionSnapshot",),
    "powderkeg.model.instrument": ("Instrument", "LeverageTier", "TierTable"),
    "powderkeg.model.market_frame": ("LiquidationTotals", "MarketFrame"),
    "powderkeg.model.price_grid": ("PriceGrid",),
    "powderkeg.model.provenance": ("Provenance", "SeriesCoverage"),
    "powderkeg.model.worlds_parameters": ("WorldsParameters",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "NAMED_MODELS",
    "Cluster",
    "Comparison",
    "CrossLiquidation",
    "Heatmap",
    "Instrument",
    "LeverageTier",
    "LiquidatedIf",
    "LiquidationMap",
    "LiquidationTotals",
    "MapRun",
    "MarketFrame",
    "MeasuredMap",
    "PositionLiquidation",
    "PositionSnapshot",
    "PredictedLiquidations",
    "PriceGrid",
    "Provenance",
    "RangeImbalance",
    "Scoreboard",
    "SeriesCoverage",
    "TierTable",
    "TieredLiquidation",
    "WorldsParameters",
    "__version__",
    "bankruptcy_price",
    "comparison",
    "cross_liquidation_price",
    "liquidation_log_offset",
    "liquidation_price",
    "maintenance_margin",
    "map_run",
    "market_frame",
    "measured_map",
    "model_parameters",
    "position_liquidation",
    "position_snapshots",
    "scoreboard",
    "snapshot_at",
    "tiered_liquidation_price",
    "venue_tier_table",
]


def __getattr__(name: str) -> Any:
    """Load a public name from where it lives."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'powderkeg' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
