"""``powderkeg positions``: who is close to liquidation where positions are public."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from powderkeg.cli import lake_options
from powderkeg.cli.options import Json
from powderkeg.errors import InputError

if TYPE_CHECKING:
    from powderkeg.analytics.mark_ranges import MarkRanges
    from powderkeg.lake.market_lake import Lake
    from powderkeg.model.account_positions import PositionSnapshot
    from powderkeg.settings.settings import Settings


def positions(
    coin: Annotated[str, typer.Argument(help="Coin as the venue spells it, such as BTC.")] = "BTC",
    near: Annotated[
        str, typer.Option("--near", help="How close to the mark a liquidation price is, as 5% or 0.05.")
    ] = "5%",
    file: Annotated[
        Path | None,
        typer.Option(
            "--positions",
            help="Positions of accounts (Parquet or CSV), one snapshot per time; the lake otherwise.",
            show_default=False,
        ),
    ] = None,
    venue: Annotated[
        str, typer.Option("--venue", help="Whose accounts; of the lake, one that publishes positions.")
    ] = "hyperliquid",
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            help="As known at this time, ISO 8601 UTC; now, or the last snapshot of the file, otherwise.",
            show_default=False,
        ),
    ] = None,
    changes_since: Annotated[
        str | None,
        typer.Option(
            "--changes-since",
            help="Show what became of the positions of this time: ISO 8601 UTC, or how long ago, as 6h.",
            show_default=False,
        ),
    ] = None,
    open_interest: Annotated[
        float | None,
        typer.Option(
            "--open-interest",
            help="The venue's open interest in the coin, one side, USD; that of the lake otherwise.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="How many positions to list.")] = 20,
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
    as_json: Json = False,
) -> None:
    """Show the largest positions close to liquidation, and what share of open interest that is.

    Positions are counted, from accounts that are public and known: see the coverage beside every share.
    Accounts are shown by pseudonyms.

    Example: powderkeg positions BTC --near 3% --positions positions.parquet --changes-since 1d
    """
    from powderkeg.analytics.measured_changes import measured_changes
    from powderkeg.analytics.measured_positions import measured_positions
    from powderkeg.cli.terminal import print_json, working
    from powderkeg.core.position_changes import position_changes

    close = _fraction(near)
    if file is not None and lake is not None:
        raise InputError("--positions reads a file, --lake a lake; expected one of them")
    with working("Reading positions"):
        source = _File(file, venue) if file is not None else _Lake(settings, lake, venue)
        now = source.at(at)
        with _called("symbol", "coin"):
            coin = now.coins[now.number_of(coin)]
        interest = source.open_interest(now, coin) if open_interest is None else open_interest
    result = measured_positions(now, coin, near=close, limit=limit, open_interest=interest)
    changes = None
    if changes_since is not None:
        with working("Comparing"):
            with _called("at", "--changes-since"):
                then = source.at(changes_since, now.as_of)
            if then.as_of >= now.as_of:
                raise InputError(f"--changes-since: {changes_since!r} is not before the positions shown")
            ranges = source.ranges(then, now)
            moved = position_changes(then, now, low=ranges.low, high=ranges.high)
            changes = measured_changes(moved, coin, range_source=ranges.source, limit=limit)
    if as_json:
        print_json(result.as_json() | ({} if changes is None else {"changes": changes.as_json()}))
    else:
        from powderkeg.cli.terminal_positions import print_changes, print_positions

        print_positions(result)
        if changes is not None:
            print_changes(changes)


class _File:
    """Snapshots of a file."""

    def __init__(self, path: Path, venue: str) -> None:
        from powderkeg.maps.position_files import position_snapshots

        self._snapshots = position_snapshots(path, venue=venue)

    def at(self, time: str | None, end: int | None = None) -> PositionSnapshot:
        """Return the last snapshot by a time; lengths of time count back from `end`, or the last one."""
        from powderkeg.maps.position_files import snapshot_at

        last = self._snapshots[-1].as_of if end is None else end
        option = "--at" if end is None else "--changes-since"
        return snapshot_at(
            self._snapshots, None if time is None else lake_options.time_of(time, option, last)
        )

    def open_interest(self, snapshot: PositionSnapshot, coin: str) -> float | None:  # noqa: ARG002
        """Return None: a file of positions does not tell what the venue has."""
        return None

    def ranges(self, then: PositionSnapshot, now: PositionSnapshot) -> MarkRanges:
        """Return the ranges of the marks of the snapshots in between."""
        from powderkeg.analytics.mark_ranges import ranges_of_snapshots

        return ranges_of_snapshots(
            then, [one for one in self._snapshots if then.as_of <= one.as_of <= now.as_of]
        )


class _Lake:
    """What a lake knows of a venue's accounts."""

    def __init__(self, settings: Path | None, lake: Path | None, venue: str) -> None:
        self._lake = _existing(lake_options.settings_of(settings, lake))
        self._venue = venue

    def at(self, time: str | None, end: int | None = None) -> PositionSnapshot:
        """Return what was known at a time; lengths of time count back from `end`, or now."""
        from powderkeg.maps.lake_positions import lake_snapshot

        last = lake_options.now() if end is None else end
        option = "--at" if end is None else "--changes-since"
        return lake_snapshot(
            self._lake, self._venue, last if time is None else lake_options.time_of(time, option, last)
        )

    def open_interest(self, snapshot: PositionSnapshot, coin: str) -> float | None:
        """Return the venue's open interest of a coin as it was known then, one side, USD."""
        from powderkeg.maps.lake_positions import lake_open_interest

        mark = float(snapshot.mark_price[snapshot.number_of(coin)])
        return lake_open_interest(self._lake, self._venue, coin, snapshot.as_of, mark)

    def ranges(self, then: PositionSnapshot, now: PositionSnapshot) -> MarkRanges:
        """Return the ranges of the recorded marks in between."""
        from powderkeg.analytics.mark_ranges import ranges_of_lake

        return ranges_of_lake(self._lake, then, now.as_of)


@contextmanager
def _called(name: str, option: str) -> Iterator[None]:
    """Let errors about an argument of the library speak of what it is called here."""
    try:
        yield
    except InputError as error:
        raise InputError(re.sub(rf"^{name}:", f"{option}:", str(error))) from error


def _existing(settings: Settings) -> Lake:
    return lake_options.lake_of(
        settings,
        missing=f"there is no lake in {settings.lake_path} yet; `powderkeg census run` fills one with "
        "positions, and --positions reads them from a file",
    )


def _fraction(text: str) -> float:
    """Return 0.05 for ``5%`` or ``0.05``.

    Raises
    ------
    InputError
        It is neither, or not above 0 and below 1.
    """
    number = text.strip()
    try:
        value = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        value = float("nan")
    if not 0 < value < 1:
        raise InputError(f"--near: {text!r}; expected more than 0 and less than 100 %, as 5% or 0.05")
    return value
