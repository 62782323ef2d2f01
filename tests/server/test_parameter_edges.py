"""Every parameter at the edges of what it could be taken for: an answer or a refusal, and never a fault."""

from __future__ import annotations

import base64
import functools
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

import server_page

TIMES = (
    *("0001-01-01", "0001-01-01T00:00+23:59", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59-23:59"),
    *("1969-12-31T23:59:59.999Z", "1970-01-01", "2009-01-01", "2099-12-31", "2100-01-01", "2026-02-29"),
    *(
        "2026-W10-1",
        "20260210T120000Z",
        "2026-02-10T12:00:60Z",
        "2026-02-10T24:00Z",
        "2026-02-10T12:00+99:99",
    ),
)
WHOLE = (
    *(str(sign * 2**power + one) for power in (31, 53, 63) for sign in (1, -1) for one in (-1, 0)),
    *("0", "-0", "+1", "00", "1_000", "0x10", "9" * 40, "9" * 1_000),
)
FLOATS = ("nan", "-nan", "inf", "-inf", "1e308", "-1e308", "1e400", "5e-324", "-0.0", "0.0", "1e-9", "1e300")
LENGTHS = (
    "999999999d",
    "99999999w",
    "9999999999w"[:10],
    "1ms",
    "0d",
    "-1d",
    "1 d",
    "1e3d",
    "٣d",
    "1h",
    "1d1d",
)
TEXTS = (
    *("", " ", "\n", "\0", "BTC\n", "BTC\0", "BTC\r\n", "é", "💥", "ＢＴＣ", "١٢", "²", "ß" * 20, "İ"),
    *(
        ",",
        ",,",
        "binance,",
        ",binance",
        "binance," * 20,
        "binance\u200b",
        "a" * 40,
        "a" * 41,
        "null",
        "[]",
        "true",
    ),
)
EDGES_OF_ALL = ("", "\0", "nan", "-1", "9" * 40, "💥", "9999-12-31", "999999999d", "[]")
EDGES_BY_NAME = {
    **dict.fromkeys(("at", "start", "since", "until"), TIMES),
    **dict.fromkeys(("history", "step", "interval", "horizon"), LENGTHS),
}
# As they stand in the query, without being encoded: they are no UTF-8, or no encoding at all.
RAW = ("%00", "%ff", "%c0%80", "%ed%a0%80", "%", "%zz", "%u0041", "+", "a%26b", "%25%30%30")


def written(value: Any) -> str:
    """Return a cursor that holds a value."""
    return written_text(json.dumps(value))


def written_text(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


SHAPES: tuple[Any, ...] = (None, True, 0, "", [], {}, [[]], [1], [None], [1.5, "a"], {"a": 1}, [{}])
CURSORS = (
    *map(written, SHAPES),
    *(written([place] * count) for count in (1, 2, 4) for place in ("", "\0", "\ud800", "..", "/", "~")),
    *(
        written([place])
        for place in ("²+1", "1+²", "1+1", "-1+1", "+", "1+", "+1", "9" * 400 + "+1", "1+" + "9" * 400)
    ),
    *(
        written_text(text)
        for text in ("NaN", "[NaN]", "[1e999]", "[", '"', '["a"', "[" * 700, '{"a":' * 140, "9" * 700)
    ),
    *("====", "a", "-_-_", "\u202e", "AA==AA", written(["a"]) + "="),
)


@functools.cache
def parameters() -> dict[str, dict[str, bool]]:
    """Return the parameters of each path of both documents, and whether each is a number."""
    return {
        server_page.PREFIXES[name] + path.replace("{model}", "model1"): {
            one["name"]: bool({"integer", "number"} & types_of(one["schema"]))
            for one in operations["get"].get("parameters", ())
            if one["in"] == "query"
        }
        for name in server_page.DOCUMENTS
        for path, operations in server_page.document(name)["paths"].items()
    }


def types_of(schema: dict[str, Any]) -> set[str]:
    """Return the JSON types that a schema allows, also in a list of them."""
    inner = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())]
    return {str(schema.get("type"))}.union(*map(types_of, inner))


def edges(name: str, *, is_number: bool) -> list[str]:
    """Return what is written into the query for a parameter."""
    its = EDGES_BY_NAME.get(name, WHOLE + FLOATS if is_number else TEXTS)
    values = (*EDGES_OF_ALL, *its, *(CURSORS if name == "cursor" else ()))
    return [*(quote(value, safe="") for value in values), *RAW]


def fitting(path: str) -> dict[str, str]:
    """Return parameters that an endpoint answers; those that are not needed are left out."""
    if path == "/v1/heatmap":
        return {"coin": "BTC", "history": "3d", "step": "4h"}
    if not path.startswith("/api"):
        return {"coin": "BTC"} if "coin" in parameters()[path] else {}
    pair = {"exchange": "Binance", "symbol": "BTCUSDT"}
    coin = {"symbol": "BTC"}
    return {
        "history": {**pair, "interval": "1h"},
        "aggregated-history": {**coin, "exchange_list": "Binance", "interval": "1h"},
        "coin-list": {"exchange": "Bybit"},
        "exchange-list": {**coin, "range": "24h"},
        "order": {"exchange": "Bybit", **coin, "min_liquidation_amount": "0"},
        "heatmap/model1": {**pair, "range": "24h"},
        "aggregated-heatmap/model1": {**coin, "range": "24h"},
        "map": {**pair, "range": "1d"},
        "aggregated-map": {**coin, "range": "1d"},
        "max-pain": {},
    }[path.removeprefix("/api/futures/liquidation/")]


def refused_or_answered(client: TestClient, url: str) -> None:
    """Ask, and let it be no fault of the server; what is refused is refused in the shape of its API."""
    answer = client.get(url)
    if url.startswith("/api/futures/liquidation/max-pain"):
        assert answer.status_code == 501
        return
    assert answer.status_code in {200, 400, 404, 414, 422}, (url[:300], answer.status_code, answer.text[:300])
    if answer.status_code != 200:
        body = answer.json()
        told = body["msg"] if url.startswith("/api") else body["error"]["message"]
        assert 0 < len(told) < 1_500, (url[:300], told)


def asked(path: str, good: dict[str, str], name: str, raw: str) -> str:
    """Return the URL with one parameter written as it is, and those that are good encoded."""
    rest = [f"{key}={quote(value, safe='')}" for key, value in good.items() if key != name]
    return f"{path}?{'&'.join([*rest, f'{name}={raw}'])}"


@pytest.mark.parametrize("path", list(parameters()))
def test_a_parameter_at_an_edge_is_answered_or_refused(client: TestClient, path: str) -> None:
    good = fitting(path)
    faults = []
    for name, is_number in parameters()[path].items():
        for raw in edges(name, is_number=is_number):
            try:
                refused_or_answered(client, asked(path, good, name, raw))
            except AssertionError as fault:
                faults.append(str(fault))
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "path",
    ["/v1/clusters", "/v1/liquidations/events", "/v1/coverage", "/api/futures/liquidation/order"],
)
@pytest.mark.parametrize("value", ["", "BTC"])
def test_a_parameter_given_twice_or_under_another_name_is_answered_or_refused(
    client: TestClient, path: str, value: str
) -> None:
    good = fitting(path)
    for name in (*parameters()[path], "unknown", "coin[]", "", "__proto__"):
        twice = asked(path, good, name, f"{value}&{quote(name, safe='')}={value}")
        refused_or_answered(client, twice)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
        max_leaves=8,
    )
)
@settings(max_examples=40, deadline=None)
def test_no_cursor_is_a_fault_of_the_server(client: TestClient, value: Any) -> None:
    for path in ("/v1/instruments", "/v1/coverage", "/v1/liquidations/events"):
        refused_or_answered(client, asked(path, fitting(path), "cursor", written(value)))


@given(st.text(max_size=24), st.sampled_from(["at", "start", "step", "history", "coin", "venues"]))
@settings(max_examples=40, deadline=None)
def test_no_text_is_a_fault_of_the_server(client: TestClient, text: str, name: str) -> None:
    refused_or_answered(client, asked("/v1/heatmap", fitting("/v1/heatmap"), name, quote(text, safe="")))


@given(st.floats(), st.floats())
@settings(max_examples=25, deadline=None)
def test_no_number_is_a_fault_of_the_server(client: TestClient, push: float, price: float) -> None:
    refused_or_answered(client, f"/v1/squeeze?coin=BTC&history=3d&push={push}&side=up")
    refused_or_answered(client, f"/v1/squeeze?coin=BTC&history=3d&to={price}")
    refused_or_answered(client, f"/v1/positions?coin=BTC&near={push}")
    path = "/api/futures/liquidation/order?exchange=Bybit&symbol=BTC&min_liquidation_amount="
    refused_or_answered(client, path + str(price))
