"""Attacks on what is asked: hosts, paths, headers and parameters that are meant as something else."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from powderkeg.server.application import application
from powderkeg.server.server_rules import ServerRules
from server.conftest import BASE, FilledLake
from server.listening import Listening, listening


@pytest.fixture(scope="module")
def place(filled: FilledLake) -> Iterator[Listening]:
    """Serve over sockets: clients tidy paths up before they ask."""
    rules = ServerRules(burst=100_000)
    with listening(application(filled.lake, rules, lambda: filled.end), rules) as found:
        yield found


STREAM = "ws://127.0.0.1/v1/stream?coins=BTC"


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example:8321"),
        *("127.0.0.1@evil.example", "127.0.0.2", "0.0.0.0", "[::2]", "0x7f000001", "2130706433"),  # noqa: S104
        *("", "127.0.0.1 evil.example", "127.0.0.1,evil.example", "evil.example#127.0.0.1", "[::1"),
    ],
)
def test_dns_rebinding_finds_no_server_without_a_token(client: TestClient, host: str) -> None:
    answer = client.get("/v1/health", headers={"Host": host, "Origin": f"http://{host}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_host")
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(STREAM, headers={"Host": host}):
        pass


@pytest.mark.parametrize("host", ["127.0.0.1:8321", "localhost", "LOCALHOST:80", "[::1]:8321"])
def test_names_of_this_machine_do(client: TestClient, host: str) -> None:
    assert client.get("/v1/health", headers={"Host": host, "Origin": f"http://{host}"}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        *("null", "", "file://", "http://127.0.0.1.evil.example", "http://127.0.0.1@evil.example"),
        *("http://127.0.0.1/", "http://localhost", "https://127.0.0.1:443", "http://127.0.0.1:8321"),
        *("chrome-extension://abc", "127.0.0.1", "http:127.0.0.1"),
    ],
)
def test_pages_of_other_origins_reach_neither_http_nor_the_websocket(client: TestClient, origin: str) -> None:
    headers = {"Origin": origin}
    answer = client.get("/v1/health", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_origin")
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(STREAM, headers=headers):
        pass


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/%2e%2e/%2e%2e/lake.json", "/v1/..%2f..%2flake.json", "/v1/..%5c..%5clake.json"),
        *("/v1//map?coin=BTC", "//v1/map?coin=BTC", "/v1/map/?coin=BTC", "/v1/./map?coin=BTC"),
        *("/v1/map%00?coin=BTC", "/v1/map%2f?coin=BTC", "/v1/map;a=b?coin=BTC", "/V1/MAP?coin=BTC"),
        *("/v1\\map?coin=BTC", "/C:\\lake.json", "/v1/map%252e?coin=BTC", "/%2e%2e%2f%2e%2e%2fetc/passwd"),
        *(
            "/v1/map%0d%0aX-Injected:%201",
            "/%e2%80%ae",
            "/v1/%ff%fe",
            "/v1/map%",
            "/v1/liquidations/events/../../health",
        ),
        *("/api/../v1/health", "/api/futures/liquidation/heatmap/..%2fmap", "/api//futures", "/api/%00"),
        "/api/futures/liquidation/heatmap/model1%00?exchange=Binance&symbol=BTCUSDT&range=24h",
    ],
)
def test_a_path_is_what_it_says_or_nothing(place: Listening, filled: FilledLake, path: str) -> None:
    status, body = place.got(path)
    assert status in {404, 422}
    assert str(filled.lake.root).encode() not in body
    assert set(json.loads(body)) in ({"error"}, {"code", "msg", "powderkeg"})


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "LAKE"])
@pytest.mark.parametrize("path", ["/v1/health", "/api/futures/liquidation/coin-list?exchange=Bybit", "/"])
def test_no_other_method_does_anything(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code in ({404, 405} if path == "/" else {405})
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert set(answer.json()) in ({"error"}, {"code", "msg", "powderkeg"})


INJECTED = "BTC\r\nX-Injected: 1\r\n\r\n<script>alert(1)</script>"


@pytest.mark.parametrize(
    "path",
    [
        *("map?coin={}", "map?coin=BTC&venues={}", "map?coin=BTC&at={}", "health?{}=1", "coverage?symbol={}"),
        *(
            "coverage?table={}",
            "instruments?venue={}",
            "positions?coin={}",
            "liquidations/events?coin=BTC&cursor={}",
        ),
        *("heatmap?coin=BTC&format={}", "{}"),
    ],
)
def test_line_breaks_of_a_parameter_reach_no_header_and_tags_no_page(client: TestClient, path: str) -> None:
    answer = client.get("/v1/" + path.format(quote(INJECTED, safe="")))
    assert "x-injected" not in answer.headers
    for value in answer.headers.values():
        assert "\r" not in value
        assert "\n" not in value
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_line_breaks_of_a_request_s_headers_are_not_sent_back(client: TestClient) -> None:
    for known in ('"\r\nX-Injected: 1', "*, \x00", "\xff"):
        answer = client.get("/v1/health", headers={b"If-None-Match": known.encode("latin-1")})
        assert "x-injected" not in answer.headers


@pytest.mark.parametrize(
    "value",
    [
        *("' OR 1=1 --", "BTC'; DROP TABLE bars; --", "0 UNION SELECT '/etc/passwd'"),
        *('BTC" OR ""="', "%", "_", "*", "$(id)", "`id`", "{{7*7}}", "${jndi:ldap://x}", "a\x00b", "../../x"),
    ],
)
def test_what_looks_like_a_statement_is_a_name_that_nobody_has(
    client: TestClient, filled: FilledLake, value: str
) -> None:
    asked = {
        "map": ("coin", "venues", "at", "history", "model"),
        "coverage": ("table", "venue", "symbol", "cursor"),
        "liquidations/events": ("coin", "since", "until", "cursor"),
        "positions": ("coin", "venue"),
    }
    for path, names in asked.items():
        for name in names:
            query = {"coin": "BTC", name: value} if path != "coverage" else {name: value}
            answer = client.get(f"/v1/{path}", params=query)
            if (path, name) == ("coverage", "symbol"):
                assert (answer.status_code, answer.json()["datasets"]) == (200, [])
            else:
                assert answer.status_code in {400, 404, 422}, (path, name, answer.text)
                assert answer.json()["error"]["field"] in {name, None}
            assert str(filled.lake.root) not in answer.text


def test_an_internal_fault_tells_nothing_of_itself(
    filled: FilledLake, caplog: pytest.LogCaptureFixture
) -> None:
    def broken_clock() -> int:
        secret = "/home/someone/lake and a secret"  # noqa: S105
        raise RuntimeError(secret)

    calls = iter([filled.end])
    app = application(filled.lake, ServerRules(), lambda: next(calls, None) or broken_clock())
    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as client:
        answer = client.get("/v1/map?coin=BTC")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "secret" in caplog.text


def test_long_parameters_and_many_of_them_are_refused(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "powderkeg"):
        for query in (
            "coin=" + "B" * 4_080,
            "&".join(["coin=BTC"] * 900),
            "x=" * 1_300,
            "coin=" + "%42" * 1_350,
        ):
            answer = client.get(f"/v1/map?{query}")
            assert answer.status_code in {414, 422}
            assert len(answer.content) < 1_000
    assert len(caplog.text) < 1_000
