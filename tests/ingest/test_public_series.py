"""The Fear & Greed index, asked of a server that answers as alternative.me is described to."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from powderkeg.errors import InputError, PayloadError, RefusedError, VenueError
from powderkeg.ingest.public_series import fetched_series
from powderkeg.ingest.venue_client import Patience
from powderkeg.model.provided_series import ProvidedRow
from powderkeg.model.times import DAY, HOUR, SECOND, milliseconds
from powderkeg.venues.alternative_me import FEAR_AND_GREED

NEWEST = milliseconds("2026-02-06")
QUICK = Patience(attempts=2, first_wait=0.01, longest_wait=0.01)


def answer(values: list[int], error: str | None = None, step: int = DAY) -> bytes:
    """Return values of the last days, newest first, as the service words them."""
    data = [
        {
            "value": str(value),
            "value_classification": "Fear",
            "timestamp": str((NEWEST - number * step) // SECOND),
        }
        for number, value in enumerate(values)
    ]
    if data:
        data[0]["time_until_update"] = "68499"
    return json.dumps({"name": "Fear and Greed Index", "data": data, "metadata": {"error": error}}).encode()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = urlsplit(self.path)
        days = int(parse_qs(url.query)["limit"][0])
        if url.path != "/fng/" or days > 900:
            status, body = 400, answer([], "Bad request")
        else:
            status, body = 200, answer([9, 14, 12][:days])
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_values_come_oldest_first_and_are_known_an_hour_after_they_are_stamped(url: str) -> None:
    series = asyncio.run(fetched_series(FEAR_AND_GREED, 2, urls={"rest": url}, patience=QUICK))
    assert series.name == "alternative.me"
    assert series.rows == (
        ProvidedRow(NEWEST - DAY, 14.0, NEWEST - DAY + HOUR),
        ProvidedRow(NEWEST, 9.0, NEWEST + HOUR),
    )


def test_a_refusal_is_told_in_the_services_words(url: str) -> None:
    with pytest.raises(RefusedError, match="Bad request"):
        asyncio.run(fetched_series(FEAR_AND_GREED, 901, urls={"rest": url}, patience=QUICK))
    with pytest.raises(InputError, match="days is 0"):
        asyncio.run(fetched_series(FEAR_AND_GREED, 0, urls={"rest": url}, patience=QUICK))


def test_a_service_that_is_gone_is_named() -> None:
    with pytest.raises(VenueError, match="alternative.me /fng/"):
        asyncio.run(fetched_series(FEAR_AND_GREED, 1, urls={"rest": "http://127.0.0.1:1"}, patience=QUICK))


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"<html>", "fng: JSON is malformed"),
        (answer([]), "data is empty"),
        (answer([101]), "value is 101.0; expected an index from 0 to 100"),
        (answer([50, 51], step=0), "has the values 50.0 and 51.0"),
        (b'{"data": [{"value": "x", "timestamp": "1"}]}', "fng: "),
        (b'{"data": [{"value": "5", "timestamp": "1"}]}', "timestamp is 1000; expected UTC milliseconds"),
    ],
)
def test_what_is_no_index_is_refused(payload: bytes, words: str) -> None:
    with pytest.raises(PayloadError, match=words):
        FEAR_AND_GREED.read(payload)
