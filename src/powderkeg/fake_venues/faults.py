"""What can go wrong with a venue, on demand."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

HttpFault = Literal[
    "refused", "limited", "limited_without_retry_after", "server_error", "slow", "truncated", "malformed",
    "unknown_fields", "not_found",
]  # fmt: skip
StreamFault = Literal[
    "refused", "unacknowledged", "silent", "duplicates", "out_of_order", "malformed", "unknown_fields",
    "disconnect", "black_hole",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, taken by the next requests or connections that it fits.

    Attributes
    ----------
    kind
        Of a request: ``refused`` (connection closed without a word), ``limited`` (429 with Retry-After),
        ``limited_without_retry_after``, ``server_error`` (503), ``slow`` (silence for `seconds` before the
        answer), ``truncated`` (half of the announced body), ``malformed`` (half a JSON),
        ``unknown_fields``, ``not_found``.

        Of a connection: ``refused``, ``unacknowledged`` (subscriptions are not confirmed and nothing comes),
        ``silent`` (confirmed, and nothing comes), ``duplicates`` (every frame twice), ``out_of_order``
        (neighbours swapped), ``malformed`` (one frame cut in half), ``unknown_fields``, ``disconnect`` and
        ``black_hole`` (the line stays open, nothing moves any more, not even pongs).
    times
        How many requests or connections it strikes.
    after
        Frames sent before ``malformed``, ``disconnect`` or ``black_hole`` strikes.
    seconds
        Of ``slow``, and of Retry-After.
    path
        Strikes only requests and connections whose path begins so.
    """

    kind: HttpFault | StreamFault
    times: int = 1
    after: int = 0
    seconds: float = 1.0
    path: str = ""


class Faults:
    """Faults waiting to strike, taken in order; safe to use from several threads."""

    def __init__(self, http: Iterable[Fault] = (), stream: Iterable[Fault] = ()) -> None:
        self._waiting: dict[str, list[Fault]] = {"http": [], "stream": []}
        self._lock = threading.Lock()
        for fault in http:
            self.add_http(fault)
        for fault in stream:
            self.add_stream(fault)

    def add_http(self, fault: Fault) -> None:
        """Let it strike requests."""
        with self._lock:
            self._waiting["http"] += [fault] * fault.times

    def add_stream(self, fault: Fault) -> None:
        """Let it strike connections."""
        with self._lock:
            self._waiting["stream"] += [fault] * fault.times

    def next_http(self, path: str) -> Fault | None:
        """Return the fault that strikes this request, if any; it is then spent."""
        return self._next("http", path)

    def next_stream(self, path: str) -> Fault | None:
        """Return the fault that strikes this connection, if any; it is then spent."""
        return self._next("stream", path)

    def _next(self, where: str, path: str) -> Fault | None:
        with self._lock:
            for number, fault in enumerate(self._waiting[where]):
                if path.startswith(fault.path):
                    return self._waiting[where].pop(number)
        return None


def with_unknown_fields(body: bytes) -> bytes:
    """Return JSON with a field in every object that no documentation mentions."""
    import msgspec

    def added(value: object) -> object:
        if isinstance(value, dict):
            return {**{name: added(inner) for name, inner in value.items()}, "xNewField": {"since": "today"}}
        return [added(inner) for inner in value] if isinstance(value, list) else value

    try:
        return msgspec.json.encode(added(msgspec.json.decode(body)))
    except msgspec.MsgspecError:
        return body
