"""Filling the lake with the past: what is missing is asked for, and every answer is kept at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeVar

from powderkeg.errors import InputError, PayloadError, RefusedError, VenueError, WindowOverflowError
from powderkeg.ingest.backfill_plan import BackfillPlan, FetchTask, NotToBeHad, backfill_plan
from powderkeg.ingest.listed_instruments import listed_instruments
from powderkeg.ingest.snapshots import snapshot_records
from powderkeg.ingest.venue_client import VenueClient
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import MarketRow, table_of, variant_of
from powderkeg.model.window import Window
from powderkeg.venues.asking import Request

T = TypeVar("T")
_TOGETHER = 4
_ROWS_AT_ONCE = 200_000


@dataclass(slots=True)
class BackfillReport:
    """What a backfill did.

    Attributes
    ----------
    rows
        Rows written by dataset, those already there included.
    requests, retries, limited
        Sent, sent again, and answered with "slow down".
    not_to_be_had
        Windows that nobody answers.
    failures
        Requests given up after all tries, as messages. What they were for is still missing: the same
        backfill asks for it again.
    """

    rows: dict[DatasetKey, int] = field(default_factory=dict)
    requests: int = 0
    retries: int = 0
    limited: int = 0
    not_to_be_had: list[NotToBeHad] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backfill is: requests done, requests known of, and the dataset last written."""

    done: int
    total: int
    key: DatasetKey | None


async def backfill(
    client: VenueClient,
    lake: Lake,
    symbols: Sequence[str],
    tables: Sequence[str],
    window: Window,
    *,
    interval: int,
    clock: Callable[[], int],
    progress: Callable[[Progress], None] = lambda _: None,
) -> BackfillReport:
    """Complete these tables of these instruments in [start, end) and return what was done.

    The lake is asked what is missing, the venue for exactly that, and each answer is durable before the
    next is asked for, so that the same call after any interruption continues. Tables that a venue only
    tells as of now are asked once and kept with the time of asking.

    Parameters
    ----------
    client
        The venue, opened.
    lake
        Where rows go.
    symbols
        Symbols of the venue, or coins.
    tables
        Names of tables.
    window, interval
        As for `backfill_plan`.
    clock
        UTC milliseconds now.
    progress
        Called after each request.

    Raises
    ------
    InputError
        A symbol or table is not on offer.
    VenueError
        The venue did not say what it lists.
    LakeError
        The lake cannot be written.
    """
    report = BackfillReport()
    history, states = _kinds_of(client, tables)
    instruments = await listed_instruments(client, lake, symbols, clock())
    plan = backfill_plan(
        client.venue,
        instruments.values(),
        history,
        window,
        interval=interval,
        now=clock(),
        missing=lake.missing,
    )
    report.not_to_be_had += plan.not_to_be_had
    run = _Run(client, lake, clock, report, progress, total=len(plan.tasks) + len(states))
    for table in states:
        await run.state(table, instruments)
    await run.tasks(plan)
    for key in report.rows:
        await asyncio.to_thread(lake.compact, key)
    report.requests, report.retries = client.counts.requests, client.counts.retries
    report.limited = client.counts.limited
    return report


def _kinds_of(client: VenueClient, tables: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the tables that have history, and those that are only told as of now."""
    history = {source.table for source in client.venue.history}
    states = {source.table for source in client.venue.snapshots}
    past, present = [], []
    for table in dict.fromkeys(tables):
        table_of(table)
        if table in history:
            past.append(table)
        elif table in states:
            present.append(table)
        else:
            why = client.venue.unavailable.get(table, "it is only streamed: see `powderkeg record`")
            raise InputError(f"table: {client.venue.title} has no past {table}: {why}")
    return past, present


def _request(task: FetchTask, number: int) -> Request:
    """Return what a task asks of one of its sources."""
    return task.sources[number].request(task.instrument, task.window, task.interval)


@dataclass(slots=True)
class _Run:
    client: VenueClient
    lake: Lake
    clock: Callable[[], int]
    report: BackfillReport
    progress: Callable[[Progress], None]
    total: int
    done: int = 0

    async def tasks(self, plan: BackfillPlan) -> None:
        """Make the plan's requests, a few at a time, oldest first; what several tasks ask for, once."""
        asked: dict[Request, list[FetchTask]] = {}
        for task in plan.tasks:
            asked.setdefault(_request(task, 0), []).append(task)
        waiting = iter(asked.values())

        async def worker() -> None:
            for alike in waiting:
                answers: dict[Request, bytes] | None = {} if len(alike) > 1 else None
                for task in alike:
                    await self._task(task, answers)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_TOGETHER):
                    group.create_task(worker())
        except BaseExceptionGroup as errors:
            # The lake cannot be written: one worker's word for it is enough.
            raise errors.exceptions[0] from None

    async def state(self, table: str, instruments: Mapping[str, Instrument]) -> None:
        """Ask for what is told as of now."""
        source = self.client.venue.snapshot(table)
        asked = [None] if source.whole_venue else list(instruments.values())
        for instrument in asked:
            try:
                now = self.clock()
                records = await snapshot_records(self.client, source, instruments, now, instrument)
            except VenueError as error:
                self.report.failures.append(str(error))
                continue
            rows: dict[DatasetKey, list[MarketRow]] = {}
            for record in records:
                # A pool or fund is no instrument: it is kept whole.
                if record.symbol in instruments or table == "insurance_funds":
                    key = DatasetKey(table, self.client.venue.name, record.symbol, variant_of(record.row))
                    rows.setdefault(key, []).append(record.row)
            for key, found in rows.items():
                await self._keep(key, found, "rest", ())
        self._tell(None)

    async def _task(self, task: FetchTask, answers: dict[Request, bytes] | None) -> None:
        """Do one task; `answers` are kept for others that ask the same, None where there are none."""
        try:
            for number, source in enumerate(task.sources):
                try:
                    await self._fetch_in_parts(task, number, answers)
                    break
                except RefusedError as error:
                    if number + 1 == len(task.sources):
                        path = _request(task, number).path
                        reason = f"{path} is not published" if source.aligned else str(error)
                        self.report.not_to_be_had.append(NotToBeHad(task.key, task.window, reason))
        except VenueError as error:
            self.report.failures.append(str(error))
        self._tell(task.key)

    async def _fetch_in_parts(
        self, task: FetchTask, number: int, answers: dict[Request, bytes] | None
    ) -> None:
        """Ask one source, for halves of the window where it holds more than one answer."""
        try:
            await self._fetch(task, number, answers)
        except WindowOverflowError:
            start, end = task.window
            middle = (start + end) // 2
            if middle == start:
                raise
            for half in (Window(start, middle), Window(middle, end)):
                await self._fetch_in_parts(replace(task, window=half), number, answers)

    async def _fetch(self, task: FetchTask, number: int, answers: dict[Request, bytes] | None) -> None:
        """Ask one source and keep its rows; the window is complete once the last of them is durable."""
        source, request = task.sources[number], _request(task, number)

        def rows_of(payload: bytes) -> Iterable[MarketRow]:
            return source.read(payload, task.instrument, task.window, task.interval)

        if not source.checksummed:
            rows = await self._answer(request, lambda payload: list(rows_of(payload)), answers)
            await self._keep(task.key, rows, "rest", (task.window,))
            return
        # A day of trades does not have to fit into memory as rows.
        payload = await self._answer(request, bytes, answers)
        rows_left = iter(rows_of(payload))
        try:
            while chunk := await asyncio.to_thread(lambda: list(islice(rows_left, _ROWS_AT_ONCE))):
                await self._keep(task.key, chunk, "bulk", ())
        except PayloadError as error:
            raise VenueError(f"{self.client.venue.name} {request}: {error}") from error
        await self._keep(task.key, (), "bulk", (task.window,))

    async def _answer(
        self, request: Request, read: Callable[[bytes], T], answers: dict[Request, bytes] | None
    ) -> T:
        """Return what `read` makes of an answer, of one that is there already if it can be read."""
        if answers is None:
            return await self.client.answer(request, read)
        if request in answers:
            try:
                return read(answers[request])
            except WindowOverflowError:
                raise
            except PayloadError:
                pass  # it may have been damaged where others did not look: the venue is asked again
        answers[request], found = await self.client.answer(request, lambda payload: (payload, read(payload)))
        return found

    async def _keep(
        self, key: DatasetKey, rows: Sequence[MarketRow], source: str, covered: Iterable[Window]
    ) -> None:
        await asyncio.to_thread(
            self.lake.append, key, rows, received_ts=self.clock(), source=source, covered=tuple(covered)
        )
        self.report.rows[key] = self.report.rows.get(key, 0) + len(rows)

    def _tell(self, key: DatasetKey | None) -> None:
        self.done += 1
        self.progress(Progress(self.done, self.total, key))
