"""``powderkeg census``: what it says while it runs, what it says of what it has, and how it refuses."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import Command
from ingest.census_process import COINS, market, served
from powderkeg.fake_venues.fake_accounts import account_address
from powderkeg.venues.hyperliquid import VENUE


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    """Serve 60 accounts, half of them on the leaderboard."""
    with served(market(60, time.time_ns() // 1_000_000, listed=0.5)) as fake:
        yield fake.urls(VENUE.urls)


@pytest.fixture
def settings(urls: dict[str, str], tmp_path: Path) -> Path:
    path = tmp_path / "served.toml"
    lines = [f'lake = "{tmp_path / "lake"}"', "[venues.hyperliquid.urls]"]
    path.write_text("\n".join([*lines, *(f'{host} = "{url}"' for host, url in urls.items())]))
    return path


def test_a_census_is_run_and_its_status_shown(powderkeg: Command, settings: Path, tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.txt"
    accounts.write_text(f"# mine\n\n{account_address(1000)}  # nobody's\n{account_address(1).upper()[2:]}\n")
    refused = powderkeg("census run --accounts", accounts, "--settings", settings)
    assert refused.status == 2
    assert "accounts.txt, line 4: account is 'FA4E" in refused.err
    accounts.write_text(f"# mine\n\n{account_address(1000)}  # nobody's\n")
    run = "census run --share 1 --for 5s --flush 0.2 --no-trades --json --accounts"
    finished = powderkeg(run, accounts, "--settings", settings)
    assert finished.status == 0, finished.err
    told = json.loads(finished.out.splitlines()[-1])
    assert told["state"] == "stopped"
    assert told["found"] == {"leaderboard": 30, "list": 1}
    assert told["answered"] == told["acknowledged"] >= 31
    assert set(told["classes"]) == {"new", "close", "near", "far", "empty"}

    shown = powderkeg("census status --settings", settings)
    assert shown.status == 0
    assert "31 accounts known, 31 asked" in shown.out
    assert "Age of what is known" in shown.out
    told = json.loads(powderkeg("census status --json --share 1 --settings", settings).out)
    assert told["accounts"] == told["asked"] == 31
    assert {one["coin"] for one in told["coins"]} <= {*COINS, "xyz:TSLA"}
    main = [one for one in told["coins"] if one["coin"] in COINS]
    assert all(one["open_interest"] and one["long_share"] is not None for one in main)
    assert [one["name"] for one in told["classes"]] == ["new", "close", "near", "far", "empty"]
    fewer = powderkeg("census status --coins 1 --settings", settings)
    assert f"and {len(told['coins']) - 1} coins more" in fewer.out

    again = powderkeg("census run --for 1s --no-trades --no-leaderboard --settings", settings)
    assert again.status == 0
    assert "31 accounts known; " in again.out


def test_before_a_census_its_status_says_how_to_begin(powderkeg: Command, tmp_path: Path) -> None:
    from powderkeg.lake.market_lake import Lake

    Lake(tmp_path / "lake", create=True)
    shown = powderkeg("census status --lake", tmp_path / "lake")
    assert "0 accounts known, none asked yet: `powderkeg census run` does." in shown.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run --share 0", "--share: 0.0 of the venue's rate limit; expected a number above 0, at most 1"),
        ("run --share 1.5", "--share: 1.5 of the venue's rate limit"),
        ("run --venue bybit", "positions are not public at Bybit, so they cannot be counted"),
        ("run --venue nowhere", "venue is 'nowhere'; expected one of"),
        ("run --accounts missing.txt", "--accounts: missing.txt cannot be read: No such file or directory"),
        ("run --archive soon", "--archive"),
        ("status --share 2 --lake lake", "--share: 2.0 of the venue's rate limit"),
        ("status --venue okx --lake lake", "positions are not public at OKX"),
    ],
)
def test_what_cannot_be_is_refused(
    powderkeg: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, message: str
) -> None:
    from powderkeg.lake.market_lake import Lake

    monkeypatch.chdir(tmp_path)
    Lake(tmp_path / "lake", create=True)
    finished = powderkeg(f"census {words}")
    assert finished.status == 2
    assert message in finished.err
