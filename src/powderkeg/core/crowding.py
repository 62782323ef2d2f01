"""Who is offside: how much of each side loses at a price, and how much of it stands near liquidation there.

*Measured*, from positions whose entry prices are published: a long is offside below its entry, a short above.
*Modelled*, from the worlds estimator, which keeps liquidation levels by distance class and no entries: a
position of a class that opens at distances from a to b of its level has entered between level + a and
level + b (in log price, for a long; level - b and level - a for a short), and a level that funding has moved
since may hide as much again. So of each bin some are offside for certain, some may be, and in between stands
an estimate with entries spread evenly over the class. Positions assumed before the first bar, and the inert
part of open interest, have no entry that anything is known of: they may all be offside, or none. All of it
hangs on the model's law of distances: where that is wrong, so are the estimate and, rarely, its bounds.

Being offside is no reason to close, and a crowded side no forecast: it says who would be hurt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from powderkeg.core.account_resampling import DRAWS, Estimate, account_estimates
from powderkeg.core.arguments import non_negative, positive
from powderkeg.core.inventory_state import InventoryState
from powderkeg.core.position_distances import chosen_positions, log_reach, refuse_contradictions
from powderkeg.core.worlds import standing_quantity, warm_up_share
from powderkeg.errors import InputError
from powderkeg.model.account_positions import PositionSnapshot
from powderkeg.model.arrays import FloatArray
from powderkeg.model.worlds_parameters import LONG

NEAR = 0.05
# With less than this much of the open interest opened in sight of the model, nothing is said of entries.
LEAST_KNOWN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredCrowding:
    """One side of the counted positions in one coin, valued at `price`.

    Attributes
    ----------
    position_side
        +1 for longs, -1 for shorts.
    price
        Quote per base.
    positions, accounts
        How many still stand there.
    notional
        What they hold, in quote.
    passed
        Notional whose level lies between the mark and `price`, or was behind the mark already: gone by then.
    offside
        Share of `notional` in unrealised loss, with what it owes to the accounts in the sample.
    offside_notional, unrealised_loss
        Notional of those, and the sum of their losses, in quote.
    near
        Notional whose level is within the reach asked for, ahead of the price.
    without_level
        Notional without a liquidation price, or margined over a portfolio: not in `passed` and not in `near`.
    offside_of_open_interest
        Least and greatest share of the side's open interest that can be offside, with all positions that were
        not counted in profit, and all in loss; None where open interest is not known.
    """

    position_side: int
    price: float
    positions: int
    accounts: int
    notional: float
    passed: float
    offside: Estimate
    offside_notional: float
    unrealised_loss: float
    near: float
    without_level: float
    offside_of_open_interest: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelledCrowding:
    """One side of the modelled open interest at `price`.

    Attributes
    ----------
    position_side, price
        As in `MeasuredCrowding`.
    notional
        What stands in the model, in quote at `price`, without the inert part.
    passed
        Modelled notional whose level lies between the mark and `price`.
    offside
        Share of `notional` in unrealised loss, with entries spread evenly over each class.
    lowest, highest
        Least and greatest share of the side's whole open interest that can be offside: class widths, funding,
        positions from before the first bar and the inert part all set against it, and all for it.
    near
        Modelled notional whose level is within the reach asked for.
    inert, warm_up
        Shares of open interest of which the model says nothing, and at most, that was there before its data.
    """

    position_side: int
    price: float
    notional: float
    passed: float
    offside: float
    lowest: float
    highest: float
    near: float
    inert: float
    warm_up: float


def measured_crowding(
    snapshot: PositionSnapshot,
    coin: str,
    position_side: int,
    generator: np.random.Generator,
    *,
    price: float | None = None,
    near: float = NEAR,
    open_interest: float | None = None,
    draws: int = DRAWS,
) -> MeasuredCrowding:
    """Return who of the counted positions is offside at a price.

    Parameters
    ----------
    snapshot, coin
        The positions, and which coin.
    position_side
        +1 for longs, -1 for shorts.
    generator, draws
        As in `powderkeg.core.account_resampling.account_estimates`.
    price
        Quote per base; the mark by default. Elsewhere the other coins of cross accounts are taken to stand
        still.
    near
        Reach as a fraction of `price`, above 0 and below 1.
    open_interest
        One-sided open interest of the venue in base, if known.

    Raises
    ------
    InputError
        Nobody holds the coin, its mark is not known, a number is outside its range, or the snapshot
        contradicts itself.
    """
    if position_side not in (-1, 1):
        raise InputError(f"position_side is {position_side}; expected +1 or -1")
    refuse_contradictions(snapshot)
    mark = float(snapshot.mark_price[snapshot.number_of(coin)])
    if not mark > 0:
        raise InputError(f"mark_price of {coin} is not known in this snapshot; expected a positive price")
    at = mark if price is None else float(positive("price", price))
    reach = float(log_reach(near, position_side))
    chosen = np.flatnonzero(chosen_positions(snapshot, coin=coin, position_side=position_side))
    account, quantity = snapshot.account[chosen], snapshot.quantity[chosen]
    level = np.where(snapshot.portfolio_margin[account], np.nan, snapshot.liquidation_price[chosen])
    ahead = position_side * (math.log(at) - np.log(level))
    # Swept on the way there, whether the way goes towards the level or comes back from beyond it.
    passed = np.minimum(ahead, position_side * (math.log(mark) - np.log(level))) <= 0
    standing = ~passed
    loss = np.maximum(position_side * (snapshot.entry_price[chosen] - at), 0.0) * quantity
    held = quantity * at
    offside = standing & (loss > 0)

    def share(times: FloatArray) -> FloatArray:
        total = (times * held * standing).sum()
        return np.array([(times * held * offside).sum() / total if total > 0 else np.nan])

    total, lost = float(held[standing].sum()), float(held[offside].sum())
    bounds = None
    if open_interest is not None:
        side_total = float(positive("open_interest", open_interest)) * at
        everything = max(side_total, float(held.sum()))
        unseen = everything - float(held.sum())
        bounds = (lost / everything, (lost + unseen) / everything)
    return MeasuredCrowding(
        position_side=position_side,
        price=at,
        positions=int(standing.sum()),
        accounts=len(np.unique(account[standing])),
        notional=total,
        passed=float(held[passed].sum()),
        offside=account_estimates(share, account, generator, draws)[0],
        offside_notional=lost,
        unrealised_loss=float(loss[offside].sum()),
        near=float(held[standing & (ahead <= reach)].sum()),
        without_level=float(held[np.isnan(level)].sum()),
        offside_of_open_interest=bounds,
    )


def modelled_crowding(
    state: InventoryState,
    position_side: int,
    *,
    price: float | None = None,
    near: float = NEAR,
    weights: FloatArray | None = None,
) -> ModelledCrowding:
    """Return who of the modelled open interest is offside at a price, as far as the model can say.

    Parameters
    ----------
    state
        State of the worlds estimator.
    position_side, price, near
        As in `measured_crowding`.
    weights
        Share of open interest per world, shape (2, D, 4); those of the state's parameters by default.

    Raises
    ------
    InputError
        A number is outside its range; the state has seen no bar; no open interest is modelled; or more than
        half of what is may be from before the first bar, so that its entries are a guess.
    """
    if position_side not in (-1, 1):
        raise InputError(f"position_side is {position_side}; expected +1 or -1")
    if not state.open_interest > 0:
        raise InputError("state: holds no open interest; expected one that has seen bars")
    side = LONG if position_side > 0 else 1 - LONG
    parameters = state.parameters
    given = non_negative("weights", parameters.weights if weights is None else weights)
    if given.shape != parameters.weights.shape:
        raise InputError(f"weights: shape {given.shape}; expected {parameters.weights.shape}")
    modelled = float(given[side].sum())
    if not modelled > 0:
        raise InputError("weights: no open interest of this side is modelled; expected a share above 0")
    warm_up = warm_up_share(state, given)[side]
    if warm_up > 1 - LEAST_KNOWN:
        raise InputError(
            f"state: up to {warm_up:.0%} of its positions are from before its first bar, and their entries "
            f"are a guess; expected {1 - LEAST_KNOWN:.0%} at most: begin with earlier bars"
        )
    at = state.mark_price if price is None else float(positive("price", price))
    reach = float(log_reach(near, position_side))
    # Base units by distance class and bin.
    quantity = np.einsum("dt,dtb->db", given[side], standing_quantity(state)[side])
    ahead = position_side * (math.log(at) - np.log(state.grid.centres))
    behind_mark = position_side * (math.log(state.mark_price) - np.log(state.grid.centres))
    passed = np.minimum(ahead, behind_mark) <= 0
    held = np.where(passed, 0.0, quantity)
    nearest, farthest = parameters.nearest[side][:, None], parameters.farthest[side][:, None]
    # A position is offside if it entered farther from its level than the price is.
    slack = parameters.bin_width / 2 + abs(state.funding)
    width = np.maximum(farthest - nearest, parameters.bin_width)
    middle = (nearest + farthest + width) / 2
    estimate = np.clip((middle - ahead) / width, 0.0, 1.0)
    total = float(held.sum())
    if not total > 0:
        raise InputError(f"price: {at:.10g} lies beyond every level of this side; nothing would stand there")
    certain = float(held[(nearest - slack > ahead) & ~passed].sum())
    possible = float(held[(farthest + slack > ahead) & ~passed].sum())
    whole = max(modelled, 1.0) * state.open_interest
    guessed = warm_up * modelled * state.open_interest
    inert = max(1.0 - modelled, 0.0)
    return ModelledCrowding(
        position_side=position_side,
        price=at,
        notional=total * at,
        passed=float(quantity[:, passed].sum()) * at,
        offside=float((held * estimate).sum()) / total,
        lowest=max(certain - guessed, 0.0) / whole,
        highest=min(possible + guessed + inert * state.open_interest, whole) / whole,
        near=float(held[:, ahead <= reach].sum()) * at,
        inert=inert,
        warm_up=warm_up,
    )
