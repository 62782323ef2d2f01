"""Venue stress: liquidations against insurance funds and depth, deleveraging signals, concentration."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from powderkeg.analytics.coin_instruments import coin_of, instruments_of_coin
from powderkeg.analytics.context_facts import ContextSection, FactWriter, bringing, bringing_any
from powderkeg.analytics.context_inputs import ContextInputs, last
from powderkeg.analytics.liquidation_feeds import Feed, read_feed
from powderkeg.analytics.window_totals import WindowTotals
from powderkeg.core.concentration import concentration
from powderkeg.core.map_reading import cumulative_long, cumulative_short, liquidated_at
from powderkeg.errors import InputError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.maps.aggregated_map import AggregatedMap
from powderkeg.maps.lake_depth import lake_depth
from powderkeg.model.depth_curve import DepthCurve, Direction
from powderkeg.model.fact import Fact
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.venues.venue import Venue

DEPTH_WITHIN = 0.02
"""Depth is told up to this far from the mark, and liquidations held against it."""
CLUSTERS = 3
"""So many of the largest clusters of each side are told by venue."""
_FUND_AGE, _SIGNAL_AGE = 2 * DAY, 2 * DAY
_DOLLARS = frozenset({"USD", "USDT", "USDC"})
_DIRECTIONS: tuple[tuple[Direction, str, int], ...] = ((-1, "down", 0), (1, "up", 1))


@dataclass(frozen=True, slots=True)
class ClusterVenues:
    """A cluster of the summed map, and how much of it stands at each venue: modelled.

    Attributes
    ----------
    side, price_low, price_high, notional, distance
        As in `powderkeg.core.clusters.Cluster`.
    venues
        Venue -> USD between the same edges of its own map, each at the distance from its own mark.
    largest, share, herfindahl
        The venue with most, its share, and the sum of squared shares.
    """

    side: str
    price_low: float
    price_high: float
    notional: float
    distance: float
    venues: dict[str, float]
    largest: str
    share: float
    herfindahl: float

    def as_json(self) -> dict[str, Any]:
        """Return it as a dictionary."""
        told = {name: getattr(self, name) for name in self.__slots__}
        return told | {"venues": [{"venue": name, "notional": part} for name, part in self.venues.items()]}


def coin_feeds(inputs: ContextInputs, history: int) -> list[Feed]:
    """Return what venues reported of the coin's liquidations in the time before the context."""
    window = Window(inputs.as_of - history, inputs.as_of)
    return [
        read_feed(inputs.lake, venue, symbol, window)
        for venue in inputs.venues
        for symbol in instruments_of_coin(inputs.lake, venue, inputs.coin).symbols
    ]


def venue_stress(
    inputs: ContextInputs, feeds: Sequence[Feed], summed: AggregatedMap, write: FactWriter
) -> tuple[ContextSection, tuple[ClusterVenues, ...]]:
    """Return the section, and the largest clusters by venue."""
    clusters = cluster_venues(summed)
    facts = [
        *_liquidations(inputs, feeds, write),
        *(fact for venue in inputs.venues for fact in _of_venue(inputs, venue, feeds, write)),
        *_concentration(inputs, clusters, write),
    ]
    return ContextSection("venue_stress", "Venue stress", tuple(facts)), clusters


def cluster_venues(summed: AggregatedMap) -> tuple[ClusterVenues, ...]:
    """Return the largest clusters of each side with what each venue adds to them."""
    found = []
    for side in ("long", "short"):
        for cluster in [one for one in summed.total.clusters() if one.side == side][:CLUSTERS]:
            parts = {}
            for layer in summed.layers:
                one, basis = layer.map, 1 + layer.basis
                # Both cumulate from the mark: the far edge less the near one.
                running = (
                    cumulative_long(one.long_notional)
                    if side == "long"
                    else cumulative_short(one.short_notional)
                )
                ends = [
                    liquidated_at(one.grid, running, price * basis)
                    for price in (cluster.price_low, cluster.price_high)
                ]
                parts[one.instrument.partition(":")[0]] = abs(ends[0] - ends[1])
            spread = concentration(list(parts.values()))
            if spread is None:
                continue
            found.append(
                ClusterVenues(
                    side=side,
                    price_low=cluster.price_low,
                    price_high=cluster.price_high,
                    notional=cluster.notional,
                    distance=cluster.distance,
                    venues=parts,
                    largest=list(parts)[spread.largest],
                    share=spread.share,
                    herfindahl=spread.herfindahl,
                )
            )
    return tuple(found)


def _liquidations(inputs: ContextInputs, feeds: Sequence[Feed], write: FactWriter) -> Iterator[Fact]:
    source = f"liquidations of {', '.join(dict.fromkeys(feed.venue.name for feed in feeds)) or 'no venue'}"
    for name, length in (("1h", HOUR), ("24h", DAY)):
        window = Window(write.as_of - length, write.as_of)
        totals = _totals(feeds, window)
        for side, number in (("long", 0), ("short", 1)):
            full = f"liquidations.{name}.{side}"
            if totals is None:
                yield write.missing(full, "USD", bringing_any(inputs.venues, "liquidations", inputs.coin))
                continue
            low, high = float(totals.low[0, number]), float(totals.high[0, number])
            yield write.fact(
                full,
                float(totals.usd[0, number]),
                "USD",
                source,
                window=window,
                coverage=float(totals.share[0]),
                notes=(
                    "reported: a floor",
                    *(
                        (f"with what throttled feeds may have hidden: {low:,.0f} to {high:,.0f} USD",)
                        if high > low
                        else ()
                    ),
                ),
            )


def _totals(feeds: Sequence[Feed], window: Window) -> WindowTotals | None:
    if not feeds:
        return None
    bounds = np.array([window.start]), np.array([window.end])
    totals = WindowTotals.added([feed.between(*bounds) for feed in feeds])
    return totals if totals.recorded[0] else None


def _of_venue(
    inputs: ContextInputs, venue: Venue, feeds: Sequence[Feed], write: FactWriter
) -> Iterator[Fact]:
    own = [feed for feed in feeds if feed.venue.name == venue.name]
    day = Window(write.as_of - DAY, write.as_of)
    totals = _totals(own, day)
    unheard = bringing(venue, "liquidations", inputs.coin)
    forced = math.nan if totals is None else float(totals.usd[0].sum())
    name = f"venue_stress.{venue.name}"
    balance, note = _fund(inputs, venue, write.as_of)
    source = f"insurance_funds of {venue.name}"
    yield write.fact(f"{name}.insurance_fund", balance, "USD", source, notes=(note,))
    yield write.fact(
        f"{name}.liquidations_to_insurance_fund",
        forced / balance if balance > 0 else math.nan,
        "ratio",
        f"liquidations and {source}",
        window=day,
        coverage=None if totals is None else float(totals.share[0]),
        notes=("liquidated in a day over the fund: of losses only a part is the fund's", note)
        if totals is not None
        else (unheard,),
    )
    for direction, way, side in _DIRECTIONS:
        yield from _depth(inputs, venue, direction, way, own, side, write)
    yield from _signals(inputs, venue, write)


def _fund(inputs: ContextInputs, venue: Venue, at: int) -> tuple[float, str]:
    """Return the last balance in USD of the coin's own fund, or of all pools of the venue, and what it is."""
    symbol = inputs.symbol(venue.name)
    rows: dict[str, dict[str, float]] = {}
    for summary in inputs.lake.datasets("insurance_funds", venue.name):
        frame = inputs.lake.read(summary.key, Window(at - _FUND_AGE, at + 1), ("ts", "asset", "balance"))
        newest = dict(frame.sort("ts").select("asset", "balance").iter_rows())
        if newest:
            rows[summary.key.symbol] = newest
    if not rows:
        return math.nan, bringing(venue, "insurance_funds", inputs.coin)
    own = [name for name in rows if name == symbol or symbol.startswith(f"{name}-")]
    # A pool that several instruments share is stored under its own name.
    pools = own or [name for name in rows if "pool" in name]
    mark = last(inputs.reference.mark_price)
    total, assets = 0.0, set()
    for name in pools:
        for asset, balance in rows[name].items():
            if asset.upper() in _DOLLARS or coin_of(asset) == inputs.coin:
                total += balance * (1.0 if asset.upper() in _DOLLARS else mark)
                assets.add(asset)
    if not assets:
        return math.nan, f"{venue.title}: no fund of {inputs.coin} in dollars or in the coin is in the lake"
    whose = "of the coin's instrument" if own else f"all {len(pools)} pools of the venue together"
    return total, f"{whose}, in {', '.join(sorted(assets))}"


def _depth(
    inputs: ContextInputs,
    venue: Venue,
    direction: Direction,
    way: str,
    feeds: Sequence[Feed],
    side: int,
    write: FactWriter,
) -> Iterator[Fact]:
    name, within = f"venue_stress.{venue.name}", f"{DEPTH_WITHIN:.0%}".replace("%", "pct")
    full = f"{name}.depth_{way}_{within}"
    load = f"{name}.liquidations_to_depth_{way}"
    try:
        depth = lake_depth(inputs.lake, venue.name, inputs.symbol(venue.name), direction, write.as_of)
    except InputError as error:
        yield write.missing(full, "USD", str(error))
        yield write.missing(load, "ratio", str(error))
        return
    absorbed = _absorbed(depth.curve, math.log1p(DEPTH_WITHIN))
    kind = "modelled" if depth.curve.kind == "law" else "observed"
    notes = (
        f"what the book absorbs on the way {way} to {DEPTH_WITHIN:.0%}, by {depth.curve.kind}, "
        f"{depth.age // MINUTE} minutes old",
        *(
            (f"an impact law: look for it between {1 / depth.factor:.2g} and {depth.factor:.2g} times that",)
            if depth.factor > 1
            else ()
        ),
    )
    yield write.fact(full, absorbed, "USD", depth.curve.source, kind=kind, notes=notes)
    hour = Window(write.as_of - HOUR, write.as_of)
    totals = _totals(feeds, hour)
    forced = math.nan if totals is None else float(totals.usd[0, side])
    yield write.fact(
        load,
        forced / absorbed if absorbed > 0 else math.nan,
        "ratio",
        f"liquidations, and {depth.curve.source}",
        window=hour,
        kind=kind,
        coverage=None if totals is None else float(totals.share[0]),
        notes=(f"{'longs' if side == 0 else 'shorts'} liquidated in the last hour over that depth",)
        if totals is not None
        else (bringing(venue, "liquidations", inputs.coin),),
    )


def _absorbed(curve: DepthCurve, displacement: float) -> float:
    """Return what is absorbed up to a displacement; NaN beyond a curve that ends before."""
    reaching = curve.reaching(displacement)
    if reaching.displacement[-1] < displacement * (1 - 1e-9):
        return math.nan
    return float(np.interp(displacement, reaching.displacement, reaching.absorbed))


def _signals(inputs: ContextInputs, venue: Venue, write: FactWriter) -> Iterator[Fact]:
    symbol = inputs.symbol(venue.name)
    key = DatasetKey("deleveraging_signals", venue.name, symbol)
    window = Window(write.as_of - _SIGNAL_AGE, write.as_of + 1)
    rows = inputs.lake.read(key, window).sort("ts")
    name = f"venue_stress.{venue.name}.deleveraging"
    source = f"deleveraging_signals of {venue.name} {symbol}"
    if rows.is_empty():
        reason = bringing(venue, "deleveraging_signals", inputs.coin)
        yield write.missing(f"{name}.balance_to_peak", "fraction", reason)
        yield write.missing(f"{name}.pnl_to_trigger", "ratio", reason)
        return
    row = rows.row(-1, named=True)
    state = f", state {row['state']}" if row["state"] else ""
    told = f"{(write.as_of - row['ts']) // MINUTE} minutes before{state}"
    balance, peak = row["balance"], row["peak_balance"]
    yield write.fact(
        f"{name}.balance_to_peak",
        balance / peak if balance is not None and peak else math.nan,
        "fraction",
        source,
        notes=(told,) if peak else (told, "the venue does not tell the peak"),
    )
    ratio, trigger = row["pnl_ratio"], row["trigger_ratio"]
    yield write.fact(
        f"{name}.pnl_to_trigger",
        ratio / trigger if ratio is not None and trigger else math.nan,
        "ratio",
        source,
        notes=(told, "1 and above: the venue deleverages")
        if trigger
        else (told, "the venue does not tell the ratio at which it begins"),
    )


def _concentration(
    inputs: ContextInputs, clusters: Sequence[ClusterVenues], write: FactWriter
) -> Iterator[Fact]:
    parts = {one.venue: last(one.open_interest_usd) for one in inputs.recent.venues}
    known = {name: value for name, value in parts.items() if math.isfinite(value)}
    spread = concentration(list(known.values())) if known else None
    source = f"open_interest of {', '.join(known) or 'no venue'}"
    largest = "" if spread is None else list(known)[spread.largest]
    for name, value in (
        ("largest_venue_share", math.nan if spread is None else spread.share),
        ("herfindahl", math.nan if spread is None else spread.herfindahl),
    ):
        yield write.fact(
            f"open_interest.{name}",
            value,
            "fraction",
            source,
            coverage=len(known) / len(inputs.venues),
            notes=(f"{largest}, of the venues that are known",) if largest else (),
        )
    for side in ("long", "short"):
        one = next((found for found in clusters if found.side == side), None)
        for name in ("largest_venue_share", "herfindahl"):
            full = f"cluster.{side}.{name}"
            if one is None:
                yield write.missing(full, "fraction", f"no cluster of {side}s stands", source="worlds model")
                continue
            yield write.fact(
                full,
                one.share if name == "largest_venue_share" else one.herfindahl,
                "fraction",
                "modelled maps of the venues",
                kind="modelled",
                notes=(
                    f"{one.largest}; of the largest cluster of {side}s, {one.notional:,.0f} USD between "
                    f"{one.price_low:,.6g} and {one.price_high:,.6g}",
                ),
            )
