"""Tables on disk: parquet files that are whole or absent, each with its provenance in its footer.

In scope: writing a frame with its provenance, reading either back. Out of scope: where the file is (paths), how the
provenance of many files is combined (lineage).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hnbc_assets.errors import FormatError, NotInLake
from hnbc_assets.lake.atomic import replacing
from hnbc_assets.lake.hashing import content_hash, table_hash, to_arrow

__all__ = [
    "Provenance",
    "Stored",
    "content_hash",
    "find_provenance",
    "read",
    "read_provenance",
    "read_stored",
    "verify",
    "write",
]

_FOOTER_KEY = b"hnbc"
_WIDE = 200  # columns; statistics of a wide matrix are never used and cost more than its values


@dataclass(frozen=True)
class Provenance:
    """Where a table comes from and what it means, kept in the table's own file.

    `inputs` maps each upstream asset to the data version that was read; when one of them changes, the table is stale.
    `unused` names the inputs from which nothing is in the table: they were only compared. `read` maps all else that
    was read to its version: a registered signature, a decision, the previous database. `columns`
    lists, for each documented column, its `name`, `type`, `unit` and `description`. `content_hash` is filled in on
    writing. `observed` maps the observed source of a raw asset (`gdc_release`) to the release that was downloaded, and
    `replaces` is the release that it replaced (empty for the first one). `stage` is the asset's group.
    """

    asset: str
    data_version: str
    code_version: str = ""
    run_id: str = ""
    study_hash: str = ""
    upstream: str = ""
    written_at: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    observed: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    table_description: str = ""
    columns: list[dict[str, str]] = field(default_factory=list)
    stage: str = ""
    content_hash: str = ""
    replaces: str = ""

    @property
    def release(self) -> str:
        """The upstream's release that a raw asset contains; empty for any other asset."""
        return next(iter(self.observed.values()), "")


@dataclass(frozen=True)
class Stored:
    """A table and its provenance; `content_hash` is the frame's, if already known."""

    frame: pd.DataFrame
    provenance: Provenance
    content_hash: str = ""


def write(path: Path, frame: pd.DataFrame, provenance: Provenance, content_hash: str = "") -> Provenance:
    """Write a table and its provenance in one atomic step; returns the provenance as it was written.

    A named index is kept and restored on reading; an unnamed one is not. `content_hash` is the frame's; it is computed
    if it is not given.

    Raises
    ------
    ValueError, TypeError
        If the frame cannot be stored as a table (see `hashing.to_arrow`); nothing is written then.
    """
    table = to_arrow(frame)
    provenance = dataclasses.replace(provenance, content_hash=content_hash or table_hash(table))
    footer = {
        "provenance": dataclasses.asdict(provenance),
        "index_name": frame.index.name,
        "columns_name": frame.columns.name,
    }
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), _FOOTER_KEY: json.dumps(footer).encode()})
    floating = [f.name for f in table.schema if pa.types.is_floating(f.type)]
    with replacing(path) as file:
        pq.write_table(
            table,
            file,
            compression="zstd",
            compression_level=1,
            use_dictionary=[f.name for f in table.schema if pa.types.is_string(f.type)],
            use_byte_stream_split=floating,
            write_statistics=table.num_columns < _WIDE,
        )
    return provenance


def read(path: Path) -> pd.DataFrame:
    """The table in a file, as written.

    Raises
    ------
    NotInLake
        If there is no such file.
    FormatError
        If it is not a table of this lake.
    """
    return read_stored(path).frame


def read_provenance(path: Path) -> Provenance:
    """The provenance in a file's footer; the values are not read. Raises as `read` does."""
    with open_parquet(path) as file:
        return provenance_of(path, file)


def find_provenance(path: Path) -> Provenance | None:
    """As `read_provenance`; None if there is no such file. A footer is read once while the file does not change."""
    try:
        state = path.stat()
        return _provenance(path, state.st_mtime_ns, state.st_ino)
    except (FileNotFoundError, NotInLake):
        return None


@lru_cache(maxsize=1024)
def _provenance(path: Path, modified: int, inode: int) -> Provenance:
    return read_provenance(path)


def read_stored(path: Path) -> Stored:
    """The table and the provenance, from one file even if it is being replaced. Raises as `read` does."""
    with open_parquet(path) as file:
        provenance, footer = provenance_of(path, file), _footer(path, file)
        return Stored(_to_pandas(file.read(), footer), provenance)


def verify(path: Path) -> Provenance:
    """Read a table and verify that its values are those that were written. Raises as `read` does."""
    with open_parquet(path) as file:
        provenance = provenance_of(path, file)
        check_content(path, file.read(), provenance)
        return provenance


def check_content(path: Path, table: pa.Table, provenance: Provenance) -> None:
    """Raises FormatError if the values that were read are not those that were written."""
    if table_hash(table) != provenance.content_hash:
        raise FormatError(
            f"{path}: its values are not those that {provenance.asset} wrote (content hash "
            f"{provenance.content_hash}). Materialise it again: hnbc run --select {provenance.asset}"
        )


@contextmanager
def open_parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a parquet file; what is read is one file's content, even if the file is replaced meanwhile."""
    try:
        handle = open(path, "rb")  # noqa: SIM115 - closed by ParquetFile below, or here if it is not one
    except FileNotFoundError as error:
        raise NotInLake(f"{path} is not in the lake yet. Materialise its asset: hnbc run --select …") from error
    with handle:
        try:
            file = pq.ParquetFile(handle)
        except (pa.ArrowInvalid, OSError) as error:
            reason = f"{path} is not a readable parquet file ({error})"
            raise FormatError(f"{reason}. Materialise its asset again.") from error
        yield file


def provenance_of(path: Path, file: pq.ParquetFile) -> Provenance:
    """The provenance in an open file. Raises FormatError if it has none."""
    given = _footer(path, file)["provenance"]
    known = {f.name for f in dataclasses.fields(Provenance)}
    return Provenance(**{name: value for name, value in given.items() if name in known})


def _footer(path: Path, file: pq.ParquetFile) -> dict[str, Any]:
    metadata = file.schema_arrow.metadata or {}
    if _FOOTER_KEY not in metadata:
        raise FormatError(f"{path} has no provenance: it was not written by this project. Materialise it again.")
    return json.loads(metadata[_FOOTER_KEY])


def _to_pandas(table: pa.Table, footer: Mapping[str, Any]) -> pd.DataFrame:
    frame = table.to_pandas()
    for field_ in table.schema:
        values = table.column(field_.name)
        if pa.types.is_integer(field_.type) and values.null_count and pd.api.types.is_float_dtype(frame[field_.name]):
            frame[field_.name] = pd.array(values.to_pylist(), dtype="Int64")
    if footer["index_name"] is not None:
        frame = frame.set_index(footer["index_name"])
    frame.columns.name = footer["columns_name"]
    return frame
