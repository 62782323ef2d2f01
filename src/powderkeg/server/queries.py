"""What endpoints take: every parameter declared once, checked, and anything else refused."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from powderkeg.errors import InputError
from powderkeg.model.times import DAY, HOUR, duration, milliseconds
from powderkeg.server.coin_maps import BAR, MapRequest, with_history
from powderkeg.server.problems import RequestError
from powderkeg.venues.registry import venues as venues_of

Model = Literal["calibrated", "worlds", "fixed_tiers", "diffuse"]
_LONGEST_HISTORY = 400 * DAY
MOST_STEPS = 5_000
MOST_MEASURED_COLUMNS = 750

Coin = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9]{1,20}$", description="Coin, in any case.", examples=["BTC"]),
]
Venues = Annotated[
    str | None,
    Field(
        max_length=200,
        description="Venues, separated by commas. Default: all that publish their open interest's past.",
        examples=["binance,bybit"],
    ),
]
At = Annotated[
    str | None,
    Field(
        max_length=40,
        description="As-of time, ISO 8601 UTC; nothing known later is used. Default: now.",
        examples=["2026-02-10T12:00Z"],
    ),
]
History = Annotated[
    str,
    Field(max_length=10, description="How much history the map grows from, 1h to 400d.", examples=["30d"]),
]
Format = Annotated[
    Literal["json", "binary"],
    Field(description="`json`: columns and occupied cells. `binary`: a header and float32 cells."),
]
Limit = Annotated[int, Field(ge=1, le=1_000, description="How many to list.", examples=[100])]
Cursor = Annotated[
    str | None,
    Field(max_length=1_000, description="The `next` of the page before; the first page without one."),
]


VenueCoin = Annotated[
    str, Field(min_length=1, max_length=40, description="As the venue spells it.", examples=["BTC"])
]
CensusVenue = Annotated[str, Field(max_length=20, description="One that publishes positions.")]


class Query(BaseModel):
    """Parameters of an endpoint; those that are not declared are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MapQuery(Query):
    """Which map."""

    coin: Coin
    venues: Venues = None
    at: At = None
    history: History = "30d"
    model: Annotated[
        Model | None,
        Field(description="Model of where positions stand. Default: see /v1/models."),
    ] = None

    def request(self, now: int) -> MapRequest:
        """Return the map that is asked for, its end rounded down to a whole bar.

        Raises
        ------
        RequestError
            A venue, time or length of time is none, or the time is not past.
        """
        return map_request(self.coin, self.venues, time_of(self.at, "at", now), self.history, self.model)


class ContextQuery(MapQuery):
    """Which context."""

    history: Annotated[
        str, Field(max_length=10, description="How much of the past is compared with, 8d to 400d.")
    ] = "180d"
    to: Annotated[
        list[float],
        Field(
            max_length=20,
            description="Price of the coin: what a move there would liquidate, elsewhere too. Repeatable.",
        ),
    ] = []

    def request(self, now: int) -> MapRequest:
        """Return of which market, and as of when.

        Raises
        ------
        RequestError
            As `MapQuery.request`, or the history is too short, or a price is none.
        """
        asked = MapQuery.request(self, now)
        if asked.history < 8 * DAY:
            raise RequestError(
                422, "invalid_parameter", f"history: {self.history!r}; expected 8d to 400d", "history"
            )
        for price in self.to:
            if not 0 < price < float("inf"):
                raise RequestError(422, "invalid_parameter", f"to: {price}; expected a positive price", "to")
        return asked


class SeriesQuery(Query):
    """Which series."""

    coin: Coin
    venues: Venues = None
    at: At = None
    history: Annotated[
        str, Field(max_length=10, description="How long the series are, 1h to 400d.", examples=["30d"])
    ] = "7d"
    step: Annotated[
        str, Field(max_length=10, description="Length of a step, whole bars of 5m; at most 5,000 steps.")
    ] = "1h"

    def request(self, now: int) -> MapRequest:
        """Return of which market, and as of when; raises as `MapQuery.request`."""
        return map_request(self.coin, self.venues, time_of(self.at, "at", now), self.history, "none")

    def step_length(self) -> int:
        """Return the step in milliseconds.

        Raises
        ------
        RequestError
            It is no length, no whole number of bars, longer than the history, or makes too many steps.
        """
        step = length_of(self.step, "step")
        history = length_of(self.history, "history")
        if step % BAR or step > history:
            raise RequestError(
                422,
                "invalid_parameter",
                f"step: {self.step!r}; expected a multiple of 5m, at most the history",
                "step",
            )
        if history // step > MOST_STEPS:
            raise RequestError(
                422, "too_large", f"step: more than {MOST_STEPS:,} steps; expected a longer one", "step"
            )
        return step


class ClusterQuery(MapQuery):
    """Which clusters."""

    limit: Annotated[int, Field(ge=1, le=200, description="How many clusters, largest first.")] = 20


class HeatmapQuery(MapQuery):
    """Which heatmap."""

    start: Annotated[
        str | None, Field(max_length=40, description="Time of the first column; the model warms up before.")
    ] = None
    step: Annotated[
        str | None,
        Field(
            max_length=10,
            description="Time between columns; by default at most 300, and 1,500 as bytes.",
            examples=["1h"],
        ),
    ] = None
    format: Format = "json"


class LayersQuery(MapQuery):
    """Which layers."""

    score: Annotated[
        str,
        Field(max_length=10, description="How much of the history before `at` is scored.", examples=["14d"]),
    ] = "14d"

    def score_length(self) -> int:
        """Return how much is scored in milliseconds; raises `RequestError` where it does not fit."""
        return scored_length(self.score, length_of(self.history, "history"))


class ScoreboardQuery(Query):
    """Which scoreboard."""

    coin: Coin
    venues: Venues = None
    at: At = None
    history: History = "30d"
    score: Annotated[
        str | None,
        Field(
            max_length=10,
            description="How much of the history before `at` is scored. Default: two thirds; the rest warms "
            "the models up.",
            examples=["20d"],
        ),
    ] = None
    fitted: Annotated[
        bool,
        Field(description="Fit all models on the earlier half besides: of one named venue, some seconds."),
    ] = False

    def request(self, now: int) -> MapRequest:
        """Return of which market, and as of when.

        Raises
        ------
        RequestError
            As `MapQuery.request`, or several venues are to be fitted.
        """
        asked = map_request(self.coin, self.venues, time_of(self.at, "at", now), self.history, "worlds")
        if self.fitted and len(asked.venues) > 1:
            raise RequestError(
                422,
                "too_large",
                f"fitted: models of {len(asked.venues)} venues; expected one in `venues`",
                "fitted",
            )
        return asked

    def score_length(self) -> int:
        """Return how much is scored in milliseconds; raises `RequestError` where it does not fit."""
        history = length_of(self.history, "history")
        return history * 2 // 3 if self.score is None else scored_length(self.score, history)


class SqueezeQuery(MapQuery):
    """Which pushes."""

    push: Annotated[
        list[float],
        Field(max_length=20, description="Size of an order in USD. Repeatable. Default: round sizes."),
    ] = []
    to: Annotated[
        list[float],
        Field(max_length=20, description="Price: what it takes to reach it. Repeatable."),
    ] = []
    side: Annotated[
        Literal["up", "down", "both"] | None, Field(description="Default: that of `to`, else both.")
    ] = None
    stress: Annotated[
        Literal["calm", "thin", "stressed", "collapsed"],
        Field(description="What is left of depth: 100, 70, 40 or 10 %."),
    ] = "calm"
    pass_through: Annotated[
        float | None,
        Field(
            ge=0,
            le=1,
            description="Share of standing notional that is really forced; a calibrated map holds its own. "
            "Default: 1, and in paths the venue's rules.",
        ),
    ] = None
    horizon: Annotated[str, Field(max_length=10, description="For touch probabilities.")] = "1d"
    seed: Annotated[int, Field(ge=0, le=2**31 - 1, description="For depths of members, and paths.")] = 0
    paths: Annotated[
        bool,
        Field(
            description="Simulate 2,000 paths in time of each `push`, at most 4, or of the largest listed."
        ),
    ] = False
    curve: Annotated[
        bool, Field(description="Add `envelope`: what answers every size and price up to 20 % away.")
    ] = False


class PositionQuery(Query):
    """Which measured positions."""

    coin: VenueCoin
    venue: CensusVenue = "hyperliquid"
    near: Annotated[
        float, Field(gt=0, lt=1, description="How close to the mark a level is, a fraction of it.")
    ] = 0.05
    at: At = None
    limit: Limit = 20


class MeasuredMapQuery(Query):
    """Which measured map."""

    coin: VenueCoin
    venue: CensusVenue = "hyperliquid"
    at: At = None
    levels: Annotated[
        Literal["published", "frozen", "joint"],
        Field(
            description="`published`: as the venue states them. `frozen`: computed, other coins at their "
            "marks. `joint`: other coins move by their betas."
        ),
    ] = "published"
    scaled: Annotated[bool, Field(description="Scale each side to the venue's open interest.")] = False


class MeasuredHeatmapQuery(Query):
    """Which measured heatmap."""

    coin: VenueCoin
    venue: CensusVenue = "hyperliquid"
    at: At = None
    history: Annotated[
        str, Field(max_length=10, description="How long before `at` it begins, 1h to 31d.", examples=["7d"])
    ] = "7d"
    step: Annotated[
        str, Field(max_length=10, description="Time between columns; at most 750 of them.", examples=["1h"])
    ] = "1h"
    format: Format = "json"

    def window(self, now: int) -> tuple[int, int, int]:
        """Return start, end and step in milliseconds.

        Raises
        ------
        RequestError
            One is none, or there are too many columns.
        """
        end = time_of(self.at, "at", now)
        history = length_of(self.history, "history")
        if not HOUR <= history <= 31 * DAY:
            raise RequestError(
                422, "invalid_parameter", f"history: {self.history!r}; expected 1h to 31d", "history"
            )
        step = length_of(self.step, "step")
        if history // step > MOST_MEASURED_COLUMNS:
            raise RequestError(
                422,
                "too_large",
                f"step: more than {MOST_MEASURED_COLUMNS} columns; expected a longer one",
                "step",
            )
        return end - history, end, step


class LiquidationQuery(Query):
    """Which recorded liquidations."""

    coin: Coin
    venues: Annotated[str | None, Field(max_length=200, description="Separated by commas; all.")] = None
    since: Annotated[
        str, Field(max_length=40, description="Start: ISO 8601 UTC, or how long before the end, as 7d.")
    ] = "1d"
    until: Annotated[
        str | None, Field(max_length=40, description="End, ISO 8601 UTC; the last whole minute.")
    ] = None
    interval: Annotated[str, Field(max_length=10, description="Length of intervals, 1m to 1d.")] = "1h"
    largest: Annotated[int, Field(ge=0, le=1_000, description="How many single liquidations to list.")] = 10


class EventQuery(Query):
    """Which page of single liquidations."""

    coin: Coin
    venues: Annotated[str | None, Field(max_length=200, description="Separated by commas; all.")] = None
    since: Annotated[str, Field(max_length=40, description="Start, as above; at most 31 days.")] = "1d"
    until: Annotated[str | None, Field(max_length=40, description="End; now.")] = None
    limit: Limit = 100
    cursor: Cursor = None


class InstrumentQuery(Query):
    """Which page of instruments."""

    venue: Annotated[str | None, Field(max_length=20, description="Of this venue alone.")] = None
    limit: Limit = 100
    cursor: Cursor = None


class CoverageQuery(Query):
    """Which page of datasets."""

    table: Annotated[str | None, Field(max_length=40, description="Of this table alone.")] = None
    venue: Annotated[str | None, Field(max_length=20, description="Of this venue alone.")] = None
    symbol: Annotated[
        str | None,
        Field(min_length=1, max_length=40, description="Of this symbol alone, as the venue spells it."),
    ] = None
    limit: Limit = 100
    cursor: Cursor = None


class NoQuery(Query):
    """No parameters."""


def map_request(coin: str, named: str | None, at: int, history: str, model: str | None) -> MapRequest:
    """Return which map is meant; raises `RequestError` as `MapQuery.request`."""
    length = length_of(history, "history")
    if not HOUR <= length <= _LONGEST_HISTORY:
        raise RequestError(422, "invalid_parameter", f"history: {history!r}; expected 1h to 400d", "history")
    names = with_history() if named is None else venue_names(named)
    return MapRequest(coin.upper(), names, at // BAR * BAR, length, model)


def scored_length(score: str, history: int) -> int:
    """Return how much of a history is scored, ms; raises `RequestError` unless it is 4h to all of it."""
    length = length_of(score, "score")
    if not 4 * HOUR <= length <= history:
        raise RequestError(422, "invalid_parameter", f"score: {score!r}; expected 4h to the history", "score")
    return length


def venue_names(text: str | None, field: str = "venues") -> tuple[str, ...]:
    """Return names of venues, each once; all of them without a text. `field` is the parameter.

    Raises
    ------
    RequestError
        One is none, or there are none.
    """
    if text is None:
        return tuple(one.name for one in venues_of())
    try:
        asked = venues_of([name.strip() for name in text.split(",") if name.strip()])
    except InputError as error:
        raise RequestError(404, "unknown_venue", str(error), field) from error
    if not asked:
        raise RequestError(422, "invalid_parameter", f"{field}: {text!r}; expected names", field)
    return tuple(dict.fromkeys(one.name for one in asked))


def time_of(text: str | None, field: str, now: int) -> int:
    """Return UTC milliseconds of a time that is past, or `now` without one.

    Raises
    ------
    RequestError
        It is no time, or later than now.
    """
    if text is None:
        return now
    try:
        time = milliseconds(text, field)
    except InputError as error:
        raise RequestError(422, "invalid_parameter", str(error), field) from error
    if time > now:
        raise RequestError(422, "invalid_parameter", f"{field}: {text!r} is in the future", field)
    return time


def length_of(text: str, field: str) -> int:
    """Return a length of time in milliseconds; raises `RequestError` where it is none."""
    try:
        return duration(text, field)
    except InputError as error:
        raise RequestError(422, "invalid_parameter", str(error), field) from error


def cursor_text(place: list[str]) -> str:
    """Return the cursor of a place in a sorted list."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def cursor_place(cursor: str | None, parts: int) -> list[str] | None:
    """Return the place that a cursor stands for, None without one.

    Raises
    ------
    RequestError
        This server did not write it.
    """
    if cursor is None:
        return None
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        place = None
    if not (isinstance(place, list) and len(place) == parts and all(isinstance(one, str) for one in place)):
        raise RequestError(422, "invalid_parameter", "cursor: it is none that this server wrote", "cursor")
    return place
