"""``powderkeg venues``: nothing that is lacking or misleads is left out, for people or for scripts."""

from __future__ import annotations

import json

import pytest

from command_line import Command
from powderkeg.cli.venue_offers import TABLE_NAMES, about, past_series, reach_text, ways_of
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.venues.registry import VENUE_NAMES, venue


def words_of(text: str) -> str:
    """Return text without its line breaks."""
    return " ".join(text.split())


def test_the_overview_has_every_table_of_every_venue_and_fits_into_100_columns(powderkeg: Command) -> None:
    found = powderkeg("venues")
    assert found.status == 0
    lines = found.out.splitlines()
    assert max(map(len, lines)) <= 100
    heading = next(line for line in lines if "table" in line)
    assert heading.split()[1:] == list(VENUE_NAMES)
    assert {line.split()[0] for line in lines if line.strip()} >= set(TABLE_NAMES)
    assert "not tried against live venues" in words_of(found.out)


def test_a_table_that_is_not_offered_is_not_shown_as_offered(powderkeg: Command) -> None:
    lines = powderkeg("venues").out.splitlines()
    row, seen = (line for line in lines if line.split()[:1] == ["liquidations"])
    # Hyperliquid comes last, and has no public feed.
    assert row.split()[-1] == "-"
    assert seen.split()[-1] == "none"
    assert "1 per 1s" in seen


@pytest.mark.parametrize("name", VENUE_NAMES)
def test_one_venue_is_shown_with_all_that_misleads(powderkeg: Command, name: str) -> None:
    found = powderkeg(f"venues {name}")
    assert found.status == 0
    assert max(map(len, found.out.splitlines())) <= 100
    asked, shown = venue(name), words_of(found.out)
    for note in (*asked.semantics.notes, *(f"{table}: {why}" for table, why in asked.unavailable.items())):
        assert words_of(note) in shown
    for regime in asked.semantics.regimes:
        assert f"{regime.since}: {words_of(regime.what)}" in shown
    assert "…" not in found.out  # nothing is cut


@pytest.mark.parametrize("name", VENUE_NAMES)
def test_scripts_get_one_object_with_every_declaration(powderkeg: Command, name: str) -> None:
    found = powderkeg(f"venues {name} --json")
    assert found.err == ""
    told, asked = json.loads(found.out), venue(name)
    assert set(told["tables"]) == set(TABLE_NAMES)
    assert all(bool(ways) != (table in told["unavailable"]) for table, ways in told["tables"].items())
    assert told["open_interest"]["sides"] == asked.semantics.open_interest_sides
    assert told["liquidations"]["completeness"] == asked.semantics.liquidation_completeness
    assert [regime["since"] for regime in told["regimes"]] == [one.since for one in asked.semantics.regimes]
    intervals = [
        (series["table"], series["population"] or "", one["depth_ms"], one["most_per_request_ms"])
        for series in told["past"]
        for one in series["intervals"]
    ]
    assert intervals == [
        (source.table, source.population, source.depth, source.span(interval))
        for source in asked.history
        for interval in source.intervals
    ]


def test_scripts_get_all_venues_at_once(powderkeg: Command) -> None:
    assert [one["name"] for one in json.loads(powderkeg("venues --json").out)] == list(VENUE_NAMES)


def test_a_venue_that_is_not_spoken_is_named_beside_those_that_are(powderkeg: Command) -> None:
    found = powderkeg("venues bitmex")
    assert found.status == 2
    assert "'bitmex'" in found.err
    assert "hyperliquid" in found.err
    assert found.out == ""


def test_sources_for_each_interval_are_one_series_with_the_depth_of_each() -> None:
    bars = next(series for series in past_series(venue("hyperliquid")) if series.table == "bars")
    assert len(bars.intervals) == len(bars.depths) == len(bars.spans) > 5
    assert bars.depths[0] == 4990 * MINUTE
    assert reach_text(venue("hyperliquid"), "bars") == "3.47d to 4990d"


def test_a_series_that_one_source_keeps_without_limit_has_none() -> None:
    assert reach_text(venue("binance"), "open_interest") == "no limit"
    assert reach_text(venue("binance"), "taker_volume") == "30d"


def test_what_is_only_streamed_is_neither_past_nor_now() -> None:
    assert ways_of(venue("bybit"), "liquidations") == ("live",)
    assert ways_of(venue("hyperliquid"), "liquidations") == ()


@pytest.mark.parametrize(
    ("length", "text"),
    [(DAY, "1d"), (23 * HOUR, "23h"), (30 * DAY - HOUR, "30d"), (500 * HOUR, "20.8d"), (4990 * DAY, "4990d")],
)
def test_lengths_are_read_at_a_glance(length: int, text: str) -> None:
    assert about(length) == text


def test_help_explains_itself_by_an_example(powderkeg: Command) -> None:
    found = powderkeg("venues --help")
    assert found.status == 0
    assert "powderkeg venues bybit" in words_of(found.out)
