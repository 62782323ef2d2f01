"""How much memory a value of ours keeps from being freed: its arrays and bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def held_bytes(value: Any) -> int:
    """Return the bytes of all arrays and byte strings in a value, each counted once.

    It looks into dataclasses, mappings, tuples and lists. A view counts as the array that it keeps alive.
    Numbers, text and the objects themselves are left out: what is large here is arrays and bodies.
    """
    seen: dict[int, int] = {}
    waiting = [value]
    entered: set[int] = set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, np.ndarray):
            while isinstance(one.base, np.ndarray):
                one = one.base
            seen[id(one)] = one.nbytes
        elif isinstance(one, bytes):
            seen[id(one)] = len(one)
        elif id(one) not in entered:
            entered.add(id(one))
            waiting.extend(_parts(one))
    return sum(seen.values())


def _parts(value: Any) -> list[Any]:
    if is_dataclass(value):
        return [getattr(value, one.name) for one in fields(value)]
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, (tuple, list)) else []
