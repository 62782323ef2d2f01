"""The frames of one coin at several venues, as a lake knows them, and who has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from powderkeg.errors import InputError, PowderkegError
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.lake_market import lake_market_frame
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.times import HOUR, duration_text, iso
from powderkeg.model.window import Window
from powderkeg.venues.venue import Venue

STALE = 6 * HOUR
"""A venue whose bars end by more than this before the others' says nothing of now."""


def coin_frames(
    lake: Lake,
    venues: Sequence[Venue],
    coin: str,
    window: Window,
    *,
    bar_step: str = "5m",
    behind: int | None = STALE,
    failed: Mapping[str, str] = MappingProxyType({}),
    tolerated: type[PowderkegError] = InputError,
) -> tuple[list[MarketFrame], dict[str, str]]:
    """Return a frame for each venue that has one, and venue -> why it is left out.

    Parameters
    ----------
    lake, venues, window, bar_step
        As in `powderkeg.maps.lake_market.lake_market_frame`.
    coin
        Its main perpetual at each venue is read.
    behind
        Leave out who ends by more milliseconds than this before the others; None leaves nobody out for that.
    failed
        Venue -> why asking it did not work: told of who is left out, in place of what the lake lacks.
    tolerated
        The kind of error that leaves a venue out; others are raised.

    Raises
    ------
    InputError
        No venue has what a map needs; the message says why for each.
    LakeError
        A file is missing or damaged, and that is not `tolerated`.
    """
    frames: list[MarketFrame] = []
    skipped: dict[str, str] = {}
    for venue in venues:
        try:
            frames.append(
                lake_market_frame(lake, venue, venue.symbol(coin.upper()), window, bar_step=bar_step)
            )
        except tolerated as error:
            skipped[venue.name] = failed.get(venue.name, str(error))
    newest = max((frame.end for frame in frames), default=0)
    kept: list[MarketFrame] = []
    for frame in frames:
        late = newest - frame.end
        if behind is None or late <= behind:
            kept.append(frame)
        else:
            skipped[str(frame.venue)] = (
                f"its bars end at {iso(frame.end)}, {duration_text(late)} before the others'"
            )
    if not kept:
        reasons = "; ".join(f"{venue}: {reason}" for venue, reason in skipped.items())
        raise InputError(f"no venue has what a map of {coin} needs. {reasons}")
    return kept, skipped


def skipped_json(skipped: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return who is left out and why, for scripts."""
    return [{"venue": name, "reason": reason} for name, reason in skipped.items()]
