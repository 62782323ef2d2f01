"""What the stream pushes: events numbered in order, kept for those who come back, queued for each client."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import anyio
import anyio.to_thread

from powderkeg.errors import PowderkegError
from powderkeg.server.answers import json_bytes
from powderkeg.server.server_rules import ServerRules

log = logging.getLogger("powderkeg.server")


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One event: its number, whose coin it is of, and the message as it is sent."""

    sequence: int
    coin: str
    text: str


class EventSource(Protocol):
    """Where events come from; each is asked by one thread at a time."""

    def look(self, coins: Collection[str]) -> list[tuple[str, dict[str, Any]]]:
        """Return (coin, event) of what is new since the last look; it may take its time."""


@dataclass(eq=False, slots=True)
class Subscription:
    """One client's queue.

    Attributes
    ----------
    coins
        What it hears of.
    queue
        Events that it was not sent yet.
    overflowed
        Set when it lagged too far behind: it gets nothing more.
    """

    coins: frozenset[str]
    queue: asyncio.Queue[LiveEvent]
    overflowed: asyncio.Event = field(default_factory=asyncio.Event)


class LiveEvents:
    """Numbers events, keeps the last ones, and hands each to the clients of its coin.

    Parameters
    ----------
    sources
        Where events come from, each with the seconds between two looks at it.
    rules
        How many events and clients.

    Attributes
    ----------
    stream
        Names this run of the server: numbers of another mean nothing here.
    sequence
        Number of the last event; 0 before the first.
    dropped
        How many clients were dropped for slowness.
    """

    def __init__(self, sources: Mapping[EventSource, float], rules: ServerRules) -> None:
        self._sources = dict(sources)
        self._rules = rules
        self._kept: deque[LiveEvent] = deque(maxlen=rules.stream_kept)
        self._subscriptions: set[Subscription] = set()
        self.stream = secrets.token_hex(6)
        self.sequence = 0
        self.dropped = 0

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._subscriptions)

    @property
    def is_full(self) -> bool:
        """Whether no more clients are taken."""
        return self.clients >= self._rules.stream_clients

    def subscribe(
        self, coins: Iterable[str], since: str | None
    ) -> tuple[Subscription, list[LiveEvent] | None]:
        """Return a client's queue, and what it missed after `since`; None where that is not known any more.

        `since` is the ``id`` of the last event that it has; without one nothing is missed.
        """
        wanted = frozenset(coins)
        mine = Subscription(wanted, asyncio.Queue(self._rules.stream_queue))
        self._subscriptions.add(mine)
        if since is None:
            return mine, []
        stream, _, number = since.partition(":")
        last = int(number) if number.isdigit() else -1
        first = self._kept[0].sequence if self._kept else self.sequence + 1
        if stream != self.stream or not first - 1 <= last <= self.sequence:
            return mine, None
        return mine, [event for event in self._kept if event.sequence > last and event.coin in wanted]

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a client."""
        self._subscriptions.discard(subscription)

    def publish(self, coin: str, event: dict[str, Any]) -> None:
        """Give an event its number, keep it, and queue it for clients; one with a full queue is dropped."""
        self.sequence += 1
        numbered = {**event, "id": f"{self.stream}:{self.sequence}", "sequence": self.sequence, "coin": coin}
        made = LiveEvent(self.sequence, coin, json_bytes(numbered).decode())
        self._kept.append(made)
        for one in [one for one in self._subscriptions if coin in one.coins]:
            try:
                one.queue.put_nowait(made)
            except asyncio.QueueFull:
                self.dropped += 1
                one.overflowed.set()
                self.unsubscribe(one)

    async def run(self) -> None:
        """Look for events of the coins that clients listen to, until cancelled; trouble is logged."""
        async with anyio.create_task_group() as group:
            for source, seconds in self._sources.items():
                group.start_soon(self._follow, source, seconds)

    async def _follow(self, source: EventSource, seconds: float) -> None:
        own = anyio.CapacityLimiter(1)  # no request keeps a look waiting for a thread
        trouble = ""
        while True:
            await asyncio.sleep(seconds)
            coins = sorted(set().union(*(one.coins for one in self._subscriptions)))
            if not coins:
                continue
            try:
                found = await anyio.to_thread.run_sync(source.look, coins, limiter=own)
            except PowderkegError as error:
                if str(error) != trouble:
                    log.warning("the stream cannot look at the lake: %s", error)
                trouble = str(error)
                continue
            trouble = ""
            for coin, event in found:
                self.publish(coin, event)


def sentence(kind: str, **told: Any) -> str:
    """Return a message that is no event, such as the greeting, as text."""
    return json_bytes({"type": kind, **told}).decode()
