"""Finding accounts: in the venue's own list, in recorded and in live trades, and in a user's list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from powderkeg.errors import PayloadError, VenueError
from powderkeg.ingest.account_stream import AccountStream
from powderkeg.ingest.census_ledger import CensusLedger
from powderkeg.ingest.census_progress import CensusProgress
from powderkeg.ingest.census_settings import CensusSettings
from powderkeg.ingest.listed_instruments import instrument_of_row, listed_rows
from powderkeg.ingest.venue_client import VenueClient
from powderkeg.lake.market_lake import Lake
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import Trade
from powderkeg.model.times import HOUR
from powderkeg.model.window import Window
from powderkeg.venues.asking import Request
from powderkeg.venues.census import Census

_LISTED_EVERY = 6 * 3600.0
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 600.0


class AccountDiscovery:
    """Fills the ledger of a census with accounts, from wherever its settings say.

    Parameters
    ----------
    client, census, lake, ledger, progress, settings, clock
        Those of the census.
    """

    def __init__(
        self,
        client: VenueClient,
        census: Census,
        lake: Lake,
        ledger: CensusLedger,
        progress: CensusProgress,
        settings: CensusSettings,
        clock: Callable[[], int],
    ) -> None:
        self._client = client
        self._census = census
        self._lake = lake
        self._ledger = ledger
        self._progress = progress
        self._settings = settings
        self._clock = clock
        self._instruments: dict[str, Instrument] = {}

    async def run(self, accounts: Sequence[str]) -> None:
        """Take up these accounts, then find others until cancelled; raises `LakeError`."""
        now = self._clock()
        for account in accounts:
            self._ledger.found(account, now, "list", now)
        works = [self._from_archive()] if self._settings.archive else []
        if self._settings.listed and self._census.listed_request is not None:
            works.append(self._from_list(self._census.listed_request))
        if self._settings.trades:
            works.append(self._from_trades())
        try:
            async with asyncio.TaskGroup() as group:
                for work in works:
                    group.create_task(work)
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _from_list(self, request: Request) -> None:
        wait = _FIRST_WAIT
        while True:
            try:
                payload = await self._client.answer(request, bytes)
                listed = await asyncio.to_thread(self._census.read_listed, payload)
            except VenueError as error:
                self._progress.trouble = str(error)
                await asyncio.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
                continue
            now = self._clock()
            for account, value in listed:
                self._ledger.found(account, now, "leaderboard", now, value)
            wait = _FIRST_WAIT
            await asyncio.sleep(_LISTED_EVERY)

    async def _from_archive(self) -> None:
        """Take up who traded in recorded frames, an hour at a time, the latest first."""
        now = self._clock()
        for end in range(now, now - self._settings.archive, -HOUR):
            start = max(end - HOUR, now - self._settings.archive)
            named = await asyncio.to_thread(self._archived, Window(start, end))
            for account, ts in named.items():
                self._ledger.found(account, ts, "trades", now)

    def _archived(self, window: Window) -> dict[str, int]:
        named: dict[str, int] = {}
        for frame in self._lake.read_raw(self._client.venue.name, window)["payload"]:
            for ts, account in self._census.named_in(frame):
                named.setdefault(account, ts)
        return named

    async def _from_trades(self) -> None:
        wait = _FIRST_WAIT
        while not self._instruments:
            try:
                rows = await listed_rows(self._client, self._clock())
            except VenueError as error:
                self._progress.trouble = str(error)
                await asyncio.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
                continue
            self._instruments = {
                symbol: instrument_of_row(self._client.venue.name, symbol, row)
                for symbol, row in rows.items()
                if self._census.covers(symbol) and row.status == "trading"
            }
        venue = self._client.venue
        stream = AccountStream(
            venue,
            self._client.urls.get("stream") or venue.urls["stream"],
            list(self._instruments),
            self._heard,
            self._progress,
            self._settings.watchfulness,
        )
        await stream.run()

    def _heard(self, frame: bytes) -> None:
        self._ledger.traded(self._census.named_in(frame), self._clock())
        try:
            records = self._client.venue.stream.read(frame, self._instruments).records
        except PayloadError as error:
            self._progress.trouble = f"trades: {error}"
            return
        for symbol, row in records:
            if isinstance(row, Trade):
                self._ledger.mark_price[symbol] = row.price
