"""Whatever is appended, merged, covered and uncovered in whatever order: a dictionary would say the same."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lake.made_rows import RECEIVED, START
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import LongShortRatio
from powderkeg.model.window import Window

KEY = DatasetKey("long_short_ratios", "okx", "BTC-USDT-SWAP", "accounts")
HOUR = 3_600_000
SPAN = 3  # hours, of which two lie before the end of a month; few, so that rows meet

row_strategy = st.builds(
    lambda hour, population, share: LongShortRatio(START + hour * HOUR, HOUR, population, share, 1.0 - share),
    st.integers(0, SPAN - 1),
    st.sampled_from(["accounts", "top_accounts"]),
    st.sampled_from([0.25, 0.5]),
)
window_strategy = st.builds(
    lambda start, length: Window(START + start, START + start + length), st.integers(0, 20), st.integers(1, 8)
)
KINDS = ["append"] * 5 + ["compact"] * 2 + ["cover", "uncover", "forget"]


@dataclass(frozen=True)
class Step:
    """One thing done to a lake; a kind uses the fields that it needs."""

    kind: str
    rows: list[tuple[LongShortRatio, int]]
    windows: list[Window]
    batch: str | None


steps_strategy = st.lists(
    st.builds(
        Step,
        kind=st.sampled_from(KINDS),
        rows=st.lists(st.tuples(row_strategy, st.integers(0, 3)), min_size=1, max_size=6),
        windows=st.lists(window_strategy, min_size=1, max_size=2),
        batch=st.sampled_from([None, None, None, "a", "b"]),
    ),
    min_size=4,
    max_size=10,
)


@dataclass
class Standing:
    """A row, since when it was told without another between, and when it was told last."""

    row: LongShortRatio
    since: int
    last: int


def merged(earlier: Standing, later: Standing) -> Standing:
    """Return what stands of two tellings of one key, the later written after the earlier."""
    if later.last < earlier.last:
        earlier, later = later, earlier
    if earlier.row == later.row:
        return Standing(later.row, min(earlier.since, later.since), later.last)
    return later


@dataclass
class Told:
    """What a dictionary keeps: the row of every key, every covered millisecond, every batch."""

    rows: dict[tuple[Any, ...], Standing] = field(default_factory=dict)
    covered: set[int] = field(default_factory=set)
    batches: set[str | None] = field(default_factory=set)

    def tell(self, rows: list[tuple[LongShortRatio, int]]) -> None:
        """Take the rows of one append, with when they were received: those of one key are merged first."""
        new: dict[tuple[Any, ...], Standing] = {}
        for row, received in sorted(rows, key=lambda told: told[1]):  # stable: of one time, the later stands
            key = (row.ts, row.population, row.interval_ms)
            telling = Standing(row, received, received)
            new[key] = merged(new[key], telling) if key in new else telling
        for key, telling in new.items():
            self.rows[key] = merged(self.rows[key], telling) if key in self.rows else telling

    def standing(self) -> list[tuple[Any, ...]]:
        """Return the rows that stand, sorted, and since when."""
        return [(*self.rows[key].row, self.rows[key].since) for key in sorted(self.rows)]


def carried_out(lake: Lake, steps: list[Step], *, in_order: bool) -> Told:
    """Do the steps to a lake and to a dictionary, and return the dictionary."""
    told = Told()
    now = RECEIVED
    for step in steps:
        times = {time for window in step.windows for time in range(*window)}
        if step.kind == "append":
            rows: list[tuple[LongShortRatio, int]] = []
            for row, delay in step.rows:
                now = now + delay if in_order else RECEIVED + delay
                rows.append((row, now))
            applied = lake.append(
                KEY,
                [row for row, _ in rows],
                received_ts=[received for _, received in rows],
                source="s",
                covered=step.windows,
                batch=step.batch,
            ).applied
            assert applied == (step.batch not in told.batches)
            if applied:
                told.tell(rows)
                told.covered |= times
                told.batches |= {step.batch} - {None}
        elif step.kind == "compact":
            lake.compact(KEY)
        elif step.kind == "cover":
            lake.add_coverage(KEY, *step.windows)
            told.covered |= times
        elif step.kind == "uncover":
            for window in step.windows:
                lake.remove_coverage(KEY, window)
            told.covered -= times
        else:
            lake.forget_batches(KEY, [step.batch or "a"])
            told.batches.discard(step.batch or "a")
    return told


def check(steps: list[Step], window: Window, *, in_order: bool) -> None:
    """Hold a lake against a dictionary, before and after a last merge."""
    with tempfile.TemporaryDirectory() as root:
        lake = Lake(root, create=True)
        told = carried_out(lake, steps, in_order=in_order)
        for _ in range(2):
            frame = lake.read(KEY).drop("source")
            if not in_order:
                frame = frame.drop("received_ts")
            expected = [row if in_order else row[:-1] for row in told.standing()]
            assert frame.rows() == expected
            inside = lake.read(KEY, window).drop(set(lake.read(KEY).columns) - set(frame.columns))
            assert inside.rows() == [row for row in expected if window.start <= row[0] < window.end]
            assert {time for stretch in lake.covered(KEY) for time in range(*stretch)} == told.covered
            assert set(lake.applied_batches(KEY)) == told.batches
            assert lake.verify(KEY) == []
            lake.compact(KEY)
        assert all(part.parts <= 2 for part in lake.datasets())


read_windows = st.builds(
    lambda start, hours: Window(START + start * HOUR, START + (start + hours) * HOUR),
    st.integers(-1, SPAN),
    st.integers(1, SPAN),
)
effort = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)


@pytest.mark.timeout(900)  # shrinking a failure takes minutes
@effort
@given(steps_strategy, read_windows)
def test_rows_received_in_order_are_what_a_dictionary_keeps(steps: list[Step], window: Window) -> None:
    check(steps, window, in_order=True)


@pytest.mark.timeout(900)  # shrinking a failure takes minutes
@effort
@given(steps_strategy, read_windows)
def test_values_of_rows_received_in_any_order_are_what_a_dictionary_keeps(
    steps: list[Step], window: Window
) -> None:
    check(steps, window, in_order=False)
