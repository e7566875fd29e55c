"""Delimited text of a user's table, read strictly: every line counted, every cell in its column, every number a number.

In scope: lines and cells of csv and tsv, their errors and positions. Out of scope: what a table is about
(files.py), files of upstreams, whose readers know their formats.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

import numpy as np

from hnbc_assets.errors import FormatError

MISSING = frozenset(
    ("", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "-nan", "-NaN", "NULL", "null", "None")
)  # what spreadsheets, R and pandas write for a missing value
NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*", re.ASCII)
SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons"}
Row = tuple[int, list[str]]


def rows(text: str, name: str) -> Iterator[Row]:
    """Line number and cells of the header, then of each row; all have the same number of cells. Blank rows are left
    out.

    Empty columns without a name at the right end, as spreadsheets may add, are left out.

    Raises
    ------
    FormatError
        If a row has another number of cells than the header, a quotation mark is not closed, or there is no row.
    """
    header: list[str] | None = None
    width, number = 0, 0
    for line, cells in _parsed(text, name):
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header, width = _header(cells, line, name), len(cells)
            yield line, cells[: len(header)]
            continue
        if len(cells) != width:
            raise FormatError(f"{name}, line {line}: {_cells(len(cells))}, {_of_header(len(cells), width)}")
        extra = next((cell for cell in cells[len(header) :] if cell.strip()), None)
        if extra is not None:
            raise FormatError(f"{name}, line {line}: {extra[:40]!r} is in a column without a name. Name the column.")
        number += 1
        yield line, cells[: len(header)]
    if not number:
        raise FormatError(f"{name} has {'a header and no row' if header else 'no line'}: it contains no table.")


def numbers(cells: Sequence[str], columns: Sequence[str], name: str, line: int) -> np.ndarray:
    """A row's cells as float64, missing cells as nan.

    Raises
    ------
    FormatError
        If a cell is not a finite number; the message names the cell and its column.
    """
    found = np.empty(len(cells))
    plain = "".join(cells)
    if plain.isascii() and "_" not in plain:  # Python reads 1_000 and other scripts' digits as numbers
        try:
            found[:] = cells
        except ValueError:
            pass
        else:
            if np.isfinite(found).all():
                return found
    for place, cell in enumerate(cells):
        word = cell.strip()
        value = np.nan if word in MISSING else float(word) if NUMBER.fullmatch(word) else None
        if value is None or np.isinf(value):
            raise FormatError(f"{name}, line {line}, column {columns[place]!r}: {cell[:40]!r} {_instead(word)}")
        found[place] = value
    return found


def _parsed(text: str, name: str) -> Iterator[Row]:
    """Cells of each line as the csv module reads them; its errors are reported as FormatError."""
    first = next((line for line in text.split("\n", 50) if line.strip()), "")
    separator = max(SEPARATORS, key=lambda mark: len(_split(first, mark)))
    if len(_split(first, separator)) < 2:
        raise FormatError(
            f"{name}: its first line has no tab, comma or semicolon: {first[:60]!r}. The first line names the columns; "
            "delete the lines above it."
        )
    reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in reader:
            if reader.line_num > line:  # a cell with line ends in it, or lines joined by a quotation mark
                _require_one_row(cells, separator, name, line, reader.line_num)
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise FormatError(
            f'{name}, line {line}: a quotation mark (") that is not closed, or one too many. Remove it, or write it '
            'twice ("") inside a quoted cell.'
        ) from error


def _split(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return line.split(separator)


def _require_one_row(cells: list[str], separator: str, name: str, begun: int, ended: int) -> None:
    """Raise an error for rows joined by stray quotation marks: their cell has as many separators as the rows had."""
    for cell in cells:
        if "\n" in cell and cell.count(separator) >= max(1, len(cells) - 1) * cell.count("\n"):
            raise FormatError(
                f'{name}, line {begun}: a quotation mark (") joins all lines to line {ended} into one cell. Remove it.'
            )


def _header(cells: list[str], line: int, name: str) -> list[str]:
    header = [cell.strip() for cell in cells]
    while header and not header[-1]:
        header.pop()
    for place, cell in enumerate(header):
        if not cell and place:
            raise FormatError(f"{name}, line {line}: column {place + 1} has no name. Name it, or delete it.")
        if "\n" in cell:
            raise FormatError(
                f"{name}, line {line}: the name of column {place + 1} runs over two lines. Write it on one."
            )
    if len(header) < 2:
        raise FormatError(f"{name}, line {line}: only one column is named, but a table has two or more.")
    return header


def _cells(count: int) -> str:
    return f"{count} cell{'' if count == 1 else 's'}"


def _of_header(count: int, width: int) -> str:
    """A likely cause of a number of cells that differs from the header's."""
    if count == width + 1:
        return (
            f"but the header has {width}. Are the first cells row names of R's write.table? Write it with "
            "col.names=NA. Is there a separator inside a value? Put the value in quotes."
        )
    if count < width:
        return f"but the header has {width}. Is the file truncated, or a cell missing?"
    return f"but the header has {width}. Is a separator inside a value? Put it in quotes, or use another separator."


def _instead(word: str) -> str:
    """Why a word is not accepted as a number, and what to write instead."""
    if re.fullmatch(r"[-+]?\d{1,3}(?:[.\s]?\d{3})*,\d+", word):
        return "is written with a decimal comma. Write a decimal point."
    if re.fullmatch(r"[-+]?(?:inf|infinity)", word, re.I) or NUMBER.fullmatch(word):
        return "is not a finite number. Leave the cell empty if there is no value."
    return "is not a number. Leave the cell empty if there is no value."
