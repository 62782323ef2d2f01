"""A page is loaded without a token and holds no data; its token comes with each request after."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI, WebSocket
from fastapi.responses import HTMLResponse, PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from powderkeg.server.application import application
from powderkeg.server.request_guard import RequestGuard
from powderkeg.server.server_rules import ServerRules
from server.conftest import BASE, FilledLake
from server.listening import Listening, listening

TOKEN = "a token with / and + signs ~~~???"  # noqa: S105
RULES = ServerRules(token=TOKEN)
STREAM = "ws://127.0.0.1/v1/stream?coins=BTC"
HEALTH = "/v1/health"


def offered(token: str, *, padded: bool = False) -> str:
    """Return the subprotocol by which a page offers a token."""
    text = base64.urlsafe_b64encode(token.encode()).decode()
    return "token." + (text if padded else text.rstrip("="))


@contextmanager
def served(filled: FilledLake, rules: ServerRules = RULES) -> Iterator[TestClient]:
    with TestClient(application(filled.lake, rules, lambda: filled.end), base_url=BASE) as client:
        yield client


def pages() -> FastAPI:
    """Return an application with a page, a file and data, and a WebSocket that tells what it was offered."""
    app = FastAPI()
    app.add_api_route("/", lambda: HTMLResponse("<!doctype html>"))
    app.add_api_route("/assets/app-1.js", lambda: PlainTextResponse("", media_type="text/javascript"))
    app.add_api_route("/v1/secret", lambda: PlainTextResponse("data"))

    @app.websocket("/v1/offers")
    async def offers(stream: WebSocket) -> None:
        await stream.accept()
        await stream.send_json([stream.scope["subprotocols"], sorted(stream.headers)])

    return app


@pytest.fixture
def page_client() -> TestClient:
    return TestClient(RequestGuard(pages(), RULES), base_url=BASE)


@pytest.fixture(scope="module")
def page_server() -> Iterator[Listening]:
    """Serve the pages over sockets: clients tidy paths up before they ask."""
    with listening(RequestGuard(pages(), RULES), RULES) as place:
        yield place


@pytest.mark.parametrize("path", ["/", "/assets/app-1.js"])
def test_a_page_and_its_files_are_loaded_without_a_token(page_client: TestClient, path: str) -> None:
    assert page_client.get(path).status_code == 200
    assert page_client.get("/v1/secret").status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../v1/secret",
        "/assets/..%2fv1/secret",
        "/assets/%2e%2e/v1/secret",
        "/assets/..%5c..%5cv1%5csecret",
        "/assets//../v1/secret",
        "/assets/./app-1.js",
        "/assets/",
        "/assets",
        "/assets/.hidden",
        "/assets/a%00b",
        "/assets/a?x=/v1/secret/../..",
        "//v1/secret",
        "/%76%31/secret",
        "/v1/secret/",
        "/v1/assets/app-1.js",
        "/ASSETS/app-1.js",
        "/index.html",
        "/favicon.ico",
    ],
)
def test_nothing_else_is_open_by_a_trick_of_its_path(page_server: Listening, path: str) -> None:
    status, body = page_server.got(path)
    assert status == (404 if path.startswith("/assets/a?") else 401)
    assert b"data" not in body


def test_open_pages_are_still_counted_and_asked_for_from_their_own_origin() -> None:
    rules = ServerRules(token=TOKEN, requests_per_second=0, burst=2)
    client = TestClient(RequestGuard(pages(), rules), base_url=BASE)
    assert client.get("/", headers={"Origin": "https://evil.example"}).status_code == 403
    assert [client.get("/").status_code for _ in range(3)] == [200, 200, 429]
    local = TestClient(RequestGuard(pages(), ServerRules()), base_url="http://rebound.example")
    assert local.get("/").json()["error"]["code"] == "foreign_host"


def test_a_page_runs_nothing_of_others_and_stands_in_no_frame(page_client: TestClient) -> None:
    headers = page_client.get("/").headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        **dict.fromkeys(("script-src", "connect-src", "font-src"), "'self'"),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        **dict.fromkeys(("base-uri", "form-action", "frame-ancestors"), "'none'"),
    }
    assert headers["x-frame-options"] == "DENY"
    assert "content-security-policy" not in page_client.get("/assets/app-1.js").headers


def test_a_page_s_websocket_offers_the_token_and_it_is_not_echoed(filled: FilledLake) -> None:
    with (
        served(filled) as client,
        client.websocket_connect(STREAM, subprotocols=["powderkeg", offered(TOKEN)]) as stream,
    ):
        assert stream.accepted_subprotocol == "powderkeg"
        assert stream.receive_json()["type"] == "hello"


def test_what_is_offered_goes_no_further_than_the_guard(page_client: TestClient) -> None:
    place = "ws://127.0.0.1/v1/offers"
    with page_client.websocket_connect(place, subprotocols=["powderkeg", offered(TOKEN)]) as stream:
        subprotocols, headers = stream.receive_json()
    assert subprotocols == []
    assert "sec-websocket-protocol" not in headers


@pytest.mark.parametrize(
    "subprotocols",
    [
        ["powderkeg"],
        [offered(TOKEN)],
        ["powderkeg", offered("wrong")],
        ["powderkeg", offered(TOKEN, padded=True) + "="],
        ["powderkeg", offered(TOKEN), offered(TOKEN)],
        ["powderkeg", f"token.{TOKEN}"],
        ["powderkeg", "token."],
        ["powderkeg", "token.a"],
        ["powderkeg", "token.****"],
        ["Powderkeg", offered(TOKEN)],
    ],
)
def test_a_websocket_without_the_token_is_refused(filled: FilledLake, subprotocols: list[str]) -> None:
    with (
        served(filled) as client,
        pytest.raises(WebSocketDisconnect) as left,
        client.websocket_connect(STREAM, subprotocols=subprotocols),
    ):
        pass
    assert left.value.code == 1008


def test_a_page_s_websocket_is_answered_alike_where_no_token_is_needed(filled: FilledLake) -> None:
    with served(filled, ServerRules()) as client:
        with client.websocket_connect(STREAM, subprotocols=["powderkeg"]) as stream:
            assert stream.accepted_subprotocol == "powderkeg"
        with client.websocket_connect(STREAM, subprotocols=["other"]) as stream:
            assert stream.accepted_subprotocol is None
        with client.websocket_connect(STREAM) as stream:
            assert stream.accepted_subprotocol is None


def test_over_sockets_too_and_no_log_tells_a_token(
    filled: FilledLake, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(filled.lake, RULES, lambda: filled.end)
    mine = offered(TOKEN)
    with listening(app, RULES) as place:
        url = f"ws://127.0.0.1:{place.port}/v1/stream?coins=BTC"
        with connect(url, subprotocols=[Subprotocol("powderkeg"), Subprotocol(mine)]) as stream:
            assert stream.subprotocol == "powderkeg"
            assert '"hello"' in str(stream.recv(timeout=20))
            assert stream.response is not None
            assert mine not in str(stream.response.headers)
        server_said = [one.getMessage() for one in caplog.records if not one.name.startswith("websockets")]
    for secret in (TOKEN, mine, mine.removeprefix("token.")):
        assert secret not in "\n".join(server_said)


@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "CG-API-KEY", "key"])
def test_a_token_in_the_query_is_not_accepted(filled: FilledLake, name: str) -> None:
    with served(filled) as client:
        answer = client.get(HEALTH, params={name: TOKEN})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
        assert TOKEN not in answer.text
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(f"{STREAM}&{name}={TOKEN}"):
            pass


@pytest.mark.parametrize("given", ["", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\xe4" * 20])
def test_tokens_are_compared_in_constant_time(
    filled: FilledLake, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def seen(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr("hmac.compare_digest", seen)
    with served(filled) as client:
        for headers in ({"Authorization": b"Bearer " + given.encode()}, {"CG-API-KEY": given.encode()}):
            assert client.get(HEALTH, headers=headers).status_code == 401  # type: ignore[arg-type]
        assert client.get(HEALTH).status_code == 401
    assert len(compared) == 3
    assert {other for _, other in compared} == {TOKEN.encode()}


def test_a_wrong_token_is_neither_told_nor_logged(
    filled: FilledLake, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "powderkeg"), served(filled) as client:
        answer = client.get(HEALTH, headers={"Authorization": "Bearer my-other-password"})
    assert "my-other-password" not in answer.text + str(answer.headers)
    assert "my-other-password" not in "".join(
        one.getMessage() for one in caplog.records if one.name.startswith(("powderkeg", "uvicorn"))
    )
