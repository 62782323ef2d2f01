"""The tables of docs/cascades.md, made by computing everything again.

Run this file to write them, with POWDERKEG_SHARED set; it takes about ten minutes:
python tests/squeeze_page.py
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import polars as pl

from powderkeg.analytics.calibrating import calibration
from powderkeg.analytics.event_replay import EventReplay, event_replay
from powderkeg.analytics.squeeze import squeeze
from powderkeg.analytics.squeeze_scoreboard import MODELS, SqueezeBoard, squeeze_scoreboard
from powderkeg.core.band_depth import band_depth
from powderkeg.core.cascade_statistics import ONE_SIDED, ForcedRuns, runs_of_forced_orders
from powderkeg.core.named_models import BIN_WIDTH
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.provenance import Provenance
from powderkeg.simulation.market import simulated_market
from recorded_market import recorded_market

PAGE = Path(__file__).parent.parent / "docs" / "cascades.md"
COINS = ("BTC", "ETH", "SOL")
EVENTS = (
    ("2025-10-10T20:45", "2025-10-10T21:30", False),
    ("2026-02-05T12:00", "2026-02-06T01:00", True),
)
METRICS = {
    "move_log_mae": "log error of the move",
    "move_ratio": "seen / predicted",
    "forced_log_mae": "log error of the forced",
    "forced_ratio": "seen / predicted, sums",
    "brier": "Brier, chain of a tenth",
    "coverage_90": "in 90 %",
}
# The headline: BTC at 86,583, shorts worth 9.6 billion up to 96,900.
MARK, WALL, HEADLINE = 86_583.0, 96_900.0, 9.6e9


def millions(amount: float | None) -> str:
    return "-" if amount is None else f"{amount / 1e6:,.0f}"


def scores(board: SqueezeBoard) -> list[str]:
    found = {(row.model, row.metric): row for row in board.rows}
    lines = ["| model | " + " | ".join(METRICS.values()) + " |", "|---|" + "---|" * len(METRICS)]
    for model in MODELS:
        cells = []
        for metric in METRICS:
            row = found.get((model, metric))
            text = "" if row is None else f"{row.value:.3f}" if metric == "brier" else f"{row.value:.2f}"
            if row is not None and math.isfinite(row.low):
                digits = 3 if metric == "brier" else 2
                text += f" ({row.low:.{digits}f} to {row.high:.{digits}f})"
            cells.append(text)
        lines.append(f"| `{model}` | " + " | ".join(cells) + " |")
    lines += ["", "| said | mean | seen | pushes |", "|---|---|---|---|"]
    lines += [
        f"| {low:.0%} to {high:.0%} | {mean:.1%} | {seen:.1%} | {count} |"
        for low, high, mean, seen, count in board.reliability
    ]
    return lines


def replays() -> list[EventReplay]:
    shared = Path(os.environ["POWDERKEG_SHARED"])
    found = []
    for coin in COINS:
        frame = recorded_market(shared, coin)
        for at, end, fitted in EVENTS:
            found.append(
                event_replay(
                    frame, at, end, calibration=calibration(frame, until=at[:10]) if fitted else None
                )
            )
    return found


def replay_table(found: list[EventReplay]) -> list[str]:
    lines = [
        "| event | coin | move | open interest | stood on the way | expected forced (90 %) | interest gone | "
        "push needed | without forced | traded |",
        "|---|" + "---|" * 9,
    ]
    for one in sorted(found, key=lambda one: one.at):
        expected = millions(one.expected_forced)
        if one.expected_low is not None and one.expected_high is not None:
            expected += f" ({millions(one.expected_low)} to {millions(one.expected_high)})"
        day = np.datetime_as_string(np.datetime64(one.at, "ms"), unit="D")
        coin = one.instrument.partition(":")[2]
        lines.append(
            f"| {day} | {coin} | {one.move:+.1%} | {millions(one.open_interest)} | "
            f"{millions(one.standing)} ({one.standing_share:.0%}) | {expected} | "
            f"{millions(one.interest_gone)} ({one.gone_share:.0%}) | {millions(one.push)} | "
            f"{millions(one.without_forced)} | {millions(one.traded)} |"
        )
    return lines


def run_row(name: str, found: ForcedRuns, sides: bool) -> str:
    quartiles = " / ".join(f"{value:.0f}" for value in np.quantile(found.duration(), (0.25, 0.5, 0.75)))
    one_sided = f"{np.mean(found.one_sidedness() >= ONE_SIDED):.0%}" if sides else "no sides"
    return f"| {name} | {len(found)} | {quartiles} | {np.median(found.travel):.2%} | {one_sided} |"


def runs() -> list[str]:
    """Runs of forced orders, recorded and simulated: 30 s at most between orders, five of them at least."""
    lines = ["| record | runs | seconds, quartiles | travel, median | one-sided |", "|---|---|---|---|---|"]
    data = Path(os.environ["POWDERKEG_SHARED"]) / "data" / "multivenue-2025-2026"
    events = pl.read_parquet(data / "liquidation_events.parquet").sort("timestamp")
    for coin in (*COINS, "HYPE", "DOGE"):
        mine = events.filter(pl.col("coin") == coin)
        times = mine["timestamp"].dt.epoch("ms").to_numpy()
        sides = np.ones(mine.height)  # the record has none, and runs do not ask
        found = runs_of_forced_orders(times, mine["notional_usd"].to_numpy(), sides, mine["price"].to_numpy())
        lines.append(run_row(f"Hyperliquid {coin}, 2025-05-25 to 06-05", found, sides=False))
    market = simulated_market(np.random.default_rng(604), scenario="both", days=24)
    forced = market.truth.liquidations
    for venue, emission in enumerate(market.venues):
        mine_of = (forced.venue == venue) & (forced.method < 2)
        found = runs_of_forced_orders(
            forced.ts[mine_of], forced.notional[mine_of], forced.position_side[mine_of], forced.price[mine_of]
        )
        lines.append(run_row(f"simulated {emission.venue.name}, 24 days", found, sides=True))
    return lines


def headline_map(share_near_wall: float) -> LiquidationMap:
    """Return shorts worth the headline up to the wall, a share of them within 2 % below it."""
    first, last = (math.floor(math.log(price) / BIN_WIDTH) for price in (MARK, WALL))
    grid = PriceGrid(BIN_WIDTH, first + 1, last - first)
    near = grid.centres > WALL / 1.02
    mass = np.where(near, share_near_wall / near.sum(), (1 - share_near_wall) / (~near).sum()) * HEADLINE
    return LiquidationMap(
        instrument="all venues:BTC",
        as_of=1_763_683_200_000,
        mark_price=MARK,
        open_interest=30e9,
        grid=grid,
        long_notional=np.zeros(grid.count),
        short_notional=mass,
        provenance=Provenance("modelled", "headline", "0" * 16, (), (0.0, 0.0), "none"),
    )


def headline() -> list[str]:
    depth = band_depth(
        [0.01, 0.02, 0.05], [400e6, 640e6, 1_180e6], direction=1, source="assumed", as_of=1_763_683_200_000
    )
    lines = [
        "| where they stand | really forced | first zone | push to 96,900 (90 %) | without forced | forced |",
        "|---|---|---|---|---|---|",
    ]
    for share, where in ((0.18, "evenly"), (0.6, "60 % in the last 2 %")):
        for forced in (1.0, 0.25, 0.05):
            report = squeeze(headline_map(share), depth, prices=[WALL], pass_through=forced)
            (reaching,) = report.reaching
            zone = "none"
            if report.zones:
                one = report.zones[0]
                end = "the end of the book" if one.landing_price is None else f"{one.landing_price:,.0f}"
                zone = f"{one.trigger_price:,.0f} to {end}, from {millions(one.trigger_size)}"
            band = reaching.push_band
            lines.append(
                f"| {where} | {forced:.0%} | {zone} | {millions(reaching.push)} "
                f"({millions(band.low_90)} to {millions(band.high_90)}) | {millions(reaching.book_push)} | "
                f"{millions(reaching.forced)} |"
            )
    return lines


def written(text: str, name: str, lines: list[str]) -> str:
    begin, end = f"<!-- {name}: made by tests/squeeze_page.py -->", f"<!-- end of {name} -->"
    start, stop = text.index(begin) + len(begin), text.index(end)
    return f"{text[:start]}\n\n" + "\n".join(lines) + f"\n\n{text[stop:]}"


if __name__ == "__main__":
    page = PAGE.read_text()
    for name, lines in (
        ("headline", headline()),
        ("runs", runs()),
        ("replays", replay_table(replays())),
        ("scores", scores(squeeze_scoreboard())),
    ):
        page = written(page, name, lines)
    PAGE.write_text(page)
