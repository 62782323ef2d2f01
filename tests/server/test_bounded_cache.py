"""A value is made once however many ask, errors are not kept, and the oldest value goes."""

from __future__ import annotations

import threading

import pytest

from powderkeg.server.bounded_cache import BoundedCache


def test_who_asks_while_a_value_is_made_gets_the_same_one() -> None:
    cache: BoundedCache[object] = BoundedCache(4)
    begun, go = threading.Event(), threading.Event()
    made: list[object] = []

    def make() -> object:
        begun.set()
        assert go.wait(10)
        made.append(object())
        return made[-1]

    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(cache.get("a", make))) for _ in range(4)]
    threads[0].start()
    assert begun.wait(10)
    for thread in threads[1:]:
        thread.start()
    go.set()
    for thread in threads:
        thread.join(10)
    assert found == made * 4
    assert (cache.hits, cache.misses) == (3, 1)


def test_an_error_is_told_and_not_kept() -> None:
    cache: BoundedCache[int] = BoundedCache(4)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0)
    assert cache.get("a", lambda: 7) == 7


def test_the_value_used_longest_ago_goes() -> None:
    cache: BoundedCache[str] = BoundedCache(2)
    for key in ("a", "b", "a", "c"):
        cache.get(key, lambda key=key: key)  # type: ignore[misc]
    assert len(cache) == 2
    assert cache.get("a", lambda: "made again") == "a"
    assert cache.get("b", lambda: "made again") == "made again"
