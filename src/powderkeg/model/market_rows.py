"""The rows that market data become, one class per table of the lake; the same words for every venue.

House units everywhere: times in UTC milliseconds, prices in quote per base, quantities in base and positive
with the side in a field of its own, notionals in quote, rates and shares as fractions. A row knows neither
its venue nor its symbol: those say where it is kept.

>>> table_of("bars").columns["taker_buy_volume"]
Column(kind='float', optional=True)
"""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass
from typing import Literal, NamedTuple

from powderkeg.errors import InputError
from powderkeg.model.times import duration_text

PositionSide = Literal["long", "short"]
TakerSide = Literal["buy", "sell"]
BookSide = Literal["bid", "ask"]
MarginMode = Literal["cross", "isolated"]
Kind = Literal["int", "float", "text"]


class InstrumentRow(NamedTuple):
    """What a venue says of an instrument at `ts`.

    `contract_size` is base per contract for a linear contract, quote for an inverse one; `quantity_step` is
    in contracts as the venue counts them. `status` is ``trading`` or the venue's own word. `listed_ts` and
    `maximum_leverage` are None where the venue does not say.
    """

    ts: int
    base: str
    quote: str
    settle: str
    contract: str
    contract_size: float
    tick_size: float
    quantity_step: float
    status: str
    listed_ts: int | None
    maximum_leverage: float | None


class LeverageTierRow(NamedTuple):
    """One tier as published at `ts`, counted from 1; see `powderkeg.model.instrument.LeverageTier`.

    Floors, caps and amounts are in `unit`: ``quote`` or ``base``. A venue that counts contracts has base for
    a linear contract, and then the notional of a tier depends on the price. `maintenance_amount` is None
    where the venue leaves it out: it follows from floors and rates. A rate is for the ``part`` of a
    position above the floor or, as `applies_to` says, for the ``whole`` of it.
    """

    ts: int
    tier: int
    notional_floor: float
    notional_cap: float
    maintenance_margin_rate: float
    maintenance_amount: float | None
    maximum_leverage: float
    unit: str = "quote"
    applies_to: str = "part"


class Bar(NamedTuple):
    """Traded prices and volumes of [ts, ts + interval_ms): a closed bar, never one still open.

    `volume` and `taker_buy_volume` are in base, `turnover` in quote, `trades` is a count.
    """

    ts: int
    interval_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    turnover: float | None
    taker_buy_volume: float | None
    trades: int | None


class MarkBar(NamedTuple):
    """Mark prices of [ts, ts + interval_ms), closed."""

    ts: int
    interval_ms: int
    open: float
    high: float
    low: float
    close: float


class MarkPrice(NamedTuple):
    """Mark price at `ts`, with what the same message says of index and coming funding."""

    ts: int
    mark_price: float
    index_price: float | None
    funding_rate: float | None
    next_funding_ts: int | None


class OpenInterest(NamedTuple):
    """Open interest at `ts`: one side, in base, beside what the venue published.

    `raw_value` is in `raw_unit` (``base``, ``quote`` or ``contracts``) and counts `raw_sides` sides (1 or 2).
    `price` is the price that turned quote into base; None where none was needed.
    """

    ts: int
    open_interest: float
    raw_value: float
    raw_unit: str
    raw_sides: int
    price: float | None


class FundingRate(NamedTuple):
    """Funding settled at `ts`, as a fraction of notional that longs pay shorts when positive.

    `interval_ms` is the time it is for; None where the venue does not say.
    """

    ts: int
    funding_rate: float
    interval_ms: int | None


class LongShortRatio(NamedTuple):
    """Shares of longs and shorts, adding up to 1.

    At `ts` or over [ts, ts + interval_ms), as the venue stamps it.
    `population` says who is counted: ``accounts`` (all), ``top_accounts`` or ``top_positions``.
    """

    ts: int
    interval_ms: int
    population: str
    long_share: float
    short_share: float


class TakerVolume(NamedTuple):
    """What takers bought and sold in [ts, ts + interval_ms), in `unit` (``base`` or ``quote``)."""

    ts: int
    interval_ms: int
    taker_buy: float
    taker_sell: float
    unit: str


class Liquidation(NamedTuple):
    """One liquidation that a venue reported.

    `position_side` is the side that was force-closed, whatever side the venue names. `price` is the best
    statement of where it traded, and `price_meaning` says which: ``fill``, ``bankruptcy``, ``limit`` or
    ``mark``. `limit_price` is the limit or bankruptcy price where the venue gives it beside a fill.
    `quantity` is in base, `notional` is price x quantity in quote. `event_id` is the venue's own id or
    empty. `occurrence` counts, from 0, rows of one message that are the same in everything else: two alike
    in one message are two liquidations, the same message delivered twice is not.
    """

    ts: int
    position_side: PositionSide
    price: float
    price_meaning: str
    quantity: float
    notional: float
    limit_price: float | None
    event_id: str
    occurrence: int


class LiquidationTotal(NamedTuple):
    """USD of longs and shorts liquidated in [ts, ts + interval_ms), as the venue adds them up."""

    ts: int
    interval_ms: int
    long_usd: float
    short_usd: float


class Trade(NamedTuple):
    """One trade; `side` is the taker's. `trade_id` is the venue's own."""

    ts: int
    trade_id: str
    price: float
    quantity: float
    side: TakerSide


class DepthLevel(NamedTuple):
    """One level of a snapshot of the order book taken at `ts`; `level` counts from 0 at the best price."""

    ts: int
    side: BookSide
    level: int
    price: float
    quantity: float


class DepthBand(NamedTuple):
    """All that rests between the middle and `distance` from it at `ts`, as the venue adds it up.

    `distance` is a signed fraction, below 0 for bids; `quantity` is in base, `notional` in quote.
    """

    ts: int
    distance: float
    quantity: float
    notional: float


class InsuranceFund(NamedTuple):
    """Balance of an insurance fund at `ts`, in `asset`."""

    ts: int
    asset: str
    balance: float


class DeleveragingSignal(NamedTuple):
    """How near a venue says it is to auto-deleveraging at `ts`; fields that it does not publish are None.

    Balances are of the insurance pool behind the instrument, in its settlement asset; ratios are fractions.
    `state` is the venue's own word, such as ``warning`` or ``adl``.
    """

    ts: int
    balance: float | None
    peak_balance: float | None
    pnl_ratio: float | None
    trigger_ratio: float | None
    state: str | None = None


class KnownAccount(NamedTuple):
    """An account heard of at `ts`; `found_by` says how: ``trades``, ``leaderboard`` or ``list``."""

    ts: int
    account: str
    found_by: str


class AccountState(NamedTuple):
    """What an account was worth at `ts`, in quote; its positions at that time are all rows of that `ts`.

    `account_value` counts everything, `cross_account_value` what stands behind its cross positions, and
    `maintenance_margin` is what those need. `positions` says how many rows there are, so that a state
    without them is told from one that was lost. `margining` is ``standard`` or ``portfolio``, empty where
    the venue does not say.
    """

    ts: int
    account: str
    account_value: float
    cross_account_value: float
    maintenance_margin: float | None
    positions: int
    margining: str


class AccountPosition(NamedTuple):
    """A position of an account in the state of `ts`.

    `notional` is quantity at the mark price of that time. `margin` is what the venue counts for it; of an
    isolated position that is its equity. `liquidation_price` is None where the venue gives none.
    """

    ts: int
    account: str
    coin: str
    position_side: PositionSide
    quantity: float
    entry_price: float
    notional: float
    unrealised_pnl: float
    leverage: float
    margin_mode: MarginMode
    margin: float
    liquidation_price: float | None


class StreamGap(NamedTuple):
    """Time [ts, end_ts) in which a recorded stream may have missed rows of `table`, and why."""

    ts: int
    end_ts: int
    table: str
    reason: str


class UnreadableFrame(NamedTuple):
    """A frame, received at `ts` on `stream`, that could not be read, and why; the archive has it whole."""

    ts: int
    stream: str
    reason: str
    excerpt: str


MarketRow = (
    InstrumentRow
    | LeverageTierRow
    | Bar
    | MarkBar
    | MarkPrice
    | OpenInterest
    | FundingRate
    | LongShortRatio
    | TakerVolume
    | Liquidation
    | LiquidationTotal
    | Trade
    | DepthLevel
    | DepthBand
    | InsuranceFund
    | DeleveragingSignal
    | KnownAccount
    | AccountState
    | AccountPosition
    | StreamGap
    | UnreadableFrame
)


class Column(NamedTuple):
    """Type of a column, and whether it may be empty."""

    kind: Kind
    optional: bool


@dataclass(frozen=True, slots=True)
class MarketTable:
    """A table of the lake.

    Attributes
    ----------
    name
        As in paths, SQL and on the command line.
    row
        Class of its rows; its fields are the columns, in order.
    key
        Columns that tell two rows apart: rows of one instrument that agree in all of them are one row.
    version
        Rises when the meaning of a column changes.
    by_day
        Kept in files of a day rather than of a month: a month would not fit into memory.
    of_accounts
        About accounts instead of one instrument: kept for a venue's whole set of perpetuals, and only where
        a venue publishes positions.
    """

    name: str
    row: type[MarketRow]
    key: tuple[str, ...]
    version: int = 1
    by_day: bool = False
    of_accounts: bool = False

    @property
    def of_intervals(self) -> bool:
        """Whether its rows describe [ts, ts + interval_ms): their length then tells rows apart, too."""
        return "interval_ms" in self.key

    @property
    def columns(self) -> dict[str, Column]:
        """Columns in the order of the row's fields."""
        return {name: _column(hint) for name, hint in typing.get_type_hints(self.row).items()}


_KINDS: dict[type, Kind] = {int: "int", float: "float", str: "text"}


def _column(hint: object) -> Column:
    arguments = typing.get_args(hint)
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return Column(_column(arguments[0]).kind, optional=True)
    if typing.get_origin(hint) is Literal:
        return Column("text", optional=False)
    assert isinstance(hint, type)  # noqa: S101 -- a row class with another kind of field does not import
    return Column(_KINDS[hint], optional=False)


TABLES: tuple[MarketTable, ...] = (
    MarketTable("instruments", InstrumentRow, ("ts",)),
    MarketTable("leverage_tiers", LeverageTierRow, ("ts", "tier")),
    MarketTable("bars", Bar, ("interval_ms", "ts")),
    MarketTable("mark_bars", MarkBar, ("interval_ms", "ts")),
    MarketTable("mark_prices", MarkPrice, ("ts",)),
    MarketTable("open_interest", OpenInterest, ("ts",)),
    MarketTable("funding", FundingRate, ("ts",)),
    MarketTable("long_short_ratios", LongShortRatio, ("population", "interval_ms", "ts")),
    MarketTable("taker_volume", TakerVolume, ("interval_ms", "ts")),
    MarketTable(
        "liquidations",
        Liquidation,
        ("ts", "event_id", "position_side", "price", "quantity", "occurrence"),
    ),
    MarketTable("liquidation_totals", LiquidationTotal, ("interval_ms", "ts")),
    MarketTable("trades", Trade, ("ts", "trade_id"), by_day=True),
    MarketTable("depth_levels", DepthLevel, ("ts", "side", "level"), by_day=True),
    MarketTable("depth_bands", DepthBand, ("ts", "distance")),
    MarketTable("insurance_funds", InsuranceFund, ("ts", "asset")),
    MarketTable("deleveraging_signals", DeleveragingSignal, ("ts",)),
    MarketTable("accounts", KnownAccount, ("ts", "account", "found_by"), of_accounts=True),
    MarketTable("account_states", AccountState, ("ts", "account"), by_day=True, of_accounts=True),
    MarketTable("positions", AccountPosition, ("ts", "account", "coin"), by_day=True, of_accounts=True),
    MarketTable("gaps", StreamGap, ("ts", "end_ts", "table", "reason")),
    MarketTable("unreadable_frames", UnreadableFrame, ("ts", "stream", "reason", "excerpt")),
)
_BY_NAME = {table.name: table for table in TABLES}
_BY_ROW = {table.row: table for table in TABLES}


def table_of(rows: str | type[MarketRow] | MarketRow) -> MarketTable:
    """Return the table with this name, or of this row or class of rows.

    Raises
    ------
    InputError
        No table has the name.
    """
    if isinstance(rows, str):
        if rows not in _BY_NAME:
            raise InputError(f"table is {rows!r}; expected one of {', '.join(_BY_NAME)}")
        return _BY_NAME[rows]
    return _BY_ROW[rows if isinstance(rows, type) else type(rows)]


def variant_of(row: MarketRow) -> str:
    """Return which series of its table a row belongs to: ``5m``, ``top_accounts-5m``, or ``all``.

    Rows over intervals of different length, or about different populations, are different series: what is
    covered and what is missing is known for each.
    """
    return variant_name(interval_of(row), row.population if isinstance(row, LongShortRatio) else "")


def interval_of(row: MarketRow) -> int:
    """Return how many ms from its `ts` on a row describes; 0 for what is so at its time.

    Funding is settled at its time, whatever the interval that it is paid for.
    """
    interval: int = row.interval_ms if table_of(row).of_intervals else 0  # type: ignore[union-attr, assignment]
    return interval


def variant_name(interval_ms: int, population: str = "") -> str:
    """Return the name of the series of this interval and population; ``all`` for an interval of 0."""
    if not interval_ms:
        return population or "all"
    return f"{population}-{duration_text(interval_ms)}" if population else duration_text(interval_ms)
