"""Who may ask, from where, how often and how much."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from powderkeg.errors import InputError
from powderkeg.server.application import application
from powderkeg.server.request_guard import Allowances
from powderkeg.server.server_rules import ServerRules
from server.conftest import BASE, FilledLake

TOKEN = "a token of some length"  # noqa: S105
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@contextmanager
def served(filled: FilledLake, rules: ServerRules, base: str = BASE) -> Iterator[TestClient]:
    """Return a client of a server with these rules."""
    with TestClient(application(filled.lake, rules, lambda: filled.end), base_url=base) as client:
        yield client


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])  # noqa: S104
def test_other_machines_need_a_token(host: str) -> None:
    with pytest.raises(InputError, match="expected a token besides, or 127.0.0.1"):
        ServerRules(host=host)
    assert not ServerRules(host=host, token=TOKEN).is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.3.2.1"])
def test_loopback_needs_none(host: str) -> None:
    assert ServerRules(host=host).is_loopback


@pytest.mark.parametrize("token", ["", "short", "with a\nline break in it", "with an ümlaut in it"])
def test_a_token_that_is_none_is_refused_without_telling_it(token: str) -> None:
    with pytest.raises(InputError, match="^token: ") as found:
        ServerRules(token=token)
    assert not token or token not in str(found.value)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"CG-API-KEY": "wrong"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/health", "/v1/metrics", "/v1/openapi.json", "/nothing"])
def test_without_the_token_nothing_is_told(filled: FilledLake, headers: dict[str, str], path: str) -> None:
    with served(filled, ServerRules(token=TOKEN)) as client:
        answer = client.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_with_the_token_it_is_and_the_token_is_in_no_log(
    filled: FilledLake, caplog: pytest.LogCaptureFixture
) -> None:
    rules = ServerRules(token=TOKEN, host="0.0.0.0")  # noqa: S104
    assert TOKEN not in repr(rules)
    with caplog.at_level(logging.DEBUG), served(filled, rules, "http://example.org") as client:
        assert client.get("/v1/health", headers=BEARER).status_code == 200
        path = "/api/futures/liquidation/coin-list?exchange=Bybit"
        assert client.get(path, headers={"CG-API-KEY": TOKEN}).status_code == 200
        refused = client.get(path)
        assert (refused.status_code, refused.json()["code"]) == (401, "401")
        with client.websocket_connect("ws://example.org/v1/stream?coins=BTC", headers=BEARER) as socket:
            assert socket.receive_json()["type"] == "hello"
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect("ws://example.org/v1/stream?coins=BTC"),
        ):
            pass
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Origin": "https://evil.example"}, "foreign_origin"),
        ({"Origin": "null"}, "foreign_origin"),
        ({"Origin": "http://127.0.0.1:9"}, "foreign_origin"),
        ({"Host": "rebound.example"}, "foreign_host"),
        ({"Host": "[::1"}, "foreign_host"),
    ],
)
def test_pages_of_other_origins_may_not_ask(filled: FilledLake, headers: dict[str, str], code: str) -> None:
    with served(filled, ServerRules()) as client:
        answer = client.get("/v1/health", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, code)
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect("ws://127.0.0.1/v1/stream?coins=BTC", headers=headers),
        ):
            pass
        own = client.get("/v1/health", headers={"Origin": BASE})
        assert own.status_code == 200
        assert own.headers["x-content-type-options"] == "nosniff"


def test_bodies_and_long_queries_are_refused_unread(filled: FilledLake) -> None:
    with served(filled, ServerRules()) as client:
        body = client.request("GET", "/v1/health", content=b"x" * 100_000)
        assert (body.status_code, body.json()["error"]["code"]) == (413, "body")
        chunked = client.request("GET", "/v1/health", content=iter([b"x"]))
        assert chunked.status_code == 413
        long = client.get("/v1/map?coin=" + "B" * 5_000)
        assert (long.status_code, long.json()["error"]["code"]) == (414, "query_too_long")


def test_who_asks_too_often_is_told_to_wait(filled: FilledLake) -> None:
    with served(filled, ServerRules(requests_per_second=0, burst=3)) as client:
        answers = [client.get("/v1/health") for _ in range(5)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].json()["error"]["code"] == "too_many_requests"


def test_an_allowance_grows_with_time_and_is_each_address_s_own() -> None:
    seconds = [0.0]
    allowances = Allowances(2.0, 3, lambda: seconds[0])
    assert [allowances.take("a") for _ in range(4)] == [True, True, True, False]
    assert allowances.take("b")
    seconds[0] = 0.5
    assert [allowances.take("a") for _ in range(2)] == [True, False]
    seconds[0] = 1_000.0
    assert [allowances.take("a") for _ in range(4)] == [True, True, True, False]


def test_too_many_at_once_are_told_to_come_back(filled: FilledLake) -> None:
    with served(filled, ServerRules(waiting=0)) as client:
        answer = client.get("/v1/health")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
    assert answer.headers["retry-after"] == "1"
