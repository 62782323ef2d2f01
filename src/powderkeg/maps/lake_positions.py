"""What accounts held as a lake knows it: the last state of each that had been learned by a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from powderkeg.errors import WindowError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.position_files import built_snapshot
from powderkeg.model.account_positions import CROSS, ISOLATED, PositionSnapshot
from powderkeg.model.instrument import TierTable
from powderkeg.model.times import DAY, HOUR, MINUTE, duration_text, iso
from powderkeg.model.window import Window
from powderkeg.venues.census import PERPETUALS

OLDEST = DAY
_MARK_AGE = 10 * MINUTE
_INTEREST_AGE = 6 * HOUR
_TIERS_AGE = 90 * DAY
_MODES = {"cross": CROSS, "isolated": ISOLATED}


def lake_snapshot(lake: Lake, venue: str, at: int, *, oldest: int = OLDEST) -> PositionSnapshot:
    """Return the positions of all accounts as they were known at a time.

    Of each account the last state counts that had been received by then; a coin that it does not list is
    closed. Marks come from recorded mark prices where there are any of the last ten minutes, and else from
    the newest state that holds the coin.

    Parameters
    ----------
    lake, venue
        Where, and whose accounts.
    at
        UTC milliseconds; what was learned later is not looked at.
    oldest
        States older than this, in milliseconds, are not used.

    Raises
    ------
    WindowError
        No state of that time is known.
    LakeError
        A file is missing or damaged.
    """
    found = list(lake_snapshots(lake, venue, [at], oldest=oldest))
    if not found:
        raise WindowError(
            f"{venue}: no account's state of the {duration_text(oldest)} before {iso(at)} is in the lake; "
            "run `powderkeg census run`, or allow older ones"
        )
    return found[0][1]


def lake_snapshots(
    lake: Lake, venue: str, times: Sequence[int], *, oldest: int = OLDEST, coin: str | None = None
) -> Iterator[tuple[int, PositionSnapshot]]:
    """Yield (time, snapshot known then) for each time of which any state is known; see `lake_snapshot`.

    Parameters
    ----------
    lake, venue, oldest
        As in `lake_snapshot`.
    times
        UTC milliseconds, ascending.
    coin
        Read the positions in this coin alone.
    """
    if not len(times):
        return
    window = Window(times[0] - oldest, times[-1] + 1)
    states = lake.read(DatasetKey("account_states", venue, PERPETUALS), window)
    rows = lake.read(DatasetKey("positions", venue, PERPETUALS), window)
    if coin is not None:
        rows = rows.filter(pl.col("coin") == coin)
    for at in times:
        then = (pl.col("ts") >= at - oldest) & (pl.col("ts") <= at) & (pl.col("received_ts") <= at)
        last = states.filter(then).sort("ts").group_by("account", maintain_order=True).last()
        if last.height:
            yield at, _snapshot(lake, venue, last, rows.filter(then), at, coin)


def _snapshot(
    lake: Lake, venue: str, states: pl.DataFrame, rows: pl.DataFrame, at: int, coin: str | None
) -> PositionSnapshot:
    rows = rows.join(states.select("account", "ts"), on=["account", "ts"], how="semi")
    positions = rows.select(
        "ts",
        "account",
        "coin",
        pl.when(pl.col("position_side") == "long").then(1).otherwise(-1).alias("position_side"),
        "quantity",
        "entry_price",
        (pl.col("notional") / pl.col("quantity")).alias("state_mark_price"),
        "leverage",
        pl.col("margin_mode").replace_strict(_MODES, return_dtype=pl.Int64),
        pl.when(pl.col("margin_mode") == "isolated").then("margin").alias("isolated_margin"),
        "liquidation_price",
    )
    newest = positions.sort("ts").group_by("coin").last()
    marks = dict(newest.select("coin", "state_mark_price").iter_rows())
    marks |= _recorded_marks(lake, venue, at, coin)
    held = {
        "account": states["account"],
        "state_ts": states["ts"],
        "cross_account_value": states["cross_account_value"],
        "portfolio_margin": states["margining"] == "portfolio",
    }
    return built_snapshot(pl.DataFrame(held), positions, marks, as_of=at, venue=venue)


def lake_open_interest(lake: Lake, venue: str, symbol: str, at: int, mark_price: float) -> float | None:
    """Return the open interest of a coin, one side in USD at the mark, as known at a time; None if it is not.

    A value older than six hours is not used.
    """
    rows = _known_by(lake, DatasetKey("open_interest", venue, symbol), Window(at - _INTEREST_AGE, at + 1), at)
    if rows.is_empty():
        return None
    return float(rows.sort("ts")["open_interest"][-1]) * mark_price


def _known_by(lake: Lake, key: DatasetKey, window: Window, at: int) -> pl.DataFrame:
    return lake.read(key, window).filter(pl.col("received_ts") <= at)


def _recorded_marks(lake: Lake, venue: str, at: int, coin: str | None) -> dict[str, float]:
    """Return the last recorded mark price of each coin, or of one, where it is fresh."""
    window = Window(at - _MARK_AGE, at + 1)
    marks = {}
    for summary in lake.datasets("mark_prices", venue, coin):
        rows = _known_by(lake, summary.key, window, at)
        if rows.height:
            marks[summary.key.symbol] = float(rows.sort("ts")["mark_price"][-1])
    return marks


def lake_tiers(lake: Lake, snapshot: PositionSnapshot) -> dict[str, TierTable]:
    """Return the margin tiers of a snapshot's coins as last published by its time, of those a lake holds."""
    tables = {}
    window = Window(snapshot.as_of - _TIERS_AGE, snapshot.as_of + 1)
    for coin in snapshot.coins:
        rows = _known_by(
            lake, DatasetKey("leverage_tiers", snapshot.venue, coin), window, snapshot.as_of
        ).filter(pl.col("ts") == pl.col("ts").max())
        # Floors in base move with the price, and rates of the whole position jump: no table of this kind.
        if rows.is_empty() or set(rows["unit"]) != {"quote"} or set(rows["applies_to"]) != {"part"}:
            continue
        rows = rows.sort("tier")
        tables[coin] = TierTable.from_floors(
            venue=snapshot.venue,
            symbol=coin,
            base=coin,
            quote="USD",
            as_of=iso(int(rows["ts"][0]))[:10],
            source="the venue, recorded",
            notional_floors=rows["notional_floor"].to_list(),
            maintenance_margin_rates=rows["maintenance_margin_rate"].to_list(),
            maximum_leverages=rows["maximum_leverage"].to_list(),
        )
    return tables
