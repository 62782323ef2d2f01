"""A value is made once however many ask, errors are not kept, and the oldest value goes."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from powderkeg.server.answers import takes_gzip
from powderkeg.server.bounded_cache import BoundedCache
from powderkeg.server.held_bytes import held_bytes


def test_who_asks_while_a_value_is_made_gets_the_same_one() -> None:
    cache: BoundedCache[object] = BoundedCache(4, 100, lambda _: 1)
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
    cache: BoundedCache[int] = BoundedCache(4, 100, lambda _: 1)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0)
    assert cache.get("a", lambda: 7) == 7


def test_the_value_used_longest_ago_goes() -> None:
    cache: BoundedCache[str] = BoundedCache(2, 100, len)
    for key in ("a", "b", "a", "c"):
        cache.get(key, lambda key=key: key)  # type: ignore[misc]
    assert len(cache) == 2
    assert cache.get("a", lambda: "made again") == "a"
    assert cache.get("b", lambda: "made again") == "made again"


def test_what_is_kept_is_bounded_by_bytes_and_what_is_larger_is_not_kept() -> None:
    cache: BoundedCache[bytes] = BoundedCache(100, 10, len)
    for key, size in (("a", 4), ("b", 4), ("c", 4), ("d", 11), ("e", 2)):
        assert len(cache.get(key, lambda size=size: bytes(size))) == size  # type: ignore[misc]
    assert cache.nbytes == 10
    kept = {key for key in "abcde" if cache.get(key, lambda: b"") != b""}
    assert kept == {"b", "c", "e"}


def test_an_error_weighs_nothing() -> None:
    cache: BoundedCache[bytes] = BoundedCache(100, 10, len)
    cache.get("a", lambda: bytes(10))
    with pytest.raises(ZeroDivisionError):
        cache.get("b", lambda: bytes(1 // 0))
    assert cache.nbytes == 10
    assert cache.get("a", lambda: b"") == bytes(10)


def test_arrays_count_once_and_a_view_as_what_it_keeps_alive() -> None:
    whole = np.zeros(1_000)
    assert held_bytes(({"a": whole[:10], "b": [whole]}, b"four")) == 8_000 + 4


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("br, gzip ; q=0", False),
        ("gzip;q=0.000", False),
        ("identity", False),
        ("", False),
    ],
)
def test_gzip_is_for_those_who_take_it(accepted: str, taken: bool) -> None:
    assert takes_gzip(accepted) is taken
