"""A local HTTP server that takes what apprise sends to ``json://`` URLs."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Receiver:
    """What was received, in order, as (title, text); and how the server answers."""

    port: int
    received: list[tuple[str, str]] = field(default_factory=list)
    status: int = 200
    before_answer: Callable[[], None] | None = None

    @property
    def url(self) -> str:
        """The URL for apprise, with a secret in it."""
        return f"json://user:SECRET@127.0.0.1:{self.port}/"

    @property
    def identities(self) -> list[str]:
        """The identities of what was received."""
        return [text.rpartition("identity: ")[2] for _, text in self.received]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Serve on a free port while the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.received.append((told["title"], told["message"]))
            if found.before_answer is not None:
                found.before_answer()
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Receiver(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
