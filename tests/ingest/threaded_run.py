"""Work that runs until it is told to stop, in a thread of its own, inside a test."""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from powderkeg.ingest.venue_client import VenueClient

State = TypeVar("State")


class ThreadedRun(ABC, Generic[State]):
    """Starts on entering the context; leaving it stops the work, and raises what ended it early."""

    patience = 20.0
    """Seconds that `until` waits unless told otherwise."""

    def __init__(self, client: VenueClient) -> None:
        self._client = client
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    @property
    @abstractmethod
    def state(self) -> State:
        """What the work says of itself."""

    @abstractmethod
    async def work(self, stop: asyncio.Event) -> None:
        """Work until told to stop."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped()
        self._loop.close()
        if self.error is not None and error is None:
            raise self.error

    def until(self, condition: Callable[[State], bool], timeout: float | None = None) -> State:
        """Wait until the work's own state says so."""
        deadline = time.monotonic() + (self.patience if timeout is None else timeout)
        while not condition(self.state):
            assert time.monotonic() < deadline, self.state
            assert self._thread.is_alive(), (self.error, self.state)
            time.sleep(0.005)
        return self.state

    def stopped(self) -> None:
        """Tell the work to stop, and wait for its end."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)

    def _run(self) -> None:
        async def run() -> None:
            async with self._client:
                await self.work(self._stop)

        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(run())
        except BaseException as error:
            self.error = error
