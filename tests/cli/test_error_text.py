"""Errors on the command line name options, not the arguments of a Python function."""

from __future__ import annotations

import pytest

from command_line import Command, Files
from powderkeg.cli.error_text import in_options


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("train_end: 2030 leaves nothing", "--train-end: 2030 leaves nothing"),
        ("open_interest (oi.csv): the file is empty", "--open-interest (oi.csv): the file is empty"),
        ("bars: no rows; pass bar_step='1h' to merge", "--bars: no rows; pass --bar-step 1h to merge"),
        (
            "liquidations: say liquidation_side_meaning='order'",
            "--liquidations: say --liquidation-side order",
        ),
        ("volume_scale is -1; expected more", "--volume-scale is -1; expected more"),
        (
            "open_interest: say so with columns={'open_interest': {'open_interest': 'oi'}}",
            "--open-interest: say so with --column open_interest.open_interest=oi",
        ),
        ("the bars are bars: at 5 the end", "the bars are bars: at 5 the end"),
    ],
)
def test_arguments_become_options(message: str, shown: str) -> None:
    assert in_options(message) == shown


def test_the_command_line_says_it_with_options(powderkeg: Command, files: Files) -> None:
    found = powderkeg("map", *files.arguments, "--bar-step", "7s")
    assert found.status == 2
    assert "--bar-step: 7s is finer" in found.err
    found = powderkeg("map", *files.arguments, "--at", "2031-01-01")
    assert "--at: 2031-01-01T00:00:00Z is after the data" in found.err
