"""A user's table in memory: header, labels of rows, and cells as text or numbers; of csv, tsv or parquet.

In scope: detecting the format, and the same view of each. Out of scope: lines and cells of text (text.py),
what a table is about (files.py).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from hnbc_assets.errors import FormatError
from hnbc_assets.sources.table.text import MISSING, numbers, rows
from hnbc_assets.user_files import TABLE_BYTES, decode, unpacked

ReadAs = Literal["text", "numbers", "labels"]
MOST_CELLS = 500_000_000


@dataclass(frozen=True)
class Grid:
    """A table: `header` names its columns, `labels` are the cells of the first, `lines` are the rows' line numbers.

    `cells` are the rows of a table that was read as text, `values` the columns after the first of one that was read as
    numbers; a table that was read for its labels has neither.
    """

    name: str
    header: list[str]
    header_as_written: list[str]
    labels: list[str]
    lines: list[int] | None
    cells: list[list[str | None]] = field(repr=False, default_factory=list)
    values: np.ndarray | None = field(repr=False, default=None)

    def at(self, place: int) -> str:
        """The position of a row: `patients.csv, line 7`."""
        return f"{self.name}, line {self.lines[place]}" if self.lines else f"{self.name}, row {place + 1}"

    def column(self, name: str) -> list[str]:
        """A column's cells as written, missing ones empty."""
        place = self.header.index(name)
        return ["" if row[place] is None else str(row[place]) for row in self.cells]

    def text(self) -> pd.DataFrame:
        """All cells as text, None where a value is missing."""
        cells = [[None if cell is None or cell.strip() in MISSING else cell for cell in row] for row in self.cells]
        return pd.DataFrame(cells, columns=self.header, dtype=object)

    def frame(self) -> pd.DataFrame:
        """The values, rows × columns, both by their labels without surrounding spaces."""
        assert self.values is not None, "the table was read as text"
        labels, names = ([label.strip() for label in some] for some in (self.labels, self.header[1:]))
        return pd.DataFrame(self.values, index=labels, columns=names)


def read_grid(content: bytes, name: str, read_as: ReadAs) -> Grid:
    """A table of csv, tsv or parquet, packed or not; recognised by its content, not its name.

    Parameters
    ----------
    name : the file's name for its user, for messages
    read_as : all cells as text, or all but the first column as numbers, or header and first column alone

    Raises
    ------
    FormatError
        If it is of another kind, is damaged, or a cell is not a number where one is needed; the message names the line.
    """
    plain = unpacked(content, name, at_most=TABLE_BYTES, error=FormatError)
    if plain.startswith(b"PAR1"):
        return _of_parquet(plain, name, read_as)
    return _of_text(decode(plain, name, error=FormatError), name, read_as)


def _of_text(text: str, name: str, read_as: ReadAs) -> Grid:
    read = rows(text, name)
    _, written = next(read)
    header = [column.strip() for column in written]
    labels, lines, cells, values = [], [], [], []
    for line, row in read:
        labels.append(row[0])
        lines.append(line)
        if read_as == "numbers":
            values.append(numbers(row[1:], header[1:], name, line))
        elif read_as == "text":
            cells.append(row)
    return Grid(name, header, written, labels, lines, cells, np.vstack(values) if values else None)


def _of_parquet(content: bytes, name: str, read_as: ReadAs) -> Grid:
    table = _parquet_frame(content, name)
    written = [str(column) for column in table.columns]
    header = [column.strip() for column in written]
    if len(header) < 2 or not len(table):
        raise FormatError(f"{name} has {len(table)} rows and {len(header)} columns: it contains no table.")
    columns = [table.iloc[:, place] for place in range(len(header))]
    nested = next((header[n] for n, cells in enumerate(columns) if _is_nested(cells)), None)
    if nested is not None:
        raise FormatError(f"{name}: column {nested!r} has lists or structures in its cells. Write one value per cell.")
    labels = ["" if pd.isna(cell) else str(cell) for cell in columns[0]]
    if read_as == "labels":
        return Grid(name, header, written, labels, None)
    if read_as == "text":
        cells = [[None if pd.isna(cell) else str(cell) for cell in row] for row in zip(*columns, strict=True)]
        return Grid(name, header, written, labels, None, cells)
    values = [_numbers(column, header[n], labels, name) for n, column in enumerate(columns[1:], start=1)]
    return Grid(name, header, written, labels, None, values=np.column_stack(values))


def _is_nested(column: pd.Series) -> bool:
    """Whether a cell holds several values; each cell is looked at, except in columns of numbers."""
    if pd.api.types.is_numeric_dtype(column):
        return False
    return bool(column.map(lambda cell: isinstance(cell, (list, tuple, dict, set, np.ndarray, bytes))).any())


def _numbers(column: pd.Series, header: str, labels: Sequence[str], name: str) -> np.ndarray:
    """A column of a parquet file as float64."""
    if pd.api.types.is_bool_dtype(column):
        raise FormatError(f"{name}: column {header!r} has true and false where numbers are needed.")
    if pd.api.types.is_numeric_dtype(column):
        given, found = column, column.to_numpy(dtype=float, na_value=np.nan)
    else:
        given = column.map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
        given = given.mask(given.map(lambda cell: isinstance(cell, str) and cell in MISSING), None)
        found = pd.to_numeric(given.astype(object), errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    strange = np.flatnonzero((np.isnan(found) & given.notna().to_numpy()) | np.isinf(found))
    if len(strange):
        cell = column.iloc[strange[0]]
        raise FormatError(
            f"{name}: {str(cell)[:40]!r} in column {header!r}, row {labels[strange[0]]!r} is not a finite number. "
            "Leave the cell empty if there is no value."
        )
    return found


def _parquet_frame(content: bytes, name: str) -> pd.DataFrame:
    import pyarrow.parquet as pq

    try:
        described = pq.read_metadata(io.BytesIO(content))
        cells = described.num_rows * described.num_columns
    except Exception as error:  # pyarrow reports damage with many types, including plain OSError
        raise FormatError(f"{name} is parquet and damaged or truncated. Write it again.") from error
    if cells > MOST_CELLS:
        raise FormatError(f"{name} has {cells:,} cells; at most {MOST_CELLS:,} are read. Is it the right file?")
    try:
        table = pd.read_parquet(io.BytesIO(content))
    except Exception as error:
        raise FormatError(f"{name} is parquet and damaged, or of an unreadable kind. Write it again.") from error
    named = table.index.name or not isinstance(table.index, pd.RangeIndex)
    return table.reset_index(allow_duplicates=True) if named else table
