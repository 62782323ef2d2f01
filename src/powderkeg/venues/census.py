"""Counting who holds what: the questions of a census, at a venue where positions are public by account."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from powderkeg.model.market_rows import AccountPosition, AccountState
from powderkeg.venues.asking import Request

PERPETUALS = "perpetuals"
"""Symbol under which a lake keeps the accounts of a venue's main perpetuals."""


class AccountReading(NamedTuple):
    """What one answer says of an account: its state, and all positions of that state."""

    state: AccountState
    positions: Sequence[AccountPosition]


class ListedAccount(NamedTuple):
    """An account of a venue's own list; `value` is what it is worth in quote, as that list has it."""

    account: str
    value: float


class NamedAccount(NamedTuple):
    """An account that a public message names, and when it did something, UTC ms."""

    ts: int
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """How the positions of a venue are counted; declarations and pure functions, as all of `Venue`.

    Attributes
    ----------
    symbol
        Under which the lake keeps rows about accounts: the venue's name for all perpetuals that one answer
        covers.
    covers
        Symbol of a perpetual -> whether positions in it are among those of an answer.
    example
        An account that there may be, to know what a question costs.
    account
        An account as a user writes it -> as the venue does. Raises `InputError`.
    request, read
        Account -> the question for its state; (payload, account, now in ms) -> what it says. `read` raises
        `PayloadError`; an account that does not exist, where the venue tells no difference, is an empty one.
    margining_request, read_margining
        Account -> the question how it is margined; payload -> ``standard`` or ``portfolio``. None where no
        question tells, or `read` does.
    listed_request, read_listed
        The venue's own list of accounts, and what it says; None where it has none.
    named_in
        A frame of the stream -> the accounts that it names. Raises nothing: what names none is empty.
    """

    symbol: str
    covers: Callable[[str], bool]
    example: str
    account: Callable[[str], str]
    request: Callable[[str], Request]
    read: Callable[[bytes, str, int], AccountReading]
    margining_request: Callable[[str], Request] | None = None
    read_margining: Callable[[bytes], str] = lambda _: ""
    listed_request: Request | None = None
    read_listed: Callable[[bytes], Sequence[ListedAccount]] = lambda _: ()
    named_in: Callable[[bytes], Sequence[NamedAccount]] = lambda _: ()
