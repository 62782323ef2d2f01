"""An envelope in few points, for those who draw it or read it elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from powderkeg.core.cascade_envelope import Envelope
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray, IntArray, read_only

# Below this share of its largest value a curve's error is not taken relative to the value any more.
_SMALL = 1e-3
# Orders breakpoints at one displacement without moving any: levels of a book are far wider apart.
_APART = 1e-12


@dataclass(frozen=True, slots=True)
class EnvelopePoints:
    """Columns of which each is read along straight lines in displacement; arrays of shape (k,).

    Attributes
    ----------
    displacement
        Not descending from 0; one that stands more than once is a jump, from its first to its last point.
    absorbed, forced
        D and L there, as in `powderkeg.core.cascade_envelope.Envelope`.
    push
        Running maximum of D - L, at least 0: the smallest order that gets there, at a jump its first point.
        The other way round, an order lands where this first reaches its size.
    """

    displacement: FloatArray
    absorbed: FloatArray
    forced: FloatArray
    push: FloatArray

    def __post_init__(self) -> None:
        for name in ("displacement", "absorbed", "forced", "push"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


def envelope_points(
    found: Envelope, farthest: float, *, most: int, through: Sequence[float] = ()
) -> EnvelopePoints:
    """Return the envelope up to a displacement in at most `most` points, each of them exact.

    Those are kept that straight lines between the others miss by most, relative to the value. Where there are
    no more than `most` in the first place nothing is lost.

    Parameters
    ----------
    found
        The envelope.
    farthest
        Where it ends, > 0, or earlier if the book does.
    most
        How many points, at least three for each of `through` and the two ends.
    through
        Displacements that have to be points, with all of a jump; those farther away are left out.

    Raises
    ------
    InputError
        `farthest` is not positive, or `most` is too small.
    """
    if not (np.isfinite(farthest) and farthest > 0):
        raise InputError(f"farthest: {farthest:g}; expected a displacement above 0")
    end = min(farthest, float(found.displacement[-1]))
    wanted = np.unique([0.0, end, *(place for place in through if 0 <= place <= end)])
    whole = _with(found, np.concatenate([wanted, _resumptions(found)]), end)
    rows = np.arange(len(whole[0]))
    if len(rows) > most:
        kept = np.flatnonzero(np.isin(whole[0], wanted))
        if len(kept) > most:
            raise InputError(f"most: {most}; expected at least {len(kept)}, the points that are asked for")
        rows = _kept(whole[0], np.stack(whole[1:]), kept, most)
    return EnvelopePoints(*(column[rows] for column in whole))


def _resumptions(found: Envelope) -> FloatArray:
    """Return where D - L, having been below its running maximum, comes back to it inside a stretch."""
    gap = found.absorbed - found.forced
    push = np.maximum(found.reach, 0.0)
    below = np.flatnonzero((gap[:-1] < push[:-1]) & (gap[1:] > push[:-1]))
    share = (push[below] - gap[below]) / (gap[below + 1] - gap[below])
    return np.asarray(found.displacement[below] + share * np.diff(found.displacement)[below])


def _with(found: Envelope, places: FloatArray, end: float) -> tuple[FloatArray, ...]:
    """Return displacement, D, L and push up to `end`, with points at these places."""
    new = np.unique(places[~np.isin(places, found.displacement) & (places <= end)])
    inside = found.displacement <= end
    at = np.concatenate([found.displacement[inside], new])
    order = np.argsort(at, kind="stable")
    absorbed, forced = (
        np.concatenate([known[inside], np.interp(new, found.displacement, known)])[order]
        for known in (found.absorbed, found.forced)
    )
    return at[order], absorbed, forced, np.maximum(np.maximum.accumulate(absorbed - forced), 0.0)


def _kept(displacement: FloatArray, curves: FloatArray, kept: IntArray, most: int) -> IntArray:
    """Return `most` rows: `kept`, and those that lines between the rows kept so far miss by most."""
    rows = np.arange(len(displacement))
    place = displacement + _APART * rows
    scale = np.maximum(curves, _SMALL * curves.max(axis=1, keepdims=True) + 1e-300)
    while len(kept) < most:
        lines = np.stack([np.interp(place, place[kept], curve[kept]) for curve in curves])
        error = (np.abs(lines - curves) / scale).max(axis=0)
        error[kept] = 0.0
        # The worst row between each two that are kept; of these, the worst.
        between = np.searchsorted(kept, rows, side="right")
        order = np.lexsort((error, between))
        last = np.append(np.flatnonzero(np.diff(between[order])), len(rows) - 1)
        worst = order[last]
        worst = worst[error[worst] > 0]
        if not len(worst):
            break
        worst = worst[np.argsort(-error[worst], kind="stable")][: most - len(kept)]
        kept = np.union1d(kept, worst)
    return kept
