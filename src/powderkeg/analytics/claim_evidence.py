"""What claims about one coin are held against: its frames, maps and reported liquidations, as of a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from powderkeg.analytics.coin_instruments import DescribedInstruments
from powderkeg.analytics.realised_liquidations import RealisedLiquidations, realised_liquidations
from powderkeg.errors import InputError, WindowError
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.aggregated_map import aggregated_map
from powderkeg.maps.coin_frames import STALE, coin_frames
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.maps.venue_models import VenueModels
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.times import DAY, iso
from powderkeg.model.window import Window
from powderkeg.venues.venue import Venue

_KEPT = 4


@dataclass(slots=True)
class ClaimEvidence:
    """Data of one coin.

    Attributes
    ----------
    coin
        Upper case.
    frames_until
        Gives the frames whose bars had ended at a time; raises `InputError` where there are none.
    models
        What maps are drawn with.
    lake, venues
        Where reported liquidations are; None and none for files, which hold none.
    """

    coin: str
    frames_until: Callable[[int], Sequence[MarketFrame]]
    models: VenueModels
    lake: Lake | None = None
    venues: Sequence[Venue] = ()
    _frames: dict[int, tuple[MarketFrame, ...]] = field(default_factory=dict)
    _maps: dict[int, LiquidationMap] = field(default_factory=dict)

    def frames(self, at: int) -> tuple[MarketFrame, ...]:
        """Return the frames, each cut at `at`: nothing that became known later is in them.

        Raises
        ------
        InputError
            There are none, or they end more than six hours before.
        """
        if at not in self._frames:
            cut = []
            for frame in self.frames_until(at):
                if at - frame.end > STALE:
                    raise WindowError(f"the bars of {frame.instrument} end at {iso(frame.end)}")
                cut.append(frame.rows(0, frame.rows_known_at(min(at, frame.end))))
            _bound(self._frames)
            self._frames[at] = tuple(cut)
        return self._frames[at]

    def map(self, at: int) -> LiquidationMap:
        """Return the map at `at`, summed over venues; errors as `frames`, and as `MapRun.map`."""
        if at not in self._maps:
            maps = [run.map() for run in self.models.runs(self.frames(at))]
            _bound(self._maps)
            self._maps[at] = maps[0] if len(maps) == 1 else aggregated_map(maps, self.coin).total
        return self._maps[at]

    def realised(self, window: Window, coin: str | None = None) -> RealisedLiquidations:
        """Return what was reported in a window; InputError where nothing is there."""
        if self.lake is None:
            raise InputError("files hold no reported liquidations: give a lake")
        return realised_liquidations(
            self.lake, self.venues, coin or self.coin, window, interval="1d" if window.length > DAY else "1h"
        )

    def coins(self) -> list[str]:
        """Return the coins whose liquidations the lake has, sorted."""
        if self.lake is None:
            return []
        return sorted(
            {coin for venue in self.venues for coin in DescribedInstruments.of(self.lake, venue).coins()}
        )


def lake_evidence(
    lake: Lake, venues: Sequence[Venue], coin: str, models: VenueModels, history: int = 30 * DAY
) -> ClaimEvidence:
    """Return evidence from a lake; maps grow from `history` ms before the time of the claim."""

    def frames(at: int) -> Sequence[MarketFrame]:
        return coin_frames(lake, venues, coin, Window(at - history, at))[0]

    return ClaimEvidence(coin.upper(), frames, models, lake, venues)


def file_evidence(frame: MarketFrame, models: VenueModels) -> ClaimEvidence:
    """Return evidence from one market's files."""
    return ClaimEvidence(frame.symbol.upper(), lambda _: (frame,), models)


def _bound(cache: dict[int, Any]) -> None:
    if len(cache) >= _KEPT:
        del cache[next(iter(cache))]
