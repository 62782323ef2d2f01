"""A census over real sockets: what it finds, asks, writes and remembers, and what it bears with."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from census_simulation import mean_age, simulated_census
from ingest.census_process import (
    ACCOUNTS,
    COINS,
    POSITIONS,
    QUICK,
    STATES,
    Counting,
    count,
    market,
    served,
    unlimited,
)
from ingest.recorder_process import Child
from powderkeg.errors import InputError, LakeError
from powderkeg.fake_venues.fake_accounts import account_address
from powderkeg.fake_venues.faults import Fault, Faults
from powderkeg.ingest.census_settings import census_of, states_per_second, with_share
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.lake.segments import SegmentHeader, SegmentWriter, segment_path
from powderkeg.model.market_rows import Trade
from powderkeg.venues.bybit import VENUE as BYBIT
from powderkeg.venues.hyperliquid import VENUE
from powderkeg.venues.hyperliquid.accounts import CENSUS

BIG = 300


def now() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", create=True)


def addresses(number: int) -> list[str]:
    return [account_address(one) for one in range(number)]


def check_states(lake: Lake) -> pl.DataFrame:
    """Check that every state has its positions, all of them and once, and return the states."""
    states, positions = lake.read(STATES), lake.read(POSITIONS)
    assert not states.select("ts", "account").is_duplicated().any()
    counted = positions.group_by("ts", "account").len()
    joined = states.join(counted, on=("ts", "account"), how="left").with_columns(pl.col("len").fill_null(0))
    assert (joined["len"] == joined["positions"]).all()
    for key in (ACCOUNTS, STATES, POSITIONS):
        assert {problem.kind for problem in lake.verify(key)} <= {"leftover"}
    return states


def test_every_account_that_is_listed_or_given_is_asked_and_kept_with_its_positions(lake: Lake) -> None:
    made = market(BIG, now(), listed=0.5)
    given = [account_address(BIG + 5), account_address(3), "0x" + 40 * "E"]
    with served(made) as fake, Counting(fake, lake, given) as census:
        progress = census.until(lambda said: said.acknowledged >= 2 * said.accounts > BIG // 2)
        assert progress.state == "asking"
    assert progress.state == "stopped"
    assert progress.answered == progress.acknowledged == len(lake.read(STATES))
    known = lake.read(ACCOUNTS)
    by = dict(known.group_by("found_by").len().iter_rows())
    assert by == progress.found
    assert by["leaderboard"] + by["list"] == len(known) == progress.accounts
    assert set(given[1:2]) | {given[0], given[2].lower()} <= set(known["account"])
    states = check_states(lake)
    assert set(states["account"]) == set(known["account"])
    # The three that there are not, and what the venue says of them.
    nobody = states.filter(pl.col("account").is_in([given[0], given[2].lower()]))
    assert nobody["positions"].max() == 0
    assert nobody["account_value"].max() == 0.0
    positions = lake.read(POSITIONS)
    assert set(positions["coin"]) <= {*COINS, "xyz:TSLA"}
    assert set(positions["position_side"]) == {"long", "short"}
    assert set(positions["margin_mode"]) == {"cross", "isolated"}
    # Those with portfolio margin are told apart, once they were asked and hold something.
    margined = dict(states.filter(pl.col("positions") > 0).select("account", "margining").iter_rows())
    assert {word for account, word in margined.items() if int(account[6:]) % 50 != 7} == {"standard"}
    assert {word for account, word in margined.items() if int(account[6:]) % 50 == 7} <= {"portfolio"}
    interest = lake.read(DatasetKey("open_interest", "hyperliquid", "BTC"))
    assert interest["open_interest"].to_list() == [10_000.0]
    assert len(lake.read(DatasetKey("mark_prices", "hyperliquid", "kPEPE"))) == 1
    # An answer covers the main dex, so open interest elsewhere is nothing to hold it against.
    assert not len(lake.read(DatasetKey("open_interest", "hyperliquid", "xyz:TSLA")))


def test_who_trades_is_found_and_whoever_was_empty_is_asked_again(lake: Lake) -> None:
    settings = replace(QUICK, listed=False, trades=True)
    settings = replace(settings, policy=replace(settings.policy, rests=(0, 0, 0, 10**7, 10**7)))
    made = market(BIG, now(), holding=0.0)
    with served(made) as fake, Counting(fake, lake, [], settings) as census:
        assert fake.stream.wait_for(f"trades:{coin}" for coin in COINS)
        assert "trades:xyz:TSLA" not in fake.stream._served()
        fake.push("trades", "BTC", [Trade(now(), "7", 101.0, 1.0, "buy")])
        census.until(lambda said: said.acknowledged == 2)
        fake.stream.disconnect()
        census.until(lambda said: said.reconnects > 0)
        assert fake.stream.wait_for(f"trades:{coin}" for coin in COINS)
        fake.push("trades", "ETH", [Trade(now(), "8", 201.0, 1.0, "sell")])
        census.until(lambda said: said.acknowledged >= 4)
        # Who trades again has something else now.
        fake.push("trades", "ETH", [Trade(now(), "7", 201.0, 1.0, "sell")])
        census.until(lambda said: said.acknowledged >= 6)
        assert census.run.schedule.counts == (0, 0, 0, 0, 4)
    known = lake.read(ACCOUNTS)
    assert sorted(known["account"]) == [account_address(number) for number in (14, 15, 16, 17)]
    assert set(known["found_by"]) == {"trades"}


def test_who_traded_in_the_archive_is_found(lake: Lake) -> None:
    made = market(BIG, now())
    header = SegmentHeader("hyperliquid", "market-stream-0", 1, ("trades:BTC",), {})
    path = segment_path(lake.root, header)
    path.parent.mkdir(parents=True)
    with served(made) as fake:
        row = Trade(now() - 60_000, "11", 100.0, 1.0, "buy")
        ((_, frame),) = fake.dialect.frames("trades", "BTC", [row], made.instruments["BTC"])
        with SegmentWriter(path, header) as writer:
            writer.append(0, row.ts * 1_000_000, frame)
        lake.archive_segment(path)
        settings = replace(QUICK, listed=False, archive=3_600_000)
        with Counting(fake, lake, [], settings) as census:
            census.until(lambda said: said.acknowledged >= 2)
    known = lake.read(ACCOUNTS)
    assert list(known["account"]) == [account_address(22), account_address(23)]
    assert set(known["ts"]) == {row.ts}


def test_the_next_run_knows_everybody_and_goes_on_where_the_last_one_was(lake: Lake) -> None:
    made = market(BIG, now())
    rests = replace(QUICK.policy, rests=(0, 10**8, 10**8, 10**8, 10**8))
    settings = replace(QUICK, listed=False, policy=rests)
    with served(made) as fake:
        with Counting(fake, lake, addresses(40), settings) as census:
            census.until(lambda said: said.acknowledged == 40)
        before = census.run.schedule.counts
        with Counting(fake, lake, addresses(45), settings) as census:
            progress = census.until(lambda said: said.acknowledged == 5)
            assert progress.found == {"list": 5}
        # Nobody who rests was asked again, and everybody is in the class of its last state.
        assert progress.asked == 5
        after = census.run.schedule.counts
        assert all(then <= now_ for then, now_ in zip(before[1:], after[1:], strict=True))
        assert sum(after) == 45
    states = check_states(lake)
    assert len(states) == 45
    # How they are margined is known, and is not asked for again within the day.
    asked = [one for one in fake.http.requests if "spotClearinghouseState" in one]
    assert len(asked) == len(set(asked)) == len(states.filter(pl.col("positions") > 0))


@pytest.mark.parametrize(
    ("kind", "counted"),
    [
        ("limited", "limited"),
        ("limited_without_retry_after", "limited"),
        ("server_error", "interrupted"),
        ("refused", "interrupted"),
        ("slow", "interrupted"),
        ("truncated", "interrupted"),
        ("malformed", "unreadable"),
        ("not_found", "refused"),
        ("unknown_fields", None),
    ],
)
def test_a_fault_costs_time_and_nothing_else(lake: Lake, kind: str, counted: str | None) -> None:
    made = market(40, now())
    faults = Faults(http=[Fault(kind, times=6, seconds=0.5, path="/info")])  # type: ignore[arg-type]
    settings = replace(QUICK, listed=False, market_every=1e6)
    with served(made, faults) as fake, Counting(fake, lake, addresses(40), settings) as census:
        progress = census.until(lambda said: said.acknowledged >= 80)
    states = check_states(lake)
    assert set(states["account"]) == set(addresses(40))
    if counted is not None:
        # One fault may have hit the question for open interest, and others the one for margins.
        assert getattr(progress, counted) >= 1
        assert progress.trouble


def test_while_the_venue_says_to_slow_down_nobody_is_asked(lake: Lake) -> None:
    made = market(40, now())
    faults = Faults(http=[Fault("limited", times=4, seconds=1.0, path="/info")])
    settings = replace(QUICK, listed=False, market_every=1e6)
    with served(made, faults) as fake, Counting(fake, lake, addresses(40), settings) as census:
        census.until(lambda said: said.limited > 0)
        assert census.progress.state == "waiting"
        census.until(lambda said: said.acknowledged >= 40)
    times = [at for at, _ in fake.http.spent]
    # Four workers and the market were on their way when the first was told.
    pause = max((after - before, place) for place, (before, after) in enumerate(pairwise(times)))
    assert pause[0] >= 0.95
    assert pause[1] < 8


def test_an_account_whose_answers_cannot_be_read_holds_up_nobody(lake: Lake) -> None:
    made = market(40, now())
    settings = replace(QUICK, listed=False, market_every=1e6)

    def broken(address: str) -> bool:
        return address == account_address(3)

    census_questions = replace(
        CENSUS,
        read=lambda payload, account, at: CENSUS.read(b"null" if broken(account) else payload, account, at),
    )
    venue = replace(unlimited(), census=census_questions)
    with served(made) as fake, Counting(fake, lake, addresses(40), settings, venue) as census:
        progress = census.until(lambda said: said.acknowledged >= 400 and said.unreadable >= 2)
    assert progress.unreadable < 30  # it is left alone for 0.2 s, then for 0.4 s
    assert "clearinghouseState: null" in progress.trouble
    states = check_states(lake)
    assert set(states["account"]) == set(addresses(40)) - {account_address(3)}


def test_a_venue_that_is_silent_is_asked_less_and_loses_nobody_a_turn(lake: Lake) -> None:
    made = market(40, now())
    faults = Faults(http=[Fault("slow", times=12, seconds=1.0, path="/info")])
    settings = replace(QUICK, listed=False, market_every=1e6)
    with served(made, faults) as fake, Counting(fake, lake, addresses(40), settings) as census:
        census.until(lambda said: said.state == "waiting")
        progress = census.until(lambda said: said.acknowledged >= 80)
    assert progress.interrupted >= 8
    assert progress.unreadable == progress.refused == 0
    assert set(check_states(lake)["account"]) == set(addresses(40))


def test_over_sockets_the_budget_holds_in_every_minute_and_every_second(lake: Lake) -> None:
    made = market(400, now())
    # A sixtieth of the period and of the weight: a minute of the venue passes in a second.
    limits = {"rest": replace(VENUE.limits["rest"], period_ms=1_000)}
    venue = with_share(replace(VENUE, limits=limits), 0.5)
    settings = replace(QUICK, market_every=1.0, trades=True)
    with served(made) as fake, Counting(fake, lake, addresses(400), settings, venue) as census:
        census.until(lambda said: said.acknowledged >= 800)
    times = np.array([at for at, weight in fake.http.spent if weight])
    weights = np.array([weight for _, weight in fake.http.spent if weight])
    total = np.concatenate([[0], np.cumsum(weights)])
    in_a_minute = total[np.searchsorted(times, times + 1.0)] - total[:-1]
    # The budget is of what is sent. What was under way before may arrive in the same time: of each worker one
    # question for a state or a margin, and one of those that weigh 20.
    under_way = 2 * QUICK.together + 20
    assert in_a_minute.max() <= 600 + under_way
    # Second by second of the venue: what the bucket holds, and what flows into it.
    in_a_second = total[np.searchsorted(times, times + 1 / 60)] - total[:-1]
    assert in_a_second.max() <= 60 + 9 + under_way
    assert weights.sum() > 1_500


def test_fifty_thousand_accounts_within_the_budget_and_the_close_ones_far_fresher() -> None:
    found = simulated_census(hours=1, looks=2)
    assert len(found.census_ages) > 150
    seconds = found.weight_by_second
    assert found.most_in_a_minute <= found.budget == 600
    assert seconds.max() <= 60 + 9
    assert seconds.mean() > 0.99 * 9.0  # and all of it is used
    census, plain = found.census_ages, found.round_robin_ages
    print(
        f"positions within 2 %: mean age {mean_age(census):,.0f} s against {mean_age(plain):,.0f} s, "
        f"median {np.median(census):,.0f} s against {np.median(plain):,.0f} s"
    )
    assert mean_age(plain) > 4 * mean_age(census)
    assert np.median(plain) > 20 * np.median(census)


def test_a_census_that_is_killed_loses_nothing_acknowledged_and_doubles_nothing(lake: Lake) -> None:
    source = random.Random("census")  # noqa: S311
    made = market(BIG, now())
    waiting: list[Child] = []
    acknowledged, kills = 0, 12
    with served(made) as fake:
        arguments = (lake.root, fake.urls(VENUE.urls), addresses(BIG))
        try:
            for kill in range(kills + 1):
                waiting += [Child(count, *arguments) for _ in range(2 - len(waiting))]
                child = waiting.pop(0)
                child.start()
                told = child.word()
                rest = child.killed(source.uniform(0, 0.25)) if kill < kills else child.stopped()
                acknowledged += rest[-1] if rest else told
                child.close()
                assert len(lake.read(STATES)) >= acknowledged
                # What a crash left behind the last acknowledgement is whole, too.
                check_states_only(lake)
        finally:
            for child in waiting:
                child.close()
    states = check_states_only(lake)
    assert acknowledged > kills
    assert len(states) >= acknowledged
    assert len(lake.read(ACCOUNTS)) == lake.read(ACCOUNTS)["account"].n_unique()
    # Ids of batches of all those runs are gone once the last one has ended well.
    assert lake.applied_batches(STATES) == lake.applied_batches(POSITIONS) == ()


def check_states_only(lake: Lake) -> pl.DataFrame:
    """Check as `check_states`, where a crash may have left positions without a state."""
    states, positions = lake.read(STATES), lake.read(POSITIONS)
    assert not states.select("ts", "account").is_duplicated().any()
    assert not positions.select("ts", "account", "coin").is_duplicated().any()
    counted = positions.group_by("ts", "account").len()
    joined = states.join(counted, on=("ts", "account"), how="left").with_columns(pl.col("len").fill_null(0))
    assert (joined["len"] == joined["positions"]).all()
    return states


def test_a_lake_that_cannot_be_written_ends_the_census_and_keeps_what_was_acknowledged(lake: Lake) -> None:
    made = market(40, now())
    place = lake.root / "tables" / STATES.directory
    aside = place.with_name("aside")
    with served(made) as fake:
        census = Counting(fake, lake, addresses(40), replace(QUICK, listed=False))
        with census:
            acknowledged = census.until(lambda said: said.acknowledged >= 20).acknowledged
            place.rename(aside)
            place.write_text("in the way")
            census._thread.join(30)
            assert not census._thread.is_alive()
            error, census.error = census.error, None
    assert isinstance(error, LakeError)
    assert str(place) in str(error)
    place.unlink()
    aside.rename(place)
    assert len(check_states_only(lake)) >= acknowledged


def test_a_census_is_asked_for_where_positions_are_public_and_with_a_share_that_there_is() -> None:
    with pytest.raises(InputError, match="positions are not public at Bybit"):
        census_of(BYBIT)
    for share in (0.0, -1.0, 1.01):
        with pytest.raises(InputError, match=f"share: {share}"):
            with_share(VENUE, share)
    assert with_share(VENUE, 0.25).limits["rest"].weight == 300
    assert states_per_second(VENUE, CENSUS, 1.0) == pytest.approx(9.0)
