"""Which account to ask next: a queue of each class, served by shares, without a clock of its own.

Two levels of the same law, weighted fair queueing. Classes take turns so that each gets its share of the
requests while it has anybody waiting. Inside a class an account waits for 1/weight of the class's own
time, which advances as its accounts are asked: of two accounts, the one with twice the weight is asked twice
as often, however many there are and however fast. After an answer an account rests, and only then waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush
from math import isnan, nan

import numpy as np

from powderkeg.core.census_policy import CLASSES, EMPTY, NEAR, NEW, CensusPolicy, Outlook
from powderkeg.model.arrays import IntArray

_AS_USUAL = CensusPolicy()
_FIRST_ROOM = 1024
_ASKED, _RESTING, _WAITING = range(3)


class CensusSchedule:
    """The accounts of a census, each either being asked, resting after an answer, or waiting for its turn.

    All times are UTC milliseconds of one clock, handed in. An operation costs the logarithm of the number of
    accounts, `see_marks` a pass over arrays.

    Parameters
    ----------
    policy
        See there.
    """

    def __init__(self, policy: CensusPolicy = _AS_USUAL) -> None:
        self.policy = policy
        self._numbers: dict[str, int] = {}
        self._accounts: list[str] = []
        self._coins: dict[str, int] = {"": 0}
        self._queues: list[list[tuple[float, int, int, int]]] = [[] for _ in CLASSES]
        self._resting: list[tuple[int, int, int]] = []
        self._class_turn = [0.0] * len(CLASSES)
        self._turn = 0.0
        self._virtual = [0.0] * len(CLASSES)
        self._order = 0
        room = _FIRST_ROOM
        self._class = np.full(room, NEW, np.int8)
        self._where = np.zeros(room, np.int8)
        self._token = np.zeros(room, np.int64)
        self._failures = np.zeros(room, np.int64)
        self._asked_at = np.zeros(room, np.int64)
        self._since = np.zeros(room)
        self._notional = np.zeros(room)
        self._coin = np.zeros(room, np.int64)
        self._level = np.full(room, nan)
        self._side = np.zeros(room)
        self._distance = np.full(room, nan)

    def __len__(self) -> int:
        return len(self._accounts)

    def __contains__(self, account: str) -> bool:
        return account in self._numbers

    @property
    def counts(self) -> tuple[int, ...]:
        """How many accounts there are in each of `CLASSES`."""
        found = np.bincount(self._class[: len(self)], minlength=len(CLASSES))
        return tuple(int(count) for count in found)

    @property
    def kinds(self) -> IntArray:
        """Class of each account, as a number into `CLASSES`, in the order of being taken up."""
        return self._class[: len(self)].astype(np.int64)

    @property
    def asked_at(self) -> IntArray:
        """When each account's last state was learned, UTC ms, in the same order; 0 for never."""
        return self._asked_at[: len(self)].copy()

    def add(self, account: str, value: float = nan) -> bool:
        """Take an account up, and return whether it was not known; `value` in quote is a guess at its size.

        A guess about an account that is known counts if it was never asked.
        """
        is_known = account in self._numbers
        number = self._numbers[account] if is_known else self._number(account)
        if is_known and (isnan(value) or self._where[number] != _WAITING or self._asked_at[number]):
            return False
        self._notional[number] = value
        self._wait(number, self._virtual[NEW])
        return not is_known

    def next(self, now: int) -> str | None:
        """Return whom to ask now, None if all rest; whoever is returned is `seen`, `failed` or `put_back`."""
        self._wake(now)
        waiting = [kind for kind in range(len(CLASSES)) if self._has_waiting(kind)]
        if not waiting:
            return None
        # A class that had nobody waiting has not saved up turns.
        kind = min(waiting, key=lambda one: max(self._class_turn[one], self._turn))
        self._turn = max(self._class_turn[kind], self._turn)
        self._class_turn[kind] = self._turn + 1 / self.policy.shares[kind]
        due, _, number, _ = heappop(self._queues[kind])
        self._virtual[kind] = max(self._virtual[kind], due)
        self._place(number, _ASKED)
        self._since[number] = self._virtual[kind]
        return self._accounts[number]

    def wait(self, now: int) -> int | None:
        """Return the ms until somebody can be asked: 0 if at once, None if all are being asked."""
        self._wake(now)
        if any(self._has_waiting(kind) for kind in range(len(CLASSES))):
            return 0
        while self._resting and self._is_stale(*self._resting[0][1:]):
            heappop(self._resting)
        return self._resting[0][0] - now if self._resting else None

    def seen(self, account: str, at: int, outlook: Outlook) -> None:
        """Note the state of an account that was learned at `at`; an account not known is taken up."""
        number = self._numbers[account] if account in self._numbers else self._number(account)
        before = int(self._class[number])
        self._notional[number] = outlook.notional
        self._coin[number] = self._coins.setdefault(outlook.coin, len(self._coins))
        self._level[number] = outlook.level
        self._side[number] = 1.0 if outlook.level < outlook.mark else -1.0
        self._distance[number] = abs(outlook.level / outlook.mark - 1)
        kind = self.policy.kind(self._distance[number]) if outlook.notional > 0 else EMPTY
        self._class[number] = kind
        if kind != before:
            self._since[number] = self._virtual[kind]
        self._failures[number] = 0
        self._asked_at[number] = at
        self._rest(number, at + self.policy.rests[kind])

    def failed(self, account: str, at: int) -> None:
        """Leave an account alone whose answer could not be used, for longer each time."""
        number = self._numbers[account]
        self._failures[number] += 1
        doublings = min(int(self._failures[number]) - 1, 32)
        pause = min(self.policy.first_backoff << doublings, self.policy.longest_backoff)
        self._rest(number, at + pause)

    def put_back(self, account: str) -> None:
        """Let an account go first in its class again: that it got no answer was not about it."""
        number = self._numbers[account]
        self._push(number, self._virtual[self._class[number]], first=True)

    def traded(self, account: str) -> None:
        """Ask an account as a new one that was empty when it was last seen, and has traded since.

        But not sooner than one that is near to liquidation. Accounts with positions keep their places.
        """
        number = self._numbers[account]
        if self._class[number] != EMPTY or self._where[number] == _ASKED or self._failures[number]:
            return
        self._class[number] = NEW
        self._notional[number] = nan
        self._since[number] = self._virtual[NEW]
        self._rest(number, int(self._asked_at[number]) + self.policy.rests[NEAR])

    def see_marks(self, mark_price: Mapping[str, float]) -> int:
        """Put accounts that came closer to liquidation, or away from it, into their classes.

        Of each account the position counts that was nearest in its last state. One that came closer waits
        a tenth as long as others of its new class, once it has rested as long as they do; a mark beyond the
        level is a distance of 0.

        Returns
        -------
        int
            How many accounts changed their class.
        """
        marks = np.full(len(self._coins), nan)
        for coin, price in mark_price.items():
            if coin in self._coins:
                marks[self._coins[coin]] = price
        known = slice(0, len(self))
        mark = marks[self._coin[known]]
        distance = np.maximum(self._side[known] * (mark - self._level[known]) / mark, 0.0)
        moved = np.isfinite(distance) & (self._failures[known] == 0) & (self._where[known] != _ASKED)
        self._distance[known][moved] = distance[moved]
        classes = self.policy.classes(distance)
        changed = np.flatnonzero(moved & (classes != self._class[known]))
        for number in changed.tolist():
            before, kind = int(self._class[number]), int(classes[number])
            self._class[number] = kind
            self._since[number] = self._virtual[kind]
            if kind < before:
                self._since[number] -= 0.9 / self._weight(number)
            if self._where[number] == _RESTING:
                self._rest(number, int(self._asked_at[number]) + self.policy.rests[kind])
            else:
                self._wait(number, self._since[number])
        return len(changed)

    def _number(self, account: str) -> int:
        number = len(self._accounts)
        if number == len(self._class):
            self._grow()
        self._numbers[account] = number
        self._accounts.append(account)
        return number

    def _grow(self) -> None:
        for name in (
            "_class", "_where", "_token", "_failures", "_asked_at", "_since", "_notional", "_coin", "_level",
            "_side", "_distance",
        ):  # fmt: skip
            values = getattr(self, name)
            setattr(self, name, np.concatenate([values, np.zeros_like(values)]))

    def _weight(self, number: int) -> float:
        notional, distance = float(self._notional[number]), float(self._distance[number])
        return self.policy.weight(int(self._class[number]), notional, distance)

    def _wait(self, number: int, since: float) -> None:
        self._push(number, since + 1 / self._weight(number))

    def _push(self, number: int, due: float, *, first: bool = False) -> None:
        token = self._place(number, _WAITING)
        self._order += 1
        order = -self._order if first else self._order
        heappush(self._queues[self._class[number]], (float(due), order, number, token))

    def _rest(self, number: int, until: int) -> None:
        heappush(self._resting, (until, number, self._place(number, _RESTING)))

    def _place(self, number: int, where: int) -> int:
        """Move an account; entries of where it was before are stale from now on."""
        self._where[number] = where
        self._token[number] += 1
        return int(self._token[number])

    def _is_stale(self, number: int, token: int) -> bool:
        return bool(self._token[number] != token)

    def _wake(self, now: int) -> None:
        while self._resting and self._resting[0][0] <= now:
            _, number, token = heappop(self._resting)
            if not self._is_stale(number, token):
                self._wait(number, float(self._since[number]))

    def _has_waiting(self, kind: int) -> bool:
        queue = self._queues[kind]
        while queue and self._is_stale(*queue[0][2:]):
            heappop(queue)
        return bool(queue)
