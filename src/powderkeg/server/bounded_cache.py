"""Values that are dear to make, kept as long as there is room, and made once however many ask at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class BoundedCache(Generic[Value]):
    """The values used last, at most `size` of them; safe to use from many threads.

    Attributes
    ----------
    hits, misses
        How often a value was there or under way, and how often it had to be made.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, Future[Value]] = OrderedDict()
        self.hits = 0
        self.misses = 0

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
                while len(self._kept) > self._size:
                    self._kept.popitem(last=False)
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
        return value
