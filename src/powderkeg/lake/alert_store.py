"""States of alert rules and the messages that they gave, in one SQLite file beside the tables of a lake.

A message is written in the transaction that moves its rule's state: what was detected is told, whatever
happens in between, and nothing is detected twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from powderkeg.errors import LakeError
from powderkeg.lake.durable_files import locked_if_free, make_directory

DIRECTORY = "alerts"
FILE = "alerts.sqlite"
FORMAT = 1
_WAIT_SECONDS = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS states (
    rule TEXT NOT NULL, coin TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (rule, coin)
);
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT, identity TEXT NOT NULL UNIQUE, rule TEXT NOT NULL,
    coin TEXT NOT NULL, severity TEXT NOT NULL, as_of INTEGER NOT NULL, recorded INTEGER NOT NULL,
    sentence TEXT NOT NULL, body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS deliveries (
    number INTEGER NOT NULL REFERENCES messages, target TEXT NOT NULL, digest TEXT,
    attempts INTEGER NOT NULL DEFAULT 0, delivered INTEGER, given_up INTEGER,
    PRIMARY KEY (number, target)
);
CREATE INDEX IF NOT EXISTS waiting ON deliveries (target, number)
    WHERE delivered IS NULL AND given_up IS NULL;
CREATE TABLE IF NOT EXISTS targets (
    target TEXT PRIMARY KEY, failures INTEGER NOT NULL, due INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS sendings (target TEXT NOT NULL, at INTEGER NOT NULL);
"""
_WAITING = "target = ? AND delivered IS NULL AND given_up IS NULL"
_FIELDS = "identity, rule, coin, severity, as_of, sentence, body"

States = Mapping[tuple[str, str], dict[str, Any]]


class Message(NamedTuple):
    """One thing to tell: its identity, what fired, when, in words, and all of it as JSON."""

    identity: str
    rule: str
    coin: str
    severity: str
    as_of: int
    sentence: str
    body: str


class Decided(NamedTuple):
    """What an evaluation changes: states by (rule, coin), and the messages of rules that fired."""

    states: States
    messages: Sequence[Message]


class Batch(NamedTuple):
    """What goes to a target in one sending: one message, or several as a digest; `identity` is of all."""

    identity: str
    messages: tuple[Message, ...]


class DeliveryRules(NamedTuple):
    """How many sendings a target gets in a minute, when one that failed is tried again, how often at most.

    The wait doubles from `first_wait` to `longest_wait`, milliseconds.
    """

    per_minute: int = 10
    attempts: int = 12
    first_wait: int = 10_000
    longest_wait: int = 3_600_000

    def wait(self, failures: int) -> int:
        """Return milliseconds to wait after so many failures in a row, at least one."""
        return min(self.first_wait << min(failures - 1, 30), self.longest_wait)


class Told(NamedTuple):
    """A message that was written, when, how many targets have it, wait, or were given up."""

    message: Message
    recorded: int
    delivered: int
    waiting: int
    given_up: int


class AlertStore:
    """The SQLite file; any thread and process may use it at once.

    Parameters
    ----------
    root
        The lake's directory.
    create
        Make the file if it is not there.

    Raises
    ------
    LakeError
        There is none, it is damaged, or of a newer powderkeg.
    """

    def __init__(self, root: Path, *, create: bool = True) -> None:
        self.directory = root / DIRECTORY
        self.path = self.directory / FILE
        if not create and not self.path.exists():
            raise LakeError(
                f"{self.path} is not there: no alert rule was evaluated yet, `powderkeg alerts once`"
            )
        make_directory(self.directory)
        with self._connected() as base:
            base.executescript(f"PRAGMA journal_mode = WAL; BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            put = "INSERT OR IGNORE INTO about VALUES (?, ?)"
            with self._writing(base):
                base.executemany(put, [("format", str(FORMAT)), ("salt", secrets.token_hex(16))])
            about = dict(base.execute("SELECT name, value FROM about"))
        if int(about["format"]) > FORMAT:
            raise LakeError(
                f"{self.path} is of format {about['format']}; this powderkeg knows {FORMAT}: update"
            )
        self._salt = bytes.fromhex(about["salt"])

    def target(self, url: str) -> str:
        """Return the name of a target in here: its URL cannot be told from it."""
        return hashlib.blake2b(url.encode(), key=self._salt, digest_size=8).hexdigest()

    def states(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the states by (rule, coin)."""
        with self._connected() as base:
            return _states(base)

    def update(self, decide: Callable[[States], Decided], targets: Sequence[str], now: int) -> list[Message]:
        """Change states and write messages, all or nothing, and return the messages that are new.

        Parameters
        ----------
        decide
            Told all states, returns what changes; nobody else changes them meanwhile.
        targets
            Who gets the messages. A target that is named later gets later ones.
        now
            UTC milliseconds.
        """
        with self._connected() as base, self._writing(base):
            states, messages = decide(_states(base))
            base.executemany(
                "INSERT OR REPLACE INTO states VALUES (?, ?, ?)",
                [(*key, json.dumps(state)) for key, state in states.items()],
            )
            written = []
            for one in messages:
                found = base.execute(
                    f"INSERT OR IGNORE INTO messages ({_FIELDS}, recorded) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                    (*one, now),
                )
                if found.rowcount:
                    written.append(one)
                    base.executemany(
                        "INSERT INTO deliveries (number, target) VALUES (?, ?)",
                        [(found.lastrowid, target) for target in targets],
                    )
        return written

    def batch(self, target: str, now: int, rules: DeliveryRules) -> Batch | None:
        """Return what a target is to get now, counted as a sending; None where nothing is due or fits.

        Where more waits than may still be sent within the minute, the last sending is a digest of all that
        waits. A digest keeps its identity and its messages until it has arrived.
        """
        with self._connected() as base, self._writing(base):
            base.execute("DELETE FROM sendings WHERE at <= ?", (now - 60_000,))
            (sent,) = base.execute("SELECT count(*) FROM sendings WHERE target = ?", (target,)).fetchone()
            due = base.execute("SELECT due FROM targets WHERE target = ?", (target,)).fetchone()
            waiting = base.execute(
                f"SELECT number, digest FROM deliveries WHERE {_WAITING} ORDER BY attempts, number",  # noqa: S608
                (target,),
            ).fetchall()
            if sent >= rules.per_minute or (due and due[0] > now) or not waiting:
                return None
            base.execute("INSERT INTO sendings VALUES (?, ?)", (target, now))
            number, digest = waiting[0]
            alone = [one for one, of in waiting if of is None]
            if digest is None and len(alone) > rules.per_minute - sent and sent == rules.per_minute - 1:
                digest = self._digest(base, target, alone)
            if digest is None:
                chosen = f"SELECT {_FIELDS} FROM messages WHERE number = ?"  # noqa: S608
                (row,) = base.execute(chosen, (number,)).fetchall()
                return Batch(row[0], (Message(*row),))
            rows = base.execute(
                f"SELECT {_FIELDS} FROM messages JOIN deliveries USING (number) "  # noqa: S608
                f"WHERE {_WAITING} AND digest = ? ORDER BY number",
                (target, digest),
            ).fetchall()
            return Batch(digest, tuple(Message(*row) for row in rows))

    def mark_delivered(self, target: str, batch: Batch, now: int) -> None:
        """Note that a target has what was sent."""
        with self._connected() as base, self._writing(base):
            base.executemany(
                "UPDATE deliveries SET delivered = ?, attempts = attempts + 1 WHERE target = ? "
                "AND number = (SELECT number FROM messages WHERE identity = ?)",
                [(now, target, one.identity) for one in batch.messages],
            )
            base.execute("DELETE FROM targets WHERE target = ?", (target,))

    def mark_failed(self, target: str, batch: Batch, now: int, rules: DeliveryRules) -> None:
        """Note that a sending failed: the target rests, and what was tried too often is given up."""
        with self._connected() as base, self._writing(base):
            base.executemany(
                "UPDATE deliveries SET attempts = attempts + 1, "
                "given_up = CASE WHEN attempts + 1 >= ? THEN ? END WHERE target = ? "
                "AND number = (SELECT number FROM messages WHERE identity = ?)",
                [(rules.attempts, now, target, one.identity) for one in batch.messages],
            )
            found = base.execute("SELECT failures FROM targets WHERE target = ?", (target,)).fetchone()
            failures = 1 + (found[0] if found else 0)
            base.execute(
                "INSERT OR REPLACE INTO targets VALUES (?, ?, ?)",
                (target, failures, now + rules.wait(failures)),
            )

    def waiting(self, target: str) -> int:
        """Return how many messages wait for a target."""
        with self._connected() as base:
            count = f"SELECT count(*) FROM deliveries WHERE {_WAITING}"  # noqa: S608
            return int(base.execute(count, (target,)).fetchone()[0])

    def history(self, limit: int, *, coin: str | None = None, rule: str | None = None) -> list[Told]:
        """Return the last messages, newest first."""
        with self._connected() as base:
            rows = base.execute(
                f"SELECT {_FIELDS}, recorded, count(delivered), "  # noqa: S608
                "count(target) - count(delivered) - count(given_up), count(given_up) "
                "FROM messages LEFT JOIN deliveries USING (number) "
                "WHERE coin = coalesce(?, coin) AND rule = coalesce(?, rule) "
                "GROUP BY number ORDER BY number DESC LIMIT ?",
                (coin, rule, limit),
            ).fetchall()
        return [Told(Message(*row[:7]), *row[7:]) for row in rows]

    def delivering(self, target: str) -> contextlib.AbstractContextManager[bool]:
        """Return a context that tells whether this process alone sends to a target; a kill lets go of it."""
        return locked_if_free(self.directory / f"{target}.lock")

    def _digest(self, base: sqlite3.Connection, target: str, numbers: Sequence[int]) -> str:
        name = hashlib.blake2b(f"{target} {numbers}".encode(), digest_size=8).hexdigest()
        base.executemany(
            "UPDATE deliveries SET digest = ? WHERE target = ? AND number = ?",
            [(f"digest/{name}", target, number) for number in numbers],
        )
        return f"digest/{name}"

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            base = sqlite3.connect(self.path, timeout=_WAIT_SECONDS, isolation_level=None)
            try:
                base.execute("PRAGMA synchronous = FULL")
                yield base
            finally:
                base.close()
        except sqlite3.Error as error:
            raise LakeError(f"{self.path} cannot be used: {error}") from error

    @contextlib.contextmanager
    def _writing(self, base: sqlite3.Connection) -> Iterator[None]:
        base.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            base.execute("ROLLBACK")
            raise
        base.execute("COMMIT")


def _states(base: sqlite3.Connection) -> dict[tuple[str, str], dict[str, Any]]:
    rows = base.execute("SELECT rule, coin, state FROM states")
    return {(rule, coin): json.loads(state) for rule, coin, state in rows}
