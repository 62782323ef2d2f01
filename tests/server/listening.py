"""A server with sockets in a thread of this process, and clients that speak to it byte by byte."""

from __future__ import annotations

import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import stamina
import uvicorn
from starlette.types import ASGIApp

from powderkeg.server.connection_guard import connection_options
from powderkeg.server.server_rules import ServerRules

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{more}\r\n"
)


class StillOpenError(Exception):
    """Connections are open that should not be."""


@dataclass(frozen=True)
class Listening:
    """A server, and where it listens."""

    server: uvicorn.Server
    port: int

    def connected(self, receive_bytes: int | None = None) -> socket.socket:
        """Return a connection to it; `receive_bytes` is how much the kernel takes unread."""
        made = socket.socket()
        if receive_bytes is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        made.settimeout(30)
        made.connect(("127.0.0.1", self.port))
        return made

    def told(self, request: bytes) -> bytes:
        """Return everything that it answers to bytes until it closes the connection."""
        with self.connected() as made:
            made.sendall(request)
            return rest(made)

    def got(self, path: str) -> tuple[int, bytes]:
        """Return the status and the body of the answer to a path, which is sent as it is."""
        told = self.told(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        head, _, body = told.partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    def wait_until_open(self, most: int) -> None:
        """Return when no more connections than `most` are open at the server."""
        for attempt in stamina.retry_context(StillOpenError, attempts=None, timeout=20, wait_max=0.1):
            with attempt:
                if len(self.server.server_state.connections) > most:
                    raise StillOpenError


def rest(made: socket.socket) -> bytes:
    """Return what still comes until the other side closes, also by a reset."""
    told = b""
    try:
        while part := made.recv(65_536):
            told += part
    except ConnectionResetError:
        pass
    return told


@contextmanager
def listening(app: ASGIApp, rules: ServerRules, port: int = 0) -> Iterator[Listening]:
    """Serve `app` with the protocols that ``powderkeg serve`` uses, on a port or on any that is free."""
    place = socket.create_server(("127.0.0.1", port), backlog=2_048)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, **connection_options(rules)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
    thread.start()
    try:
        yield Listening(server, place.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@contextmanager
def open_files(count: int) -> Iterator[None]:
    """Let this process have as many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
