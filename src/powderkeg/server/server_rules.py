"""What a server allows: who may ask, how much, and how often."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from powderkeg.errors import InputError

SHORTEST_TOKEN = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRules:
    """Limits of one server.

    Attributes
    ----------
    host
        Address that it listens on; a name other than ``localhost`` counts as not loopback.
    token
        What every request must present; None where nobody needs one. It is not part of the repr.
    requests_per_second, burst
        Of one client address, >= 0: how fast its allowance grows, and how many requests it may save up.
    workers
        Requests computed at once, each in a thread, >= 1.
    waiting
        Requests that may be under way, those that wait for a worker included, >= 1.
    query_bytes
        Longest path and query together.
    stream_clients, stream_queue, stream_kept
        WebSocket clients at once; events that one may lag behind; events kept for those who come back.
    poll_seconds, tail_seconds
        Between two looks for the stream at the lake's tables, and at its live segments, > 0.
    connections, connections_per_address
        Open at once, WebSockets apart, >= 1; where there are more, who has been idle longest makes room.
    header_seconds
        Until the headers of a request are complete, > 0.
    idle_seconds
        That a connection may stay open between requests, > 0.
    sending_seconds
        Until a client has taken what it was sent, > 0.
    ping_seconds
        Between two pings of a WebSocket, and until one must be answered, > 0.

    Raises
    ------
    InputError
        `host` is not loopback and there is no token, or the token is too short.
    """

    host: str = "127.0.0.1"
    token: str | None = field(default=None, repr=False)
    requests_per_second: float = 50.0
    burst: int = 200
    workers: int = 4
    waiting: int = 64
    query_bytes: int = 4_096
    stream_clients: int = 1_000
    stream_queue: int = 256
    stream_kept: int = 1_000
    poll_seconds: float = 1.0
    connections: int = 512
    connections_per_address: int = 128
    header_seconds: float = 10.0
    idle_seconds: float = 10.0
    sending_seconds: float = 120.0
    ping_seconds: float = 20.0
    tail_seconds: float = 0.1

    def __post_init__(self) -> None:
        if self.token is None and not self.is_loopback:
            raise InputError(
                f"host: {self.host} can be reached from elsewhere; expected a token besides, or 127.0.0.1"
            )
        if self.token is not None and not (
            len(self.token) >= SHORTEST_TOKEN and self.token.isascii() and self.token.isprintable()
        ):
            raise InputError(
                f"token: {len(self.token)} characters; expected {SHORTEST_TOKEN} or more, printable ASCII"
            )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the host."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
