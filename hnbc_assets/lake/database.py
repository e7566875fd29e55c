"""A DuckDB file made from tables: real tables with comments, in one transaction, and their column dictionary.

In scope: SQL that creates and comments. Out of scope: which tables (snapshot), replacing the published file (snapshot),
querying (the command line).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from hnbc_assets.tables.database import ColumnDictionary

if TYPE_CHECKING:
    import duckdb

STORAGE_VERSION = "v1.2.0"  # every client from this version on can read it
SPILL_SUFFIX = ".spill"
DICTIONARY = "column_dictionary"


@dataclass(frozen=True)
class Content:
    """One table to be published: its name, values, and what they mean (`columns` as in a table's dictionary)."""

    name: str
    table: pa.Table
    description: str
    columns: Sequence[Mapping[str, str]]


def build(path: Path, contents: Iterable[Content], *, comment: str = "") -> tuple[int, int]:
    """Create a database at `path` with these tables and a `column_dictionary` of all; returns tables and rows.

    `comment` is put before every table's comment. The file is complete, without a write-ahead log, when this returns.

    Raises
    ------
    duckdb.Error
        If the database cannot be written. What remains at `path` is then not a database.
    """
    n_tables = n_rows = 0
    with _attached(path) as connection:
        connection.execute("BEGIN TRANSACTION")
        entries: list[dict[str, Any]] = []
        for content in contents:
            _create(connection, content, comment)
            entries += _dictionary(connection, content)
            n_tables, n_rows = n_tables + 1, n_rows + content.table.num_rows
        dictionary = _dictionary_content(entries)
        _create(connection, dictionary, comment)
        connection.execute("COMMIT")
        connection.execute("CHECKPOINT built")
    return n_tables + 1, n_rows + dictionary.table.num_rows


@contextmanager
def _attached(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in memory with the new file attached as `built`; only this way can its storage version be given."""
    import duckdb

    settings = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "temp_directory": f"{path}{SPILL_SUFFIX}",
    }
    with duckdb.connect(":memory:", config=settings) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"ATTACH ? AS built (STORAGE_VERSION '{STORAGE_VERSION}')", [str(path)])
        yield connection
        connection.execute("DETACH built")


def _create(connection: duckdb.DuckDBPyConnection, content: Content, comment: str) -> None:
    table = f"built.main.{_identifier(content.name)}"
    connection.register("incoming", content.table)
    connection.execute(f"CREATE TABLE {table} AS SELECT * FROM incoming")
    connection.unregister("incoming")
    text = f"{comment} · {content.description}" if comment else content.description
    connection.execute(f"COMMENT ON TABLE {table} IS {_text(text)}")
    present = set(content.table.column_names)
    for column in content.columns:
        if column["name"] in present:
            meaning = f"{column['description']} [{column['unit']}]" if column.get("unit") else column["description"]
            connection.execute(f"COMMENT ON COLUMN {table}.{_identifier(column['name'])} IS {_text(meaning)}")


def _dictionary(connection: duckdb.DuckDBPyConnection, content: Content) -> list[dict[str, Any]]:
    """One row per column, with its type in the database."""
    meanings = {column["name"]: column for column in content.columns}
    types = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = 'built' AND table_name = ? "
        "ORDER BY column_index",
        [content.name],
    ).fetchall()
    return [_entry(content.name, name, kind, meanings.get(name, {})) for name, kind in types]


def _entry(table: str, name: str, kind: str, meaning: Mapping[str, str]) -> dict[str, Any]:
    """A row of the dictionary; a column without a description has only its type."""
    place, nullable = meaning.get("key"), meaning.get("nullable")
    return {
        "table_name": table,
        "column_name": name,
        "type": kind,
        "unit": meaning.get("unit") or None,
        "description": meaning.get("description", ""),
        "allowed_values": meaning.get("allowed") or None,
        "key_position": int(place) if place else None,
        "nullable": nullable == "yes" if nullable else None,
    }


def _dictionary_content(entries: list[dict[str, Any]]) -> Content:
    name, columns = DICTIONARY, ColumnDictionary.dictionary()
    own = [_entry(name, c["name"], c["type"], c) for c in columns]
    types = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "BOOLEAN": pa.bool_()}
    schema = pa.schema([(column["name"], types[column["type"]]) for column in columns])
    return Content(name, pa.Table.from_pylist(entries + own, schema=schema), ColumnDictionary.comment(), columns)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("\0", "").replace("'", "''") + "'"
