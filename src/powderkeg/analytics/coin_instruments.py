"""Which instruments of a venue are of a coin, by what the lake knows of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.venues.venue import Venue

_TABLES = ("liquidations", "liquidation_totals")
# Coins with small prices are traded by the thousand or more, as 1000PEPE, kPEPE and 1MBABYDOGE.
_MULTIPLE = re.compile(r"(?:10{3,}|1[KM]|k(?=[A-Z]{2}))(?=[A-Za-z]{2})")
_DOLLARS = frozenset(
    {"USD", "USDT", "USDC", "USDE", "USD1", "FDUSD", "BUSD", "TUSD", "USDS", "PYUSD", "RLUSD"}
)


@dataclass(frozen=True, slots=True)
class CoinInstruments:
    """Symbols with liquidations in the lake, sorted; and those left out, with what they are quoted in."""

    symbols: tuple[str, ...]
    not_in_dollars: dict[str, str]


def coin_of(base: str) -> str:
    """Return the coin that an instrument's base is, or is a multiple of, in upper case.

    >>> coin_of("1000PEPE"), coin_of("kPEPE"), coin_of("btc")
    ('PEPE', 'PEPE', 'BTC')
    """
    return _MULTIPLE.sub("", base, count=1).upper() if _MULTIPLE.match(base) else base.upper()


def coin_of_main(venue: Venue, symbol: str) -> str | None:
    """Return the coin whose main perpetual at a venue is `symbol`; None where it is that of no coin."""
    for length in range(1, len(symbol) + 1):
        if venue.symbol(symbol[:length].upper()) == symbol:
            return symbol[:length].upper()
    return None


def instruments_of_coin(lake: Lake, venue: Venue, coin: str) -> CoinInstruments:
    """Return the instruments of a coin that have liquidations in the lake.

    They are those whose base it is, by the last description of them in the lake, and the venue's main one if
    the lake does not describe it. Dollars are added up whatever their kind; a multiple of a coin is the coin,
    since its liquidations are counted in dollars too.

    Raises
    ------
    LakeError
        A file is missing or damaged.
    """
    return DescribedInstruments.of(lake, venue).of_coin(coin)


@dataclass(frozen=True, slots=True)
class DescribedInstruments:
    """A venue's symbols with liquidations in the lake, sorted, and what they are.

    Attributes
    ----------
    venue
        Whose they are.
    described
        Symbol -> (base, quote) by the last description of it in the lake; None where there is none.
    """

    venue: Venue
    described: dict[str, tuple[str, str] | None]

    @classmethod
    def of(cls, lake: Lake, venue: Venue) -> Self:
        """Return those of a venue, each described once; raises `LakeError` as the lake."""
        in_lake = {summary.key.symbol for table in _TABLES for summary in lake.datasets(table, venue.name)}
        described: dict[str, tuple[str, str] | None] = {}
        for symbol in sorted(in_lake):
            rows = lake.read(DatasetKey("instruments", venue.name, symbol), columns=("base", "quote"))
            described[symbol] = rows.row(-1) if rows.height else None
        return cls(venue, described)

    def coins(self) -> list[str]:
        """Return the coins of those that are described, sorted."""
        return sorted({coin_of(known[0]) for known in self.described.values() if known is not None})

    def of_coin(self, coin: str) -> CoinInstruments:
        """Return those of a coin, as `instruments_of_coin`."""
        main = self.venue.symbol(coin_of(coin))
        symbols: list[str] = []
        others: dict[str, str] = {}
        for symbol, known in self.described.items():
            if known is None:
                symbols += [symbol] if symbol == main else []
                continue
            base, quote = known
            if coin_of(base) == coin_of(coin):
                if quote.upper() in _DOLLARS:
                    symbols.append(symbol)
                else:
                    others[symbol] = quote
        return CoinInstruments(tuple(symbols), others)
