"""Maps over HTTP: what the command line says of the same lake, as of any time, once per bar."""

from __future__ import annotations

import functools
import json
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from typer.main import get_command

from cli.test_json_page import check
from powderkeg.cli.main import main
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import DAY, HOUR, MINUTE, iso
from powderkeg.server.application import application
from powderkeg.server.heatmap_bytes import HEADER, MAGIC, MEDIA_TYPE
from powderkeg.server.map_endpoints import json_step
from powderkeg.server.server_rules import ServerRules
from powderkeg.server.squeeze_answer import PATHS
from server.conftest import BASE, FilledLake
from server.test_stream import START, STEP, grow

_command_tree = functools.cache(get_command)


def printed(capfd: pytest.CaptureFixture[str], filled: FilledLake, line: str) -> Any:
    """Return what a command prints with --json over the same lake."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.main.get_command", _command_tree)
        words = ["powderkeg", *line.split(), "--json", "--lake", str(filled.lake.root)]
        patch.setattr("sys.argv", words)
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        assert not left.value.code
        return json.loads(capfd.readouterr().out)


def got(client: TestClient, path: str) -> Any:
    """Return the object of a path below /v1 that must be answered."""
    answer = client.get(f"/v1/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("back", [0, 3 * DAY])
def test_a_map_is_what_the_command_prints_as_of_the_same_time(
    client: TestClient, filled: FilledLake, capfd: pytest.CaptureFixture[str], back: int
) -> None:
    at = iso(filled.end - back)
    mine = got(client, f"map?coin=btc&venues=binance,bybit&at={at}")
    assert mine["as_of"] == at
    theirs = printed(capfd, filled, f"map BTC --venues binance,bybit --offline --at {at}")
    assert mine == theirs


def test_now_is_the_last_bar_and_a_time_inside_a_bar_is_its_start(
    client: TestClient, filled: FilledLake
) -> None:
    now = got(client, "map?coin=BTC")
    assert now["as_of"] == iso(filled.end)
    assert {one["venue"] for one in now["skipped"]} >= {"okx", "gate"}
    inside = got(client, f"map?coin=BTC&at={iso(filled.end - DAY + 4 * MINUTE)}")
    assert inside["as_of"] == iso(filled.end - DAY)
    assert inside["mark_price"] != now["mark_price"]


def test_what_a_client_has_is_not_sent_again(client: TestClient, filled: FilledLake) -> None:
    path = f"/v1/map?coin=BTC&at={iso(filled.end - DAY)}"
    first = client.get(path)
    tag = first.headers["etag"]
    assert tag.startswith('"')
    again = client.get(path, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    for known in ('"other"', f"W/{tag}"):
        assert client.get(path, headers={"If-None-Match": known}).content == first.content
    other = client.get("/v1/map?coin=BTC", headers={"If-None-Match": tag})
    assert other.status_code == 200
    assert other.headers["etag"] != tag


def test_packed_and_plain_bytes_have_each_their_tag(client: TestClient) -> None:
    plain, packed = (
        client.get("/v1/map?coin=BTC", headers={"Accept-Encoding": coding}) for coding in ("identity", "gzip")
    )
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.content == plain.content
    for one in (plain, packed):
        assert "Accept-Encoding" in one.headers["vary"]
    tags = {"identity": plain.headers["etag"], "gzip": packed.headers["etag"]}
    assert tags["identity"] != tags["gzip"]
    for coding in tags:
        for known, tag in tags.items():
            told = client.get("/v1/map?coin=BTC", headers={"Accept-Encoding": coding, "If-None-Match": tag})
            assert told.status_code == (304 if known == coding else 200)


def test_cells_as_bytes_are_sent_as_they_are(client: TestClient) -> None:
    binary = client.get("/v1/heatmap?coin=BTC&format=binary", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in binary.headers
    assert len(binary.content) == int(binary.headers["content-length"])


def test_clusters_and_imbalance_are_those_of_the_map(client: TestClient) -> None:
    whole = got(client, "map?coin=BTC")
    clusters = got(client, "clusters?coin=BTC&limit=3")
    assert clusters["clusters"] == whole["clusters"][:3]
    imbalance = got(client, "imbalance?coin=BTC")
    assert imbalance["imbalance"] == whole["imbalance"]
    for one in (clusters, imbalance):
        for key in ("instrument", "as_of", "mark_price", "kind", "model", "units", "provenance", "skipped"):
            assert one[key] == whole[key]


def test_models_differ_and_are_named(client: TestClient) -> None:
    found = {model: got(client, f"map?coin=BTC&model={model}") for model in ("worlds", "diffuse")}
    assert [one["model"] for one in found.values()] == list(found)
    assert found["worlds"]["bins"] != found["diffuse"]["bins"]


def test_a_heatmap_is_what_the_command_prints_with_its_cells(
    client: TestClient, filled: FilledLake, capfd: pytest.CaptureFixture[str]
) -> None:
    start, end = iso(filled.end - 2 * DAY), iso(filled.end)
    mine = got(client, f"heatmap?coin=BTC&venues=binance,bybit&start={start}&at={end}&step=4h")
    cells = mine.pop("cells")
    edges = mine.pop("edges")
    line = f"heatmap BTC --venues binance,bybit --offline --start {start} --end {end} --step 4h"
    assert mine == printed(capfd, filled, line)
    sums = np.bincount(cells["column"], cells["long_notional"], len(mine["columns"]))
    assert sums == pytest.approx([one["long_notional"] for one in mine["columns"]], rel=1e-6)
    assert max(cells["bin"]) < len(edges) - 1


def test_the_binary_heatmap_holds_the_same_numbers(client: TestClient, filled: FilledLake) -> None:
    query = f"/v1/heatmap?coin=BTC&start={iso(filled.end - 2 * DAY)}&step=4h"
    answer = client.get(f"{query}&format=binary")
    assert answer.headers["content-type"] == MEDIA_TYPE
    body = answer.content
    magic, columns, bins, width, first, described, zero = struct.unpack_from("<8sIIdqII", body)
    assert (magic, zero, described % 8) == (MAGIC, 0, 0)
    at = HEADER.size
    description = json.loads(body[at : at + described])
    at += described
    times = np.frombuffer(body, "<i8", columns, at)
    at += times.nbytes
    mark, *candles = np.frombuffer(body, "<f8", 5 * columns, at).reshape(5, columns)
    at += 5 * 8 * columns
    long, short = np.frombuffer(body, "<f4", 2 * columns * bins, at).reshape(2, columns, bins)
    assert at + long.nbytes + short.nbytes == len(body)
    told = client.get(query).json()
    assert [iso(int(ts)) for ts in times] == [one["as_of"] for one in told["columns"]]
    assert mark.tolist() == [one["mark_price"] for one in told["columns"]]
    assert description["columns"] == told["columns"]
    assert all(np.isfinite(one).all() for one in candles)
    assert np.exp(first * width) == pytest.approx(told["edges"][0])
    for name, cells in (("long_notional", long), ("short_notional", short)):
        column, place = told["cells"]["column"], told["cells"]["bin"]
        assert cells[column, place].tolist() == told["cells"][name]
        assert cells.sum(dtype=np.float64) == pytest.approx(sum(told["cells"][name]))


def test_history_does_not_repaint(client: TestClient, filled: FilledLake) -> None:
    early = got(client, f"heatmap?coin=BTC&at={iso(filled.end - DAY)}&step=1d&history=20d")
    late = got(client, f"heatmap?coin=BTC&at={iso(filled.end)}&step=1d&history=21d")
    before = {one["as_of"]: one for one in early["columns"]}
    for one in late["columns"]:
        if one["as_of"] in before:
            assert one["long_notional"] == pytest.approx(before[one["as_of"]]["long_notional"])


def test_a_map_knows_the_open_interest_of_its_very_end_as_later_heatmaps_do(
    client: TestClient, filled: FilledLake
) -> None:
    at = iso(filled.end - DAY)  # open interest is told at whole hours
    (column,) = [
        one for one in got(client, "heatmap?coin=BTC&step=4h&history=10d")["columns"] if one["as_of"] == at
    ]
    whole = got(client, f"map?coin=BTC&history=9d&at={at}")
    assert whole["open_interest"] == pytest.approx(column["open_interest"], rel=1e-9)


def test_a_squeeze_is_what_the_command_prints(
    client: TestClient, filled: FilledLake, capfd: pytest.CaptureFixture[str]
) -> None:
    at = iso(filled.end)
    line = f"squeeze BTC --venues binance,bybit --offline --at {at} --push 2e6 --side down --stress thin"
    theirs = printed(capfd, filled, line)
    mine = got(client, f"squeeze?coin=BTC&venues=binance,bybit&at={at}&push=2e6&side=down&stress=thin")
    # Nothing was asked of single venues, and of paths.
    theirs["squeezes"] = [{**one, "contagion": []} for one in theirs["squeezes"]]
    assert mine == theirs
    mark = mine["squeezes"][0]["mark_price"]
    (up,) = got(client, f"squeeze?coin=BTC&to={mark * 1.02}")["squeezes"]
    assert (up["side"], up["reaching"][0]["price"]) == ("up", pytest.approx(mark * 1.02))


def test_paths_of_a_squeeze_are_those_of_the_command(
    client: TestClient, filled: FilledLake, capfd: pytest.CaptureFixture[str]
) -> None:
    at = iso(filled.end)
    line = f"squeeze BTC --venues binance,bybit --offline --at {at} --push 2e6 --side up --paths {PATHS}"
    (theirs,) = printed(capfd, filled, line)["squeezes"]
    query = f"squeeze?coin=BTC&venues=binance,bybit&at={at}&push=2e6&side=up&paths=true"
    (mine,) = got(client, query)["squeezes"]
    assert mine == {**theirs, "contagion": []}
    (told,) = mine["paths"]
    assert (told["paths"], len(told["fan"])) == (PATHS, 31)
    (unasked,) = got(client, f"squeeze?coin=BTC&at={at}&side=down&paths=true")["squeezes"]
    assert [one["push"] for one in unasked["paths"]] == [unasked["ladder"][-1]["push"]]


@pytest.mark.parametrize("side", ["up", "down"])
def test_the_envelope_answers_what_the_lists_of_a_squeeze_answer(
    client: TestClient, filled: FilledLake, side: str
) -> None:
    path = f"squeeze?coin=BTC&at={iso(filled.end)}&pass_through=0.5"
    (plain,) = got(client, f"{path}&side={side}")["squeezes"]
    sign = 1 if side == "up" else -1
    mark = plain["mark_price"]
    asked = [mark * (1 + sign * move) for move in (0.004, 0.031, 0.12)]
    wanted = "".join(f"&to={price}" for price in asked)
    (whole,) = got(client, f"{path}&side={side}{wanted}&curve=true")["squeezes"]
    check(json.dumps({"envelope": whole["envelope"]}), "`/v1/squeeze` with `curve=true`")
    curve = {name: np.array(values) for name, values in whole.pop("envelope").items()}
    assert whole["ladder"] == plain["ladder"]
    price = curve["price"]
    assert len(price) <= 400
    assert price[0] == mark
    assert price[-1] == pytest.approx(mark * (1 + sign * 0.2))
    assert np.all(np.diff(price) * sign >= 0)
    for name in ("absorbed", "forced", "push"):
        assert np.all(np.diff(curve[name]) >= 0)
    gap = curve["absorbed"] - curve["forced"]
    assert curve["push"] == pytest.approx(np.maximum(np.maximum.accumulate(gap), 0.0))
    for one in whole["reaching"]:
        # Of a jump the order that gets there stands first, and what has been forced and absorbed last.
        (here,) = np.nonzero(np.isclose(price, one["price"], rtol=1e-12))
        assert curve["push"][here[0]] == pytest.approx(one["push"], rel=1e-9)
        assert curve["forced"][here[-1]] == pytest.approx(one["forced"], rel=1e-9)
        assert curve["absorbed"][here[-1]] == pytest.approx(one["book_push"], rel=1e-9)
    assert len(whole["reaching"]) == 3
    landed = [one for one in whole["ladder"] if one["price"] and abs(one["distance"]) <= 0.2]
    assert landed
    for one in landed:
        after = int(np.searchsorted(curve["push"], one["push"] * (1 - 1e-9)))
        assert price[after] == pytest.approx(one["price"], rel=1e-9)
        assert curve["forced"][after] == pytest.approx(one["forced"], rel=1e-6)
    # Any other size is read along the line of the push, in log price.
    for move in (0.01, 0.02, 0.05):
        (one,) = got(client, f"{path}&to={mark * (1 + sign * move)}")["squeezes"]
        size = one["reaching"][0]["push"]
        (one,) = got(client, f"{path}&side={side}&push={size}")["squeezes"]
        after = int(np.searchsorted(curve["push"], size))
        before = curve["push"][after - 1]
        share = (size - before) / (curve["push"][after] - before)
        landing = np.exp(np.log(price[after - 1]) + share * np.log(price[after] / price[after - 1]))
        assert landing == pytest.approx(one["ladder"][0]["price"], rel=1e-4)


def test_a_map_is_computed_once_for_a_bar(client: TestClient, filled: FilledLake) -> None:
    def counts() -> list[float]:
        lines = [line.split() for line in client.get("/v1/metrics").text.splitlines()]
        return [
            float(line[1])
            for line in lines
            if re.fullmatch(r'powderkeg_server_cache_(hits|misses)_total{cache="answers"}', line[0])
        ]

    for minutes in (0, 1, 4):
        client.get(f"/v1/map?coin=BTC&at={iso(filled.end - 5 * HOUR + minutes * MINUTE)}")
        if minutes == 0:
            hits, misses = counts()
    assert counts() == [hits + 2, misses]


def test_a_lake_that_grows_gives_another_map_of_the_same_time(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", create=True)
    grow(lake, 0, 288)
    at = START + DAY + STEP
    with TestClient(application(lake, ServerRules(), lambda: at), base_url=BASE) as client:
        before = client.get("/v1/map?coin=BTC")
        assert before.json()["as_of"] == iso(START + DAY)
        grow(lake, 288, 1)
        after = client.get("/v1/map?coin=BTC", headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.json()["as_of"] == iso(at)


@pytest.mark.parametrize(
    ("length", "step"),
    [
        (HOUR, 5 * MINUTE),
        (25 * HOUR, 5 * MINUTE),
        (3 * DAY, 15 * MINUTE),
        (30 * DAY, 4 * HOUR),
        (400 * DAY, 2 * DAY),
    ],
)
def test_columns_of_json_are_as_far_apart_as_it_has_room_for(length: int, step: int) -> None:
    assert json_step(length) == step
    assert length / step <= 300


def test_a_heatmap_without_a_word_on_columns_fits_json(client: TestClient) -> None:
    found = got(client, "heatmap?coin=BTC")
    assert 50 < len(found["columns"]) <= 300
    assert found["cells"]["column"]
