"""GDC's expression files: STAR counts and TPM, one file per aliquot.

In scope: reading them fast into one matrix, and checking that all use one gene model. Out of scope: genes by symbol,
logarithms (science/cohorts/expression.py).

A project has a thousand files of 60,660 genes, 5 GB of text, from which one column is needed. `scan_values` reads a
file's bytes once, compares each gene with the first file's and reads the one number; anything it does not support
(an exponent, another symbol) is left to a general reader, which compares the ids and raises the errors.
"""

from __future__ import annotations

import functools
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hnbc_assets.errors import FormatError, UpstreamChanged
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.gdc.index import read_samples
from hnbc_assets.sources.gdc.settings import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

NAME_COLUMNS = ("gene_id", "gene_name", "gene_type")
VALUE_COLUMNS = {"tpm": "tpm_unstranded", "counts": "unstranded"}


def read_expression(
    archive: Archive,
    manifest: pd.DataFrame,
    *,
    value: Value = "tpm",
    sample_ids: Sequence[str],
    samples: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Expression of these aliquots, in the files' units (no logarithm), and its features.

    Parameters
    ----------
    value : "tpm" (transcripts per million) or "counts" (unstranded reads)
    sample_ids : aliquot barcodes, as in `read_samples`; they become the columns, in this order
    samples : the result of `read_samples`, if already read

    Returns
    -------
    Expression frame, feature_id × sample_id, and features: feature_id (Ensembl id with version), symbol, gene_type.

    Raises
    ------
    FormatError
        A sample has no file among these, or a file cannot be read.
    UpstreamChanged
        A file uses another gene model than the first, or lacks a column; names the file.
    """
    files = (read_samples(archive, manifest) if samples is None else samples).set_index("sample_id")["file_id"]
    rows = manifest.set_index("file_id")
    unknown = [sample for sample in sample_ids if sample not in files.index]
    if unknown:
        raise FormatError(f"GDC's index has no expression file of {', '.join(unknown[:5])}. Fetch the project again.")
    chosen = rows.loc[[files[sample] for sample in sample_ids]]
    archive.verify(chosen)
    paths = [archive.place(row) for row in chosen.to_dict("records")]
    features, values = read_star(paths, VALUE_COLUMNS[value])
    index = pd.Index(features["feature_id"], name="feature_id")
    return pd.DataFrame(values.T, index=index, columns=pd.Index(sample_ids, name="sample_id")), features


def read_star(paths: Sequence[Path], column: str) -> tuple[pd.DataFrame, np.ndarray]:
    """One column of many STAR files.

    Parameters
    ----------
    column : "tpm_unstranded", "unstranded" …

    Returns
    -------
    features (feature_id, symbol, gene_type), and values, (n_files, n_features).

    Raises
    ------
    UpstreamChanged
        A file's gene ids are not those of the first file in the same order, or it lacks the column; names the file.
    FormatError
        A file cannot be read.
    """
    if not paths:
        return pd.DataFrame(columns=["feature_id", "symbol", "gene_type"]), np.empty((0, 0))
    first = read_columns(paths[0], list(NAME_COLUMNS))
    genes = first["gene_id"]
    if wrong := _wrong_genes(genes):
        raise FormatError(f"{paths[0].name}: this STAR file has {wrong}. Fetch it again.")
    encoded = ["".join(f"{name or ''}\t" for name in row).encode() for row in first.iter_rows()]
    names, ends = np.frombuffer(b"".join(encoded), np.uint8), np.cumsum([len(row) for row in encoded])
    is_gene = ~genes.str.starts_with("N_").to_numpy()
    values = np.empty((len(paths), int(is_gene.sum())))

    def read_into(place: int) -> None:
        row = quick_values(paths[place], column, names, ends)
        values[place] = (general_values(paths[place], column, genes, paths[0]) if row is None else row)[is_gene]

    with ThreadPoolExecutor(max(1, os.cpu_count() or 1)) as pool:
        for _ in pool.map(read_into, range(len(paths))):
            pass
    features = first.to_pandas()[is_gene].reset_index(drop=True)
    return features.rename(columns={"gene_id": "feature_id", "gene_name": "symbol"}), values


def _wrong_genes(genes: pl.Series) -> str | None:
    """What is wrong with a file's gene ids; None if they are correct."""
    if genes.is_null().any():
        return "a row without gene_id"
    if genes.str.starts_with("N_").all():
        return "no gene"
    twice = genes.filter(genes.is_duplicated())
    return f"the gene {twice[0]} twice" if len(twice) else None


def quick_values(path: Path, column: str, names: np.ndarray, ends: np.ndarray) -> np.ndarray | None:
    """A file's values, (n_rows,), if it has exactly these genes and plain decimal numbers; None otherwise.

    Parameters
    ----------
    names, ends : the bytes with which each row begins (id, name and type, a tab after each), concatenated,
        and the end of each row's
    """
    content = path.read_bytes()
    start = 0
    while content[start : start + 1] == b"#":
        start = content.find(b"\n", start) + 1 or len(content)
    end = content.find(b"\n", start)
    header = content[start:end].decode("utf-8", "replace").split("\t")
    if end < 0 or tuple(header[:3]) != NAME_COLUMNS or column not in header[3:]:
        return None
    row = np.empty(ends.size)
    text, place, last = np.frombuffer(content, np.uint8), header.index(column), len(header) - 1
    return row if compiled_scan()(text, end + 1, place, last, names, ends, row) else None


@functools.cache
def compiled_scan() -> Callable[..., Any]:
    """`scan_values` as machine code, releasing the interpreter's lock; compiled once, then cached on disk."""
    import numba

    return numba.njit(nogil=True, cache=True)(scan_values)


def scan_values(
    text: np.ndarray, start: int, column: int, last: int, names: np.ndarray, ends: np.ndarray, values: np.ndarray
) -> bool:
    """Read one column of plain decimal numbers from a table, comparing the beginning of each row.

    Parameters
    ----------
    text : (n_bytes,) uint8; start : position of the first row
    column, last : index of the tab-separated field to read, and of a row's last field, from 0; the first three are
        names
    names, ends : the bytes with which each row must begin (its three names), and the end of each row's
    values : (n_rows,), written to; a blank is NaN. Mantissas below 2^53 over a power of ten up to 22 round exactly.

    Returns
    -------
    Whether every row was as expected; otherwise `values` must not be used.
    """
    tab, newline, point, zero = 9, 10, 46, 48
    n, at, begin = text.size, start, 0
    for row in range(ends.size):
        length = ends[row] - begin
        if at + length >= n:
            return False
        found, expected = text[at : at + length], names[begin : ends[row]]
        different = 0
        for k in range(length):  # no early end: the processor compares many bytes at once
            different |= found[k] ^ expected[k]
        if different:
            return False
        at, begin = at + length, ends[row]
        for _ in range(column - 3):
            while at < n and text[at] != tab:
                if text[at] == newline:
                    return False
                at += 1
            at += 1
        mantissa, digits, decimals = 0, 0, -1
        while at < n and text[at] != tab and text[at] != newline:
            byte = int(text[at])
            if zero <= byte < zero + 10 and mantissa < 900_719_925_474_098:
                mantissa = mantissa * 10 + (byte - zero)
                digits += 1
                decimals += decimals >= 0
            elif byte == point and decimals < 0:
                decimals = 0
            else:
                return False
            at += 1
        if (digits == 0 and decimals >= 0) or decimals > 22:
            return False
        values[row] = np.nan if digits == 0 else mantissa / 10.0 ** max(decimals, 0)
        fields = column
        while at < n and text[at] != newline:
            fields += text[at] == tab
            at += 1
        if fields != last:
            return False
        at += 1
    return at >= n


def general_values(path: Path, column: str, genes: pl.Series, first: Path) -> np.ndarray:
    """A file's values, (n_rows,), read by a general reader.

    Raises
    ------
    UpstreamChanged
        Its gene ids are not `genes`, those of the file `first`.
    """
    table = read_columns(path, ["gene_id", column])
    if not table["gene_id"].equals(genes):
        raise UpstreamChanged(
            f"{path.name}: its {len(table)} gene ids are not those of {first.name} ({len(genes)}). "
            "Files of two gene models cannot be joined; find out which release changed it."
        )
    return table[column].to_numpy()


def read_columns(path: Path, columns: list[str]) -> pl.DataFrame:
    """Some columns of one STAR file: text for names, floating point for values, null where blank."""
    import polars as pl

    types = dict.fromkeys(columns, pl.String)
    try:
        table = pl.read_csv(
            path, separator="\t", comment_prefix="#", columns=columns, schema_overrides=types, quote_char=None
        )
    except pl.exceptions.ColumnNotFoundError as error:
        raise UpstreamChanged(f"{path.name}: this STAR file lacks one of the columns {', '.join(columns)}.") from error
    except (pl.exceptions.PolarsError, OSError) as error:
        raise FormatError(
            f"{path.name}: not a STAR gene count file (tab-separated text, rows as long as the header). Fetch it again."
        ) from error
    return table.with_columns(_numbers(table, column, path) for column in columns if column not in NAME_COLUMNS)


def _numbers(table: pl.DataFrame, column: str, path: Path) -> pl.Series:
    """A column as numbers, null where blank.

    Raises
    ------
    FormatError
        If a value is not a number, negative or infinite; the message names row and value.
    """
    import polars as pl

    texts = table[column].str.strip_chars()
    texts = texts.set(texts == "", None)
    values = texts.cast(pl.Float64, strict=False)
    wrong = texts.is_not_null() & (values.is_null() | ~(values.is_finite() & (values >= 0)).fill_null(False))
    if wrong.any():
        row = int(wrong.arg_true()[0])
        raise FormatError(
            f"{path.name}, row {row + 1}: {column} is {texts[row][:40]!r}, not a number of 0 or more. Fetch it again."
        )
    return values
