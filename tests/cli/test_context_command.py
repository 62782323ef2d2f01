"""The context command: for people within the terminal, for scripts as one object, from the lake alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import context_lake as made
from cli.test_json_page import check
from command_line import Command
from powderkeg.cli import terminal
from powderkeg.model.times import DAY, HOUR, iso

AT = iso(made.CRASH + 30 * HOUR)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.context_lake(tmp_path_factory.mktemp("context") / "lake", made.START + made.DAYS * DAY).root


def test_people_see_every_section_and_what_is_not_known(
    powderkeg: Command, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal.output, "_width", 80)
    found = powderkeg(f"context BTC --venues binance,bybit --at {AT} --to 90000 --lake", lake)
    assert (found.status, found.err) == (0, "")
    for words in (
        "Positioning", "long unwinding", "on the way down from the week's high", "in unrealised loss",
        "Deleveraging", "events in", "Funding and basis", "weighed", "Ripple to other coins", "ETH",
        "If BTC goes to 90,000", "Venue stress", "fund/peak", "History for scale", "2025-10-10", "Not known",
        "--spot FILE", "no forecast",
    ):  # fmt: skip
        assert words in found.out, words
    tables = [line for line in found.out.splitlines() if line.startswith(" ")]
    assert max(len(line) for line in tables) <= 80
    assert not re.search(r"\bnan\b", found.out)


def test_scripts_get_one_object_whose_keys_are_on_the_page(powderkeg: Command, lake: Path) -> None:
    found = powderkeg(f"context btc --venues binance,bybit --at {AT} --others ETH --json --lake", lake)
    assert (found.status, found.err) == (0, "")
    check(found.out, "`powderkeg context --json`")
    told = json.loads(found.out)
    assert told["as_of"] == AT
    assert told["events"][-1]["depth"] == pytest.approx(0.33, abs=0.04)
    assert {one["coin"] for one in told["co_movements"]} == {"ETH"}
    facts = [fact for section in told["sections"] for fact in section["facts"]]
    assert all(fact["value"] is not None or fact["notes"] for fact in facts)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--venues bitmex", "venue is 'bitmex'; expected one of"),
        ("--at soon", "--at: 'soon' is not an ISO 8601 time"),
        ("--history 1d", "expected 8d or more"),
        ("--to 1e9", "expected one within a factor of three"),
        ("--spot nowhere.csv", "does not exist"),
    ],
)
def test_bad_input_is_refused(powderkeg: Command, lake: Path, options: str, message: str) -> None:
    at = "" if "--at" in options else f"--at {AT}"
    venues = "" if "--venues" in options else "--venues binance"
    found = powderkeg(f"context BTC {venues} {at} {options} --lake", lake)
    assert (found.status, found.out) == (2, "")
    assert message in found.err


def test_without_a_lake_the_command_that_fills_one_is_named(powderkeg: Command, tmp_path: Path) -> None:
    found = powderkeg("context ETH --lake", tmp_path / "lake")
    assert found.status == 2
    assert "powderkeg backfill binance ETH" in found.err
