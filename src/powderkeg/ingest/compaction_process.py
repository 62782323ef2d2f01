"""A process of its own that moves segments into tables, so that no frame waits for it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import TracebackType
from typing import Self

from powderkeg.errors import LakeError
from powderkeg.ingest.live_compaction import CompactedSegment, compact_segment


class CompactionProcess:
    """Moves one segment at a time; use it as a context manager, which waits for the last one.

    The process begins with the first segment and ends with its parent, however that ends.

    Parameters
    ----------
    root
        The lake.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._executor = _executor()

    async def compact(self, path: Path) -> CompactedSegment:
        """Return what `compact_segment` does.

        Raises
        ------
        PowderkegError
            As from there, or the process was killed; the segment stays, and the next one gets a new process.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._executor, compact_segment, self._root, path)
        except BrokenProcessPool as error:
            self._executor.shutdown(wait=False)
            self._executor = _executor()
            raise LakeError(
                f"{path} is not in the tables: the process that moved it was killed; is memory short?"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown()


def _executor() -> ProcessPoolExecutor:
    # Polars and fork do not go together.
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_begin)


def _begin() -> None:
    """Leave signals to the parent: a Ctrl-C in the terminal reaches both; and go when it goes."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    # A segment that is half moved is moved by the next recorder.
    os._exit(1)
