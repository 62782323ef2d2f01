"""A census: asking a venue account by account who holds what, for as long as it is let."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence

from powderkeg.core.census_schedule import CensusSchedule
from powderkeg.errors import PayloadError, RefusedError, VenueError
from powderkeg.ingest.account_discovery import AccountDiscovery
from powderkeg.ingest.census_ledger import CensusLedger
from powderkeg.ingest.census_market import keep_market
from powderkeg.ingest.census_memory import known_accounts, last_states, remember
from powderkeg.ingest.census_progress import CensusProgress
from powderkeg.ingest.census_settings import CensusSettings, census_of
from powderkeg.ingest.census_writer import CensusWriter, census_keys
from powderkeg.ingest.venue_client import VenueClient
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import DAY
from powderkeg.venues.census import AccountReading

_LOOK = 1.0
_MARGINING_KEPT = DAY
_AS_USUAL = CensusSettings()


class CensusRun:
    """A census of one venue into one lake; killed at any time, the same run goes on from what is safe.

    Parameters
    ----------
    client
        The venue, opened, with `ONE_TRY` as its patience or another that tries once.
    lake
        Where states go, and where known accounts and their last states come from.
    accounts
        Accounts to ask beside those that are found, as the venue writes them.
    settings
        See there.
    clock
        UTC ms.

    Raises
    ------
    InputError
        Positions are not public at the venue, or an account is none.
    """

    def __init__(
        self,
        client: VenueClient,
        lake: Lake,
        accounts: Sequence[str] = (),
        settings: CensusSettings = _AS_USUAL,
        *,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._census = census_of(client.venue)
        self._client = client
        self._lake = lake
        self._listed = [self._census.account(one) for one in accounts]
        self._settings = settings
        self._clock = clock
        self.progress = CensusProgress(client.venue.name)
        self.schedule = CensusSchedule(settings.policy)
        self._ledger = CensusLedger(self.schedule, self.progress)
        self._keys = census_keys(client.venue, self._census)
        self._writer = CensusWriter(lake, self._keys, f"{clock()}-{os.getpid()}")
        self._margining: dict[str, tuple[str, int]] = {}
        self._strikes = 0
        self._closed_until = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Ask until `stop` is set; what was answered by then is safe when this returns.

        Raises
        ------
        LakeError
            The lake cannot be read or written; what was acknowledged is safe.
        """
        await asyncio.to_thread(self._remember)
        self.progress.state = "asking"
        discovery = AccountDiscovery(
            self._client, self._census, self._lake, self._ledger, self.progress, self._settings, self._clock
        )
        works = [self._ask_on() for _ in range(self._settings.together)]
        works += [self._flush(), self._look(), self._keep_market(), discovery.run(self._listed)]
        tasks = [asyncio.create_task(work) for work in works]
        stopping = asyncio.create_task(stop.wait())
        at_work = set(tasks)
        try:
            while not stop.is_set():
                await asyncio.wait({*at_work, stopping}, return_when=asyncio.FIRST_COMPLETED)
                for ended in [task for task in at_work if task.done()]:
                    ended.result()  # an error ends the census
                    at_work.remove(ended)
        finally:
            stopping.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)
            await self._write()
            self._count()
            self.progress.state = "stopped"

    def _remember(self) -> None:
        accounts, states, positions = self._keys
        last = last_states(self._lake, states, positions, self._clock())
        remember(self.schedule, known_accounts(self._lake, accounts), last)
        told = last.states.select("account", "margining", "ts").iter_rows()
        self._margining = {account: (word, ts) for account, word, ts in told if word}
        self._count()

    async def _ask_on(self) -> None:
        while True:
            pause = self._closed_until - time.monotonic()
            account = self.schedule.next(self._clock()) if pause <= 0 else None
            if account is None:
                wait = self.schedule.wait(self._clock())
                await asyncio.sleep(pause if pause > 0 else min(_LOOK, (wait or 50) / 1000))
                continue
            try:
                await self._ask(account)
            except asyncio.CancelledError:
                self.schedule.put_back(account)
                raise

    async def _ask(self, account: str) -> None:
        self.progress.asked += 1
        try:
            payload = await self._client.answer(self._census.request(account), bytes)
            reading = self._census.read(payload, account, self._clock())
            self._strikes = 0
            if reading.positions:
                reading = await self._with_margining(reading)
        except (RefusedError, PayloadError) as error:
            if isinstance(error, PayloadError):
                self.progress.unreadable += 1
            else:
                self.progress.refused += 1
            self.schedule.failed(account, self._clock())
            self._strike(error)
        except VenueError as error:
            self.progress.interrupted += 1
            self.schedule.put_back(account)
            self._strike(error)
        else:
            self.progress.state = "asking"
            self._ledger.answered(reading, self._clock())

    async def _with_margining(self, reading: AccountReading) -> AccountReading:
        """Return the reading with how the account is margined, asked for once a day.

        As long as that cannot be had, what was known before stands.
        """
        state = reading.state
        word, asked_at = self._margining.get(state.account, ("", 0))
        if self._census.margining_request is not None and self._clock() - asked_at >= _MARGINING_KEPT:
            try:
                payload = await self._client.answer(self._census.margining_request(state.account), bytes)
                word = self._census.read_margining(payload)
            except VenueError as error:
                self._strike(error)
            else:
                self._margining[state.account] = word, self._clock()
        return reading._replace(state=state._replace(margining=word)) if word else reading

    def _strike(self, error: VenueError) -> None:
        """Pause, longer each time, if nobody is answered or the venue says to slow down."""
        self.progress.trouble = str(error)
        self._strikes += 1
        if self._client.counts.limited > self.progress.limited:
            self.progress.limited = self._client.counts.limited
            self._strikes = max(self._strikes, self._settings.together)
        doublings = self._strikes - self._settings.together
        if doublings >= 0:
            self.progress.state = "waiting"
            pause = min(self._settings.first_pause * 2.0 ** min(doublings, 20), self._settings.longest_pause)
            self._closed_until = max(self._closed_until, time.monotonic() + pause)

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(self._settings.flush)
            await self._write()

    async def _write(self) -> None:
        writing = asyncio.ensure_future(asyncio.to_thread(self._writer.write, self._ledger.taken()))
        try:
            self.progress.acknowledged += await asyncio.shield(writing)
        except asyncio.CancelledError:
            # One at a time may write, and what is written counts though nobody waits for it.
            self.progress.acknowledged += await writing
            raise

    async def _look(self) -> None:
        while True:
            self.schedule.see_marks(self._ledger.mark_price)
            self._count()
            await asyncio.sleep(_LOOK)

    async def _keep_market(self) -> None:
        while True:
            try:
                await keep_market(self._client, self._census, self._lake, self._clock())
            except VenueError as error:
                self.progress.trouble = str(error)
            await asyncio.sleep(self._settings.market_every)

    def _count(self) -> None:
        self.progress.accounts = len(self.schedule)
        self.progress.classes = self.schedule.counts
