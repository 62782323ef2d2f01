"""What a venue's reader makes of recorded payloads; tests take the path from the fixture ``shared``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from powderkeg.errors import PayloadError
from powderkeg.venues.asking import Instruments
from powderkeg.venues.venue import Venue


def messages(shared: Path, file: str) -> list[bytes]:
    """Return the raw messages of one file of ``raw-ws-messages``."""
    lines = (shared / "data" / "raw-ws-messages" / file).read_bytes().splitlines()
    return [line for line in lines if line.strip()]


def sample(shared: Path, *parts: str) -> bytes:
    """Return one file of ``venue-payload-samples``."""
    return shared.joinpath("data", "venue-payload-samples", *parts).read_bytes()


def outcomes(venue: Venue, frames: list[bytes], instruments: Instruments) -> Counter[str]:
    """Return how often which outcome comes: row classes, ``book``, controls, and reasons.

    Why a message was left alone is cut at its first colon, why it is unreadable at its first semicolon.
    """
    found: Counter[str] = Counter()
    for frame in frames:
        try:
            reading = venue.stream.read(frame, instruments)
        except PayloadError as error:
            found[f"unreadable: {str(error).split(';', 1)[0]}"] += 1
            continue
        if reading.control:
            found[reading.control.kind] += 1
        elif reading.ignored:
            found[reading.ignored.split(":", 1)[0]] += 1
        for record in reading.records:
            found[type(record.row).__name__] += 1
        found.update("book" for _ in reading.books)
    return found
