"""OKX's trading statistics of one contract: open interest, taker volume and long/short ratios.

https://www.okx.com/docs-v5/en/#trading-statistics-rest-api-get-contract-open-interest-history and its
neighbours, read 2026-11-25. Each keeps its latest 1,440 entries per period, so how far back it reaches
depends on the period: five days of 5m, sixty of 1H. Days reach back to 2024-01-01, and ratios of top traders
to 2024-03-22, if that is later.

The statistics per currency (`open-interest-volume`, `taker-volume`, `long-short-account-ratio`) are others.
They keep two days of 5m and thirty of 1H, add up all contracts of a coin, in USD, and stamp a period with its
end [measured on recorded data]; they are no series of an instrument and are not asked for.

Not confirmed by the documentation: that `ts` is the start of the period. It names the periods by their
opening times, and two who read the taker volume live found the newest entry to be the period that is still
open. What moment of its period an entry of open interest is of, nobody says: it may be the end, so allow for
a period of look-ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import LongShortRatio, MarketRow, OpenInterest, TakerVolume
from powderkeg.model.times import HOUR
from powderkeg.model.window import Window
from powderkeg.venues.asking import HistorySource
from powderkeg.venues.okx.answers import Answer, result_of
from powderkeg.venues.okx.windows import PERIOD_CODES, series_request
from powderkeg.venues.payload import decoder, non_negative, positive, time_ms

_PAGE = 100
# One less than kept: the newest entry is of the open period.
_COMPLETE_ENTRIES = 1439
# Crypto, as against contracts (1) and U (2).
_BASE_UNIT = (("unit", "0"),)

_INTERESTS = decoder(Answer[tuple[int, float, float, float]])
_VOLUMES = decoder(Answer[tuple[int, float, float]])
_RATIOS = decoder(Answer[tuple[int, float]])

_Read = Callable[[bytes, Instrument, Window, int], Iterable[MarketRow]]


def _interests(payload: bytes, _: Instrument, window: Window, __: int) -> list[OpenInterest]:
    return [
        # The venue's own figure in coin: right for inverse contracts too, and without a price.
        OpenInterest(ts, non_negative(in_coin, "oiCcy"), non_negative(contracts, "oi"), "contracts", 1, None)
        for ts, contracts, in_coin, _usd in result_of(payload, _INTERESTS, "open interest history")
        if window.start <= time_ms(ts, "ts") < window.end
    ]


def _volumes(payload: bytes, _: Instrument, window: Window, interval: int) -> list[TakerVolume]:
    return [
        # Sold stands before bought.
        TakerVolume(ts, interval, non_negative(bought, "buyVol"), non_negative(sold, "sellVol"), "base")
        for ts, sold, bought in result_of(payload, _VOLUMES, "taker volume")
        if window.start <= time_ms(ts, "ts") < window.end
    ]


def _ratios(population: str) -> _Read:
    def read(payload: bytes, _: Instrument, window: Window, interval: int) -> list[LongShortRatio]:
        rows = []
        for ts, ratio in result_of(payload, _RATIOS, "long/short ratio"):
            if window.start <= time_ms(ts, "ts") < window.end:
                longs_per_short = positive(ratio, "ratio")
                both = 1 + longs_per_short
                rows.append(LongShortRatio(ts, interval, population, longs_per_short / both, 1 / both))
        return rows

    return read


def _sources(
    table: str,
    path: str,
    read: _Read,
    *,
    weight: int,
    population: str = "",
    extra: tuple[tuple[str, str], ...] = (),
) -> tuple[HistorySource, ...]:
    """Return a source per period, each with its own depth."""
    request = series_request(
        f"/api/v5/rubik/stat/{path}",
        weight=weight,
        limit=_PAGE,
        newer="begin",
        older="end",
        code=("period", PERIOD_CODES),
        extra=extra,
    )
    return tuple(
        HistorySource(
            table=table,
            population=population,
            intervals=(interval,),
            span=lambda interval: _PAGE * interval,
            request=request,
            read=read,
            depth=_COMPLETE_ENTRIES * interval,
            lag=HOUR,  # when an entry appears is not documented, and a missing one would not be asked again
        )
        for interval in PERIOD_CODES
    )


# Ten requests in two seconds for open interest and five for the others, per address and contract; the budget
# counts twenty for all of the host.
STATISTICS = (
    *_sources("open_interest", "contracts/open-interest-history", _interests, weight=2),
    *_sources("taker_volume", "taker-volume-contract", _volumes, weight=4, extra=_BASE_UNIT),
    *_sources(
        "long_short_ratios",
        "contracts/long-short-account-ratio-contract",
        _ratios("accounts"),
        weight=4,
        population="accounts",
    ),
    # Top traders: the 5 % with the largest positions by value.
    *_sources(
        "long_short_ratios",
        "contracts/long-short-account-ratio-contract-top-trader",
        _ratios("top_accounts"),
        weight=4,
        population="top_accounts",
    ),
    *_sources(
        "long_short_ratios",
        "contracts/long-short-position-ratio-contract-top-trader",
        _ratios("top_positions"),
        weight=4,
        population="top_positions",
    ),
)
