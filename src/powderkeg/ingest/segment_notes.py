"""What a recorder writes between the frames: when it listened, and what it may have missed."""

from __future__ import annotations

import msgspec

from powderkeg.model.market_rows import DepthLevel

NOTES = "#notes"
BOOKS = "#books"
OTHER = "#other"
"""Names of streams that are no channel: notes, snapshots of books, and frames of no channel."""
ON_ITS_WAY = 2_000
"""ms that a message may be on its way beyond the last one's delay: venues bundle what happened in half a
second or a second. So much beside a break is never taken for complete."""


class Listening(msgspec.Struct, tag="listening", frozen=True):
    """From `ts` on nothing of these channels is missed; `after` has since when they were lost, and why."""

    ts: int
    channels: list[str]
    after: dict[str, tuple[int, str]] = {}


class Lost(msgspec.Struct, tag="lost", frozen=True):
    """At `ts` these channels are found lost; with each goes when it was last known to be well."""

    ts: int
    channels: dict[str, int]
    reason: str


class Missed(msgspec.Struct, tag="missed", frozen=True):
    """Between `ts` and `end_ts` messages of a channel were missed, while it was listened to."""

    ts: int
    end_ts: int
    channel: str
    reason: str


class Until(msgspec.Struct, tag="until", frozen=True):
    """The segment ends at `ts`, on purpose: whatever was listened to was listened to up to here."""

    ts: int


class BookSnapshot(msgspec.Struct, frozen=True):
    """Levels of one order book as the recorder knows it."""

    symbol: str
    levels: list[DepthLevel]


Note = Listening | Lost | Missed | Until
_NOTES: msgspec.json.Decoder[Note] = msgspec.json.Decoder(Note)
_BOOKS = msgspec.json.Decoder(BookSnapshot)


def note_bytes(note: Note | BookSnapshot) -> bytes:
    """Return a note as it is written."""
    return msgspec.json.encode(note)


def note_of(payload: bytes) -> Note:
    """Return the note that these bytes are; msgspec's error if they are none, for only we write them."""
    return _NOTES.decode(payload)


def book_of(payload: bytes) -> BookSnapshot:
    """Return the snapshot of a book that these bytes are."""
    return _BOOKS.decode(payload)
