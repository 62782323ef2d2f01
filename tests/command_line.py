"""What tests of the command line share: files for it to read, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    status: int
    out: str
    err: str


Command = Callable[..., Finished]


@dataclass(frozen=True)
class Files:
    """Files of a simulated market."""

    bars: Path
    open_interest: Path
    folder: Path

    @property
    def arguments(self) -> tuple[str | Path, ...]:
        """The options that every command on files needs."""
        return ("--bars", self.bars, "--open-interest", self.open_interest, "--symbol", "BTC")
