"""The options that make a map a measured one, and the positions behind it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from powderkeg.cli import lake_options, options
from powderkeg.cli.map_source import MapSource
from powderkeg.errors import InputError
from powderkeg.model.times import DAY, duration, milliseconds

if TYPE_CHECKING:
    from powderkeg.lake.market_lake import Lake
    from powderkeg.lake.tables import SeriesTable
    from powderkeg.maps.measured_heatmap import MeasuredHeatmap
    from powderkeg.maps.measured_map import MeasuredMap
    from powderkeg.model.account_positions import PositionSnapshot

_MEASURED = "Measured maps"
_WEEK = 7 * DAY
VENUE = "hyperliquid"


class LevelsName(StrEnum):
    """Which liquidation levels a measured map counts."""

    PUBLISHED = "published"
    FROZEN = "frozen"
    JOINT = "joint"


Positions = Annotated[
    Path | None,
    typer.Option(
        "--positions",
        help="Positions of accounts (Parquet or CSV): time, account, coin, side, size, entry and liquidation "
        "price, notional or mark. The map is counted, not modelled.",
        rich_help_panel=_MEASURED,
    ),
]
Measured = Annotated[
    bool,
    typer.Option(
        "--measured",
        help="Count the positions that a census has put into the lake.",
        rich_help_panel=_MEASURED,
    ),
]
Levels = Annotated[
    LevelsName,
    typer.Option(
        "--levels",
        help="published: as the venue states them; frozen: computed, other coins at their marks; joint: "
        "other coins move by their betas.",
        rich_help_panel=_MEASURED,
    ),
]
Scaled = Annotated[
    bool,
    typer.Option("--scaled", help="Scale each side to the venue's open interest.", rich_help_panel=_MEASURED),
]
Oldest = Annotated[
    str | None,
    typer.Option(
        "--oldest",
        help="Use states of accounts up to this old. Default: 1d from a lake, the newest snapshot of a file.",
        rich_help_panel=_MEASURED,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurableSource(MapSource):
    """Where a map comes from, modelled or measured; `market_command` turns the fields into options."""

    positions: Positions = None
    measured: Measured = False
    levels: Levels = LevelsName.PUBLISHED
    scaled: Scaled = False
    oldest: Oldest = None

    @property
    def is_measured(self) -> bool:
        """Whether positions are counted; raises InputError for options that only then mean something."""
        if self.positions is not None or self.measured:
            self._refuse_modelled_options()
            return True
        if self.scaled or self.oldest or self.levels is not LevelsName.PUBLISHED:
            raise InputError(
                "--levels, --scaled and --oldest are of measured maps; expected --measured or --positions"
            )
        return False

    def _refuse_modelled_options(self) -> None:
        """Raise InputError for options that a counted map would ignore."""
        untouched = MapSource()
        for name in ("mark", "funding", "bar_step", "volume_scale", "venues", "since", "offline"):
            if getattr(self, name) != getattr(untouched, name):
                option = f"--{name.replace('_', '-')}"
                raise InputError(f"{option} is of modelled maps; this one is counted from positions")

    def measured_map(self, coin: str | None, at: str | None) -> MeasuredMap:
        """Return the measured map of the file, or of the lake; raises as `counted`."""
        return self.counted(coin, at)[0]

    def counted(self, coin: str | None, at: str | None) -> tuple[MeasuredMap, PositionSnapshot]:
        """Return the measured map of the file, or of the lake, and the positions that it counts.

        Raises
        ------
        InputError
            No coin is named, options contradict each other, or as in `powderkeg.maps.measured_map`.
        WindowError
            Nothing is known at that time.
        """
        if self.bars is not None:
            raise InputError(
                "--bars draws the candles of a measured heatmap; a measured map has no use for it"
            )
        symbol = self._symbol(coin)
        time = None if at is None else milliseconds(at, "--at")
        history = self._snapshots(time)
        snapshot = history[-1]
        if self.positions is None:
            from powderkeg.maps.lake_measured import lake_measured_map

            lake = self.opened_lake()
            counted = lake_measured_map(lake, snapshot, symbol, levels=self.levels.value, scaled=self.scaled)
            return counted, snapshot
        from powderkeg.maps.measured_map import measured_map

        symbol = snapshot.coins[snapshot.number_of(symbol)]
        mark = float(snapshot.mark_price[snapshot.number_of(symbol)])
        betas = None
        if self.levels is LevelsName.JOINT:
            from powderkeg.maps.snapshot_betas import betas_of_snapshots

            betas = betas_of_snapshots(history, symbol, snapshot.as_of)
        counted = measured_map(
            snapshot,
            symbol,
            levels=self.levels.value,
            open_interest=self.venue_open_interest(symbol, snapshot.as_of, mark),
            scaled=self.scaled,
            betas=betas,
            source=self.positions.name,
        )
        return counted, snapshot

    def measured_heatmap(
        self, coin: str | None, start: str | None, end: str | None, step: str | None
    ) -> MeasuredHeatmap:
        """Return the measured heatmap of the file, or of the lake: hourly columns of a week by default.

        Raises
        ------
        InputError, WindowError
            As in `measured_map`; or levels other than the published ones, or a coverage, are asked for.
        """
        symbol = self._symbol(coin)
        if self.scaled or self.levels is not LevelsName.PUBLISHED:
            raise InputError(
                "--levels, --scaled: a measured heatmap counts published levels; expected neither"
            )
        if self.open_interest is not None:
            raise InputError("--open-interest: a measured heatmap tells no coverage; expected none, or a map")
        length = duration(step or "1h", "--step")
        first = None if start is None else milliseconds(start, "--start")
        last = None if end is None else milliseconds(end, "--end")
        oldest = None if self.oldest is None else duration(self.oldest, "--oldest")
        if self.positions is not None:
            from powderkeg.maps.measured_heatmap import column_times, latest_snapshots, measured_heatmap

            history = self._snapshots(None)
            begin = history[0].as_of if first is None else first
            stop = history[-1].as_of if last is None else last
            times = column_times(begin, stop, length, history[0].as_of)
            columns = latest_snapshots(history, times, oldest)
            return measured_heatmap(columns, symbol, bars=self._bars(symbol), source=self.positions.name)
        from powderkeg.maps.lake_measured import lake_measured_heatmap
        from powderkeg.maps.lake_positions import OLDEST

        stop = lake_options.now() if last is None else last
        return lake_measured_heatmap(
            self.opened_lake(),
            self.venue or VENUE,
            symbol,
            stop - _WEEK if first is None else first,
            stop,
            length,
            oldest=oldest or OLDEST,
            bars=self._bars(symbol),
        )

    def _snapshots(self, at: int | None) -> list[PositionSnapshot]:
        """Return the snapshots known at a time, ascending: all of a file, of a lake only that of the time."""
        oldest = None if self.oldest is None else duration(self.oldest, "--oldest")
        if self.positions is not None:
            from powderkeg.maps.position_files import position_snapshots, snapshot_at

            mapping = options.column_mapping(self.column).get("positions")
            found = position_snapshots(self.positions, venue=self.venue or VENUE, columns=mapping)
            newest = snapshot_at(found, at, oldest=oldest or 0)
            return [*(one for one in found if one.as_of < newest.as_of), newest]
        from powderkeg.maps.lake_positions import OLDEST, lake_snapshot

        end = lake_options.now() if at is None else at
        return [lake_snapshot(self.opened_lake(), self.venue or VENUE, end, oldest=oldest or OLDEST)]

    def venue_open_interest(self, symbol: str, at: int, mark: float) -> float | None:
        """Return the venue's open interest at that time, one side in USD; None where nothing tells it."""
        if self.positions is None:
            from powderkeg.maps.lake_positions import lake_open_interest

            return lake_open_interest(self.opened_lake(), self.venue or VENUE, symbol, at, mark)
        if self.open_interest is None:
            return None
        from powderkeg.maps.venue_open_interest import open_interest_at

        sides: Literal[1, 2] = 2 if self.sides == 2 else 1
        return open_interest_at(
            self.open_interest,
            symbol=symbol,
            venue=self.venue or VENUE,
            at=at,
            mark_price=mark,
            sides=sides,
            stamp=self.open_interest_stamp.value,
            unit=None if self.open_interest_unit is None else self.open_interest_unit.value,
            columns=options.column_mapping(self.column).get("open_interest"),
        )

    def _symbol(self, coin: str | None) -> str:
        if self.positions is not None and self.measured:
            raise InputError("--positions reads a file, --measured the lake; expected one of them")
        if coin is not None and self.symbol is not None and coin != self.symbol:
            raise InputError(f"{coin} and --symbol {self.symbol}; expected one coin")
        symbol = coin or self.symbol
        if symbol is None:
            raise InputError("no coin: name one, as in `powderkeg map BTC --measured`, or give --symbol")
        return symbol

    def _bars(self, symbol: str) -> SeriesTable | None:
        if self.bars is None:
            return None
        from powderkeg.lake.tables import read_table

        columns = options.column_mapping(self.column).get("bars")
        return read_table(self.bars, "bars", symbol=symbol, venue=self.venue, columns=columns)

    def opened_lake(self) -> Lake:
        """Return the lake that the options or the settings name; raises LakeError where there is none."""
        return lake_options.lake_of(lake_options.settings_of(self.settings, self.lake))
