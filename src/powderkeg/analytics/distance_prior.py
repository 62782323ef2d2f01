"""What measured positions teach the modelled maps: a law of distances by side, as a prior for calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from powderkeg.core.account_resampling import DRAWS, Estimate, account_estimates, effective_accounts
from powderkeg.core.censored_lognormal import censored_lognormal
from powderkeg.core.laws import PRIOR_MEDIAN, PRIOR_SIGMA, DistancePrior
from powderkeg.core.named_models import FARTHEST_DISTANCE
from powderkeg.core.position_distances import (
    chosen_positions,
    distance_to_level,
    refuse_contradictions,
    sample_notes,
)
from powderkeg.errors import InputError
from powderkeg.model.account_positions import PositionSnapshot
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.times import iso

Reference = Literal["entry", "mark"]
_SIDES = {1: "long", -1: "short"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredLaw:
    """The lognormal law of distances that measured positions of one side follow best, by notional.

    In the terms of `powderkeg.core.laws.Law`: a distance is a fraction of the price that a position was
    opened at. Positions beyond 50 %, or without a level, are known to be far and no more (a censored fit).

    Attributes
    ----------
    coin
        Symbol; empty where all coins are taken together.
    position_side
        +1 for longs, -1 for shorts.
    log_median, sigma
        Of the law; `median` is the fraction itself.
    inert_share
        Share of the notional beyond 50 % or without a level, as counted.
    positions, accounts
        How many told it, over all snapshots.
    effective_accounts
        How many accounts of equal size would vary as these do.
    since, until
        Times of the first and last snapshot, UTC milliseconds.
    notes
        Who is in the sample: what the sampling errors cannot say.
    """

    coin: str
    position_side: int
    log_median: Estimate
    sigma: Estimate
    inert_share: Estimate
    positions: int
    accounts: int
    effective_accounts: float
    since: int
    until: int
    notes: tuple[str, ...]

    @property
    def median(self) -> float:
        """Median distance, a fraction."""
        return float(np.exp(self.log_median.value))

    def prior(
        self, *, transfer_median: float = PRIOR_MEDIAN, transfer_sigma: float = PRIOR_SIGMA
    ) -> DistancePrior:
        """Return the law as a prior for another market, its errors those of the sample and of the transfer.

        Parameters
        ----------
        transfer_median, transfer_sigma
            Standard deviations of how far the other market's law may lie from this one, of the log median and
            of sigma. By default as wide as the built-in prior: a measured law then moves where the laws are
            expected, and never makes a calibration surer than it was.

        Raises
        ------
        InputError
            Too few positions to tell a law, or accounts to tell its error.
        """
        known = (self.log_median.value, self.log_median.error, self.sigma.value, self.sigma.error)
        if not np.isfinite(known).all():
            side = _SIDES[self.position_side]
            raise InputError(
                f"positions: {self.positions} {side}s of {self.accounts} accounts tell no law of distances; "
                f"expected at least two accounts, and two different levels within {FARTHEST_DISTANCE:.0%}"
            )
        return DistancePrior(
            median=self.median,
            sigma=self.sigma.value,
            median_error=float(np.hypot(self.log_median.error, transfer_median)),
            sigma_error=float(np.hypot(self.sigma.error, transfer_sigma)),
            source=f"{self.positions} positions{' in ' + self.coin if self.coin else ''} of {self.accounts} "
            f"accounts, {iso(self.since)} to {iso(self.until)}",
        )


def measured_law(
    snapshots: Sequence[PositionSnapshot],
    position_side: int,
    generator: np.random.Generator,
    *,
    coin: str | None = None,
    reference: Reference = "entry",
    draws: int = DRAWS,
) -> MeasuredLaw:
    """Return the law of distances of one side in one or more snapshots, each of which weighs the same.

    A level is told from the entry price, because that is what a law of the estimator describes: the mark
    moves on, and standing distances from it say where it has been. A position whose level lies on the other
    side of its entry had margin taken out since, and counts as opened at the mark. Positions whose level the
    mark has passed are left out. Sampling errors come from drawing the accounts again, over all snapshots
    that each is in. Without a single position every number is NaN.

    Parameters
    ----------
    snapshots
        At least one.
    position_side
        +1 for longs, -1 for shorts.
    generator
        Source of the resamples.
    coin
        One coin; all together where not given.
    reference
        ``entry``, or ``mark``: distances from the mark, for comparison.
    draws
        Number of resamples.

    Raises
    ------
    InputError
        No snapshots, one that contradicts itself, or nobody holds the coin in any of them.
    """
    distance, weight, account = _pooled(snapshots, position_side, coin, reference)
    far = ~(distance <= FARTHEST_DISTANCE)

    def statistics(times: FloatArray) -> FloatArray:
        held = times * weight
        law = censored_lognormal(distance, far, held, bound=FARTHEST_DISTANCE)
        total = held.sum()
        return np.array([np.log(law.median), law.sigma, (held * far).sum() / total if total > 0 else np.nan])

    log_median, sigma, inert = account_estimates(statistics, account, generator, draws)
    last = snapshots[-1]
    chosen = chosen_positions(last, position_side=position_side)
    if coin is not None:
        chosen &= np.array([name == coin for name in last.coins], np.bool_)[last.coin]
    return MeasuredLaw(
        coin=coin or "",
        position_side=position_side,
        log_median=log_median,
        sigma=sigma,
        inert_share=inert,
        positions=len(distance),
        accounts=len(np.unique(account)),
        effective_accounts=effective_accounts(weight, account),
        since=snapshots[0].as_of,
        until=last.as_of,
        notes=sample_notes(last, chosen),
    )


def measured_priors(
    snapshots: Sequence[PositionSnapshot],
    generator: np.random.Generator,
    *,
    coin: str | None = None,
    reference: Reference = "entry",
) -> tuple[DistancePrior, DistancePrior]:
    """Return the priors of (longs, shorts) that `calibration` takes; arguments as in `measured_law`.

    Raises
    ------
    InputError
        As in `measured_law`, or a side has too few positions; see `MeasuredLaw.prior`.
    """
    long, short = (
        measured_law(snapshots, side, generator, coin=coin, reference=reference).prior() for side in (1, -1)
    )
    return long, short


def _pooled(
    snapshots: Sequence[PositionSnapshot], position_side: int, coin: str | None, reference: Reference
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return distances as fractions (NaN without a level), weights and numbers of accounts."""
    if not snapshots:
        raise InputError("positions: no snapshots; expected at least one")
    if coin is not None and not any(coin in snapshot.coins for snapshot in snapshots):
        snapshots[-1].number_of(coin)
    names: dict[str, int] = {}
    parts = []
    for snapshot in snapshots:
        refuse_contradictions(snapshot)
        numbers = np.array([names.setdefault(name, len(names)) for name in snapshot.accounts], np.int64)
        chosen = chosen_positions(snapshot, position_side=position_side)
        if coin is not None:
            chosen &= np.array([name == coin for name in snapshot.coins], np.bool_)[snapshot.coin]
        log_distance = distance_to_level(snapshot)
        chosen &= ~(log_distance <= 0)
        if reference == "entry":
            from_entry = position_side * np.log(snapshot.entry_price / snapshot.liquidation_price)
            opened = np.isfinite(log_distance) & (from_entry > 0)
            log_distance = np.where(opened, from_entry, log_distance)
        fraction = np.abs(np.expm1(-position_side * log_distance))
        total = float(snapshot.notional[chosen].sum()) or 1.0
        parts.append((fraction[chosen], snapshot.notional[chosen] / total, numbers[snapshot.account[chosen]]))
    distance, weight, account = (np.concatenate(column) for column in zip(*parts, strict=True))
    return distance, weight, account.astype(np.int64)
