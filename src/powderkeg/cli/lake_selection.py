"""Which lake, and which of its datasets: what the ``powderkeg lake`` commands have in common."""

from __future__ import annotations

import difflib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from powderkeg.cli import lake_options
from powderkeg.errors import InputError

if TYPE_CHECKING:
    from powderkeg.lake.dataset import Dataset
    from powderkeg.lake.dataset_key import DatasetKey
    from powderkeg.lake.market_lake import Lake

TableFilter = Annotated[
    str | None, typer.Option("--table", help="Only this table, such as bars.", show_default=False)
]
VenueFilter = Annotated[
    str | None, typer.Option("--venue", help="Only this venue, such as binance.", show_default=False)
]
SymbolFilter = Annotated[
    str | None,
    typer.Option("--symbol", help="Only this symbol, as the venue spells it.", show_default=False),
]
_MOST_NAMES = 12


def existing_lake(lake: Path | None, settings: Path | None) -> Lake:
    """Return the lake that the options and the settings name.

    Raises
    ------
    LakeError
        There is none, and the message says how to fill one; or it is damaged or too new.
    """
    chosen = lake_options.settings_of(settings, lake)
    where = "--lake or the setting lake names another" if lake is None else "--lake names it"
    return lake_options.lake_of(
        chosen, missing=f"there is no lake in {chosen.lake_path} ({where}). {filling(lake)}"
    )


def filling(lake: Path | None) -> str:
    """Return the sentence with the two commands that fill a lake."""
    given = lake_option(lake)
    return (
        f"Fill one with the past: powderkeg backfill binance BTC{given}. "
        f"Or with what comes: powderkeg record binance{given}"
    )


def lake_option(lake: Path | None) -> str:
    """Return how the option for the lake was given, to repeat it in a command; empty where it was not."""
    return "" if lake is None else f" --lake {shlex.quote(str(lake))}"


def chosen_datasets(
    lake: Lake, table: str | None = None, venue: str | None = None, symbol: str | None = None
) -> list[Dataset]:
    """Return the datasets that the options leave, sorted by name; none in an empty lake without options.

    Raises
    ------
    InputError
        They leave none; the message names the first that does not fit, and what would.
    LakeError
        A directory cannot be listed.
    """
    from powderkeg.lake.catalogue import found_datasets

    venue = None if venue is None else venue.lower()
    found = list(found_datasets(lake.root, table, venue, symbol))
    if not found and (table, venue, symbol) != (None, None, None):
        keys = [dataset.key for dataset in found_datasets(lake.root)]
        raise nothing_found(lake, keys, {"table": table, "venue": venue, "symbol": symbol}, option="--")
    return found


def nothing_found(
    lake: Lake, keys: list[DatasetKey], wanted: dict[str, str | None], *, option: str = ""
) -> InputError:
    """Return the error for names that no dataset has: the first that leaves none, and what the lake holds."""
    if not keys:
        return InputError(f"the lake in {lake.root} holds nothing yet. {filling(lake.root)}")
    held: list[str] = []
    for field, value in wanted.items():
        if value is None:
            continue
        fitting = [key for key in keys if getattr(key, field) == value]
        if not fitting:
            names = sorted({getattr(key, field) for key in keys})
            of = f" of {' '.join(held)}" if held else ""
            return InputError(
                f"{option}{field} is {value!r}; the lake in {lake.root} has{of}: {_some(names, value)}"
            )
        keys = fitting
        held.append(value)
    return InputError(f"the lake in {lake.root} holds no such dataset")


def _some(names: list[str], like: str) -> str:
    """Return names as text; those most like the one given first where there are many."""
    if len(names) <= _MOST_NAMES:
        return ", ".join(names)
    near = [name for name in names if like.lower() in name.lower()]
    near += difflib.get_close_matches(like.upper(), names, n=_MOST_NAMES, cutoff=0.5)
    shown = list(dict.fromkeys([*near, *names]))[:_MOST_NAMES]
    return f"{', '.join(shown)} and {len(names) - len(shown)} more"
