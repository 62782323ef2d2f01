"""The tables and pictures of docs/scores.md, made by scoring everything again.

Run this file to write them, with POWDERKEG_SHARED set; it takes about ten minutes:
python tests/scores_page.py
"""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from powderkeg.analytics.calibrating import calibration
from powderkeg.analytics.scoreboard import RELIABILITY_LEVELS, ScoreRow, scoreboard
from powderkeg.analytics.simulated_frames import venue_frame
from powderkeg.analytics.truth_scoreboard import TruthRow, truth_scoreboard
from powderkeg.analytics.walk_forward import ABLATIONS, MODELS
from powderkeg.core.named_models import model_parameters
from powderkeg.maps.map_run import map_run
from powderkeg.simulation.market import simulated_market
from powderkeg.simulation.scenarios import ScenarioName
from recorded_market import recorded_market

BEGIN, END = "<!-- scores: made by tests/scores_page.py -->", "<!-- end of scores -->"
DOCS = Path(__file__).parent.parent / "docs"
COINS = ("BTC", "ETH", "SOL")
SIDES = ("long", "short")
TRUTH = {
    "pearson": "Pearson",
    "spearman": "Spearman",
    "wasserstein_bp": "W1, bp",
    "overlap": "overlap",
    "top_capture": "top five",
    "mass_ratio_2pct": "mass 2 %",
    "mass_ratio_5pct": "mass 5 %",
    "mass_ratio_10pct": "mass 10 %",
}
TOTALS = {
    "log_mae": "log error",
    "deviance_skill": "skill",
    "coverage_50": "in 50 %",
    "coverage_90": "in 90 %",
}
PLACES = {"top_quarter_share": "top quarter", "top_quarter_chance": "by chance"}
Rows = dict[tuple[str, str, str], ScoreRow | TruthRow]


def table(rows: Rows, models: tuple[str, ...], metrics: dict[str, str], *, first: str = "") -> list[str]:
    lead = "| coin " if first else ""
    lines = [
        f"{lead}| side | model | " + " | ".join(metrics.values()) + " |",
        ("|---" if first else "") + "|---|---|" + "---|" * len(metrics),
    ]
    for side in SIDES:
        for model in models:
            cells = [rows.get((model, side, metric)) for metric in metrics]
            if all(cell is None for cell in cells):
                continue
            shown = ["" if c is None else f"{c.value:.2f} ({c.low:.2f} to {c.high:.2f})" for c in cells]
            lines.append(
                (f"| {first} " if first else "") + f"| {side} | `{model}` | " + " | ".join(shown) + " |"
            )
    return lines


def draw_reliability(curves: dict[str, list[float]], path: Path, title: str) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "powderkeg"
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 5))
    axes.plot([0, 1], [0, 1], color="#888888", linewidth=1, linestyle=(0, (4, 3)))
    levels = [level / 100 for level in RELIABILITY_LEVELS]
    colours = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
    for (name, shares), colour in zip(curves.items(), colours, strict=False):
        axes.plot(levels, shares, marker="o", markersize=4, color=colour, label=name)
    axes.set(xlim=(0, 1), ylim=(0, 1), title=title)
    axes.set(xlabel="quantile of the prediction", ylabel="share of totals below it")
    axes.legend(frameon=False, loc="upper left")
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)


def reliability(rows: Rows) -> dict[str, list[float]]:
    return {
        f"{side}s": [rows["calibrated", side, f"share_below_{level}"].value for level in RELIABILITY_LEVELS]
        for side in SIDES
    }


def order_table(days: int, seeds: tuple[int, ...], scenarios: tuple[ScenarioName, ...]) -> list[str]:
    """How far the order within a bar moves what stands near the price, beside the bands of the same sums."""
    other = replace(model_parameters("worlds"), extremes_first=True)
    found: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for seed, scenario in zip(seeds, scenarios, strict=True):
        market = simulated_market(np.random.default_rng(seed), scenario=scenario, days=days)
        for venue, step in itertools.product(range(len(market.venues)), ("5m", "1h")):
            frame = venue_frame(market, venue, bar_step=step)
            fitted = calibration(frame)
            usual = map_run(frame).reweighted(fitted).map()
            weights = fitted.parameters.weights
            first = map_run(frame, other.reweighted(weights, name="other", source="")).map()
            for distance, sign in itertools.product((0.02, 0.05, 0.10), (-1, 1)):
                price = usual.mark_price * (1 + sign * distance)
                reading = usual.liquidated_if(price)
                assert reading.notional_band is not None
                if reading.notional:
                    change = first.liquidated_if(price).notional / reading.notional - 1
                    width = (reading.notional_band.high_90 - reading.notional_band.low_90) / 2
                    found.setdefault((step, distance), []).append((abs(change), width / reading.notional))
    lines = [
        "| bars | within | median change | largest | half the 90 % band, median |",
        "|---|---|---|---|---|",
    ]
    for (step, distance), pairs in sorted(found.items(), key=lambda item: (item[0][0] != "5m", item[0][1])):
        changes, widths = np.array(pairs).T
        lines.append(
            f"| {step} | {distance:.0%} | {np.median(changes):.1%} | {changes.max():.1%} "
            f"| {np.median(widths):.0%} |"
        )
    return lines


def made() -> str:
    """Score everything, draw the pictures and return the page's tables."""
    truth = truth_scoreboard()
    found: Rows = {(row.model, row.side, row.metric): row for row in truth.rows}
    models = tuple(dict.fromkeys(row.model for row in truth.rows))
    markets = ", ".join(f"{seed} {name}" for seed, name in zip(truth.seeds, truth.scenarios, strict=True))
    errors = ", ".join(
        f"`{model}` {found[model, 'both', 'imbalance_error'].value:.2f}"
        for model in models
        if (model, "both", "imbalance_error") in found
    )
    page = [
        f"### Simulated: maps against the true positions\n\nMarkets of {truth.days} days: {markets}.\n",
        *table(found, models, TRUTH),
        f"\nMean error of ln(short / long) within 5 %: {errors}.\n",
        "### Simulated: daily totals of the venues' feeds, walk-forward\n",
        *table(found, models, TOTALS | PLACES),
        "\n![Reliability on simulated markets](reliability-simulated.svg)\n",
        "### Recorded: daily totals, walk-forward\n",
    ]
    draw_reliability(reliability(found), DOCS / "reliability-simulated.svg", "Simulated markets, calibrated")
    curves: dict[str, list[float]] = {}
    for coin in COINS:
        board = scoreboard(recorded_market(Path(os.environ["POWDERKEG_SHARED"]), coin), (*MODELS, *ABLATIONS))
        rows: Rows = {(row.model, row.side, row.metric): row for row in board.rows}
        lines = table(rows, (*MODELS, *ABLATIONS), TOTALS, first=coin)
        page += lines if coin == COINS[0] else lines[2:]
        curves |= {f"{coin} {name}": shares for name, shares in reliability(rows).items()}
    draw_reliability(curves, DOCS / "reliability-recorded.svg", "Recorded days, calibrated")
    page += [
        "\n![Reliability on recorded days](reliability-recorded.svg)\n",
        "### The order within a bar\n",
        "What stands within a distance, if a bar's extremes come before its openings instead of after, as a "
        "share of\nwhat the map says; both sides and all venues of the simulated markets. Half the band "
        "is of that reading, in the median.\n",
        *order_table(truth.days, truth.seeds, truth.scenarios),
    ]
    return "\n".join(page)


if __name__ == "__main__":
    path = DOCS / "scores.md"
    text = path.read_text()
    start, stop = text.index(BEGIN) + len(BEGIN), text.index(END)
    path.write_text(f"{text[:start]}\n\n{made()}\n\n{text[stop:]}")
