"""Models beside recorded liquidations in the terminal: plain totals, and scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from powderkeg.cli.terminal import LONG_COLOUR, SHORT_COLOUR, output, print_inputs, print_note
from powderkeg.model.amount_text import usd
from powderkeg.model.times import iso

if TYPE_CHECKING:
    from powderkeg.analytics.comparison import Comparison
    from powderkeg.analytics.scoreboard import Scoreboard
    from powderkeg.analytics.truth_scoreboard import TruthBoard
    from powderkeg.maps.calibrated_model import Calibration


def print_comparison(result: Comparison) -> None:
    """Print the models' totals beside the recorded ones."""
    output.print(
        Text.assemble(
            (result.instrument, "bold"),
            f"  modelled against recorded liquidations, {len(result.start)} intervals, "
            f"{iso(int(result.start[0]))} to {iso(int(result.end[-1]))}",
        )
    )
    table = Table("model", "side", "predicted", "recorded", "predicted / recorded", "rank correlation")
    for row in result.rows:
        table.add_row(
            row.model,
            Text(row.side, style=LONG_COLOUR if row.side == "long" else SHORT_COLOUR),
            usd(row.predicted),
            usd(row.recorded),
            "-" if row.ratio is None else f"{row.ratio:.3g}",
            "-" if row.rank_correlation is None else f"{row.rank_correlation:.2f}",
        )
    for index in (2, 3, 4, 5):
        table.columns[index].justify = "right"
    output.print(table)
    print_inputs(result.inputs)
    for note in result.notes:
        print_note(note)


def print_calibration(result: Calibration) -> None:
    """Print what was fitted for each side."""
    from powderkeg.maps.parameter_file import calibration_summary

    summary = calibration_summary(result)
    output.print(
        Text.assemble(
            (result.instrument, "bold"),
            f"  calibrated on {summary['fitted_from']} to {summary['fitted_until']}, every {summary['step']}",
        )
    )
    table = Table("", f"[{LONG_COLOUR}]longs[/]", f"[{SHORT_COLOUR}]shorts[/]")
    sides = [summary[name] for name in ("long", "short")]
    tried = [
        "  ".join(f"{stage}: {value:,.3g}" for stage, value in side["held_out_deviance"].items()) or "-"
        for side in sides
    ]
    table.add_row("stage", *(f"{side['stage']}: {side['stage_name']}" for side in sides))
    table.add_row("intervals", *(f"{side['intervals']}" for side in sides))
    table.add_row("forced, of what stands", *(f"{side['pass_through']:.0%}" for side in sides))
    table.add_row("median distance", *(f"{side['median_distance']:.0%}" for side in sides))
    table.add_row("diffuse share of forced", *(f"{side['diffuse_share']:.0%}" for side in sides))
    table.add_row("held-out deviance by stage", *tried)
    output.print(table)
    for note in result.notes:
        print_note(note)


def print_scoreboard(result: Scoreboard) -> None:
    """Print one row per model and side with the scores that matter and their intervals."""
    from powderkeg.analytics.scoreboard import BASELINES

    output.print(
        Text.assemble(
            (result.instrument, "bold"),
            f"  scores on unseen liquidations, {iso(result.start)} to {iso(result.end)}",
        )
    )
    scores = {(row.model, row.side, row.metric): row for row in result.rows}
    metrics = [
        metric
        for metric in ("log_mae", "total_ratio", *(f"deviance_skill_over_{base}" for base in BASELINES))
        if any(row.metric == metric for row in result.rows)
    ]
    table = Table(
        "side", "model", *(metric.replace("deviance_skill_over_", "skill over ") for metric in metrics)
    )
    for side, colour in (("long", LONG_COLOUR), ("short", SHORT_COLOUR)):
        for model in dict.fromkeys(row.model for row in result.rows):
            cells = []
            for metric in metrics:
                row = scores.get((model, side, metric))
                cells.append("" if row is None else f"{row.value:.2f} ({row.low:.2f} to {row.high:.2f})")
            table.add_row(Text(side, style=colour), model, *cells)
        table.add_section()
    for column in table.columns[2:]:
        column.justify = "right"
    output.print(table)
    print_note(
        "log_mae: mean absolute log error, 0.69 is a factor of two. total_ratio: predicted over recorded. "
        "Skill: 1 is perfect, 0 no better than the baseline. In brackets: 90 % from resampled blocks."
    )
    print_inputs(result.inputs)
    for note in result.notes:
        print_note(note)


_TRUTH_METRICS = {
    "pearson": "Pearson",
    "spearman": "Spearman",
    "wasserstein_bp": "W1 bp",
    "overlap": "overlap",
    "top_capture": "top 5",
    "mass_ratio_2pct": "mass 2 %",
    "mass_ratio_5pct": "mass 5 %",
    "mass_ratio_10pct": "mass 10 %",
}
_TOTAL_METRICS = {
    "log_mae": "log error",
    "deviance_skill": "skill",
    "coverage_50": "in 50 %",
    "coverage_90": "in 90 %",
    "top_quarter_share": "top quarter",
    "top_quarter_chance": "by chance",
}


def print_truth_board(result: TruthBoard) -> None:
    """Print maps against truth, then totals against the venues' feeds."""
    output.print(
        Text.assemble(
            ("SIMULATED", "bold"),
            f"  {len(result.seeds)} markets of {result.days} days: "
            + ", ".join(f"{seed} {name}" for seed, name in zip(result.seeds, result.scenarios, strict=True)),
        )
    )
    found = {(row.model, row.side, row.metric): row for row in result.rows}
    models = list(dict.fromkeys(row.model for row in result.rows))
    for title, metrics in (
        ("Maps against the true positions", _TRUTH_METRICS),
        ("Daily totals of the venues' feeds, walk-forward", _TOTAL_METRICS),
    ):
        table = Table("side", "model", *metrics.values(), title=title, title_justify="left")
        for side, colour in (("long", LONG_COLOUR), ("short", SHORT_COLOUR)):
            for model in models:
                rows = [found.get((model, side, metric)) for metric in metrics]
                if any(row is not None for row in rows):
                    cells = ["" if row is None else f"{row.value:.3g}" for row in rows]
                    table.add_row(Text(side, style=colour), model, *cells)
            table.add_section()
        for column in table.columns[2:]:
            column.justify = "right"
        output.print(table)
    errors = [
        f"{model} {found[model, 'both', 'imbalance_error'].value:.2f}"
        for model in models
        if (model, "both", "imbalance_error") in found
    ]
    print_note("Error of ln(short / long) within 5 %: " + ", ".join(errors))
    print_note(
        "Pearson, Spearman, W1 and the share of mass in the five fullest blocks: 25 bp blocks within 10 % of "
        "the mark. Overlap: blocks of 0.5 % within 20 %. Mass: modelled over true, median. Intervals: --json."
    )
