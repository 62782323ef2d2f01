"""SQL over the lake: an in-memory DuckDB that sees the listed parts, may read them, and nothing else.

What is put into a statement here are names of our own and quoted paths; the user's query runs as it is.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from powderkeg.errors import InputError, LakeError, MissingExtraError
from powderkeg.lake.checked_rows import CONFIRMED, RECEIVED, SOURCE, columns_of, part_schema
from powderkeg.lake.dataset import Dataset
from powderkeg.lake.manifest import Manifest, Part
from powderkeg.lake.reading import are_overlapping
from powderkeg.model.market_rows import MarketTable

if TYPE_CHECKING:
    import duckdb
    from duckdb.sqltypes import DuckDBPyType

# Of DuckDB's types: what polars lacks, or reads the largest values of as negative, and what may hold it.
_LACKING = {"interval", "union", "uhugeint"}
_NESTED = {"list", "array", "struct", "map"}
# What polars reads in part: infinity of the one becomes a second of 1969, 39 digits of the other are rounded.
_CASTS = {"timestamp_s": "::TIMESTAMP", "hugeint": "::DECIMAL(38, 0)"}
# Of Python's dates, in days since 1970.
_FIRST_DAY, _LAST_DAY = ((day - dt.date(1970, 1, 1)).days for day in (dt.date.min, dt.date.max))
# For each table, the paths and entries of the parts of each of its datasets, by time.
_Parts = dict[MarketTable, list[list[tuple[str, Part]]]]

_TYPES = {pl.Int64: "BIGINT", pl.Float64: "DOUBLE", pl.String: "VARCHAR"}
# From the path table=…/venue=…/symbol=…/variant=…/month=…/file. Read off the file name and not as hive
# partitions, because the partition `table` would hide the column `table` of the gaps. DuckDB compares the
# expressions with a WHERE before it opens a file, so other instruments' files stay closed.
_STEPS = {"venue": -5, "symbol": -4, "variant": -3}


def query_result(datasets: Sequence[Dataset], query: str) -> pl.DataFrame:
    """Return the answer to one SELECT over a view for each table of `datasets`; see `Lake.sql`.

    Columns of intervals, unions and UHUGEINT, and of what holds them, are text as DuckDB writes it:
    ``1 day``. HUGEINT, which sums of integers are, has at most 38 digits. Dates and timestamps are of the
    years 1 to 9999.

    Raises
    ------
    MissingExtraError
        DuckDB is not installed.
    InputError
        The query is no single SELECT, or DuckDB refuses it; the message is DuckDB's, also of a HUGEINT of 39
        digits. Or its answer holds
        ``infinity``, or another time that is not in the years 1 to 9999; the message names the column.
    LakeError
        A part is missing or cannot be read.
    """
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtraError("sql needs DuckDB: pip install 'powderkeg[sql]'") from error
    manifests = [dataset.manifest() for dataset in datasets]
    while True:
        parts = _by_table(datasets, manifests)
        try:
            return _answer(duckdb.connect(":memory:"), parts, query)
        except duckdb.Error as error:
            if all(Path(path).is_file() for path in _paths(parts)):
                kind = LakeError if isinstance(error, duckdb.IOException) else InputError
                raise kind(f"sql: {error}") from error
            # A merge has removed a file since we read its manifest; the new one names the successor.
            later = [dataset.manifest() for dataset in datasets]
            if all(new.parts == old.parts for new, old in zip(later, manifests, strict=True)):
                raise LakeError(f"sql: a part is missing: {error}") from error
            manifests = later


def _answer(connection: duckdb.DuckDBPyConnection, parts: _Parts, query: str) -> pl.DataFrame:
    import duckdb

    with connection:
        try:
            for table, by_dataset in parts.items():
                connection.execute(f'CREATE VIEW "{table.name}" AS {_view(table, by_dataset)}')
        except duckdb.InvalidInputException as error:
            raise LakeError(f"sql: {error}") from error
        connection.execute(f"SET allowed_paths = {_list(_paths(parts))}")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        statements = connection.extract_statements(query)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise InputError(f"sql: {query!r} is not one SELECT; the lake is only read with SQL")
        answer = pl.DataFrame(_representable(connection.sql(query)))
    _refuse_endless(answer)
    return answer


def _representable(answer: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Return an answer with its columns of types that polars lacks as DuckDB's text, such as ``1 day``."""
    casts = [_cast(kind) for kind in answer.types]
    if not any(casts):
        return answer
    columns = ", ".join(
        f"#{number}{cast} AS {_quoted(name)}"
        for number, (name, cast) in enumerate(zip(answer.columns, casts, strict=True), start=1)
    )
    return answer.project(columns)


def _cast(kind: DuckDBPyType) -> str:
    """Return the cast that makes polars read a column as it is; empty where it does without."""
    if _is_lacking(kind):
        return "::VARCHAR"
    return _CASTS.get(kind.id, "")


def _is_lacking(kind: DuckDBPyType | int | list[str]) -> bool:
    """Return whether a type is, or holds, one that makes polars panic."""
    if isinstance(kind, int | list):  # the size of an array, the words of an enumeration
        return False
    return kind.id in _LACKING or (
        kind.id in _NESTED and any(_is_lacking(child) for _, child in kind.children)
    )


def _refuse_endless(answer: pl.DataFrame) -> None:
    """Refuse dates and timestamps that Python has none for: polars panics when they are looked at."""
    for column in answer:
        for values in _innermost(column):
            if isinstance(values.dtype, pl.Date | pl.Datetime):
                least, most = _finite(values.dtype)
                if not values.to_physical().is_between(least, most).all():
                    raise InputError(
                        f"sql: column {column.name!r} holds infinity or another time outside of the years 1 "
                        "to 9999; cast it to text with ::VARCHAR, or leave such rows out with isfinite()"
                    )


def _innermost(values: pl.Series) -> Iterator[pl.Series]:
    """Yield the values that lists and structures hold, at any depth; others as they are."""
    if isinstance(values.dtype, pl.List | pl.Array):
        yield from _innermost(values.explode())
    elif isinstance(values.dtype, pl.Struct):
        for name in values.struct.fields:
            yield from _innermost(values.struct.field(name))
    elif values.dtype.is_nested():  # a map; polars before 2 has lists of structures in its place
        yield from _innermost(values.map.keys())
        yield from _innermost(values.map.values())
    else:
        yield values


def _finite(kind: pl.Date | pl.Datetime) -> tuple[int, int]:
    """Return the first and the last number that stands for a time of the years 1 to 9999."""
    if isinstance(kind, pl.Date):
        return _FIRST_DAY, _LAST_DAY
    a_day = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[kind.time_unit] * 86_400
    return max(_FIRST_DAY * a_day, 2 - 2**63), min((_LAST_DAY + 1) * a_day - 1, 2**63 - 2)


def _by_table(datasets: Sequence[Dataset], manifests: Sequence[Manifest]) -> _Parts:
    found: _Parts = defaultdict(list)
    for dataset, manifest in zip(datasets, manifests, strict=True):
        parts = sorted(manifest.parts, key=lambda part: (part.first_ts, part.generation))
        paths = [(str((dataset.directory / part.path).absolute()), part) for part in parts]
        found[manifest.key.market_table].append(paths)
    return found


def _paths(parts: _Parts) -> list[str]:
    return [path for by_dataset in parts.values() for group in by_dataset for path, _ in group]


def _view(table: MarketTable, by_dataset: list[list[tuple[str, Part]]]) -> str:
    """Return the SELECT that stands for a table: plain parts as they are, the others one row per key."""
    plain = [part for parts in by_dataset if not are_overlapping([p for _, p in parts]) for part in parts]
    merged = [part for parts in by_dataset if are_overlapping([p for _, p in parts]) for part in parts]
    columns = ", ".join(f'"{name}"' for name in part_schema(table) if name != CONFIRMED)
    selects = [f"SELECT {columns}, venue, symbol, variant FROM ({_rows(table, plain)})"]  # noqa: S608
    if merged:
        selects.append(_one_row_per_key(table, _rows(table, merged)))
    return " UNION ALL BY NAME ".join(selects)


def _rows(table: MarketTable, parts: list[tuple[str, Part]]) -> str:
    """Return a SELECT of all columns of some parts, with the dataset's names and the write."""
    named = {
        name: f"url_decode(split_part(split_part(filename, '/', {step}), '=', 2))"
        for name, step in _STEPS.items()
    }
    # Twelve digits, which sort as text as they do as numbers.
    named["generation"] = "split_part(split_part(filename, '/', -1), '-', 1)"
    types = {name: _TYPES[kind] for name, kind in part_schema(table).items()} | dict.fromkeys(
        named, "VARCHAR"
    )
    typed = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in types.items())
    selects = [f"SELECT {typed} WHERE false"]
    # Named here and not around the union, which keeps DuckDB from comparing names before it opens files.
    names = ", ".join(f"{expression} AS {name}" for name, expression in named.items())
    current = [path for path, part in parts if part.table_version == table.version]
    older = [path for path, part in parts if part.table_version != table.version]
    for paths, by_name in (
        (current, "false"),
        (older, "true"),
    ):  # columns of older parts differ from each other
        if paths:
            selects.append(
                f"SELECT * EXCLUDE (filename), {names} "  # noqa: S608
                f"FROM read_parquet({_list(paths)}, filename = true, hive_partitioning = false, "
                f"union_by_name = {by_name})"
            )
    return " UNION ALL BY NAME ".join(selects)


def _one_row_per_key(table: MarketTable, rows: str) -> str:
    """Return the SELECT that does what `powderkeg.lake.one_row_per_key` does; every part has a key once."""
    group = ", ".join(("venue", "symbol", "variant", *(f'"{name}"' for name in table.key)))
    last_first = f'PARTITION BY {group} ORDER BY "{CONFIRMED}" DESC, generation DESC'
    values = [name for name in columns_of(table) if name not in table.key]
    differs = " OR ".join(
        f'"{name}" IS DISTINCT FROM first_value("{name}") OVER last_first' for name in values
    )
    standing = "".join(f', first("{name}") AS "{name}"' for name in values)  # all the same, perhaps NULL
    marked = f"SELECT *, {differs or 'false'} AS differs FROM ({rows}) WINDOW last_first AS ({last_first})"  # noqa: S608
    return (
        f'SELECT {group}{standing}, min("{RECEIVED}") AS "{RECEIVED}", '  # noqa: S608
        f'arg_min("{SOURCE}", ("{RECEIVED}", "{CONFIRMED}", generation)) AS "{SOURCE}" '
        f"FROM (SELECT *, count(*) FILTER (differs) OVER ({last_first} "
        f"ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS others "
        f"FROM ({marked})) "
        f"WHERE others = 0 GROUP BY {group}"
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _list(paths: Sequence[str]) -> str:
    return "[" + ", ".join("'" + path.replace("'", "''") + "'" for path in paths) + "]"


def tables_in(query: str, names: Sequence[str]) -> Iterator[str]:
    """Yield the tables that a query can be about: those whose name occurs in it, in upper or lower case."""
    lowered = query.lower()
    yield from (name for name in names if name in lowered)
