"""Series that someone publishes free and without a key: what to ask, and how to read the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from powderkeg.model.provided_series import ProvidedRow, SeriesKind
from powderkeg.venues.asking import RateLimit, Refusal, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicSeries:
    """A publisher of one series: declarations and pure functions, as a `Venue`.

    Attributes
    ----------
    name
        Of the publisher, as shown beside its numbers.
    kind
        What the values are.
    urls, limits, headers, refusal
        As in `powderkeg.venues.venue.Venue`.
    request
        Days back from now -> what to ask.
    read
        Payload -> rows, ascending. Raises `PayloadError`.
    """

    name: str
    kind: SeriesKind
    urls: Mapping[str, str]
    limits: Mapping[str, RateLimit]
    refusal: Callable[[bytes], Refusal | None]
    request: Callable[[int], Request]
    read: Callable[[bytes], tuple[ProvidedRow, ...]]
    headers: Mapping[str, str] = field(default_factory=dict)
