"""Claims held against data: supported, contradicted, a unit mistaken, or not decidable; with the numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from powderkeg.analytics.claim_checking import Checking, ClaimCheck
from powderkeg.analytics.claim_evidence import ClaimEvidence
from powderkeg.analytics.claim_feed_checks import feed_comparison, imbalance, realised
from powderkeg.analytics.claim_map_checks import cluster, map_comparison, standing, target
from powderkeg.analytics.claim_market_checks import (
    build_up,
    funding,
    interest,
    interest_change,
    price,
    reached,
)
from powderkeg.analytics.claims import Claim
from powderkeg.errors import PowderkegError


def claim_check(claim: Claim, evidence: ClaimEvidence, at: int) -> ClaimCheck:
    """Return what the evidence says of a claim as of its own time, or of `at` where it names none.

    A day is taken to its end, but not beyond `at`. A claim about what will happen is never decided.
    """
    as_of = (
        at
        if claim.moment is None
        else min(at, claim.moment.end if claim.moment.length > 1 else claim.moment.start)
    )
    if claim.coin is None:
        note = f"the text names no coin: taken as {evidence.coin}"
        claim = replace(claim, notes=(*claim.notes, note))
    check = Checking(claim, evidence, as_of)
    if claim.coin not in (None, evidence.coin):
        return check.undecided(
            f"It is about {'all coins together' if claim.coin == 'ALL' else claim.coin}, and the data are of {evidence.coin}.",
            "" if claim.coin == "ALL" else f"powderkeg check --coin {claim.coin}",
        )
    if claim.moment is not None and claim.moment.start > at:
        return check.undecided("It is of a time after the time of the check.", "--at with a later time")
    unit = claim.amount.unit if claim.amount else ""
    if len(unit) == 3 and unit.isupper() and unit not in ("USD", evidence.coin):
        return check.undecided(
            f"It is in {unit}; the data are in US dollars and no rate of exchange is known.", ""
        )
    try:
        return _RULES[claim.kind](check)
    except PowderkegError as error:
        return check.undecided(f"The data lack what it needs: {error}.".replace("..", "."), check.command())


_RULES: Mapping[str, Callable[[Checking], ClaimCheck]] = {
    "standing_liquidations": standing,
    "realised_liquidations": realised,
    "imbalance": imbalance,
    "price": price,
    "price_reached": reached,
    "target": target,
    "cluster": cluster,
    "build_up": build_up,
    "open_interest": interest,
    "open_interest_change": interest_change,
    "funding": funding,
    "comparison": lambda check: (map_comparison if check.claim.is_conditional else feed_comparison)(check),
}
