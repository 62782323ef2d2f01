"""``powderkeg squeeze``: from files, from positions, with a book, bands, or an impact law."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from cli.test_json_page import check
from command_line import Command, Files

PAGE = ("`powderkeg squeeze --json`", "`provenance`")


def mark_of(powderkeg: Command, files: Files) -> float:
    return float(json.loads(powderkeg("map", *files.arguments, "--json").out)["mark_price"])


@pytest.fixture
def positions(tmp_path: Path) -> Path:
    """Write a snapshot: a long that falls at 95, a short that rises at 106, marks at 100."""
    path = tmp_path / "positions.csv"
    pl.DataFrame(
        {
            "ts": [1_770_724_800_000] * 2,
            "account": ["a", "b"],
            "coin": ["BTC", "BTC"],
            "direction": ["Long", "Short"],
            "size": [100_000.0, 50_000.0],
            "entry_px": [100.0, 100.0],
            "position_value": [1e7, 5e6],
            "liquidation_px": [95.0, 106.0],
        }
    ).write_csv(path)
    return path


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """Write a book around 100 that holds a million per percent, up to 10 %."""
    path = tmp_path / "book.csv"
    rows = [
        (side, 100.0 * (1 + sign * percent / 100), 1e6 / 100.0)
        for side, sign in (("bid", -1), ("ask", 1))
        for percent in range(1, 11)
    ]
    pl.DataFrame(rows, schema=["side", "price", "quantity"], orient="row").write_csv(path)
    return path


def test_positions_and_a_book_give_landings_zones_and_a_picture(
    powderkeg: Command, positions: Path, book: Path, tmp_path: Path
) -> None:
    line = "squeeze BTC --push 4.5e6 --push 2e6 --to 107 --json --positions"
    done = powderkeg(line, positions, "--depth", book)
    (up,) = json.loads(done.out)["squeezes"]
    assert (up["side"], up["position_side"], up["forced_total"]) == ("up", "short", 5e6)
    assert up["depth"]["kind"] == "book"
    small, large = up["ladder"]
    assert small["price"] == pytest.approx(102.0)
    # 4.5 million stop in the book at 105; the short at 106 lies beyond.
    assert (large["price"], large["forced"]) == (pytest.approx(105.0), 0.0)
    (reaching,) = up["reaching"]
    assert reaching["forced"] == 5e6
    check(done.out, *PAGE)

    both = powderkeg("squeeze BTC --plot", tmp_path / "s.png", "--positions", positions, "--depth", book)
    assert both.status == 0
    for words in (
        "squeeze on a measured map",
        "bought at once",
        "sold at once",
        "does not stop",
        "no forecast",
    ):
        assert words in both.out
    assert (tmp_path / "s.png").stat().st_size > 20_000


def test_files_without_a_book_rest_on_an_impact_law_and_say_so(powderkeg: Command, files: Files) -> None:
    mark = mark_of(powderkeg, files)
    done = powderkeg("squeeze --json --to", str(mark * 0.97), *files.arguments)
    (down,) = json.loads(done.out)["squeezes"]
    assert (down["side"], down["depth"]["kind"]) == ("down", "law")
    assert down["reaching"][0]["push"] > 0
    check(done.out, *PAGE)
    calm, stressed = (
        json.loads(powderkeg("squeeze --json --push 1e5 --side up --stress", stress, *files.arguments).out)
        for stress in ("calm", "collapsed")
    )
    moved = [one["squeezes"][0]["ladder"][0]["book_price"] / mark - 1 for one in (calm, stressed)]
    assert moved[1] > 3 * moved[0] > 0
    assert "impact law" in powderkeg("squeeze --side up", *files.arguments).out


def test_bands_of_a_file_are_depth_too(powderkeg: Command, files: Files, tmp_path: Path) -> None:
    bands = tmp_path / "bands.csv"
    pl.DataFrame({"percentage": [-5, -1, 1, 5], "notional": [5e7, 2e7, 2e7, 5e7]}).write_csv(bands)
    done = powderkeg("squeeze --json --side down --push 2e7 --depth", bands, *files.arguments)
    (down,) = json.loads(done.out)["squeezes"]
    assert down["depth"]["kind"] == "bands"
    assert down["ladder"][0]["book_price"] == pytest.approx(0.99 * down["mark_price"], rel=1e-6)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--push 0 --side up", "push: 0 USD"),
        ("--push -5 --side up", "push: -5 USD"),
        ("--to 1 --side up", "is not above the mark price"),
        ("--push 1e300", "push: 1e+300 USD; expected at most 1e+18"),
        ("--to 0", "to: 0; expected a positive price"),
        ("--to 1e300", "a hundredth and a hundred times the mark price"),
        ("--to nan", "to: nan; expected a positive price"),
        ("--pass-through 2", "--pass-through"),
        ("--depth nowhere.csv", "nowhere.csv does not exist"),
        ("--stress panic", "--stress"),
    ],
)
def test_what_cannot_be_is_one_sentence(powderkeg: Command, files: Files, line: str, message: str) -> None:
    done = powderkeg(f"squeeze {line}", *files.arguments)
    assert done.status == 2
    assert message in done.err
    assert "Traceback" not in done.err


def test_the_mark_price_itself_is_nothing_to_reach(powderkeg: Command, files: Files) -> None:
    mark = mark_of(powderkeg, files)
    done = powderkeg("squeeze --to", repr(mark), *files.arguments)
    assert (done.status, done.out) == (2, "")
    assert "is the mark price; expected one above or below it" in done.err


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("bid", 101.0, 1.0), ("ask", 100.0, 1.0)], "crossed"),
        ([("bid", 99.0, 1.0)], "asks"),
        ([("bid", 99.0, 0.0), ("ask", 101.0, 1.0)], "'quantity' is 0"),
        ([("bid", 99.0, 1.0), ("offer", 101.0, 1.0)], "'offer'"),
    ],
)
def test_a_book_that_cannot_be_is_refused(
    powderkeg: Command, positions: Path, tmp_path: Path, rows: list[tuple[str, float, float]], message: str
) -> None:
    path = tmp_path / "bad.csv"
    pl.DataFrame(rows, schema=["side", "price", "quantity"], orient="row").write_csv(path)
    done = powderkeg("squeeze BTC --positions", positions, "--depth", path)
    assert done.status == 2
    assert message in done.err


def test_positions_alone_say_nothing_of_the_book(powderkeg: Command, positions: Path) -> None:
    done = powderkeg("squeeze BTC --positions", positions)
    assert done.status == 2
    assert "give it with --depth" in done.err


def test_paths_in_time_are_told_with_their_rules_and_come_out_the_same_again(
    powderkeg: Command, positions: Path, book: Path, tmp_path: Path
) -> None:
    line = "squeeze BTC --side up --push 5.5e6 --paths 300 --seed 4 --json --positions"
    first, again = (powderkeg(line, positions, "--depth", book) for _ in range(2))
    assert first.out == again.out
    (up,) = json.loads(first.out)["squeezes"]
    (reading,) = up["paths"]
    assert (reading["paths"], reading["rules"]) == (300, "hyperliquid")
    assert len(reading["fan"]) == 31
    assert reading["farthest_price"]["p5"] <= reading["farthest_price"]["p95"]
    assert 0.0 <= reading["probability_more_than_doubled"] <= 1.0
    check(first.out, *PAGE)
    drawn = powderkeg(
        "squeeze BTC --paths 300 --plot", tmp_path / "p.png", "--positions", positions, "--depth", book
    )
    assert "P(x2)" in drawn.out
    assert "NOMINAL" in drawn.out
    assert (tmp_path / "p.png").stat().st_size > 20_000


def test_touch_probabilities_and_who_is_offside_come_from_bars(powderkeg: Command, files: Files) -> None:
    done = powderkeg("squeeze --side down --horizon 4h --json", *files.arguments)
    (down,) = json.loads(done.out)["squeezes"]
    chances = [one["probability"] for one in down["conditions"]["touched"]]
    assert chances == sorted(chances, reverse=True)
    assert all(0 < chance < 1 for chance in chances)
    longer = json.loads(powderkeg("squeeze --side down --horizon 2d --json", *files.arguments).out)
    assert longer["squeezes"][0]["conditions"]["touched"][0]["probability"] > chances[0]
    check(done.out, *PAGE)
    assert powderkeg("squeeze --horizon soon", *files.arguments).status == 2


def test_a_coin_of_the_lake_has_the_depth_of_its_venues_and_a_push_on_one_reaches_the_others(
    powderkeg: Command, settings: Path
) -> None:
    line = (
        "squeeze BTC --venues binance,bybit --since 13d --side down --push 1e6 --on bybit --json --settings"
    )
    done = powderkeg(line, settings)
    (down,) = json.loads(done.out)["squeezes"]
    assert down["depth"]["kind"] == "law"
    assert "binance" in down["depth"]["source"]
    assert "bybit" in down["depth"]["source"]
    (spread,) = down["contagion"]
    assert [one["venue"] for one in spread["venues"]] == ["bybit", "binance"]
    assert spread["venues"][0]["arbitrage"] == pytest.approx(-spread["venues"][1]["arbitrage"])
    assert spread["venues"][1]["farthest_price"] < spread["venues"][1]["mark_price"]
    check(done.out, *PAGE)
    told = powderkeg(line.replace(" --json", ""), settings)
    assert "on bybit alone" in told.out


def test_a_push_on_one_venue_needs_a_size_and_several_venues(powderkeg: Command, files: Files) -> None:
    done = powderkeg("squeeze --on bybit --push 1e6", *files.arguments)
    assert done.status == 2
    assert "needs --push, and a coin" in done.err
