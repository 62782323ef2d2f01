"""Keeping the number of files in a dataset small."""

from __future__ import annotations

from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake

_MOST_PARTS = 64


def merge_if_many(lake: Lake, key: DatasetKey) -> None:
    """Merge the parts of a dataset once they are more than 64.

    Raises
    ------
    LakeError
        A part is damaged, or the lake cannot be written.
    """
    if lake.summary(key).parts > _MOST_PARTS:
        lake.compact(key)
