"""What a census has learned and not yet written, and what that means for whom to ask next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import nan

from powderkeg.core.census_policy import outlook_of
from powderkeg.core.census_schedule import CensusSchedule
from powderkeg.ingest.census_progress import CensusProgress
from powderkeg.model.market_rows import AccountPosition, AccountState, KnownAccount
from powderkeg.venues.census import AccountReading, NamedAccount


@dataclass(slots=True)
class CensusRows:
    """Rows of the three tables, and when each was learned, UTC ms."""

    accounts: list[KnownAccount] = field(default_factory=list)
    accounts_received: list[int] = field(default_factory=list)
    states: list[AccountState] = field(default_factory=list)
    states_received: list[int] = field(default_factory=list)
    positions: list[AccountPosition] = field(default_factory=list)
    positions_received: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.accounts) + len(self.states) + len(self.positions)


class CensusLedger:
    """Takes what is heard and answered, keeps the rows for the lake, and the schedule as they imply.

    Parameters
    ----------
    schedule
        Accounts that the lake knows are in it.
    progress
        Rises.
    """

    def __init__(self, schedule: CensusSchedule, progress: CensusProgress) -> None:
        self.schedule = schedule
        self.mark_price: dict[str, float] = {}
        self._progress = progress
        self._rows = CensusRows()

    def found(self, account: str, ts: int, found_by: str, now: int, value: float = nan) -> None:
        """Take an account up that was heard of at `ts`; nothing if it is known."""
        if self.schedule.add(account, value):
            found = self._progress.found
            found[found_by] = found.get(found_by, 0) + 1
            self._rows.accounts.append(KnownAccount(ts, account, found_by))
            self._rows.accounts_received.append(now)

    def traded(self, named: Iterable[NamedAccount], now: int) -> None:
        """Take up accounts that traded; what those hold that were empty has changed."""
        for ts, account in named:
            if account in self.schedule:
                self.schedule.traded(account)
            else:
                self.found(account, ts, "trades", now)

    def answered(self, reading: AccountReading, now: int) -> None:
        """Keep the state of an account, and place it by that in the schedule."""
        state, positions = reading
        rows = self._rows
        rows.states.append(state)
        rows.states_received.append(now)
        rows.positions += positions
        rows.positions_received += [now] * len(positions)
        for one in positions:
            if one.notional > 0:
                self.mark_price[one.coin] = one.notional / one.quantity
        self._progress.answered += 1
        self._progress.positions += len(positions)
        self.schedule.seen(state.account, now, outlook_of(positions))

    def taken(self) -> CensusRows:
        """Return the rows since the last call."""
        rows, self._rows = self._rows, CensusRows()
        return rows
