"""The HTTP half of a fake venue."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import parse_qsl, urlsplit

from powderkeg.fake_venues.dialect import Call, Dialect, FakeMarket
from powderkeg.fake_venues.faults import Fault, Faults, with_unknown_fields


class FakeHttpServer:
    """Answers a dialect's requests on a port of this machine's loopback; use it as a context manager.

    Attributes
    ----------
    url
        Base url, known from construction on.
    requests
        Paths with queries that were asked, in order.
    spent
        When each of them came, seconds of a clock that only rises, and what it costs.
    """

    def __init__(self, dialect: Dialect, market: FakeMarket, faults: Faults, port: int = 0) -> None:
        self.requests: list[str] = []
        self.spent: list[tuple[float, int]] = []
        outer = self

        class Handler(_Handler):
            server_dialect = dialect
            server_market = market
            server_faults = faults
            asked = outer.requests
            spent = outer.spent

        self._server = _Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        # The poll is how long leaving may take.
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that broke away: its business."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server_dialect: ClassVar[Dialect]
    server_market: ClassVar[FakeMarket]
    server_faults: ClassVar[Faults]
    asked: ClassVar[list[str]]
    spent: ClassVar[list[tuple[float, int]]]
    protocol_version = "HTTP/1.1"
    # Otherwise each answer waits for an acknowledgement of its head.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._respond(b"")

    def do_POST(self) -> None:
        self._respond(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay silent: the test or the terminal has better things to show."""

    def _respond(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        self.asked.append(self.path if not body else f"{self.path} {body.decode('utf-8', 'replace')}")
        call = Call(parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), body)
        self.spent.append((time.monotonic(), self.server_dialect.weight(call)))
        fault = self.server_faults.next_http(parts.path)
        if fault is not None and not self._strike(fault):
            return
        answer = self.server_dialect.answer(call, self.server_market)
        if answer is None or (fault and fault.kind == "not_found"):
            self._send(404, json.dumps({"error": "not found"}).encode())
        elif fault and fault.kind == "malformed":
            self._send(200, answer[: max(len(answer) // 2, 1)])
        elif fault and fault.kind == "truncated":
            self._send(200, answer, sent=len(answer) // 2)
        elif fault and fault.kind == "unknown_fields":
            self._send(200, with_unknown_fields(answer))
        else:
            self._send(200, answer)

    def _strike(self, fault: Fault) -> bool:
        """Do what a fault does instead of an answer, and return whether there is to be one all the same."""
        if fault.kind == "refused":
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return False
        if fault.kind in {"limited", "limited_without_retry_after"}:
            headers = {"Retry-After": f"{fault.seconds:g}"} if fault.kind == "limited" else {}
            self._send(429, self.server_dialect.limited, headers=headers)
            return False
        if fault.kind == "server_error":
            self._send(503, b"<html>Service Unavailable</html>")
            return False
        if fault.kind == "slow":
            time.sleep(fault.seconds)
        return True

    def _send(
        self, status: int, body: bytes, *, headers: dict[str, str] | None = None, sent: int | None = None
    ) -> None:
        with contextlib.suppress(OSError):  # the client has gone: its business
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body if sent is None else body[:sent])
            if sent is not None:
                self.close_connection = True
