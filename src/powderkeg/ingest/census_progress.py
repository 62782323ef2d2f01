"""What a census knows of itself: plain numbers for the terminal and for tests."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class CensusProgress:
    """A census since it was started; the same object for as long as it runs.

    Attributes
    ----------
    venue
        Whose accounts.
    state
        ``reading the lake``, ``asking``, ``waiting`` (the venue is in trouble, or asks for a pause) or
        ``stopped``.
    accounts
        Accounts known, those that the lake knew among them.
    classes
        How many of them are in each of `powderkeg.core.census_policy.CLASSES`.
    found
        Accounts that were not known before, by how they were found.
    asked, answered
        Questions for a state that were put, and answers that could be used.
    positions
        Positions in those answers.
    acknowledged
        Answers that are safe in the lake, with all their positions.
    refused, unreadable
        Answers that were a no, and that could not be read; the account is left alone for a while.
    interrupted
        Questions without an answer, for no fault of the account's: it keeps its turn.
    limited
        Times that the venue said to slow down.
    reconnects
        Times that the stream of trades was connected again.
    trouble
        The last thing that went wrong.
    """

    venue: str
    state: str = "reading the lake"
    accounts: int = 0
    classes: tuple[int, ...] = ()
    found: dict[str, int] = field(default_factory=dict)
    asked: int = 0
    answered: int = 0
    positions: int = 0
    acknowledged: int = 0
    refused: int = 0
    unreadable: int = 0
    interrupted: int = 0
    limited: int = 0
    reconnects: int = 0
    trouble: str = ""
