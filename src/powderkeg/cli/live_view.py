"""The state of what runs until it is stopped: in place for people, now and then as a line otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import RenderableType
from rich.live import Live

from powderkeg.cli.terminal import messages

_TELL_EVERY = 10.0


@contextmanager
def live_view(
    view: Callable[[], RenderableType], tell: Callable[[], None], *, as_json: bool
) -> Iterator[Callable[[], None]]:
    """Yield a function that shows the state; it is called often.

    Parameters
    ----------
    view
        Returns what is drawn in place, on a terminal that no JSON goes to.
    tell
        Prints the state otherwise; called every ten seconds at most, and not in the first ten.
    as_json
        Whether the output is JSON.
    """
    if messages.is_terminal and not as_json:
        with Live(console=messages, auto_refresh=False, transient=True) as live:
            yield lambda: live.update(view(), refresh=True)
        return
    told = time.monotonic()

    def now_and_then() -> None:
        nonlocal told
        if time.monotonic() - told >= _TELL_EVERY:
            told = time.monotonic()
            tell()

    yield now_and_then
