"""What a client of CoinGlass asks, asked here: keys, types and units are those of the recorded answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from powderkeg.model.times import DAY
from powderkeg.server.application import application
from powderkeg.server.server_rules import ServerRules
from server.conftest import BASE, FilledLake

ROOT = "/api/futures/liquidation"
TOKEN = "a token of some length"  # noqa: S105
PAIR = {"exchange": "Binance", "symbol": "BTCUSDT"}
CALLS: dict[str, dict[str, Any]] = {
    "history": {"exchange": "Bybit", "symbol": "BTCUSDT", "interval": "1h", "limit": 30},
    "aggregated-history": {"exchange_list": "Binance,Bybit", "symbol": "BTC", "interval": "1h", "limit": 30},
    "coin-list": {"exchange": "Bybit"},
    "exchange-list": {"symbol": "BTC", "range": "24h"},
    "order": {"exchange": "Bybit", "symbol": "BTC", "min_liquidation_amount": "100"},
    **{f"heatmap/model{number}": {**PAIR, "range": "24h"} for number in (1, 2, 3)},
    **{f"aggregated-heatmap/model{number}": {"symbol": "BTC", "range": "24h"} for number in (1, 2, 3)},
    "map": {**PAIR, "range": "1d"},
    "aggregated-map": {"symbol": "BTC", "range": "1d"},
}
# Differences that docs/server.md tells, by path; all else is as recorded.
BESIDE_DATA = {"powderkeg"}
WITHOUT_LEVERAGE = {"map"}  # the third of a level is null, where theirs is a number
WITHOUT_VOLUME = {path for path in CALLS if "heatmap" in path}  # the sixth of a candle is "0"
TIMES = {"time"}  # in milliseconds; of candles in seconds


def recorded(shared: Path, path: str) -> Any:
    """Return the recorded answer of a path, whose text has comments and marks of what was left out."""
    text = (shared / "data/coinglass-v4-shapes/response_examples.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {ROOT}/{path}  \(.*?\)\n```\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert found, path
    plain = re.sub(r"//.*$", "", found[1], flags=re.MULTILINE)
    plain = re.sub(r"^\s*\.{3,}\s*$", "", plain, flags=re.MULTILINE)
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", plain))


def kind(value: Any) -> str:
    """Return the JSON type; whole numbers and others are both numbers, as they are to JSON."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return "number" if isinstance(value, int | float) else type(value).__name__


def differences(theirs: Any, mine: Any, place: str) -> list[str]:
    """Return where keys, types, or units of times differ; lists of rows are compared by their first."""
    if kind(theirs) != kind(mine):
        return [f"{place}: {kind(theirs)} is {kind(mine)}"]
    if isinstance(theirs, dict):
        return differences_of_objects(theirs, mine, place)
    if isinstance(theirs, list):
        return differences_of_lists(theirs, mine, place)
    is_time = place.rpartition(".")[2] in TIMES or place.endswith("candlesticks[].0")
    if is_time and len(str(theirs)) != len(str(mine)):
        return [f"{place}: a time of {len(str(theirs))} digits is one of {len(str(mine))}"]
    if isinstance(theirs, str) and theirs.replace(".", "", 1).isdigit() and not float(mine) >= 0:
        return [f"{place}: {mine!r} is no amount"]
    return []


def differences_of_objects(theirs: dict[str, Any], mine: dict[str, Any], place: str) -> list[str]:
    if place.endswith("data.data"):  # keys are prices
        assert all(float(key) > 0 for key in (*theirs, *mine))
        return differences(next(iter(theirs.values())), next(iter(mine.values())), f"{place}.PRICE")
    shared_keys = sorted(theirs.keys() & mine.keys())
    told = [f"{place}: {key}" for key in sorted(theirs.keys() ^ mine.keys())]
    for key in shared_keys:
        told += differences(theirs[key], mine[key], f"{place}.{key}")
    return told


def differences_of_lists(theirs: list[Any], mine: list[Any], place: str) -> list[str]:
    if not mine:
        return [f"{place}: empty"]
    if place.endswith("y_axis") or all(isinstance(one, dict | list) for one in theirs):
        return differences(theirs[0], mine[0], f"{place}[]")
    told = [] if len(theirs) == len(mine) else [f"{place}: {len(theirs)} is {len(mine)} long"]
    pairs = enumerate(zip(theirs, mine, strict=False))
    return told + [one for at, (a, b) in pairs for one in differences(a, b, f"{place}.{at}")]


@pytest.fixture(scope="module")
def with_key(filled: FilledLake) -> Iterator[TestClient]:
    """Return a client that sends the token as those of CoinGlass send their key."""
    app = application(filled.lake, ServerRules(token=TOKEN), lambda: filled.end)
    with TestClient(app, base_url=BASE, headers={"CG-API-KEY": TOKEN}) as client:
        yield client


@pytest.mark.parametrize("path", list(CALLS))
def test_a_call_is_answered_in_the_recorded_shape(
    with_key: TestClient, filled: FilledLake, shared: Path, path: str
) -> None:
    answer = with_key.get(f"{ROOT}/{path}", params=CALLS[path])
    assert answer.status_code == 200, answer.text
    mine, theirs = answer.json(), recorded(shared, path)
    expected = [f"answer: {key}" for key in BESIDE_DATA]
    if path in WITHOUT_LEVERAGE:
        expected.append("answer.data.data.PRICE[].2: number is null")
    assert sorted(differences(theirs, mine, "answer")) == sorted(expected)
    if path in WITHOUT_VOLUME:
        assert {candle[5] for candle in mine["data"]["price_candlesticks"]} == {"0"}
        starts = [candle[0] for candle in mine["data"]["price_candlesticks"]]
        assert filled.end - 2 * DAY < 1_000 * starts[0] < 1_000 * starts[-1] < filled.end


def test_orders_have_the_side_of_the_order(filled: FilledLake, shared: Path, client: TestClient) -> None:
    mine = client.get(f"{ROOT}/order", params=CALLS["order"]).json()["data"]
    assert {row["side"] for row in recorded(shared, "order")["data"]} <= {1, 2}
    assert {row["side"] for row in mine} == {1, 2}
    assert {row["exchange_name"] for row in mine} == {"BYBIT"}


def test_max_pain_is_the_one_path_that_is_not_computed(client: TestClient, shared: Path) -> None:
    text = (shared / "data/coinglass-v4-shapes/response_examples.md").read_text(encoding="utf-8")
    paths = set(re.findall(rf"^## {ROOT}/(\S+)", text, re.MULTILINE))
    assert paths == {*CALLS, "max-pain"}
    answer = client.get(f"{ROOT}/max-pain", params={"range": "24h"})
    assert (answer.status_code, answer.json()["code"]) == (501, "501")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"time": "1"}, ["answer[].time: number is str"]),
        ({"time": 1_700_000_000}, ["answer[].time: a time of 13 digits is one of 10"]),
        ({"usd": 5.0}, ["answer[].usd: str is number"]),
        ({"other": 1}, ["answer[]: other"]),
    ],
)
def test_a_difference_is_found(change: dict[str, Any], told: list[str]) -> None:
    row = {"time": 1_700_000_000_000, "usd": "5.0"}
    assert differences([row], [row], "answer") == []
    assert differences([row], [row | change], "answer") == told
