"""The tables of docs/measured-positions.md, made by measuring everything again.

Run this file to write them, with POWDERKEG_SHARED set; it takes about ten minutes:
python tests/positions_page.py
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from powderkeg.analytics.distance_prior import MeasuredLaw, measured_law
from powderkeg.analytics.prior_transfer import TransferRow, recorded_transfer, simulated_transfer
from powderkeg.core.account_resampling import Estimate
from powderkeg.core.level_survival import BOUNDS, LevelSurvival, level_survival
from powderkeg.core.position_changes import FATES
from powderkeg.core.position_distances import (
    QUANTILES,
    REACHES,
    SizeClass,
    chosen_positions,
    distance_distribution,
)
from recorded_market import recorded_market
from recorded_positions import recorded_basis, recorded_changes, recorded_snapshots

BEGIN, END = "<!-- positions: made by tests/positions_page.py -->", "<!-- end of positions -->"
DOCS = Path(__file__).parent.parent / "docs"
COINS = ("BTC", "ETH", "SOL")
SIDES = ((1, "long"), (-1, "short"))
METRICS = {
    "pearson": "Pearson",
    "overlap": "overlap",
    "log_mass": "mass error",
    "log_deviance": "log deviance",
}


def percent(one: Estimate) -> str:
    if np.isnan(one.value):
        return ""
    if np.isnan(one.low):
        return f"{one.value:.0%}"
    return f"{one.value:.0%} ({one.low:.0%} to {one.high:.0%})"


def survival_lines(shared: Path) -> list[str]:
    changes = recorded_changes(shared)
    generator = np.random.default_rng(0)
    rows = [
        *level_survival(changes, generator, bounds=(-np.inf, 0.0, np.inf)),
        *level_survival(changes, generator, bounds=BOUNDS),
    ]
    fates = np.concatenate([change.fate for change in changes])
    collateral = np.concatenate([change.collateral for change in changes])
    counted = ", ".join(f"{np.count_nonzero(fates == code):,} {name}" for code, name in enumerate(FATES))
    lines = [
        "### Crossed levels",
        "",
        f"{len(changes)} pairs of neighbouring snapshots: {counted}. Collateral could be judged for "
        f"{np.count_nonzero(np.isfinite(collateral)):,} positions: added to "
        f"{np.count_nonzero(collateral > 0):,}, taken out of {np.count_nonzero(collateral < 0):,}.",
        "",
        "| the mark | positions | accounts | seen again at the same size, of all | not seen again, of all | "
        "same size, of those seen | still there, of those seen |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [percent(one) for one in (row.seen_same_size, row.not_seen, row.same_size, row.still_there)]
        lines.append(
            f"| {_reach_words(row)} | {row.positions:,} | {row.accounts:,} | " + " | ".join(cells) + " |"
        )
    lines += ["", "| coin | basis of Hyperliquid's mark to Binance, bp: 5 %, median, 95 % |", "|---|---|"]
    for coin in COINS:
        quantiles = np.quantile(recorded_basis(shared, coin), [0.05, 0.5, 0.95]) * 1e4
        lines.append(f"| {coin} | {', '.join(f'{value:+.0f}' for value in quantiles)} |")
    return lines


def _reach_words(row: LevelSurvival) -> str:
    low, high = row.crossed_from, row.crossed_to
    if (low, high) == (-np.inf, 0.0):
        return "**did not reach the level**"
    if (low, high) == (0.0, np.inf):
        return "**reached the level**"
    if low == -np.inf:
        return f"stayed more than {-high:.0%} away"
    if high == np.inf:
        return f"went more than {low:.1%} beyond"
    return f"stayed {abs(high):.0%} to {-low:.0%} away" if low < 0 else f"went {low:.1%} to {high:.1%} beyond"


def distance_lines(shared: Path) -> list[str]:
    snapshot = recorded_snapshots(shared)[-1]
    generator = np.random.default_rng(0)
    lines = [
        "### Effective distances",
        "",
        "The last recorded snapshot, by notional; all coins where none is named.",
        "",
        "| positions | side | number | accounts | as many of one size | without a level | within 3 % | "
        "within 10 % | median distance | sigma of the log |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    sizes = ("below 10k USD", "10k to 100k USD", "100k to 1M USD", "1M USD and more")
    groups: list[tuple[str, str | None, SizeClass | None]] = [(coin, coin, None) for coin in COINS]
    groups += [(name, None, size) for name, size in zip(sizes, SizeClass, strict=True)]
    for name, coin, size in groups:
        for side, word in SIDES:
            chosen = chosen_positions(snapshot, coin=coin, position_side=side, size=size)
            found = distance_distribution(snapshot, chosen, generator)
            median, sigma = found.quantiles[QUANTILES.index(0.5)], found.sigma
            near = dict(zip(REACHES, found.within, strict=True))
            lines.append(
                f"| {name} | {word} | {found.positions:,} | {found.accounts:,} | "
                f"{found.effective_accounts:.0f} | {percent(found.without_level)} | {percent(near[0.03])} | "
                f"{percent(near[0.10])} | {percent(median)} | "
                f"{sigma.value:.2f} ({sigma.low:.2f} to {sigma.high:.2f}) |"
            )
    return lines


def law_lines(laws: list[MeasuredLaw]) -> list[str]:
    lines = [
        "### Laws for a calibration",
        "",
        "All recorded snapshots, each weighing the same, from entry prices; the built-in prior has a median "
        "of 25 % and a sigma of 0.90 on both sides.",
        "",
        "| coin | side | accounts | as many of one size | median | sigma | inert |",
        "|---|---|---|---|---|---|---|",
    ]
    for law in laws:
        low, high = np.exp([law.log_median.low, law.log_median.high])
        lines.append(
            f"| {law.coin} | {dict(SIDES)[law.position_side]} | {law.accounts:,} | "
            f"{law.effective_accounts:.0f} | {law.median:.0%} ({low:.0%} to {high:.0%}) | "
            f"{law.sigma.value:.2f} ({law.sigma.low:.2f} to {law.sigma.high:.2f}) | "
            f"{percent(law.inert_share)} |"
        )
    return lines


def transfer_lines(rows: list[TransferRow], first: str = "") -> list[str]:
    lead = f"| {first} " if first else ""
    return [
        f"{lead}| {row.trained} | {row.side} | {METRICS[row.metric]} | {row.built_in:.2f} | "
        f"{row.measured:.2f} | {row.difference:+.2f} ({row.low:+.2f} to {row.high:+.2f}) |"
        for row in rows
    ]


def made() -> str:
    shared = Path(os.environ["POWDERKEG_SHARED"]).resolve()
    snapshots = recorded_snapshots(shared)
    lines = [*survival_lines(shared), "", *distance_lines(shared), ""]
    laws = {
        coin: [measured_law(snapshots, side, np.random.default_rng(0), coin=coin) for side, _ in SIDES]
        for coin in COINS
    }
    lines += law_lines([law for both in laws.values() for law in both])
    head = "| days fitted on | side | score | built-in | measured | difference |"
    rule = "|---|---|---|---|---|---|"
    lines += ["", "### Transfer on simulated markets", "", "Levels told from entry prices:", "", head, rule]
    lines += transfer_lines(simulated_transfer())
    lines += ["", "Levels told from the mark, for comparison:", "", head, rule]
    lines += transfer_lines(simulated_transfer(reference="mark"))
    lines += ["", "### Transfer to recorded days", "", f"| coin {head}", f"|---{rule}"]
    for coin, (long, short) in laws.items():
        market = recorded_market(shared, coin)
        lines += transfer_lines(recorded_transfer(market, (long.prior(), short.prior())), coin)
    return "\n".join(lines)


if __name__ == "__main__":
    page = DOCS / "measured-positions.md"
    text = page.read_text(encoding="utf-8")
    start, stop = text.index(BEGIN) + len(BEGIN), text.index(END)
    page.write_text(f"{text[:start]}\n\n{made()}\n\n{text[stop:]}", encoding="utf-8")
