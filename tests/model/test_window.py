from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powderkeg.errors import WindowError
from powderkeg.model.window import Window, missing, united

WINDOWS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda pair: Window(pair[0], sum(pair))), max_size=8
)


def instants(windows: tuple[Window, ...]) -> set[int]:
    return {instant for window in windows for instant in range(window.start, window.end)}


@given(WINDOWS)
def test_united_windows_hold_the_same_instants_apart_from_each_other(windows: list[Window]) -> None:
    found = united(windows)
    assert instants(found) == instants(tuple(windows))
    assert all(left.end < right.start for left, right in pairwise(found))


@given(WINDOWS, st.integers(0, 60), st.integers(1, 40))
def test_what_is_missing_and_what_is_covered_make_the_window(
    covered: list[Window], start: int, length: int
) -> None:
    window = Window.between(start, start + length)
    assert instants(missing(window, covered)) == instants((window,)) - instants(tuple(covered))


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(WindowError, match="holds no time"):
        Window.between(1_700_000_000_000, 1_700_000_000_000)
