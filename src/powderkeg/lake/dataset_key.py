"""Which dataset: the names that lead to one directory of the lake."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from powderkeg.errors import InputError
from powderkeg.model.market_rows import MarketTable, table_of

_LONGEST_NAME = 255  # bytes; what file systems take


@dataclass(frozen=True, slots=True, order=True)
class DatasetKey:
    """One instrument's rows of one table.

    Attributes
    ----------
    table
        Name of a table of `powderkeg.model.market_rows`, such as ``bars``.
    venue, symbol
        The venue in lower case, and the instrument as that venue spells it: any text but the empty one.
    variant
        What tells datasets of one instrument and table apart, such as ``5m`` or ``top_accounts-5m``;
        ``all`` where there is only one.

    Raises
    ------
    InputError
        No table has the name, or a name is no text, empty, or too long for a directory.
    """

    table: str
    venue: str
    symbol: str
    variant: str = "all"

    def __post_init__(self) -> None:
        table_of(self.table)
        for field in ("venue", "symbol", "variant"):
            value = getattr(self, field)
            if not isinstance(value, str) or not value:
                raise InputError(f"{field} of a dataset is {value!r}; expected a name")
            if len(path_part(field, value)) > _LONGEST_NAME:
                raise InputError(f"{field} of a dataset is {value!r}, which is too long for a directory")

    @property
    def market_table(self) -> MarketTable:
        """The table: row class, columns and key."""
        return table_of(self.table)

    @property
    def directory(self) -> str:
        """Path below ``tables/`` in the lake, ``table=…/venue=…/symbol=…/variant=…``."""
        names = ("table", "venue", "symbol", "variant")
        return "/".join(path_part(name, getattr(self, name)) for name in names)

    def as_json(self) -> dict[str, str]:
        """Return the names of the dataset."""
        return {"table": self.table, "venue": self.venue, "symbol": self.symbol, "variant": self.variant}

    def __str__(self) -> str:
        return f"{self.table} of {self.venue} {self.symbol} ({self.variant})"


def path_part(name: str, value: str) -> str:
    """Return a step of a hive path, ``name=value``; all but letters, digits and ``_.-~`` is escaped.

    Raises
    ------
    InputError
        The value holds characters that are not Unicode text (lone surrogates).
    """
    try:
        return f"{name}={quote(value, safe='')}"
    except UnicodeEncodeError as error:
        raise InputError(f"{name} is {value!r}; expected Unicode text") from error
