"""cBioPortal's expression profile: a table of up to 700 MB, read in pieces.

In scope: features and values of a profile, the samples that it has. Out of scope: clinical tables (tables),
scales and genes (science/cohorts).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hnbc_assets.errors import FormatError
from hnbc_assets.sources.archive import archived
from hnbc_assets.sources.cbioportal.tables import (
    MISSING,
    REMEDY,
    header_names,
    label,
    read_samples,
    require_known,
    wrong_row,
)

if TYPE_CHECKING:
    import polars as pl

    from hnbc_assets.sources.archive.store import Archive

PROFILE = r"[^/]+/data_(?!clinical|mutations).+\.txt(\.gz)?"
SYMBOL, ENTREZ = "Hugo_Symbol", "Entrez_Gene_Id"
NOT_SAMPLES = (SYMBOL, ENTREZ, "Cytoband", "Composite.Element.REF")
BLOCK_BYTES = 32 * 2**20


def read_expression(
    archive: Archive, manifest: pd.DataFrame, *, sample_ids: Sequence[str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The expression profile, features × samples (float64), and features[feature_id, symbol, entrez_gene_id].

    A feature is a row of the file: its id is the symbol (or entrez:ID if there is no symbol), followed by #2, #3 …
    if a symbol has several rows. `sample_ids` that the profile lacks are an error; read the header first with
    `profiled_samples`. Only one piece of the file is in memory at a time, in addition to the values themselves.

    Raises
    ------
    FormatError
        The profile is truncated, a row is not as wide as the header, a value is not a number; names file and line.
    """
    path = archived.locate(archive, manifest, PROFILE, "expression profile")
    symbols, entrez, wanted, values = _read(path, sample_ids)
    symbol, number = pd.Series(symbols, dtype=object), pd.Series(entrez, dtype=object)
    named = symbol.where(symbol.notna(), "entrez:" + number.fillna("none").astype(str))
    repeat = named.groupby(named).cumcount()
    feature_id = named.where(repeat == 0, named + "#" + (repeat + 1).astype(str))
    frame = pd.DataFrame(
        values, index=pd.Index(feature_id, name="feature_id"), columns=pd.Index(wanted, name="sample_id")
    )
    return frame, pd.DataFrame({"feature_id": feature_id, "symbol": symbol, "entrez_gene_id": number})


def profiled_samples(archive: Archive, manifest: pd.DataFrame) -> list[str]:
    """The samples that the expression profile has a column for, in its order."""
    path = archived.locate(archive, manifest, PROFILE, "expression profile")
    with archived.open_text(path) as stream:
        header = next((line for line in stream if not line.startswith("#")), "")
    return [name for name in header_names(header, path) if name not in NOT_SAMPLES]


def expression_samples(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame:
    """The rows of `read_samples` that the profile has a column for.

    Raises
    ------
    FormatError
        More than one in twenty of the profile's samples has no row: the sample table is truncated.
    """
    samples, profiled = read_samples(archive, manifest), profiled_samples(archive, manifest)
    require_known(
        pd.Series(profiled, dtype=object),
        samples["sample_id"],
        "data_clinical_sample.txt has no row for",
        "samples of the expression profile",
    )
    return samples[samples["sample_id"].isin(profiled)].reset_index(drop=True)


def _read(
    path: Path, sample_ids: Sequence[str] | None
) -> tuple[list[str | None], list[str | None], list[str], np.ndarray]:
    """Symbols, Entrez ids, samples and values of a profile, read in pieces."""
    lines = _Lines(path)
    names = header_names(lines.header.decode("utf-8", "replace"), path)
    identifiers = [name for name in (SYMBOL, ENTREZ) if name in names]
    if not identifiers:
        raise FormatError(f"{label(path)} has neither {SYMBOL} nor {ENTREZ}; its columns are {names[:4]}. {REMEDY}")
    samples = [name for name in names if name not in NOT_SAMPLES]
    wanted = samples if sample_ids is None else list(sample_ids)
    lost = sorted(set(wanted) - set(samples))
    if lost:
        raise FormatError(f"{label(path)} has no column for {len(lost)} samples, e.g. {lost[:3]}. {REMEDY}")
    found: dict[str, list[str | None]] = {SYMBOL: [], ENTREZ: []}
    pieces: list[np.ndarray] = []
    for line, block in lines.blocks():
        if (wrong := _ragged(path, line, block, len(names), at_end=lines.ended)) is not None:
            raise wrong
        table = _parse(path, line, block, names, [*identifiers, *wanted])
        for name in (SYMBOL, ENTREZ):
            found[name] += table[name].to_list() if name in identifiers else [None] * table.height
        pieces.append(table.select(wanted).to_numpy())
        if np.isinf(pieces[-1]).any():
            raise _no_number(path, line, block, names, wanted)
    if not pieces:
        raise FormatError(f"{label(path)} has a header and no rows. {REMEDY}")
    return found[SYMBOL], found[ENTREZ], wanted, _joined(pieces)


def _joined(pieces: list[np.ndarray]) -> np.ndarray:
    """Pieces below each other; each is released after it is copied, so that the whole is never in memory twice."""
    values = np.empty((sum(len(piece) for piece in pieces), pieces[0].shape[1]))
    end = len(values)
    while pieces:
        piece = pieces.pop()
        values[end - len(piece) : end] = piece
        end -= len(piece)
    return values


def _parse(path: Path, line: int, block: bytes, names: list[str], columns: list[str]) -> pl.DataFrame:
    """The chosen columns of some whole lines, starting at number `line` of the file, as a polars frame."""
    import polars as pl

    n_rows = block.count(b"\n")
    schema = {name: pl.String if name in NOT_SAMPLES else pl.Float64 for name in names}
    header = "\t".join(names).encode() + b"\n"
    try:
        table = pl.read_csv(
            header + block, separator="\t", schema=schema, columns=columns, null_values=MISSING, quote_char=None
        )
    except pl.exceptions.PolarsError as error:
        raise _no_number(path, line, block, names, columns) from error
    if table.height != n_rows:
        raise FormatError(f"{label(path)}, from line {line} on: {table.height} of {n_rows} rows were read. {REMEDY}")
    return table


class _Lines:
    """A table's lines: its header, then blocks of whole lines that end in LF, whatever the line end on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pieces = self._plain()
        self._start, self._line = b"", 1
        self.ended = False  # the last block returned is the file's last
        self.header = self._find_header()

    def _plain(self) -> Iterator[bytes]:
        """The file's bytes with LF for CRLF or CR, cut after line ends, without a byte order mark."""
        rest: list[bytes] = []
        n_bytes, cr_only = 0, None
        for piece in archived.chunks(self._path):
            if cr_only is None:
                piece = piece.removeprefix(b"\xef\xbb\xbf")
                cr_only = b"\r" in piece and b"\n" not in piece
            rest.append(piece.replace(b"\r", b"\n") if cr_only else piece)
            n_bytes += len(piece)
            if n_bytes >= BLOCK_BYTES:
                block = b"".join(rest)
                end = block.rfind(b"\n") + 1
                rest, n_bytes = [block[end:]], len(block) - end
                if end:
                    yield block[:end].replace(b"\r\n", b"\n")
        block = b"".join(rest).replace(b"\r\n", b"\n")
        self.ended = True
        if block:
            yield block if block.endswith(b"\n") else block + b"\n"

    def _find_header(self) -> bytes:
        """The first line that does not begin with #; the blocks start after it."""
        for block in self._pieces:
            position = 0
            while position < len(block):
                end = block.index(b"\n", position)
                line, position = block[position:end], end + 1
                self._line += 1
                if not line.startswith(b"#"):
                    self._start = block[position:]
                    return line
        return b""

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """Number of the first line, and some whole lines, without empty lines."""
        line = self._line
        block, self._start = self._start, b""
        while True:
            n_lines = block.count(b"\n")
            if b"\n\n" in block or block.startswith(b"\n"):
                block = b"".join(one for one in block.splitlines(keepends=True) if one != b"\n")
            if block:
                yield line, block
            line += n_lines
            try:
                block = next(self._pieces)
            except StopIteration:
                return


def _ragged(path: Path, first: int, block: bytes, n_columns: int, *, at_end: bool) -> FormatError | None:
    """The error for the first line of a block that is not as wide as the header; None if all are."""
    place = np.frombuffer(block, dtype=np.uint8)
    ends = np.flatnonzero(place == ord("\n"))
    cells = np.diff(np.searchsorted(np.flatnonzero(place == ord("\t")), ends), prepend=0) + 1
    wrong = np.flatnonzero(cells != n_columns)
    if not len(wrong):
        return None
    last = at_end and wrong[0] == len(ends) - 1
    return wrong_row(path, first + int(wrong[0]), int(cells[wrong[0]]), n_columns, last=last)


def _no_number(path: Path, first: int, block: bytes, names: list[str], columns: Sequence[str]) -> FormatError:
    """The error for the first cell of a block that is not a finite number."""
    wanted = [position for position, name in enumerate(names) if name in set(columns) - set(NOT_SAMPLES)]
    for number, line in enumerate(block.decode("utf-8", "replace").split("\n")):
        cells = line.split("\t")
        for position in wanted if len(cells) == len(names) else ():
            if cells[position] not in MISSING and not _finite(cells[position]):
                return FormatError(
                    f"{label(path)}, line {first + number}, sample {names[position]}: {cells[position][:40]!r} is "
                    f"not a number. {REMEDY}"
                )
    return FormatError(f"{label(path)}, from line {first} on: the values are not numbers by sample. {REMEDY}")


def _finite(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False
