"""What OKX's WebSocket says about itself: channels, subscriptions and refusals.

https://www.okx.com/docs-v5/en/#overview-websocket and #error-code-websocket-public, read 2026-11-25.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.venues.listening import Control
from powderkeg.venues.payload import decoder

ALL_SWAPS = "SWAP"
# One request may hold 64 KB of channels, and one connection may make 480 an hour.
_CHANNELS_PER_REQUEST = 200


class Argument(msgspec.Struct, rename="camel"):
    """What a message is about: a channel of one instrument, or of all of a type."""

    channel: str
    inst_id: str = ""
    inst_type: str = ""

    @property
    def text(self) -> str:
        """As `Stream.subscribe` takes it: ``trades:BTC-USDT-SWAP``, ``liquidation-orders:SWAP``."""
        return f"{self.channel}:{self.inst_id or self.inst_type}"


class Envelope(msgspec.Struct):
    """Any message but the pong; one of `event`, `arg` and (before v5) `table` says what it is."""

    arg: Argument | None = None
    data: msgspec.Raw = msgspec.Raw()
    event: str = ""
    code: str = ""
    msg: str = ""
    channel: str = ""
    table: str = ""


ENVELOPE = decoder(Envelope)

# A refusal says in words only which channel it is about: channel:trades,instId:BTC-USDT-SWAP.
_NAMED = re.compile(r"\bchannel\W{1,6}([\w-]+)\W{1,8}inst(?:Id|Type)\W{1,6}([\w-]+)")
_ARGUMENT = re.compile(rb'"arg"\s*:\s*\{([^}]*)\}')
_FIELD = re.compile(rb'"(channel|instId|instType)"\s*:\s*"([^"]*)"')


def control_of(message: Envelope) -> Control:
    """Return what a message about the connection says; raises `PayloadError` for an unknown event."""
    channels = () if message.arg is None else (message.arg.text,)
    if message.event == "subscribe":
        return Control("subscribed", channels=channels)
    if message.event == "error":
        named = _NAMED.search(message.msg)
        if named and not channels:
            channels = (f"{named[1]}:{named[2]}",)
        return Control("refused", f"code {message.code}: {message.msg}", channels)
    if message.event == "channel-conn-count-error":
        return Control("refused", f"too many connections listen to {message.channel}")
    if message.event in {"unsubscribe", "notice", "channel-conn-count"}:
        return Control("info", message.msg or message.event, channels)
    raise PayloadError(f"event is {message.event!r}; expected subscribe, error or notice")


def channel_of(frame: bytes) -> str:
    """Return the channel of a frame, or nothing."""
    found = _ARGUMENT.search(frame)
    fields: dict[bytes, bytes] = dict(_FIELD.findall(found[1])) if found else {}
    if b"channel" not in fields:
        return ""
    of = fields.get(b"instId") or fields.get(b"instType") or b""
    return (fields[b"channel"] + b":" + of).decode("ascii", "replace")


def subscribe(channels: Sequence[str]) -> list[bytes]:
    """Return the requests that subscribe these channels."""
    arguments = []
    for text in channels:
        channel, _, of = text.partition(":")
        arguments.append({"channel": channel, ("instType" if of == ALL_SWAPS else "instId"): of})
    return [
        msgspec.json.encode({"op": "subscribe", "args": arguments[first : first + _CHANNELS_PER_REQUEST]})
        for first in range(0, len(arguments), _CHANNELS_PER_REQUEST)
    ]
