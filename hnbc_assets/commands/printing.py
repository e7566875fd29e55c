"""What is printed in the terminal: ages, tables, and the answers of the database in their formats.

In scope: ages in words, plain tables, lines printed in addition to an answer, the path of `hnbc`; one function per
format of an answer, from a result to a stream. Out of scope: what is printed (each command), where an answer goes
(sql).
"""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import sys
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ROWS_ON_A_TERMINAL = 200
BATCH = 10_000
GAP = "  "


def age(moment: datetime) -> str:
    """How long ago, in the largest suitable unit."""
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' * (count > 1)} ago"
    return "just now"


def moment(written_at: str) -> datetime:
    """A time as the lake writes it (ISO 8601, UTC); the earliest possible time for an empty one."""
    if not written_at:
        return datetime.fromtimestamp(0, UTC)
    found = datetime.fromisoformat(written_at)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: set[int], err: bool = False) -> None:
    """Print a table without lines; the columns `right` are aligned right. With `err`, on the standard error stream."""
    lines = [header, *rows]
    widths = _widths(lines)
    click.echo(err=err)
    for line in lines:
        click.echo(_aligned(line, widths, right), err=err)


def say(text: str) -> None:
    """Print a text that is not an answer on the standard error stream; nothing if it is empty."""
    if text:
        click.echo(text, err=True)


def own_name() -> str:
    """How to call this command again from the current folder."""
    called = Path(sys.argv[0])
    if called.name != "hnbc" or shutil.which("hnbc") == str(called.absolute()):
        return "hnbc"
    with suppress(ValueError):
        return str(called.absolute().relative_to(Path.cwd()))
    return str(called)


def as_table(result: DuckDBPyConnection, stream: TextIO, *, note: str = "") -> None:
    """Aligned columns. On a terminal, what does not fit is left out and counted; elsewhere everything is written."""
    names = _names(result)
    terminal = stream.isatty()
    rows = result.fetchmany(ROWS_ON_A_TERMINAL) if terminal else result.fetchall()
    further = _count_rest(result) if terminal else 0
    cells = [[_shown(value) for value in row] for row in rows]
    numeric = {i for i in range(len(names)) if rows and all(_is_number(row[i]) for row in rows)}
    widths = _widths([names, *cells])
    fitting = _fitting(widths, shutil.get_terminal_size().columns) if terminal else len(names)
    for line in (names, ["─" * width for width in widths], *cells):
        stream.write(_aligned(line[:fitting], widths[:fitting], numeric) + "\n")
    shown = f"{len(rows):,} of {len(rows) + further:,} rows" if further else f"{len(rows):,} rows"
    shown = shown.removesuffix("s") if len(rows) + further == 1 else shown
    left_out = [f"{fitting} of {len(names)} columns"] if fitting < len(names) else []
    hint = ["--format csv gives all"] if further or left_out else []
    stream.write(" · ".join([shown, *left_out, *hint, *([note] if note else [])]) + "\n")


def as_csv(result: DuckDBPyConnection, stream: TextIO) -> None:
    """Comma-separated values with a header; null is empty, nested values are JSON."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_names(result))
    while rows := result.fetchmany(BATCH):
        writer.writerows([["" if value is None else _plain(value) for value in row] for row in rows])


def as_json(result: DuckDBPyConnection, stream: TextIO) -> None:
    """An array of objects, one per row; null, NaN and infinities are null, as JSON has none of the latter."""
    names = _names(result)
    stream.write("[")
    separator = "\n"
    while rows := result.fetchmany(BATCH):
        for row in rows:
            stream.write(separator + json.dumps(dict(zip(names, map(_jsonable, row), strict=True)), ensure_ascii=False))
            separator = ",\n"
    stream.write("\n]\n")


def as_parquet(result: DuckDBPyConnection, stream: Any) -> None:
    """Parquet, types as in the database."""
    import warnings

    import pyarrow.parquet as pq

    with warnings.catch_warnings(action="ignore"):  # about a second copy of the rows
        answered = result.to_arrow_table()
    pq.write_table(answered, stream)


def to_file(result: DuckDBPyConnection, write: Callable[..., None], path: Path, *, binary: bool) -> None:
    """Write an answer to a file, which appears whole or not at all."""
    from hnbc_assets.lake.atomic import replacing

    with replacing(path.absolute()) as file:
        if binary:
            write(result, file)
            return
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        write(result, text)
        text.detach()


def _names(result: DuckDBPyConnection) -> list[str]:
    return [column[0] for column in result.description or []]


def _count_rest(result: DuckDBPyConnection) -> int:
    count = 0
    while rows := result.fetchmany(BATCH):
        count += len(rows)
    return count


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))


def _shown(value: Any) -> str:
    """A readable form: six significant digits, no line breaks."""
    if value is None:
        return "NULL"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(_plain(value)).replace("\r", "").replace("\n", " ⏎ ")


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict | tuple):
        return json.dumps(_jsonable(value), ensure_ascii=False)
    return value


def _jsonable(value: Any) -> Any:
    match value:
        case float() if not math.isfinite(value):
            return None
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime() | date() | time():
            return value.isoformat()
        case dict():
            return {str(key): _jsonable(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_jsonable(inner) for inner in value]
        case None | bool() | int() | float() | str():
            return value
    return str(value)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    """The width of each column, in cells of the terminal."""
    return [max(map(_width, column)) for column in zip(*lines, strict=True)]


def _aligned(cells: Sequence[str], widths: Sequence[int], right: Container[int]) -> str:
    """A line of a table; the columns `right` are aligned right."""
    spaces = [" " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)]
    padded = [s + cell if i in right else cell + s for i, (cell, s) in enumerate(zip(cells, spaces, strict=True))]
    return GAP.join(padded).rstrip()


def _fitting(widths: list[int], columns: int) -> int:
    """How many columns fit side by side, at least one."""
    used, count = -len(GAP), 0
    for width in widths:
        used += width + len(GAP)
        if used > columns and count:
            break
        count += 1
    return count


FORMATS: Mapping[str, Callable[..., None]] = {"table": as_table, "csv": as_csv, "json": as_json, "parquet": as_parquet}
