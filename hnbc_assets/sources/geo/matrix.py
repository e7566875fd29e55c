"""GEO's matrix: the table of a series matrix file, parsed while the file is still being unpacked.

In scope: the numbers of a series matrix, fast. Out of scope: its header rows, annotations, fetching (files.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hnbc_assets.errors import FormatError
from hnbc_assets.sources.archive import archived

BEGIN, END = b"!series_matrix_table_begin", b"!series_matrix_table_end"
MISSING = ["", "null", "NULL", "NA", "NaN", "nan", "N/A"]
PARSERS = 2
PACKED_BLOCK_BYTES = 5 * 2**19

Block = tuple[np.ndarray, np.ndarray]


def read_matrix(path: Path, sample_ids: Sequence[str] | None = None) -> pd.DataFrame:
    """The table of a series matrix: probes × samples, float64, index feature_id, missing values NaN.

    Unpacking takes about half of the time and uses one core only, so blocks of whole lines are parsed on
    other threads while the next are unpacked.

    Raises
    ------
    FormatError
        If the table is truncated, has no header or is not numeric, a probe has two rows, or a wanted sample is missing.
    """
    with ThreadPoolExecutor(PARSERS) as pool:
        names, blocks = _parse(path, pool)
        ids, values = zip(*(block.result() for block in blocks), strict=True) if blocks else ((), ())
    samples = pd.Index(names[1:], name="sample_id", dtype=object)
    index = pd.Index(np.concatenate(ids) if ids else [], name="feature_id", dtype=object)
    if index.has_duplicates:
        raise FormatError(f"{path.name}: probe {index[index.duplicated()][0]!r} has two rows.")
    matrix = np.concatenate(values) if values else np.empty((0, len(samples)))
    frame = pd.DataFrame(matrix, index=index, columns=samples, copy=False)
    if sample_ids is None:
        return frame
    lost = [sample for sample in sample_ids if sample not in frame.columns]
    if lost:
        raise FormatError(f"{path.name} has no column for {len(lost)} samples, e.g. {lost[:3]}.")
    return frame[list(sample_ids)]


def _parse(path: Path, pool: ThreadPoolExecutor) -> tuple[list[str], list[Future[Block]]]:
    """The table's column names, and its blocks being parsed."""
    names: list[str] = []
    blocks: list[Future[Block]] = []
    rest = b""
    for piece in archived.chunks(path, PACKED_BLOCK_BYTES):
        rest += piece
        if not names:
            names, rest = _header(rest, path)
            if not names:
                continue
        end = rest.find(END)
        cut = end if end >= 0 else rest.rfind(b"\n") + 1
        if cut:
            blocks.append(pool.submit(_block, rest[:cut], names, path))
        rest = rest[cut:]
        if end >= 0:
            return names, blocks
    lost = "end" if names else "begin"
    raise FormatError(f"{path.name} has no !series_matrix_table_{lost}: truncated? Delete it and fetch it again.")


def _header(text: bytes, path: Path) -> tuple[list[str], bytes]:
    """The names in the table's header line and what follows it; no names if the line has not been read yet."""
    begin = text.find(BEGIN)
    start = text.find(b"\n", begin) + 1 if begin >= 0 else 0
    stop = text.find(b"\n", start) if start else -1
    if stop < 0:
        return [], text
    names = [name.strip('"\r') for name in text[start:stop].decode(errors="replace").split("\t")]
    if names[0] != "ID_REF" or len(set(names)) != len(names):
        raise FormatError(f"{path.name}: the table's header is {names[:3]} …, not ID_REF and samples, each once.")
    return names, text[stop + 1 :]


def _block(lines: bytes, names: list[str], path: Path) -> Block:
    """Probe ids and (n_probes, n_samples) values of some whole lines.

    Empty cells are missing in any case; the words for missing cost a fifth of the time, so they are recognised only in
    a block that cannot be read without them.
    """
    import polars as pl

    _whole_lines(lines, names, path)
    schema: dict[str, Any] = dict.fromkeys(names, pl.Float64) | {"ID_REF": pl.String}
    try:
        table = pl.read_csv(lines, has_header=False, schema=schema, separator="\t")
    except pl.exceptions.PolarsError:
        try:
            table = pl.read_csv(lines, has_header=False, schema=schema, separator="\t", null_values=MISSING)
        except pl.exceptions.PolarsError as error:
            raise FormatError(f"{path.name}: {_not_a_number(lines, names)}. Fetch it again.") from error
    if table["ID_REF"].null_count():
        raise FormatError(f"{path.name}: a row of the table names no probe. Fetch it again.")
    return table["ID_REF"].to_numpy(), table.drop("ID_REF").to_numpy()


def _whole_lines(lines: bytes, names: list[str], path: Path) -> None:
    """Check that every line has a cell for each sample; single lines are checked only if the total count is wrong.

    Raises
    ------
    FormatError
        If one does not; the message names its probe.
    """
    tabs = len(names) - 1
    if lines.count(b"\t") == tabs * lines.count(b"\n") and lines.endswith(b"\n"):
        return
    for line in lines.splitlines():
        found = line.count(b"\t")
        if line.strip() and found != tabs:
            probe = line.partition(b"\t")[0].decode(errors="replace")[:40]
            raise FormatError(
                f"{path.name}: probe {probe!r} has {found} values for {tabs} samples. Fetch the file again."
            )


def _not_a_number(lines: bytes, names: list[str]) -> str:
    """A description of the first cell that is not a number."""
    for line in lines.decode(errors="replace").splitlines():
        probe, *cells = [cell.strip('"') for cell in line.split("\t")]
        for name, cell in zip(names[1:], cells, strict=False):
            try:
                float(cell if cell not in MISSING else "0")
            except ValueError:
                return f"probe {probe[:40]!r} of sample {name} is {cell[:40]!r}, not a number"
    return "a cell of its table is not a number"
