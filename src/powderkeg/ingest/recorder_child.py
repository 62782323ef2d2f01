"""A recorder in a process of its own: begun again when it dies, heard meanwhile, stopped cleanly."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from powderkeg.errors import PowderkegError
from powderkeg.ingest.recorder_settings import RecorderSettings, RecorderStatus
from powderkeg.ingest.recording import RecordingRequest, record_venues
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import iso
from powderkeg.venues.registry import venue

log = logging.getLogger("powderkeg.recorder")

_TELL = 0.5
_STOPPING = 30.0
_FIRST_WAIT, _LONGEST_WAIT, _HEALTHY = 1.0, 60.0, 60.0
_SPAWN = multiprocessing.get_context("spawn")


class RecordingPlan(NamedTuple):
    """What to record at one venue, in words that another process understands; as `RecordingRequest`."""

    venue: str
    urls: Mapping[str, str]
    symbols: Sequence[str]
    tables: Sequence[str]


class VenueReport(NamedTuple):
    """How one venue is recorded.

    `listening` of `connections` are up; `lag` is ms from an event to its arrival, the largest of them;
    `last_frame` is UTC ms; `trouble` is what keeps something from being recorded or from the tables now.
    """

    venue: str
    connections: int
    listening: int
    lag: int | None
    last_frame: int | None
    trouble: str


@dataclass(frozen=True, slots=True)
class RecorderReport:
    """How a recorder fares.

    Attributes
    ----------
    state
        ``starting``, ``recording``, ``waiting`` (to begin again after its end) or ``stopped``.
    restarts
        How often it was begun again.
    trouble
        Why it ended the last time; empty if it never did, or has recorded for a minute since.
    venues
        By venue; the last that was heard.
    """

    state: Literal["starting", "recording", "waiting", "stopped"] = "starting"
    restarts: int = 0
    trouble: str = ""
    venues: tuple[VenueReport, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Return it with units in its names, for scripts."""
        return {
            "state": self.state,
            "restarts": self.restarts,
            "trouble": self.trouble,
            "venues": [
                {
                    "venue": one.venue,
                    "connections": one.connections,
                    "listening": one.listening,
                    "lag_ms": one.lag,
                    "last_frame": None if one.last_frame is None else iso(one.last_frame),
                    "trouble": one.trouble,
                }
                for one in self.venues
            ],
        }


class RecorderChild:
    """Records in another process; use it as a context manager, which stops it and waits for what is safe.

    A process that ends is begun again, after a second at first and up to a minute later, and that is logged.
    Ctrl-C in the terminal is left to the parent; a parent that is killed takes the recorder with it.

    Parameters
    ----------
    root
        The lake.
    plans
        One for each venue.
    settings
        How to record.
    """

    def __init__(self, root: Path, plans: Sequence[RecordingPlan], settings: RecorderSettings) -> None:
        self._arguments = (root, tuple(plans), settings)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_going, name="recorder", daemon=True)
        self._process: BaseProcess | None = None
        self.report = RecorderReport()

    @property
    def pid(self) -> int | None:
        """Number of the process that records now."""
        return None if self._process is None else self._process.pid

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _keep_going(self) -> None:
        wait, restarts = _FIRST_WAIT, 0
        trouble = ""
        while not self._stop.is_set():
            self.report = RecorderReport("starting", restarts, trouble)
            began = time.monotonic()
            trouble = self._run(restarts, trouble)
            if self._stop.is_set():
                break
            wait = _FIRST_WAIT if time.monotonic() - began >= _HEALTHY else wait
            log.warning("the recorder ended, and begins again in %.0f s: %s", wait, trouble)
            self.report = RecorderReport("waiting", restarts, trouble, self.report.venues)
            self._stop.wait(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
            restarts += 1
        self.report = RecorderReport("stopped", restarts, trouble, self.report.venues)

    def _run(self, restarts: int, trouble: str) -> str:
        """Record until the process ends or is to stop, and return why it ended."""
        pipe, theirs = _SPAWN.Pipe()
        process = self._process = _SPAWN.Process(target=_record, args=(theirs, *self._arguments))
        process.start()
        theirs.close()
        began = time.monotonic()
        reason = ""
        try:
            while not self._stop.is_set():
                if not pipe.poll(_TELL):
                    continue
                told = pipe.recv()
                if isinstance(told, str):
                    reason = told
                    continue
                before = trouble if time.monotonic() - began < _HEALTHY else ""
                self.report = RecorderReport("recording", restarts, before, told)
        except (EOFError, OSError):  # it has ended
            pass
        finally:
            pipe.close()  # which tells it to stop
            process.join(_STOPPING)
            if process.is_alive():
                log.warning("the recorder did not stop within %.0f s, and is killed", _STOPPING)
                process.kill()
                process.join()
        return reason or f"its process ended with status {process.exitcode}"


def _record(pipe: Connection, root: Path, plans: Sequence[RecordingPlan], settings: RecorderSettings) -> None:
    """Record until the other end of the pipe is closed or SIGTERM comes; say how it fares."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(_recording(pipe, root, plans, settings))
    except PowderkegError as error:
        _tell(pipe, str(error))


async def _recording(
    pipe: Connection, root: Path, plans: Sequence[RecordingPlan], settings: RecorderSettings
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)

    def ended() -> None:  # nothing is ever sent: the other end is closed
        loop.remove_reader(pipe.fileno())
        stop.set()

    loop.add_reader(pipe.fileno(), ended)
    requests = [RecordingRequest(venue(one.venue), one.urls, one.symbols, one.tables) for one in plans]
    statuses: dict[str, RecorderStatus] = {}
    lake = await asyncio.to_thread(Lake, root, create=True)
    recording = asyncio.create_task(
        record_venues(requests, lake, settings, stop, statuses, clock=time.time_ns)
    )
    told: tuple[VenueReport, ...] = ()
    while not recording.done():
        await asyncio.wait([recording], timeout=_TELL)
        if (now := _reports(statuses)) != told and not stop.is_set():
            told = now
            _tell(pipe, now)
    await recording


def _tell(pipe: Connection, what: object) -> None:
    try:
        pipe.send(what)
    except OSError:  # nobody listens any more
        return


def _reports(statuses: Mapping[str, RecorderStatus]) -> tuple[VenueReport, ...]:
    found = []
    for name, status in statuses.items():
        lags = [one.lag for one in status.connections if one.lag is not None]
        frames = [one.last_frame for one in status.connections if one.last_frame]
        troubles = [one.trouble for one in status.connections if one.state != "listening" and one.trouble]
        found.append(
            VenueReport(
                name,
                len(status.connections),
                sum(one.state == "listening" for one in status.connections),
                max(lags, default=None),
                max(frames, default=None),
                status.trouble or next(iter(troubles), ""),
            )
        )
    return tuple(found)
