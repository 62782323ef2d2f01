"""Options of the commands that use the lake and the venues, and what they stand for."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from powderkeg.errors import InputError, LakeError
from powderkeg.model.times import duration, milliseconds
from powderkeg.model.window import Window

if TYPE_CHECKING:
    from powderkeg.lake.market_lake import Lake
    from powderkeg.settings.settings import Settings

LakePath = Annotated[
    Path | None,
    typer.Option("--lake", help="Directory of the lake; the setting `lake` otherwise.", show_default=False),
]
SettingsPath = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        help="Settings file (TOML); powderkeg.toml here or in the user's configuration otherwise.",
        show_default=False,
    ),
]
Since = Annotated[
    str, typer.Option("--since", help="Start: ISO 8601 UTC, or how long ago, as 30d.", show_default=True)
]
Until = Annotated[
    str | None,
    typer.Option("--until", help="End, as --since; now otherwise.", show_default=False),
]


def now() -> int:
    """Return UTC milliseconds."""
    return time.time_ns() // 1_000_000


def time_of(text: str, option: str, at: int) -> int:
    """Return UTC milliseconds of a time, or of a length of time before `at`.

    Raises
    ------
    InputError
        It is neither.
    """
    try:
        return at - duration(text, option)
    except InputError:
        pass
    try:
        return milliseconds(text, option)
    except InputError:
        raise InputError(
            f"{option}: {text!r} is neither a time such as 2025-10-10T21:15Z nor a length such as 30d"
        ) from None


def window_of(since: str, until: str | None) -> Window:
    """Return [since, until), up to now without an end.

    Raises
    ------
    InputError
        One is no time, or the end is not after the start.
    """
    at = now()
    start = time_of(since, "--since", at)
    end = at if until is None else time_of(until, "--until", at)
    return Window.between(start, end)


def settings_of(path: Path | None, lake: Path | None) -> Settings:
    """Return the settings, with the lake that was given on the command line."""
    from powderkeg.settings.settings import read_settings

    return read_settings(path, lake=lake)


def lake_of(settings: Settings, *, create: bool = False, missing: str | None = None) -> Lake:
    """Return the lake of the settings.

    Raises
    ------
    LakeError
        There is none, and `create` is not set; in the words of `missing`, if given.
    """
    from powderkeg.lake.market_lake import LAKE, Lake

    if missing is not None and not (settings.lake_path / LAKE).exists():
        raise LakeError(missing)
    return Lake(settings.lake_path, create=create)


def names_of(text: str | None, default: tuple[str, ...]) -> list[str]:
    """Return names separated by commas, or the default where none are given."""
    if text is None:
        return list(default)
    return [name.strip() for name in text.split(",") if name.strip()]
