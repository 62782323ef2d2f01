"""How fast are cascades: every order size at once, 100,000 paths in time, a mark stepping through levels?"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.measure import Timing, timing
from powderkeg.core.cascade_envelope import ForcedCurve, envelope, walked_landing
from powderkeg.core.cascade_paths import ForcedEnsemble, cascade_paths
from powderkeg.core.cascade_rules import BINANCE, HYPERLIQUID
from powderkeg.core.liquidation_price import liquidation_price
from powderkeg.model.arrays import FloatArray
from powderkeg.model.depth_curve import DepthCurve

# Not a dependency. It must be loaded before others have used up the memory that threads keep for themselves.
lrvx: Any = import_module("lrvx") if find_spec("lrvx") else None

_BINS, _MEMBERS, _HORIZON = 1_000, 20, 300
_PATHS, _TWIN_PATHS = 100_000, 10_000
_SIZES, _WALKED = 1_000, 5
_POSITIONS, _MAINTENANCE, _MARK = 88_000, 0.005, 100_000.0
_STEPS = (99_900.0, 99_500.0, 99_000.0, 98_000.0, 97_000.0, 95_000.0)


def table() -> Table:
    """Return times and ratios on a book of 200 points and a map of 1,000 bins of 5 bp with 20 members."""
    depth, forced = made_market()
    out = Table("work", "time", "each", "ratio")
    _envelope_rows(out, depth, ForcedCurve(forced.displacement, forced.forced[0]))
    _path_rows(out, depth, forced)
    _position_rows(out)
    return out


def made_market() -> tuple[DepthCurve, ForcedEnsemble]:
    """Return a book that absorbs a billion within 10 %, and twenty versions of 900 million of longs below."""
    generator = np.random.default_rng(1)
    places = np.concatenate([[0.0], np.geomspace(1e-4, 0.1, 200)])
    depth = DepthCurve(
        direction=-1,
        displacement=places,
        absorbed=1e9 * (places / 0.1) ** 0.67,
        tail_exponent=0.67,
        kind="book",
        source="made for a benchmark",
        as_of=0,
    )
    edges = np.linspace(0.0, 0.0005 * _BINS, _BINS + 1)
    mass = generator.gamma(0.3, 3e6, (_MEMBERS, _BINS)) * np.where(edges[1:] < 0.01, 0.1, 1.0)
    forced = np.zeros((_MEMBERS, _BINS + 1))
    forced[:, 1:] = np.cumsum(mass, axis=1)
    return depth, ForcedEnsemble(edges, forced)


def _envelope_rows(out: Table, depth: DepthCurve, forced: ForcedCurve) -> None:
    sizes = np.linspace(1e6, 2e9, _SIZES)
    walked = timing(lambda: [walked_landing(depth, forced, size) for size in sizes[:: _SIZES // _WALKED]], 3)
    brute = walked.median / _WALKED * _SIZES

    def row(name: str, work: Callable[[], object]) -> None:
        taken = timing(work, 20)
        out.add_row(
            name, str(taken), f"{taken.median / _SIZES * 1e9:,.0f} ns", f"{brute / taken.median:,.0f}"
        )

    out.add_row(f"walk of {_WALKED} order sizes", str(walked), f"{brute / _SIZES * 1e6:,.0f} us", "1")
    row(f"envelope, numpy, {_SIZES:,} sizes", lambda: envelope(depth, forced, kernel="numpy").landing(sizes))
    row(f"envelope, numba, {_SIZES:,} sizes", lambda: envelope(depth, forced, kernel="numba").landing(sizes))


def _path_rows(out: Table, depth: DepthCurve, forced: ForcedEnsemble) -> None:
    def run(paths: int, **more: Any) -> Callable[[], object]:
        rules = more.pop("rules", BINANCE)
        chosen = more.pop("map", forced)
        return lambda: cascade_paths(depth, chosen, rules, seed=1, push=5e8, paths=paths, **more)

    # The twin takes member by member: one member, so that it is not slow for that.
    one = ForcedEnsemble(forced.displacement, forced.forced[:1])
    twin = timing(run(_TWIN_PATHS, kernel="numpy", map=one), 3)
    slow = twin.median / _TWIN_PATHS
    out.add_row(f"{_TWIN_PATHS:,} paths of {_HORIZON} s, numpy", str(twin), f"{slow * 1e6:,.1f} us", "1")
    for name, more in (
        ("one thread", {}),
        ("two threads", {"threads": 2}),
        ("two threads, Hyperliquid's rules", {"threads": 2, "rules": HYPERLIQUID}),
    ):
        taken = timing(run(_PATHS, **more), 3)
        each = taken.median / _PATHS
        out.add_row(f"{_PATHS:,} paths, {name}", str(taken), f"{each * 1e6:,.1f} us", f"{slow / each:,.0f}")


def _position_rows(out: Table) -> None:
    """Isolated positions of one coin; with lrvx only where it is installed (pip install lrvx)."""
    generator = np.random.default_rng(1)
    side = generator.choice([-1.0, 1.0], _POSITIONS)
    quantity = generator.lognormal(8.0, 2.0, _POSITIONS) / _MARK
    equity = quantity * _MARK * generator.uniform(0.02, 0.5, _POSITIONS)

    def seeded() -> ForcedCurve:
        levels = liquidation_price(
            entry_price=_MARK,
            size=quantity,
            position_side=side,
            margin=equity,
            maintenance_margin_rate=_MAINTENANCE,
        )
        return _forced_by(levels[side > 0], quantity[side > 0] * _MARK)

    curve = seeded()
    steps = np.log(_MARK / np.array(_STEPS))
    seeding = timing(seeded)
    stepping = timing(lambda: curve.forced[np.searchsorted(curve.displacement, steps, side="right") - 1])
    rows: list[tuple[str, Timing, float | None]] = []
    if lrvx:
        signed, own = (side * quantity).tolist(), equity.tolist()

        def filled() -> Any:
            found = lrvx.LiquidationEngine()
            found.add_tier(0.0, _MAINTENANCE)
            for account, (size, margin) in enumerate(zip(signed, own, strict=True)):
                found.open_position(account, 1, size, _MARK, margin)
            return found

        theirs = timing(filled, 3)
        ready = [filled() for _ in range(4)]  # a mark is stepped through once: closed positions are gone

        def stepped() -> list[object]:
            taken = ready.pop()
            return [taken.on_mark(1, mark) for mark in _STEPS]

        stepped_time = timing(stepped, 3)
        rows.append(("lrvx, seeding", theirs, theirs.median / seeding.median))
        rows.append((f"lrvx, {len(_STEPS)} marks", stepped_time, stepped_time.median / stepping.median))
        out.caption = "lrvx also keeps accounts and a fund; a curve only adds up what is forced."
    else:
        out.caption = "lrvx is not installed: pip install lrvx to see it here."
    out.add_row(
        f"{_POSITIONS:,} positions to a curve",
        str(seeding),
        f"{seeding.median / _POSITIONS * 1e9:,.0f} ns",
        "",
    )
    out.add_row(
        f"{len(_STEPS)} marks on the curve",
        str(stepping),
        f"{stepping.median / len(_STEPS) * 1e6:,.1f} us",
        "",
    )
    for name, taken, ratio in rows:
        out.add_row(name, str(taken), "", f"1/{ratio:,.1f}")


def _forced_by(levels: FloatArray, notional: FloatArray) -> ForcedCurve:
    """Return the exact curve of positions, a step at each level."""
    order = np.argsort(-levels)
    displacement = np.repeat(np.log(_MARK / levels[order]), 2)
    total = np.cumsum(notional[order])
    steps = np.column_stack([np.concatenate([[0.0], total[:-1]]), total]).ravel()
    return ForcedCurve(np.concatenate([[0.0], displacement]), np.concatenate([[0.0], steps]))
