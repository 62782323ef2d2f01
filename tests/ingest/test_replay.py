"""Hours of a market, replayed through each venue's protocol, end in the map of the simulator's own tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from ingest.replaying import (
    BACKFILLED,
    END_HOUR,
    FIVE,
    LIVE_HOUR,
    RECORDED,
    SQUEEZE_HOUR,
    STEP,
    Case,
    Replay,
    Told,
    frame_of,
    frame_of_tables,
    frames_by_connection,
    marked_as_traded,
    told_market,
)
from powderkeg.fake_venues.faults import Fault
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.aggregated_map import aggregated_map
from powderkeg.maps.lake_market import lake_market_frame
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.maps.map_run import map_run
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.market_rows import Bar, Liquidation, OpenInterest
from powderkeg.model.times import HOUR, MINUTE, SECOND, duration_text
from powderkeg.model.window import Window
from powderkeg.venues.registry import venue

# So much beside the ends of what was listened to is never stated as complete.
MARGIN = 2_000


CASES = (
    # Base everywhere. In reality one liquidation per second at most is pushed; the fake pushes all of them.
    # Open interest is not streamed: it is polled while recording, and its history is asked for afterwards.
    Case("binance", MINUTE, 0, 0, "fill"),
    # Base everywhere; twice the open interest, halved again, has the same bits.
    Case("bybit", FIVE, 0, 0, "bankruptcy"),
    # Trades and liquidations are in contracts of a hundredth, bars and open interest in coin as well. Nobody
    # says which moment of its interval a past open interest is of, so it counts from the end.
    Case("okx", FIVE, 0, 1e-12, "bankruptcy", interest_late=True),
    # All is in contracts of a ten-thousandth, so volumes and open interest are rounded twice.
    Case("gate", MINUTE, 1e-12, 1e-12, "limit"),
    # Open interest and trades are in USD and divided by the price again. It has neither bars of the mark nor
    # past open interest: the map begins with the recording, and the mark is that of recorded prices.
    Case("deribit", MINUTE, 1e-12, 1e-12, "fill", mark=False, interest_history=False),
    # Base everywhere, open interest of both sides. It is polled, and nothing of it is told of the past; nor
    # are there bars of the mark, or liquidations in any feed.
    Case("hyperliquid", MINUTE, 0, 0, "", mark=False, interest_history=False),
)


@pytest.fixture(scope="module")
def told() -> Told:
    return told_market()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.venue)
def test_the_map_of_what_was_told_live_is_that_of_the_simulators_tables(
    case: Case, told: Told, tmp_path: Path
) -> None:
    start, live, end = told.at(0), told.at(LIVE_HOUR), told.at(END_HOUR)
    replay = Replay(case.venue, told, Lake(tmp_path / "lake", create=True), live)
    with replay.fake:
        with replay.recording() as recording:
            replay.begin(recording)
            replay.play(recording, live + 2 * MINUTE)
            # History is asked for while it is recorded, as anybody would.
            replay.backfilled(Window(start, live), case.interval)
            replay.play(recording, end)
        assert not any(one.unreadable or one.gaps for one in recording.status.connections)
        replay.compacted()
        check_coverage(replay, Window(live, end))
        # Later that day, when all of it is told. Bars of a minute were recorded, where they are streamed, and
        # those of five are not asked for: the map has to do with the recorded ones.
        replay.fake.market.now = end + 3 * HOUR
        recorded_bars = "bars" in replay.streamed and case.interval != MINUTE
        tables = [table for table in BACKFILLED if not (table == "bars" and recorded_bars)]
        replay.backfilled(Window(start, end), case.interval, tables)
        asked = len(replay.fake.http.requests)
        again = replay.backfilled(Window(start, end), case.interval, tables)
        assert (again.requests, len(replay.fake.http.requests)) == (0, asked)

    check_events(case, replay, Window(live + 1, end))
    bars = replay.lake.datasets("bars", case.venue, replay.symbol)
    assert {one.key.variant for one in bars} == {"1m", duration_text(case.interval)}
    frame = frame_of(replay, Window(start, end))
    # The first poll tells what holds as recording begins, too.
    heard = Window(live - 1 if case.venue == "hyperliquid" else live, end)
    expected = frame_of_tables(case, told, Window(start, end), [heard])
    assert_same_frames(frame, expected, case.rounding)
    assert_same_maps(map_run(frame).map(), map_run(expected).map(), case.rounding)


@pytest.mark.parametrize("case", CASES[1:3], ids=lambda case: case.venue)
def test_a_backfill_fills_the_hole_of_a_broken_line_and_the_map_is_the_same_again(
    case: Case, told: Told, tmp_path: Path
) -> None:
    """Everything is sent twice. Bybit tells all of the hole again but liquidations, OKX those as well."""
    live, end = told.at(SQUEEZE_HOUR), told.at(END_HOUR)
    window = Window(live - 12 * HOUR, end)
    hole = Window(live + 10 * MINUTE, live + 20 * MINUTE)
    lake = Lake(tmp_path / "lake", create=True)
    replay = Replay(case.venue, told, lake, live, copies=2)
    replay.fake.faults.add_stream(Fault("duplicates", times=100))
    with replay.fake:
        with replay.recording() as recording:
            replay.begin(recording)
            replay.play(recording, hole.start)
            # For ten minutes of the market the line is dead, which shows when it breaks.
            replay.fake.market.now = hole.end
            heard = frames_by_connection(recording)
            replay.fake.stream.disconnect()
            recording.until(lambda status: all(one.reconnects for one in status.connections))
            replay.begin(recording, heard)
            replay.play(recording, end)
        replay.compacted()
        replay.fake.market.now = end + 3 * HOUR
        # The shortest bars are those that are recorded: only what is missing of them is asked for.
        replay.backfilled(window, MINUTE, ("mark_bars", "funding"))
        replay.backfilled(Window(window.start, live), MINUTE, ("bars",))
        broken = frame_of(replay, window)
        assert np.flatnonzero(~broken.valid).tolist() == [12 * 12 + 2, 12 * 12 + 3]
        replay.fake.http.requests.clear()
        replay.backfilled(window, MINUTE, ("bars", "open_interest"))
        bars = [one for one in replay.fake.http.requests if "kline" in one or "candles" in one]
        assert len(bars) == 2  # the hole, and the last minute: it ends too near to the end of the recording
        liquidations = DatasetKey("liquidations", case.venue, replay.symbol)
        (missing,) = lake.missing(liquidations, Window(live + MARGIN, end - MARGIN - 1))
        assert missing.start < hole.start < hole.end < missing.end
        assert missing.length < hole.length + 4 * MARGIN + 2 * STEP
        told_again = any(source.table == "liquidations" for source in replay.venue.history)
        replay.backfilled(missing, MINUTE, ("liquidations",) if told_again else ())
        assert lake.missing(liquidations, missing) == (() if told_again else (missing,))

    gaps = lake.read(DatasetKey("gaps", case.venue, replay.symbol))
    assert {"trades", "liquidations", "bars"} <= set(gaps["table"])
    assert (gaps["ts"] <= hole.start).all()
    assert (gaps["end_ts"] >= hole.end).all()
    events = told.rows("liquidations", Window(live + 1, end))
    lost = {row for row in events if hole.start < row.ts <= hole.end}
    assert lost
    if told_again:
        lost = set()
    assert_same_events([row for row in events if row not in lost], kept(replay, Liquidation), case)

    frame = frame_of(replay, window)
    expected = frame_of_tables(case, told, window, [Window(live, hole.start), Window(hole.end, end)])
    assert_same_frames(frame, expected, case.rounding, liquidations=not lost)
    assert_same_maps(map_run(frame).map(), map_run(expected).map(), case.rounding)


def test_the_map_of_six_venues_that_tell_one_market_is_six_times_that_of_one(
    told: Told, tmp_path: Path
) -> None:
    """All open interest is recorded, because two have no past of it, and traded prices are the mark."""
    same = marked_as_traded(told)
    live, end = told.at(SQUEEZE_HOUR), told.at(END_HOUR)
    lake = Lake(tmp_path / "lake", create=True)
    replays = [Replay(case.venue, same, lake, live) for case in CASES]
    with ExitStack() as stack:
        for replay in replays:
            stack.enter_context(replay.fake)
        with ExitStack() as recordings:
            recorded = [(replay, recordings.enter_context(replay.recording())) for replay in replays]
            for replay, recording in recorded:
                replay.begin(recording)
            for until in range(live + FIVE, end + 1, FIVE):
                for replay, recording in recorded:
                    replay.play(recording, until, step=FIVE)
        for replay in replays:
            replay.compacted()
            replay.fake.market.now = end + 3 * HOUR
            replay.backfilled(Window(live, end), MINUTE, ("bars", "mark_bars"))
            # Mark prices are told of the ends of minutes, which is not all of them: no bar is made of those.
            lake.remove_coverage(DatasetKey("mark_prices", replay.name, replay.symbol), Window(live, end))
    maps = [map_run(frame_of(replay, Window(live, end))).map() for replay in replays]
    one, total = maps[0], aggregated_map(maps, "BTC")
    assert [layer.basis for layer in total.layers] == [0.0] * 6
    assert [layer.share for layer in total.layers] == pytest.approx([1 / 6] * 6, rel=1e-12)
    assert total.total.mark_price == one.mark_price
    assert total.total.open_interest == pytest.approx(6 * one.open_interest, rel=1e-12)
    for side in ("long_notional", "short_notional"):
        summed = getattr(total.total, side)
        first = one.grid.first - total.total.grid.first
        np.testing.assert_allclose(summed[first : first + one.grid.count], 6 * getattr(one, side), rtol=1e-12)
        assert summed.sum() == pytest.approx(6 * getattr(one, side).sum(), rel=1e-12)


def test_open_interest_told_live_does_not_give_way_to_an_older_one(tmp_path: Path) -> None:
    """A value of OKX's past counts from the end of its five minutes, unless one was recorded inside them."""
    start, lake = 1_767_225_600_000, Lake(tmp_path / "lake", create=True)

    def key(table: str, variant: str) -> DatasetKey:
        return DatasetKey(table, "okx", "BTC-USDT-SWAP", variant)

    bars = [Bar(start + n * FIVE, FIVE, 1e5, 1e5, 1e5, 1e5, 50.0, None, None, None) for n in range(12)]
    past = [OpenInterest(bar.ts, 100.0 + n, 1e4, "contracts", 1, None) for n, bar in enumerate(bars)]
    live = [
        OpenInterest(start + n * MINUTE + 3 * SECOND, 200.0 + n, 2e4, "contracts", 1, None)
        for n in range(20, 40)
    ]
    lake.append(key("bars", "5m"), bars, received_ts=start, source="rest")
    lake.append(key("open_interest", "5m"), past, received_ts=start, source="rest")
    lake.append(key("open_interest", "all"), live, received_ts=start, source="live")
    frame = lake_market_frame(lake, venue("okx"), "BTC-USDT-SWAP", Window(start, start + HOUR + 1))
    expected = [100, 101, 102, 103, 224, 229, 234, 239, 108, 109, 110, 111]
    assert frame.open_interest.tolist() == expected


def check_coverage(replay: Replay, window: Window) -> None:
    """What was listened to is stated, to the last step less what may be on its way; and nothing else."""
    for table in RECORDED:
        key = DatasetKey(table, replay.name, replay.symbol, "1m" if table == "bars" else "all")
        covered = [one for one in replay.lake.covered(key) if one.end > window.start]
        if table not in replay.streamed and table not in {one.table for one in replay.venue.snapshots}:
            assert not covered
            continue
        ((start, end),) = covered
        if table == "bars":
            # Told whole at their ends: the first one is that of the first minute, and the last one's end is
            # not far enough inside.
            assert start <= window.start
            assert end == window.end - MINUTE
            continue
        assert window.start + MARGIN <= start <= window.start + MARGIN + STEP, table
        assert window.end - MARGIN - STEP <= end <= window.end - MARGIN, table


def check_events(case: Case, replay: Replay, window: Window) -> None:
    """Liquidations and trades are those of the simulator, each once, and add up to the same by side."""
    if not case.price_meaning:
        assert not list(replay.lake.datasets("liquidations", case.venue))
        return
    expected = replay.told.rows("liquidations", window)
    assert len(expected) > 2000
    found = kept(replay, Liquidation)
    assert_same_events(expected, found, case)
    assert {row.price_meaning for row in found} == {case.price_meaning}
    for side in ("long", "short"):
        total = math.fsum(row.notional for row in expected if row.position_side == side)
        assert total > 1e5
        assert math.fsum(row.notional for row in found if row.position_side == side) == pytest.approx(
            total, rel=case.event_rounding, abs=0
        )
    trades = replay.lake.read(DatasetKey("trades", case.venue, replay.symbol))
    # At Deribit every liquidation is a trade, too.
    liquidated = len(expected) if case.venue == "deribit" else 0
    assert len(trades) == len(replay.told.rows("trades", window)) + liquidated


def kept(replay: Replay, row: type[Liquidation]) -> list[Liquidation]:
    key = DatasetKey("liquidations", replay.name, replay.symbol)
    return [row(*values) for values in replay.lake.read(key, columns=row._fields).iter_rows()]


def assert_same_events(expected: Sequence[Liquidation], found: Sequence[Liquidation], case: Case) -> None:
    def told(row: Liquidation) -> tuple[int, str, float, float]:
        return row.ts, row.position_side, row.price, row.quantity

    assert len(found) == len(expected)
    for one, other in zip(sorted(expected, key=told), sorted(found, key=told), strict=True):
        assert told(other)[:3] == told(one)[:3]
        for name in ("quantity", "notional"):
            found_value, value = getattr(other, name), getattr(one, name)
            assert abs(found_value - value) <= case.event_rounding * value, name


def assert_same_frames(
    found: MarketFrame, expected: MarketFrame, rounding: float, *, liquidations: bool = True
) -> None:
    for field in fields(MarketFrame):
        one, other = getattr(expected, field.name), getattr(found, field.name)
        if isinstance(one, np.ndarray):
            np.testing.assert_allclose(other, one, rtol=rounding, atol=0, err_msg=field.name)
    assert (found.step, found.mark_is_last) == (expected.step, expected.mark_is_last)
    if expected.liquidations is None or not liquidations:
        return
    assert found.liquidations is not None
    for name in ("start", "end", "long_notional", "short_notional"):
        one, other = getattr(expected.liquidations, name), getattr(found.liquidations, name)
        np.testing.assert_allclose(other, one, rtol=1e-12, atol=0, err_msg=name)


def assert_same_maps(found: LiquidationMap, expected: LiquidationMap, rounding: float) -> None:
    assert (found.as_of, found.mark_price, found.grid) == (
        expected.as_of,
        expected.mark_price,
        expected.grid,
    )
    assert found.open_interest == pytest.approx(expected.open_interest, rel=rounding, abs=0)
    for side in ("long_notional", "short_notional"):
        one, other = getattr(expected, side), getattr(found, side)
        assert one.sum() > 1e8
        np.testing.assert_allclose(other, one, rtol=rounding, atol=0, err_msg=side)
