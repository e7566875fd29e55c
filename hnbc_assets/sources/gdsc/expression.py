"""Expression of GDSC's cell lines, in any of the layouts in which it was published.

In scope: recognising the layouts and reading them, block by block, never with a whole file in memory. Out of scope:
which file the study names and how lines are matched with the screen (files.py).

    ensembl_gene <tab> COSMIC ids            Sanger's RMA of the arrays, log2, by Ensembl gene (releases 6.0 and 7.0)
    GENE_SYMBOLS <tab> GENE_title <tab> DATA.<COSMIC id>      the same arrays by symbol, as on cancerrxgene.org
    model_id,,,SIDM…                         the passports' merged RNA-seq, TPM; three more header rows, then symbols
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from hnbc_assets.arithmetic import log2
from hnbc_assets.errors import FormatError
from hnbc_assets.sources.archive import archived
from hnbc_assets.vocabulary import Assay

RMA, RNASEQ = Assay.RMA, Assay.RNASEQ_TPM
BLOCK_BYTES = 8 * 2**20
LONGEST_LINE = 16 * 2**20
MISSING = ["", "NA", "NaN", "nan"]
MODEL_ID = re.compile(r"SIDM\d+")
ENSEMBL = re.compile(r"(ENSG\d{11})(?:\.\d+)?(?:_at)?")
HEADER_ROWS = {RMA: 1, RNASEQ: 4}
LEAST_WITH_SYMBOL = 0.5
PACK_AGAIN = "Fetch it again; if it is your own file, pack it again with deflate and without a password."


@dataclass(frozen=True)
class LineExpression:
    """values: genes × line ids, log2, of the wanted lines; ids: line ids of all columns; kind: rma or rnaseq_tpm."""

    values: pd.DataFrame
    ids: tuple[str, ...]
    kind: str


@dataclass(frozen=True)
class Layout:
    """Where a file's lines and genes are. `columns`: position to line id; `genes`: position of the gene's name."""

    kind: str
    separator: str
    columns: Mapping[int, str]
    n_columns: int
    by_ensembl: bool


def read_expression(
    path: Path,
    *,
    model_of: Mapping[str, str],
    wanted: set[str] | None = None,
    symbols: Callable[[], Mapping[str, str]] | None = None,
) -> LineExpression:
    """Expression of cell lines, genes × lines, log2: RMA unchanged, or log2(TPM + 1).

    Parameters
    ----------
    path : a text table, plain, gzip or the one matching member of a zip archive
    model_of : COSMIC id to model id; a line whose COSMIC id is not in it keeps that id
    wanted : line ids to keep; all by default
    symbols : maps Ensembl gene id to symbol, for a table by Ensembl gene

    Returns
    -------
    Genes by symbol, in the file's order; rows without one are dropped, rows of the same symbol are averaged. A line
    present twice (`DATA.ID.1`, two COSMIC ids of one model) keeps its first column. Lines sorted by id.

    Raises
    ------
    FormatError
        The file has none of the layouts, is truncated, or less than half of its genes have a symbol.
    """
    with _opened(path) as blocks:
        stream = _lines_of(path, blocks)
        layout = layout_of(path.name, next(stream, b""), model_of)
        for _ in range(HEADER_ROWS[layout.kind] - 1):
            next(stream, b"")
        kept = {at: line for at, line in layout.columns.items() if wanted is None or line in wanted}
        names: list[object] = []
        parts = []
        for block in _blocks(stream):
            genes, values = _parsed(path, block, layout, list(kept))
            names += genes
            parts.append(values)
    if not names:
        raise FormatError(f"{path.name} ends after its header: truncated. {archived.REMEDY}")
    values = np.concatenate(parts)
    del parts
    index = _symbols(path, names, layout, symbols)
    frame = pd.DataFrame(values, index=index, columns=pd.Index(list(kept.values()), name="line_id"))
    frame = frame[frame.index.notna()].sort_index(axis=1)
    if frame.index.has_duplicates:
        frame = frame.groupby(level=0, sort=False).mean()
    return LineExpression(frame, tuple(layout.columns.values()), layout.kind)


def layout_of(name: str, line: bytes, model_of: Mapping[str, str]) -> Layout:
    """The layout that a file's first line shows; COSMIC ids become model ids.

    Raises
    ------
    FormatError
        It has none of the layouts known here.
    """
    header = line.decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r\n")
    separator = "\t" if "\t" in header else ","
    cells = [cell.strip().strip('"') for cell in header.split(separator)]
    first = cells[0]
    kind = RNASEQ if first == "model_id" else RMA
    ids = {
        "ensembl_gene": lambda cell: re.fullmatch(r"(\d+)(?:\.\d+)?", cell),
        "GENE_SYMBOLS": lambda cell: re.fullmatch(r"DATA\.(\d+)(?:\.\d+)?", cell),
        "model_id": lambda cell: re.fullmatch(r"(SIDM\d+)", cell),
    }.get(first)
    found = {at: match[1] for at, cell in enumerate(cells) if ids is not None and (match := ids(cell))}
    if not found:
        raise FormatError(
            f"{name}: its header is {cells[:3]}. Supported are ensembl_gene and COSMIC ids, GENE_SYMBOLS, "
            "GENE_title and DATA.<COSMIC id>, both with tabs, or model_id and SIDM ids with commas."
        )
    strange = [cell for at, cell in enumerate(cells[1:], 1) if cell and at not in found and cell != "GENE_title"]
    if strange:
        raise FormatError(f"{name}: its header names {strange[0]!r} among the lines, which is not a line's id.")
    columns: dict[int, str] = {}
    seen: set[str] = set()
    for at, upstream in found.items():
        line_id = upstream if MODEL_ID.fullmatch(upstream) else model_of.get(upstream, upstream)
        if line_id not in seen:
            seen.add(line_id)
            columns[at] = line_id
    return Layout(kind, separator, columns, len(cells), first == "ensembl_gene")


def _parsed(path: Path, block: bytes, layout: Layout, columns: list[int]) -> tuple[list[object], np.ndarray]:
    """The first cells and the values of these columns, of whole lines."""
    import polars as pl

    if layout.separator == "\t" or b'"' not in block:  # a truncated row would be filled with missing values
        expected = (layout.n_columns - 1) * len(block.splitlines())
        if block.count(layout.separator.encode()) != expected:
            raise FormatError(
                f"{path.name}: not every row has the header's {layout.n_columns} cells: truncated? {archived.REMEDY}"
            )
    names = [str(at) for at in range(layout.n_columns)]
    kind = pl.Float32 if layout.kind == RNASEQ else pl.Float64
    schema = dict.fromkeys(names, pl.String) | {str(at): kind for at in layout.columns}
    try:
        table = pl.read_csv(
            block,
            has_header=False,
            separator=layout.separator,
            schema=schema,
            columns=[0, *columns],
            null_values=MISSING,
            quote_char='"' if layout.separator == "," else None,
        )
    except pl.exceptions.PolarsError as error:
        start = block[:60].decode("utf-8", "replace")
        raise FormatError(
            f"{path.name}: a row from {start!r} on cannot be read: it has a value that is not a number, or not "
            f"the {layout.n_columns} cells of the header. {archived.REMEDY}"
        ) from error
    values = np.empty((len(table), 0))  # polars loses the rows of a table without columns
    if columns:
        values = table.select(list(map(str, columns))).to_numpy()
    if np.isinf(values).any():
        raise FormatError(f"{path.name}: an expression value is infinite. {archived.REMEDY}")
    if layout.kind == RNASEQ:
        if (values < 0).any():
            raise FormatError(f"{path.name}: a value is negative, which a TPM never is: are they logarithms already?")
        values = log2(values.astype(float) + 1).astype(np.float32)
    return table["0"].to_list(), values


def _symbols(
    path: Path, names: list[object], layout: Layout, symbols: Callable[[], Mapping[str, str]] | None
) -> pd.Index:
    if not layout.by_ensembl:
        return pd.Index([name or None for name in names], name="gene", dtype=object)
    if symbols is None:
        raise FormatError(f"{path.name} is by Ensembl gene, and no gene identifiers were fetched with it.")
    known = symbols()
    matches = (ENSEMBL.fullmatch(str(name)) for name in names)
    found = [known.get(match[1]) if match else None for match in matches]
    share = sum(one is not None for one in found) / len(found)
    if share < LEAST_WITH_SYMBOL:
        raise FormatError(
            f"{path.name}: of its {len(found):,} genes {share:.0%} have a symbol in the gene identifiers. The first is "
            f"{names[0]!r}; Ensembl gene ids (ENSG…) are expected. Do the two files belong together?"
        )
    return pd.Index(found, name="gene", dtype=object)


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[bytes]]:
    """A file's bytes in pieces: plain, gzip, or those of the expression table in a zip archive."""
    if not zipfile.is_zipfile(path):
        yield archived.chunks(path, BLOCK_BYTES)
        return
    with ExitStack() as opened:
        try:
            packed = opened.enter_context(zipfile.ZipFile(path))
            member = opened.enter_context(packed.open(_member(path, packed.infolist())))
        except (zipfile.BadZipFile, RuntimeError) as error:  # RuntimeError: a member that needs a password
            raise _not_unpacked(path, error) from error
        yield _pieces(path, member)


def _member(path: Path, members: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    """The member to read: the only table, or the TPM table if there are several."""
    tables = [one for one in members if one.filename.lower().endswith((".txt", ".csv", ".tsv"))]
    if len(tables) > 1:
        tables = [one for one in tables if "tpm" in one.filename.lower().rsplit("/", 1)[-1]]
    if len(tables) != 1:
        found = ", ".join(one.filename for one in members[:6]) or "none"
        raise FormatError(f"{path.name}: which of its members is the lines' expression is not clear: {found}.")
    if tables[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FormatError(f"{path.name}: {tables[0].filename} is packed with another method than deflate. {PACK_AGAIN}")
    return tables[0]


def _pieces(path: Path, member: IO[bytes]) -> Iterator[bytes]:
    while True:
        try:
            piece = member.read(BLOCK_BYTES)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise _not_unpacked(path, error) from error
        if not piece:
            return
        yield piece


def _not_unpacked(path: Path, error: Exception) -> FormatError:
    return FormatError(f"{path.name} cannot be unpacked ({error}). {PACK_AGAIN}")


def _lines_of(path: Path, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """A file's lines, with their ends."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).splitlines(keepends=True) or [
            b""
        ]  # the last may be incomplete; it waits for the next piece
        if len(rest) > LONGEST_LINE:
            raise FormatError(f"{path.name} has a line of more than {LONGEST_LINE // 2**20} MiB: this is not a table.")
        yield from lines
    if rest:
        yield rest


def _blocks(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Whole lines together, some MB at a time; empty ones left out."""
    gathered: list[bytes] = []
    size = 0
    for line in lines:
        if line.strip():
            gathered.append(line)
            size += len(line)
        if size >= BLOCK_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)
