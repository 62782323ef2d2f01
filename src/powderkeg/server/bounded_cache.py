"""Values that are dear to make, kept as long as there is room, and made once however many ask at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class BoundedCache(Generic[Value]):
    """The values used last, at most `size` of them and of `most_bytes`; safe to use from many threads.

    A value larger than `most_bytes` is handed to all who wait for it, and not kept.

    Parameters
    ----------
    size
        How many values.
    most_bytes
        How much memory they may take together.
    bytes_of
        Returns how much one takes.

    Attributes
    ----------
    hits, misses
        How often a value was there or under way, and how often it had to be made.
    nbytes
        How much memory the kept values take.
    """

    def __init__(self, size: int, most_bytes: int, bytes_of: Callable[[Value], int]) -> None:
        self._size = size
        self._most_bytes = most_bytes
        self._bytes_of = bytes_of
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, Future[Value]] = OrderedDict()
        self._weights: dict[Hashable, int] = {}
        self.hits = 0
        self.misses = 0
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of `key`, made by `make` if it is not there.

        Who asks while it is being made waits for it. If `make` raises, all of them get the error, and it is
        not kept.
        """
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self.hits += 1
                self._kept.move_to_end(key)
            else:
                self.misses += 1
                mine: Future[Value] = Future()
                self._kept[key] = mine
                self._make_room()
        if found is not None:
            return found.result()
        try:
            value = make()
        except BaseException as error:
            with self._lock:
                if self._kept.get(key) is mine:
                    del self._kept[key]
            mine.set_exception(error)
            raise
        mine.set_result(value)
        self._weigh(key, mine, self._bytes_of(value))
        return value

    def _weigh(self, key: Hashable, mine: Future[Value], weight: int) -> None:
        """Count a value that was made, unless it had to go before that, and make room for it."""
        with self._lock:
            if self._kept.get(key) is not mine:
                return
            if weight > self._most_bytes:
                del self._kept[key]
                return
            self._weights[key] = weight
            self.nbytes += weight
            self._make_room()

    def _make_room(self) -> None:
        """Let go of values, the one used longest ago first, until the rest are few and small enough."""
        while len(self._kept) > self._size or self.nbytes > self._most_bytes:
            key, _ = self._kept.popitem(last=False)
            self.nbytes -= self._weights.pop(key, 0)
