"""What a cascade in time is made of: how a venue closes positions, how a book refills, how the price moves.

Each number says where it comes from: [D] the venue's documentation, [P] a publication, [M] measured on
recorded orders, [J] judgement between bounds that are given. [J] numbers are the first to calibrate.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from math import exp, inf, isfinite
from typing import NamedTuple

from powderkeg.errors import InputError

# An order that eats a level exactly must not, by rounding, seem to have crossed the hole behind it.
ROUNDING = 1e-12
# Number of the draw of a path's depth: beyond those of the seconds.
DEPTH_DRAW = 200_000


class StepRules(NamedTuple):
    """`CascadeRules` per step of one second, as the kernel and its twin read them."""

    mark_gain: float
    at_once: float
    rest_seconds: int
    relief_distance: float
    takeover_distance: float
    bankruptcy_distance: float
    pass_through: float
    pass_through_spread: float
    refill_keep: float
    permanent_share: float
    stress: float
    stress_spread: float
    collapse_move: float
    collapse_keep: float
    depth_floor: float
    volatility: float
    tail_degrees: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeRules:
    """The parameters of a cascade in time. Distances are displacements |ln(P / level)|, times are seconds.

    Attributes
    ----------
    mark_lag
        Time constant with which the mark follows the traded price; 0: the mark is the traded price, and a
        chain runs to its end within the second. The mark is published every second (Binance, Bybit, OKX) or
        about every three (Hyperliquid) [D].
    large_share
        Share of the forced notional in positions so large that they are closed in two steps, 0 to 1. On
        Hyperliquid the 300 largest accounts hold 86 % of what stands near the price [third party].
    first_share
        Share of a large position that is sent at once, 0 to 1; Hyperliquid 20 % above 100,000 USDC [D].
    rest_seconds
        Whole seconds until its rest is sent; Hyperliquid 30 [D].
    relief_distance
        The rest is sent only once the mark is this far beyond the level: closing a fifth frees a fifth of the
        maintenance margin, 0.2 m with m the maintenance rate.
    takeover_distance
        What is not filled before the price is this far beyond its level is taken over by the vault or the
        insurance fund and reaches no book; inf: never. Hyperliquid m / 3, as equity is then 2/3 of the
        maintenance margin [D]; elsewhere the bankruptcy price [D], 0.4 % in recorded Binance orders [M].
    bankruptcy_distance
        From a level to the price at which the position has no equity left: about m.
    pass_through, pass_through_spread
        Median of the share of what stands that is really forced, and the standard deviation of its logarithm
        from path to path; a draw above 1 counts as 1. [J] between 0.42, what is unmoved on Hyperliquid after
        four days [third party], and 1, a map as fresh as the cascade.
    refill_half_life, permanent_share
        Of what is eaten a share never comes back; the rest does with this half-life, inf: never. 20 s and
        "in over 60 per cent of cases not reliably" [P], read here as a share: Large (2007), Journal of
        Financial Markets 10, 1-25.
    stress, stress_spread
        Depth as a factor of the curve's, > 0, before anything happens: its median, and the standard deviation
        of its logarithm from path to path, for what is not known of the book.
    collapse_move, collapse_half_life, depth_floor
        Depth falls to floor + (1 - floor) exp(-v / collapse_move), with v the ground lost lately: adverse
        moves added up and forgotten with the half-life. collapse_move inf: it never falls, which is the
        default, as nothing recorded tells how much of it is due to the move itself; in simulated markets,
        whose books do not flee, 0.02 carries pushes 1.7 times too far. [J]: with 0.02 a move of 1 % within a
        minute takes 35 % of the depth, one of 5 % takes 83 %, between the -30 and -90 % that are documented
        for stress; more than 90 % went on 10 October 2025 (FTI Consulting, as quoted).
    volatility, tail_degrees
        Standard deviation of the price's own log move per root second, and the degrees of freedom > 2 of
        Student's t, rescaled to unit variance; inf: normal. [J] 50 % a year and four.
    insurance_fund
        What covers losses beyond bankruptcy, in quote; None where it is not known: nothing is said then of
        auto-deleveraging.

    Raises
    ------
    InputError
        A number is outside its range.
    """

    mark_lag: float = 1.0
    large_share: float = 0.0
    first_share: float = 1.0
    rest_seconds: int = 30
    relief_distance: float = 0.0
    takeover_distance: float = 0.004
    bankruptcy_distance: float = 0.004
    pass_through: float = 0.8
    pass_through_spread: float = 0.25
    refill_half_life: float = 20.0
    permanent_share: float = 0.6
    stress: float = 1.0
    stress_spread: float = 0.0
    collapse_move: float = inf
    collapse_half_life: float = 60.0
    depth_floor: float = 0.1
    volatility: float = 8.9e-5
    tail_degrees: float = 4.0
    insurance_fund: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            low, high, expected = _RANGES[field.name]
            if not low <= value <= high:
                raise InputError(f"{field.name}: {value:g}; expected {expected}")
        if self.rest_seconds != int(self.rest_seconds):
            raise InputError(f"rest_seconds: {self.rest_seconds:g}; expected whole seconds")
        if self.mark_lag == 0 and isfinite(self.takeover_distance):
            raise InputError(
                "takeover_distance: expected inf where mark_lag is 0, as a chain then ends within a second"
            )

    def per_second(self) -> StepRules:
        """Return the same as factors per step of one second."""
        return StepRules(
            mark_gain=1.0 if self.mark_lag == 0 else 1 - exp(-1 / self.mark_lag),
            at_once=1 - self.large_share * (1 - self.first_share),
            rest_seconds=int(self.rest_seconds),
            relief_distance=self.relief_distance,
            takeover_distance=self.takeover_distance,
            bankruptcy_distance=self.bankruptcy_distance,
            pass_through=self.pass_through,
            pass_through_spread=self.pass_through_spread,
            refill_keep=float(2 ** (-1 / self.refill_half_life)),
            permanent_share=self.permanent_share,
            stress=self.stress,
            stress_spread=self.stress_spread,
            collapse_move=self.collapse_move,
            collapse_keep=float(2 ** (-1 / self.collapse_half_life)),
            depth_floor=self.depth_floor,
            volatility=self.volatility,
            tail_degrees=self.tail_degrees,
        )

    def at_maintenance(self, rate: float) -> CascadeRules:
        """Return the rules for another maintenance margin rate, in (0, 1): the three distances scale with it.

        Raises
        ------
        InputError
            `rate` is outside its range.
        """
        if not 0 < rate < 1:
            raise InputError(f"rate: {rate:g}; expected a maintenance margin rate between 0 and 1")
        factor = rate / self.bankruptcy_distance
        return replace(
            self,
            relief_distance=self.relief_distance * factor,
            takeover_distance=self.takeover_distance * factor,
            bankruptcy_distance=rate,
        )


_POSITIVE = (5e-324, inf, "a number above 0; inf for never")
_FROM_ZERO = (0.0, inf, "a number from 0")
_SHARE = (0.0, 1.0, "a share from 0 to 1")
_RANGES: dict[str, tuple[float, float, str]] = {
    "mark_lag": (0.0, 1e6, "seconds from 0"),
    "large_share": _SHARE,
    "first_share": _SHARE,
    "rest_seconds": (1, 86_400, "whole seconds from 1"),
    "relief_distance": (0.0, 1.0, "a displacement from 0 to 1"),
    "takeover_distance": _POSITIVE,
    "bankruptcy_distance": (5e-324, 1.0, "a displacement above 0, at most 1"),
    "pass_through": _SHARE,
    "pass_through_spread": (0.0, 10.0, "a number from 0 to 10"),
    "refill_half_life": _POSITIVE,
    "permanent_share": _SHARE,
    "stress": (1e-6, 1e6, "a factor between 1e-6 and 1e6"),
    "stress_spread": (0.0, 10.0, "a number from 0 to 10"),
    "collapse_move": _POSITIVE,
    "collapse_half_life": _POSITIVE,
    "depth_floor": (1e-6, 1.0, "a share above 0"),
    "volatility": (0.0, 1.0, "a standard deviation from 0 to 1"),
    "tail_degrees": (2.0 + 1e-9, inf, "degrees of freedom above 2; inf for the normal law"),
    "insurance_fund": _FROM_ZERO,
}

# Sources, read 2026-11-25. Hyperliquid: hyperliquid.gitbook.io/hyperliquid-docs/trading, pages liquidations,
# auto-deleveraging, robust-price-indices. Bybit: help centre, Insurance-Fund and Liquidation-Process.
# Binance: support, fff6ec1b3f5845d19f1fb924644a0877 (mark price) and 360033525371 (insurance fund).
HYPERLIQUID = CascadeRules(
    mark_lag=3.0,
    large_share=0.86,
    first_share=0.2,
    rest_seconds=30,
    relief_distance=0.0025,
    takeover_distance=0.0125 / 3,
    bankruptcy_distance=0.0125,
)
BINANCE = CascadeRules()
BYBIT = CascadeRules(takeover_distance=0.005, bankruptcy_distance=0.005)
OKX = CascadeRules()
# Everything at once, nothing refills, no noise: the limit in which a path lands where the envelope says.
INSTANT = CascadeRules(
    mark_lag=0.0,
    takeover_distance=inf,
    pass_through=1.0,
    pass_through_spread=0.0,
    refill_half_life=inf,
    collapse_move=inf,
    volatility=0.0,
)
VENUE_RULES = {"hyperliquid": HYPERLIQUID, "binance": BINANCE, "bybit": BYBIT, "okx": OKX}
