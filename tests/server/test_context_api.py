"""A context over HTTP: the command's object, kept, as of any time, and refused where it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

import context_lake as made
from cli.test_json_page import check
from powderkeg.model.times import DAY, HOUR, iso
from powderkeg.server.application import application
from powderkeg.server.server_rules import ServerRules
from server.conftest import BASE, FilledLake
from server.test_maps_api import got

ASKED = "context?coin=btc&venues=binance,bybit"


def test_it_has_sections_of_facts_and_is_not_sent_again(client: TestClient, filled: FilledLake) -> None:
    path = f"/v1/{ASKED}&at={iso(filled.end)}"
    first = client.get(path)
    assert first.status_code == 200, first.text
    check(first.text, "`powderkeg context --json`")
    told = first.json()
    assert (told["coin"], told["as_of"]) == ("BTC", iso(filled.end))
    facts = {fact["name"]: fact for section in told["sections"] for fact in section["facts"]}
    whole = got(client, f"map?coin=BTC&venues=binance,bybit&at={iso(filled.end)}")
    assert facts["price.mark"]["value"] == pytest.approx(whole["mark_price"], rel=1e-9)
    assert facts["open_interest.usd"]["value"] == pytest.approx(whole["open_interest"], rel=1e-9)
    assert facts["long_short_ratio"]["value"] is None
    assert "powderkeg backfill" in facts["long_short_ratio"]["notes"][0]
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_what_was_known_a_day_before_does_not_change(client: TestClient, filled: FilledLake) -> None:
    early = got(client, f"{ASKED}&at={iso(filled.end - DAY)}")
    assert early["as_of"] == iso(filled.end - DAY)
    far = client.get(f"/v1/{ASKED}&at={iso(filled.end - DAY)}&to=1000000")
    assert (far.status_code, far.json()["error"]["field"]) == (422, "to")
    assert got(client, f"{ASKED}&at={iso(filled.end - DAY)}") == early


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("coin=BTC&history=7d", 422, "history"),
        ("coin=BTC&to=-1", 422, "to"),
        ("coin=BTC&to=nan", 422, "to"),
        ("coin=BTC&venues=bitmex", 404, "venues"),
        ("coin=NOSUCH", 404, "coin"),
        ("coin=BTC&at=2009-06-01", 404, None),
    ],
)
def test_what_cannot_be_answered_is_told_with_the_parameter(
    client: TestClient, query: str, status: int, field: str | None
) -> None:
    answer = client.get(f"/v1/context?{query}")
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["field"] == field


def test_bars_of_another_coin_make_a_kept_context_stale(tmp_path: Path) -> None:
    end = made.START + 12 * DAY
    lake = made.context_lake(tmp_path / "lake", end)
    with TestClient(application(lake, ServerRules(), lambda: end + HOUR), base_url=BASE) as client:
        path = f"/v1/context?coin=BTC&venues=binance&history=8d&at={iso(end)}"
        first = client.get(path).json()
        assert [one["coin"] for one in first["co_movements"]] == ["ETH"]
        rows = made.context_lake(tmp_path / "other", end)
        from powderkeg.lake.dataset_key import DatasetKey

        bars = rows.read(DatasetKey("bars", "binance", "ETHUSDT", "5m"))
        lake.append_frame(
            DatasetKey("bars", "binance", "SOLUSDT", "5m"),
            bars.drop("received_ts", "source"),
            received_ts=end,
            source="made",
        )
        later = client.get(path).json()
    assert {one["coin"] for one in later["co_movements"]} == {"ETH", "SOL"}
