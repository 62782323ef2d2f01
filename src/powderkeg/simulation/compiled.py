"""How the functions of the market kernel are compiled.

They call each other and most are never called from Python, so the wrappers for that, which take longer to
compile than many of the functions themselves, are left out.

numba keeps compiled functions on disk and renews each when its own file changes, but not when a function that
it calls in another file does. `kernel_digest` goes into the type of the state, so that any change renews all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from types import CodeType
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])

_COMPILED: set[str] = set()


def inside_kernel(function: Function) -> Function:
    """Return `function` compiled, to be called by compiled code only."""
    _remember(function)
    options: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast("Function", njit(cache=True, error_model="numpy", **options)(function))


def into_kernel(function: Function) -> Function:
    """Return `function` compiled, to be called by Python as well."""
    _remember(function)
    return cast("Function", njit(cache=True, error_model="numpy")(function))


def kernel_digest() -> str:
    """Return 12 hexadecimal digits that change with the code or a constant of any function compiled here."""
    return hashlib.sha256("\n".join(sorted(_COMPILED)).encode()).hexdigest()[:12]


def _remember(function: Function) -> None:
    code: CodeType = function.__code__
    constants = {
        name: value
        for name, value in function.__globals__.items()
        if isinstance(value, int | float | tuple) and not name.startswith("__")
    }
    parts = (
        function.__qualname__,
        code.co_code,
        code.co_names,
        code.co_consts[1:],
        sorted(constants.items()),
    )
    _COMPILED.add(repr(parts))
