"""Connections that ask slowly, read slowly or say nothing: each is cut, and nobody else waits for it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import stamina
import uvicorn
from fastapi import FastAPI, Response, WebSocket, WebSocketDisconnect

from powderkeg.cli.main import main
from powderkeg.model.times import MINUTE
from powderkeg.server.application import application
from powderkeg.server.connection_guard import GuardedHttp, GuardedWebSocket
from powderkeg.server.request_guard import RequestGuard
from powderkeg.server.server_rules import ServerRules
from server.conftest import FilledLake
from server.listening import HANDSHAKE, Listening, listening, open_files, rest

RULES = ServerRules(burst=100_000)
HEALTH = b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
LAST = b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
MANY = 1_000


def serve(filled: FilledLake, rules: ServerRules) -> Any:
    return listening(application(filled.lake, rules, lambda: filled.end + 5 * MINUTE), rules)


@pytest.fixture(scope="module")
def hasty(filled: FilledLake) -> Iterator[Listening]:
    """Serve with half a second for headers."""
    with serve(filled, replace(RULES, header_seconds=0.5, idle_seconds=0.5)) as place:
        yield place


def trickled(made: socket.socket, head: bytes) -> bytes:
    """Send the head of a request, then a header that never ends byte by byte; return what comes back."""
    made.sendall(head + b"X-Slow: ")
    made.settimeout(0.02)
    for _ in range(3_000):
        try:
            told = made.recv(1)
        except TimeoutError:
            made.sendall(b"x")
        else:
            made.settimeout(30)
            return told + rest(made)
    pytest.fail("a minute of slow headers was borne")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        HANDSHAKE.format(path="/v1/stream?coins=BTC", more="").encode().removesuffix(b"\r\n"),
    ],
    ids=["http", "websocket handshake"],
)
def test_headers_that_come_byte_by_byte_are_cut_with_an_answer(hasty: Listening, head: bytes) -> None:
    with hasty.connected() as made:
        told = trickled(made, head)
    assert told.startswith(b"HTTP/1.1 408 ")
    body = json.loads(told.partition(b"\r\n\r\n")[2])
    assert body["error"]["code"] == "too_slow"
    assert "0.5 s" in body["error"]["message"]
    hasty.wait_until_open(0)


def test_a_later_request_on_the_same_connection_has_no_more_time(hasty: Listening) -> None:
    with hasty.connected() as made:
        made.sendall(HEALTH)
        told = made.recv(65_536)
        assert told.startswith(b"HTTP/1.1 200 ")
        assert b" 408 " in trickled(made, b"GET /v1/health HTTP/1.1\r\n")


def test_who_says_nothing_is_closed_without_an_answer(hasty: Listening) -> None:
    with hasty.connected() as silent, hasty.connected() as later:
        assert rest(silent) == b""
        later.sendall(b"")
        assert rest(later) == b""
    hasty.wait_until_open(0)


def test_a_thousand_idle_sockets_make_room_for_who_asks_and_are_freed(filled: FilledLake) -> None:
    with (
        open_files(4 * MANY),
        serve(filled, replace(RULES, header_seconds=600)) as place,
        ExitStack() as opened,
    ):
        idle = [opened.enter_context(place.connected()) for _ in range(MANY)]
        seconds = []
        for _ in range(200):
            began = time.perf_counter()
            assert place.told(LAST).startswith(b"HTTP/1.1 200 ")
            seconds.append(time.perf_counter() - began)
        slowest = sorted(seconds)[len(seconds) * 99 // 100]
        assert slowest < 30, f"p99 of {len(seconds)} answers with {MANY} idle sockets: {slowest:.3f} s"
        place.wait_until_open(RULES.connections_per_address)
        # Those that were idle longest made room; nobody was told anything.
        assert rest(idle[0]) == b""
        opened.close()
        place.wait_until_open(0)


def test_a_thousand_idle_sockets_that_all_have_room_go_with_their_time(filled: FilledLake) -> None:
    room = replace(RULES, header_seconds=1.5, connections=2 * MANY, connections_per_address=2 * MANY)
    with open_files(4 * MANY), serve(filled, room) as place, ExitStack() as opened:
        idle = [opened.enter_context(place.connected()) for _ in range(MANY)]
        for _ in range(20):
            assert place.told(LAST).startswith(b"HTTP/1.1 200 ")
        assert {rest(one) for one in idle} == {b""}
        place.wait_until_open(0)


def test_many_idle_sockets_take_no_room_from_the_stream(filled: FilledLake) -> None:
    rules = replace(RULES, header_seconds=600, connections=4, connections_per_address=4, poll_seconds=0.05)
    with serve(filled, rules) as place, ExitStack() as opened:
        for _ in range(20):
            one = opened.enter_context(place.connected())
            one.sendall(HANDSHAKE.format(path="/v1/stream?coins=BTC", more="").encode())
            assert one.recv(12) == b"HTTP/1.1 101"
        for _ in range(30):
            opened.enter_context(place.connected())
        assert place.told(LAST).startswith(b"HTTP/1.1 200 ")
        place.wait_until_open(24)
        kinds = [type(one).__mro__[1] for one in place.server.server_state.connections]
        assert kinds.count(GuardedWebSocket) == 20


def test_who_is_being_answered_is_not_cut_for_another() -> None:
    rules = replace(RULES, connections_per_address=1, sending_seconds=600)
    with listening(RequestGuard(large_answers(), rules), rules) as place, place.connected(65_536) as reading:
        reading.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert reading.recv(12) == b"HTTP/1.1 200"
        told = place.told(b"")
        assert told.startswith(b"HTTP/1.1 503 ")
        assert b'"busy"' in told
        assert len(rest(reading)) > LARGE


LARGE = 12_000_000


def large_answers() -> FastAPI:
    """Return an application whose answers are larger than what a kernel keeps for a client."""
    app = FastAPI()

    @app.get("/")
    def large() -> Response:
        return Response(b"x" * LARGE)

    return app


def test_who_does_not_read_keeps_nobody_waiting() -> None:
    rules = replace(RULES, waiting=1, sending_seconds=600)
    with (
        listening(RequestGuard(large_answers(), rules), rules) as place,
        place.connected(65_536) as made,
    ):
        # The second request is answered when the first answer is read, which is never.
        made.sendall(2 * b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert made.recv(12) == b"HTTP/1.1 200"
        for attempt in stamina.retry_context(AssertionError, attempts=None, timeout=20, wait_max=0.1):
            with attempt:  # busy at most while the second answer is made
                assert place.told(LAST).startswith(b"HTTP/1.1 404 ")


def test_who_does_not_read_is_cut() -> None:
    rules = replace(RULES, sending_seconds=0.5)
    with listening(large_answers(), rules) as place, ExitStack() as opened:
        for ending in (b"", b"Connection: close\r\n"):
            made = opened.enter_context(place.connected(65_536))
            made.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + ending + b"\r\n")
            assert made.recv(12) == b"HTTP/1.1 200"
        place.wait_until_open(0)
        assert len(rest(made)) < LARGE


def test_a_websocket_that_answers_no_ping_is_closed(filled: FilledLake) -> None:
    with serve(filled, replace(RULES, ping_seconds=0.2)) as place, place.connected() as silent:
        silent.sendall(HANDSHAKE.format(path="/v1/stream?coins=BTC", more="").encode())
        told = rest(silent)
        assert told.startswith(b"HTTP/1.1 101")
        assert told.endswith(b"keepalive ping timeout")
        place.wait_until_open(0)


def test_a_websocket_that_reads_nothing_is_cut() -> None:
    app = FastAPI()

    @app.websocket("/")
    async def flood(stream: WebSocket) -> None:
        await stream.accept()
        with suppress(WebSocketDisconnect):
            while True:
                await stream.send_text("x" * 100_000)

    rules = replace(RULES, sending_seconds=0.5)
    with listening(app, rules) as place, place.connected(65_536) as silent:
        silent.sendall(HANDSHAKE.format(path="/", more="").encode())
        assert silent.recv(12) == b"HTTP/1.1 101"
        place.wait_until_open(0)


def test_more_websockets_than_there_is_room_for_are_refused_at_the_door(filled: FilledLake) -> None:
    handshake = HANDSHAKE.format(path="/v1/stream?coins=BTC", more="").encode()
    with serve(filled, replace(RULES, stream_clients=1)) as place, ExitStack() as opened:
        for _ in range(65):
            one = opened.enter_context(place.connected())
            one.sendall(handshake)
            assert one.recv(12) == b"HTTP/1.1 101"
        told = place.told(handshake)
        assert told.startswith(b"HTTP/1.1 503 ")
        assert b"WebSockets" in told


@pytest.mark.parametrize(
    "request_line", ["POST /v1/health", "GET /v1/health", "GET /v1/nothing", "GET /api/none"]
)
def test_a_body_is_never_read_and_its_connection_is_closed(hasty: Listening, request_line: str) -> None:
    head = f"{request_line} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000000\r\n\r\n"
    told = hasty.told(head.encode())
    assert told.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in told.lower()
    hasty.wait_until_open(0)


SMUGGLED = b"GET /v1/metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 0\r\n\r\n",
        b"Content-Length: +0\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 0x10\r\n\r\n",
        b"X: a\r\n b\r\nContent-Length: 3\r\n\r\nabc",
        b"X: a\x00b\r\n\r\n",
        b"X: a\rContent-Length: 3\r\n\r\n",
        b"Host: other.example\r\n\r\n",
    ],
)
@pytest.mark.parametrize("origin", [b"", b"Origin: https://evil.example\r\n"], ids=["own", "foreign"])
def test_a_second_request_is_not_smuggled_behind_a_first(
    hasty: Listening, head: bytes, origin: bytes
) -> None:
    told = hasty.told(b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n" + origin + head + SMUGGLED)
    assert told.count(b"HTTP/1.1 ") == 1
    status = told.split()[1]
    assert status in {b"400", b"403", b"413", b"501"}
    assert b"connection: close" in told.lower()
    assert b"powderkeg_server" not in told
    assert set(json.loads(told.partition(b"\r\n\r\n")[2])["error"]) == {"code", "message", "field"}


def test_what_is_no_http_is_answered_in_the_one_shape(hasty: Listening) -> None:
    for nonsense in (b"\x16\x03\x01\x02\x00\x01\x00", b"HELLO\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
        told = hasty.told(nonsense + b"\r\n\r\n")
        assert told.startswith(b"HTTP/1.1 400 ")
        assert json.loads(told.partition(b"\r\n\r\n")[2])["error"]["code"] == "bad_http"
    endless = hasty.told(b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + 100_000 * b"x")
    assert endless == b"" or endless.startswith(b"HTTP/1.1 4")


def test_the_command_serves_with_these_protocols(
    filled: FilledLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[uvicorn.Config] = []
    monkeypatch.setattr("uvicorn.Server.run", lambda server, *_: given.append(server.config))
    monkeypatch.setattr("sys.argv", ["powderkeg", "serve", "--lake", str(filled.lake.root)])
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    (config,) = given
    http, ws = config.http, config.ws
    assert isinstance(http, type)
    assert issubclass(http, GuardedHttp)
    assert isinstance(ws, type)
    assert issubclass(ws, GuardedWebSocket)
    assert http.limits == ws.limits == ServerRules()
