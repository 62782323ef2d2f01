"""The state of the worlds estimator between two bars: everything needed to go on as if never interrupted."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from powderkeg.model.arrays import FloatArray, IntArray, read_only
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.worlds_parameters import LONG, SHORT, TURNOVER_CLASSES, WorldsParameters

# Bins kept free at each end, so that the neighbours of an occupied bin always exist.
_MARGIN = 4
# Sums of differences leave rounding behind; less than this share of the open interest is nothing.
RESIDUE = 1e-12


@dataclass(frozen=True, slots=True)
class InventoryState:
    """Open interest by side, world and liquidation price, as the kernels store it.

    Storage runs towards the price on both sides: bin j of a long is price bin ``first_bin + j``, bin j of a
    short is price bin ``first_bin + bins - 1 - j``, both before the funding shift. See `worlds_kernel` for
    why differences and an inverse scale are stored instead of masses.

    Attributes
    ----------
    parameters
        The dictionary and weights.
    as_of
        End of the last bar folded in, UTC milliseconds; 0 before the first.
    bars
        Number of observed bars folded in.
    open_interest
        One-sided open interest in base units after that bar.
    mark_price
        Mark price at the close of the last observed bar; NaN before the first.
    funding
        Sum of the funding rates since the first bar; shifts both sides' liquidation prices up.
    first_bin
        Number of the price bin that storage begins at.
    increments
        Shape (2, D, bins, 4).
    growth
        Shape (2, D, 4).
    top, bottom
        Highest and lowest storage bin that may be occupied, shape (2, D).
    initial
        Upper bound of what is left of the positions assumed before the first bar, stored like an increment,
        shape (2, D, 4).
    """

    parameters: WorldsParameters
    as_of: int
    bars: int
    open_interest: float
    mark_price: float
    funding: float
    first_bin: int
    increments: FloatArray
    growth: FloatArray
    top: IntArray
    bottom: IntArray
    initial: FloatArray

    def __post_init__(self) -> None:
        for name in ("increments", "growth", "initial"):
            object.__setattr__(self, name, read_only(getattr(self, name)))
        for name in ("top", "bottom"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.int64))

    @property
    def bins(self) -> int:
        """Number of storage bins."""
        return int(self.increments.shape[2])

    @property
    def drift(self) -> int:
        """Funding shift in whole bins."""
        return round(self.funding / self.parameters.bin_width)

    @property
    def grid(self) -> PriceGrid:
        """The price bins that storage covers, funding shift included."""
        return PriceGrid(self.parameters.bin_width, self.first_bin + self.drift, self.bins)


def empty_state(parameters: WorldsParameters) -> InventoryState:
    """Return the state before the first bar: no open interest, no bins."""
    classes = parameters.nearest.shape[1]
    return InventoryState(
        parameters=parameters,
        as_of=0,
        bars=0,
        open_interest=0.0,
        mark_price=np.nan,
        funding=0.0,
        first_bin=0,
        increments=np.zeros((2, classes, 0, TURNOVER_CLASSES)),
        growth=np.ones((2, classes, TURNOVER_CLASSES)),
        top=np.full((2, classes), -1),
        bottom=np.full((2, classes), 0),
        initial=np.zeros((2, classes, TURNOVER_CLASSES)),
    )


def covering(state: InventoryState, lowest: float, highest: float) -> InventoryState:
    """Return `state` with storage grown to hold every level opened at prices in [lowest, highest].

    `lowest` and `highest` are in bins from a price of 1, funding shift removed. Nothing stored moves or
    changes; the farthest distance class and a small margin are added on either side.
    """
    width = state.parameters.bin_width
    first = math.floor(lowest - state.parameters.farthest[LONG].max() / width) - _MARGIN
    stop = math.ceil(highest + state.parameters.farthest[SHORT].max() / width) + _MARGIN
    if state.bins == 0:
        below, above = 0, stop - first
        start = first
    else:
        below = max(state.first_bin - first, 0)
        above = max(stop - state.first_bin - state.bins, 0)
        start = state.first_bin - below
    if below == 0 and above == 0:
        return state
    classes = state.growth.shape[1]
    grown = np.zeros((2, classes, state.bins + below + above, TURNOVER_CLASSES))
    grown[LONG, :, below : below + state.bins] = state.increments[LONG]
    grown[SHORT, :, above : above + state.bins] = state.increments[SHORT]
    moved = np.array([[below], [above]])
    if state.bars == 0:
        top = np.full((2, classes), -1)
        bottom = np.full((2, classes), grown.shape[2])
    else:
        top, bottom = state.top + moved, state.bottom + moved
    return replace(state, first_bin=start, increments=grown, top=top, bottom=bottom)


def masses(state: InventoryState) -> FloatArray:
    """Return the quantity in base units per side, class, turnover and storage bin, shape (2, D, 4, bins).

    Summed from the price outwards; rounding residue below a trillionth of the open interest is set to zero.
    """
    summed = np.cumsum(state.increments[:, :, ::-1, :], axis=2)[:, :, ::-1, :]
    quantity = np.moveaxis(summed / state.growth[:, :, None, :], 3, 2)
    index = np.arange(state.bins)
    outside = (index < state.bottom[:, :, None]) | (index > state.top[:, :, None])
    quantity[np.broadcast_to(outside[:, :, None, :], quantity.shape)] = 0.0
    quantity[quantity < RESIDUE * state.open_interest] = 0.0
    return np.ascontiguousarray(quantity)


def from_masses(state: InventoryState, quantity: FloatArray, initial: FloatArray) -> InventoryState:
    """Return `state` holding `quantity`, shape (2, D, 4, bins), in storage form with a growth of 1."""
    padded = np.concatenate([quantity, np.zeros((*quantity.shape[:3], 1))], axis=3)
    increments = np.moveaxis(padded[..., :-1] - padded[..., 1:], 2, 3)
    occupied = quantity.max(axis=2) > 0.0
    index = np.arange(state.bins)
    return replace(
        state,
        increments=increments,
        growth=np.ones_like(state.growth),
        top=np.where(occupied, index, -1).max(axis=2, initial=-1),
        bottom=np.where(occupied, index, state.bins).min(axis=2, initial=state.bins),
        initial=initial,
    )
