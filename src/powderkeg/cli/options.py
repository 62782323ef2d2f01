"""Options that several commands share, each declared once, and the market frame that they describe."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from powderkeg.errors import InputError

if TYPE_CHECKING:
    from powderkeg.model.market_frame import MarketFrame


class ModelName(StrEnum):
    """Models that can be chosen by name."""

    WORLDS = "worlds"
    FIXED_TIERS = "fixed_tiers"
    DIFFUSE = "diffuse"


class OpenInterestUnit(StrEnum):
    """Unit of the open interest column."""

    BASE = "base"
    USD = "usd"


class Stamp(StrEnum):
    """What the time of a row of a slower series means."""

    INTERVAL = "interval"
    INSTANT = "instant"


class SideMeaning(StrEnum):
    """What a bare `side` column of liquidations means."""

    ORDER = "order"
    POSITION = "position"


_MARKET = "Market data"
_READING = "How the files are read"

_BARS = typer.Option(
    "--bars",
    help="Price bars (Parquet or CSV): time, open, high, low, close, volume in base units.",
    rich_help_panel=_MARKET,
)
Bars = Annotated[Path, _BARS]
OptionalBars = Annotated[Path | None, _BARS]
_OPENINTEREST = typer.Option(
    "--open-interest",
    help="Open interest at its own cadence: time and a column in USD or base units.",
    rich_help_panel=_MARKET,
)
OpenInterest = Annotated[Path, _OPENINTEREST]
OptionalOpenInterest = Annotated[Path | None, _OPENINTEREST]
_SYMBOL = typer.Option(
    "--symbol",
    help="Coin, such as BTC; selects its rows in a file with several coins.",
    rich_help_panel=_MARKET,
)
Symbol = Annotated[str, _SYMBOL]
OptionalSymbol = Annotated[str | None, _SYMBOL]
Venue = Annotated[
    str | None,
    typer.Option(
        "--venue",
        help="Venue of the open interest; picks its rows in every file, bars too, that has several venues.",
        rich_help_panel=_MARKET,
    ),
]
Mark = Annotated[
    Path | None,
    typer.Option(
        "--mark",
        help="Mark price bars; levels are then swept by the mark instead of the last price.",
        rich_help_panel=_MARKET,
    ),
]
Funding = Annotated[
    Path | None,
    typer.Option(
        "--funding", help="Funding rates; they move liquidation prices over time.", rich_help_panel=_MARKET
    ),
]
Liquidations = Annotated[
    Path,
    typer.Option(
        "--liquidations",
        help="Recorded liquidations: events, or totals per interval (time, long_usd, short_usd).",
        rich_help_panel=_MARKET,
    ),
]
Sides = Annotated[
    int,
    typer.Option(
        "--sides",
        min=1,
        max=2,
        help="1 if the file counts each contract once, 2 if it counts both sides (it is then halved).",
        rich_help_panel=_READING,
    ),
]
Unit = Annotated[
    OpenInterestUnit | None,
    typer.Option(
        "--open-interest-unit",
        help="Unit of the open interest; read off the column's name where that tells.",
        rich_help_panel=_READING,
    ),
]
OpenInterestStamp = Annotated[
    Stamp,
    typer.Option(
        "--open-interest-stamp",
        help="interval: a row describes the time from its stamp to the next and counts once that is over; "
        "instant: it is the state at its stamp.",
        rich_help_panel=_READING,
    ),
]
BarStep = Annotated[
    str | None,
    typer.Option("--bar-step", help="Merge bars to this length first, such as 1h.", rich_help_panel=_READING),
]
VolumeScale = Annotated[
    float,
    typer.Option(
        "--volume-scale",
        help="Multiply the volume by this; for bars of another venue than the open interest.",
        rich_help_panel=_READING,
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        help="Name a column that is not recognised: TABLE.FIELD=NAME, as in bars.ts=my_time. Repeatable.",
        rich_help_panel=_READING,
    ),
]
SideColumn = Annotated[
    SideMeaning | None,
    typer.Option(
        "--liquidation-side",
        help="What a bare `side` column of liquidations holds: the side of the order or of the position.",
        rich_help_panel=_READING,
    ),
]
Model = Annotated[
    ModelName, typer.Option("--model", help="Model of where positions stand; see `powderkeg models`.")
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--parameters",
        metavar="[VENUE=]FILE",
        help="Calibration written by `powderkeg calibrate`: FILE for all venues, VENUE=FILE for one. "
        "Repeatable. It replaces --model there, and adds bands and the notional expected to be forced.",
        show_default=False,
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option("--at", help="As-of time, ISO 8601 UTC; nothing known later is used. Default: the end."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for scripts, and nothing else.")]
Plot = Annotated[
    Path | None, typer.Option("--plot", help="Draw a picture to this file (.png, .svg or .pdf).")
]


def column_mapping(entries: Sequence[str] | None) -> dict[str, dict[str, str]]:
    """Return ``TABLE.FIELD=NAME`` entries as nested dictionaries.

    Raises
    ------
    InputError
        An entry does not have that form.
    """
    mapping: dict[str, dict[str, str]] = {}
    for entry in entries or ():
        target, equals, name = entry.partition("=")
        table, dot, field = target.partition(".")
        if not (equals and dot and table and field and name):
            raise InputError(f"--column: {entry!r} is not of the form TABLE.FIELD=NAME, as bars.ts=my_time")
        mapping.setdefault(table.strip().replace("-", "_"), {})[field.strip()] = name.strip()
    return mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketOptions:
    """The options that describe a market's data; `market_command` turns its fields into options."""

    bars: Bars
    open_interest: OpenInterest
    symbol: Symbol
    venue: Venue = None
    mark: Mark = None
    funding: Funding = None
    sides: Sides = 1
    open_interest_unit: Unit = None
    open_interest_stamp: OpenInterestStamp = Stamp.INTERVAL
    bar_step: BarStep = None
    volume_scale: VolumeScale = 1.0
    column: Columns = None

    def frame(self) -> MarketFrame:
        """Return the market frame that the options describe; errors as in `market_frame`."""
        return self._frame()

    def _frame(self, liquidations: Path | None = None, side: SideMeaning | None = None) -> MarketFrame:
        from powderkeg.maps.market_frame import market_frame

        return market_frame(
            self.bars,
            self.open_interest,
            symbol=self.symbol,
            venue=self.venue,
            mark=self.mark,
            funding=self.funding,
            liquidations=liquidations,
            open_interest_unit=self.open_interest_unit.value if self.open_interest_unit else None,
            open_interest_sides=2 if self.sides == 2 else 1,
            open_interest_stamp=self.open_interest_stamp.value,
            # Tables that are read beside the market's have names of their own.
            columns={
                kind: names
                for kind, names in column_mapping(self.column).items()
                if kind not in ("positions", "depth")
            },
            bar_step=self.bar_step,
            volume_scale=self.volume_scale,
            liquidation_side_meaning=side.value if side else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedMarketOptions(MarketOptions):
    """The same with recorded liquidations."""

    liquidations: Liquidations
    liquidation_side: SideColumn = None

    def frame(self) -> MarketFrame:
        """Return the market frame with its recorded liquidations."""
        return self._frame(self.liquidations, self.liquidation_side)


def market_command(command: Callable[..., None]) -> Callable[..., None]:
    """Return `command` with an option for every field of the options class that annotates its ``market``.

    typer reads a command's options off its signature and knows no groups of them. The new signature has the
    market's required options first, then the command's own, then the market's others.
    """
    own = dict(inspect.signature(command, eval_str=True).parameters)
    options_class = own.pop("market").annotation
    hints = get_type_hints(options_class, include_extras=True)
    shared = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(options_class)
    ]
    required = [parameter for parameter in shared if parameter.default is inspect.Parameter.empty]
    others = [parameter for parameter in shared if parameter not in required]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        market = options_class(**{parameter.name: given.pop(parameter.name) for parameter in shared})
        command(market=market, **given)

    keyword_only = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own.values()]
    run.__signature__ = inspect.Signature([*required, *keyword_only, *others])  # type: ignore[attr-defined]
    return run
