"""`powderkeg alerts` from the first rules file to a message that has arrived."""

from __future__ import annotations

import json
import time
import tomllib
from pathlib import Path

import pytest

from alert_lake import BURST, START, write_lake
from alert_receiver import receiver
from cli.test_json_page import check
from command_line import Command
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import Bar, FundingRate, MarketRow, OpenInterest
from powderkeg.model.times import DAY, MINUTE, iso

STEP = 5 * MINUTE
RULES = """
[[rule]]
name = "interest"
coin = "BTC"
kind = "open_interest_drop"
fraction = 0.05
window = "1h"

[[rule]]
name = "above"
coin = "BTC"
kind = "price_crosses"
level = 150000
direction = "up"
"""


def settings(folder: Path, *urls: str) -> Path:
    (folder / "rules.toml").write_text(RULES, encoding="utf-8")
    path = folder / "settings.toml"
    path.write_text(
        f'lake = "{folder / "lake"}"\n[alerts]\nrules = "{folder / "rules.toml"}"\n'
        f"urls = {json.dumps(urls)}\n",
        encoding="utf-8",
    )
    return path


def lake_of_now(root: Path) -> None:
    """Write two hours of a market that ends now, whose open interest has just fallen by a tenth."""
    end = time.time_ns() // 1_000_000 // STEP * STEP
    times = range(end - 24 * STEP, end, STEP)
    bars: list[MarketRow] = [Bar(ts, STEP, 1e5, 1.01e5, 0.99e5, 1e5, 5.0, None, None, None) for ts in times]
    interest: list[MarketRow] = [
        OpenInterest(ts, value, value, "base", 1, None)
        for ts in times
        for value in (1_000.0 if ts < end - 4 * STEP else 900.0,)
    ]
    lake = Lake(root, create=True)
    for table, variant, rows in (("bars", "5m", bars), ("open_interest", "all", interest)):
        key = DatasetKey(table, "binance", "BTCUSDT", variant)
        lake.append(key, rows, received_ts=[row.ts for row in rows], source="live")


def test_init_writes_rules_once(powderkeg: Command, tmp_path: Path) -> None:
    path = tmp_path / "new" / "rules.toml"
    assert powderkeg("alerts init --rules", path).status == 0
    assert len(tomllib.loads(path.read_text())["rule"]) == 12
    again = powderkeg("alerts init --rules", path)
    assert again.status == 2
    assert "exists already; expected a new file" in again.err.replace("\n", " ")


def test_once_tells_each_episode_once_and_keeps_it(powderkeg: Command, tmp_path: Path) -> None:
    pytest.importorskip("apprise")
    lake_of_now(tmp_path / "lake")
    with receiver() as there:
        path = settings(tmp_path, there.url)
        rounds = [powderkeg("alerts once --json --venues binance --settings", path) for _ in range(2)]
    first, second = (json.loads(one.out) for one in rounds)
    headings = [f"`powderkeg alerts {name} --json`" for name in ("run", "list", "once", "history", "test")]
    check(rounds[0].out, *headings[:3])
    assert [one["identity"] for one in first["fired"]] == ["interest/BTC/1"] == there.identities
    assert (first["delivered"], second["delivered"], second["fired"]) == (1, 0, [])
    assert {one["rule"]: one["status"] for one in second["watch_list"]} == {
        "interest": "fired",
        "above": "armed",
    }
    assert not [one for one in rounds if "SECRET" in one.out + one.err]
    history = powderkeg("alerts history --json --settings", path).out
    check(history, headings[0], headings[3])
    (told,) = json.loads(history)["history"]
    assert told["sentence"] == "BTC: open interest in coins changed by -10.0 % in 1h"
    assert told["targets"] == {"delivered": 1, "waiting": 0, "given_up": 0}
    assert "interest" in powderkeg("alerts history --settings", path).out
    shown = powderkeg("alerts list --settings", path).out
    assert "≥ 5.00 %" in shown
    assert "≥ 150,000" in shown
    assert (
        json.loads(powderkeg("alerts list --json --settings", path).out)["watch_list"] == second["watch_list"]
    )


def test_a_coin_that_cannot_be_read_does_not_keep_others_from_it(powderkeg: Command, tmp_path: Path) -> None:
    lake_of_now(tmp_path / "lake")
    path = settings(tmp_path)
    silent = '[[rule]]\nname = "silent"\ncoin = "ETH"\nkind = "feed_silent"\ntable = "funding"\n'
    (tmp_path / "rules.toml").write_text(RULES + silent, encoding="utf-8")
    key = DatasetKey("funding", "binance", "ETHUSDT")
    Lake(tmp_path / "lake").append(key, [FundingRate(START, 1e-4, None)], received_ts=START, source="rest")
    (manifest,) = (tmp_path / "lake" / "tables" / key.directory).glob("manifest*")
    manifest.write_bytes(b"{")
    done = powderkeg("alerts once --json --venues binance --settings", path)
    told = json.loads(done.out)
    assert [one["identity"] for one in told["fired"]] == ["interest/BTC/1"]
    assert [one["coin"] for one in told["not_observed"]] == ["ETH"]
    assert told["watch_list"][-1]["unknown_because"] == "it was not evaluated yet"
    assert "ETH could not be observed" in powderkeg("alerts once --venues binance --settings", path).err


def test_run_evaluates_sends_and_ends(powderkeg: Command, tmp_path: Path) -> None:
    pytest.importorskip("apprise")
    lake_of_now(tmp_path / "lake")
    with receiver() as there:
        path = settings(tmp_path, there.url)
        done = powderkeg("alerts run --every 0.5 --for 2s --json --venues binance --settings", path)
    assert done.status == 0
    assert [json.loads(line)["identity"] for line in done.out.splitlines()] == ["interest/BTC/1"]
    assert there.identities == ["interest/BTC/1"]


def test_a_dry_run_sends_nothing_and_says_what_it_counts(powderkeg: Command, tmp_path: Path) -> None:
    write_lake(tmp_path / "lake")
    path = settings(tmp_path, "json://127.0.0.1:9/")
    since, until = iso(START + 7 * DAY), iso(START + 9 * DAY)
    line = f"alerts test --since {since} --until {until} --venues binance --settings"
    printed = powderkeg(line, path, "--json").out
    check(printed, "`powderkeg alerts test --json`")
    found = json.loads(printed)
    fired = {one["rule"]: one["fired"] for one in found["rules"]}
    assert fired["interest"] == 1
    assert "of all times" in powderkeg(line, path).out
    assert not (tmp_path / "lake" / "alerts").exists()
    assert BURST < START + 7 * DAY


def test_what_cannot_be_is_told(powderkeg: Command, tmp_path: Path) -> None:
    path = settings(tmp_path, "nothing://SECRET")
    missing = powderkeg("alerts once --settings", path)
    assert (missing.status, "is no lake" in missing.err) == (2, True)
    Lake(tmp_path / "lake", create=True)
    refused = powderkeg("alerts once --settings", path)
    assert refused.status == 2
    assert "alerts.urls: number 1 is no URL of a service" in refused.err.replace("\n", " ")
    assert "SECRET" not in refused.err
    (tmp_path / "rules.toml").write_text(RULES.replace("0.05", "5"), encoding="utf-8")
    wrong = powderkeg("alerts list --settings", path)
    assert "rule 'interest': fraction is 5; expected a number above 0 and below 1" in wrong.err
    assert powderkeg("alerts history --settings", path).out == "No rule has fired yet.\n"
