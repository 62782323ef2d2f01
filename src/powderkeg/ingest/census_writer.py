"""Writing a census into the lake: one file of each table for many accounts, safe before it counts."""

from __future__ import annotations

from collections.abc import Sequence

from powderkeg.ingest.census_ledger import CensusRows
from powderkeg.ingest.merging import merge_if_many
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import MarketRow
from powderkeg.venues.census import Census
from powderkeg.venues.venue import Venue

_BATCH = "census-"


def census_keys(venue: Venue, census: Census) -> tuple[DatasetKey, DatasetKey, DatasetKey]:
    """Return where accounts, their states and their positions are kept."""
    accounts, states, positions = (
        DatasetKey(table, venue.name, census.symbol) for table in ("accounts", "account_states", "positions")
    )
    return accounts, states, positions


class CensusWriter:
    """Writes batches under ids of their own, so that a batch that is written again is there once.

    Positions go before the states that they belong to: a state in the lake has all its positions there,
    and positions without a state, which a crash between the two leaves, are nobody's.

    Parameters
    ----------
    lake
        Where to.
    keys
        As `census_keys` returns them.
    run
        Tells the batches of this run from those of others; no two runs have the same.
    """

    def __init__(self, lake: Lake, keys: tuple[DatasetKey, DatasetKey, DatasetKey], run: str) -> None:
        self._lake = lake
        self._accounts, self._states, self._positions = keys
        self._run = run
        self._number = 0
        self._unsafe: list[tuple[str, CensusRows]] = []

    def write(self, rows: CensusRows) -> int:
        """Make rows safe, and those of earlier calls that failed; return the states among them.

        Raises
        ------
        LakeError
            The lake cannot be written. The rows are kept, and the next call writes them.
        """
        self._number += 1
        self._unsafe.append((f"{_BATCH}{self._run}-{self._number}", rows))
        states = 0
        while self._unsafe:
            batch, oldest = self._unsafe[0]
            self._append(self._positions, oldest.positions, oldest.positions_received, batch)
            self._append(self._states, oldest.states, oldest.states_received, batch)
            self._append(self._accounts, oldest.accounts, oldest.accounts_received, batch)
            states += len(self._unsafe.pop(0)[1].states)
        self._tidy()
        return states

    def _append(
        self, key: DatasetKey, rows: Sequence[MarketRow], received: Sequence[int], batch: str
    ) -> None:
        if rows:
            self._lake.append(key, rows, received_ts=received, source="rest", batch=batch)

    def _tidy(self) -> None:
        """Forget ids that nobody will write again, of runs that were killed too, and merge small files."""
        for key in (self._positions, self._states, self._accounts):
            done = {one for one in self._lake.applied_batches(key) if one.startswith(_BATCH)}
            self._lake.forget_batches(key, done)
            merge_if_many(self._lake, key)
