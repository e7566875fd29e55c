"""A frame's content as a short hash: equal values have equal hashes, on every machine and in every process.

In scope: turning frames into Arrow tables in one canonical way, and hashing those. Out of scope: files.

Two frames have the same hash when they have the same columns in the same order, of the same types, with the same
values in the same row order, whether they were just computed or read back from disk. All missing values (NaN, None,
NA) are equal, 0.0 and −0.0 are equal, and a category equals its string.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd
import pyarrow as pa

HASH_BYTES = 16


def content_hash(frame: pd.DataFrame) -> str:
    """The hash of a frame's values, column names and types, and row order: 32 hexadecimal digits.

    A named index counts as the first column; an unnamed one does not count.
    """
    return table_hash(to_arrow(frame))


def table_hash(table: pa.Table) -> str:
    """The hash of an Arrow table made by `to_arrow`, or by reading a file written from one."""
    digest = hashlib.sha256(f"{table.num_rows}\n".encode())
    for name, column in zip(table.column_names, table.columns, strict=True):
        digest.update(json.dumps([name, _type_name(column.type)], ensure_ascii=True).encode() + b"\n")
        digest.update(_column_digest(column))
    return digest.hexdigest()[: 2 * HASH_BYTES]


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    """A frame as an Arrow table; a named index becomes the first column, an unnamed one is left out.

    Raises
    ------
    ValueError
        If column names are not distinct strings, or the index has labels but no name.
    TypeError
        If a column mixes types that do not fit one column type.
    """
    if frame.index.nlevels > 1 or frame.columns.nlevels > 1:
        raise ValueError("a frame in the lake has plain columns and at most one index level")
    if frame.index.name is not None:
        frame = frame.reset_index()
    elif not pd.api.types.is_integer_dtype(frame.index.dtype) and len(frame):
        raise ValueError("the index has labels but no name, so they would be lost: name it or reset it")
    unnamed = [name for name in frame.columns if not isinstance(name, str)]
    if unnamed:
        raise ValueError(f"column names are strings; these are not: {unnamed[:5]}")
    if not frame.columns.is_unique:
        raise ValueError(f"columns occur twice: {sorted(set(frame.columns[frame.columns.duplicated()]))[:5]}")
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise TypeError(f"a column mixes types: {error}") from error
    for position, field in enumerate(table.schema):
        if (plain := _plain_type(field.type)) != field.type:
            table = table.set_column(position, pa.field(field.name, plain), table.column(position).cast(plain))
    return table


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """The one type under which equal values are kept: text is a string, a category becomes its value type."""
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_null(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    return kind


def _type_name(kind: pa.DataType) -> str:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list<{_type_name(kind.value_type)}>"  # what Arrow calls the items differs between memory and file
    return str(_plain_type(kind))


def _column_digest(column: pa.ChunkedArray) -> bytes:
    kind = _plain_type(column.type)
    if column.type != kind:
        column = column.cast(kind)
    digest = hashlib.sha256()
    if pa.types.is_floating(kind):
        digest.update(_canonical_floats(column))
        return digest.digest()
    present = np.asarray(column.is_valid().combine_chunks() if column.num_chunks else [], dtype=bool)
    digest.update(np.packbits(present))
    if pa.types.is_string(kind):
        digest.update(_text_bytes(column))
    elif pa.types.is_boolean(kind):
        digest.update(np.packbits(np.asarray(column.fill_null(False), dtype=bool)))
    elif pa.types.is_integer(kind):
        digest.update(np.ascontiguousarray(column.fill_null(0).to_numpy()))
    elif pa.types.is_temporal(kind) and kind.bit_width in (32, 64):
        integers = column.cast(pa.int64() if kind.bit_width == 64 else pa.int32())
        digest.update(np.ascontiguousarray(integers.fill_null(0).to_numpy()))
    else:
        digest.update(json.dumps(column.to_pylist(), default=str, sort_keys=True).encode())
    return digest.digest()


def _canonical_floats(column: pa.ChunkedArray) -> np.ndarray:
    values = column.to_numpy(zero_copy_only=False) + 0.0
    missing = np.isnan(values)
    if missing.any():
        values[missing] = np.nan
    return values


def _text_bytes(column: pa.ChunkedArray) -> bytes:
    """Each value's length in bytes, then all values in order; a missing value is empty."""
    text = pa.concat_arrays(column.fill_null("").cast(pa.large_string()).chunks or [pa.array([], pa.large_string())])
    _, offsets, values = text.buffers()
    if not len(text) or offsets is None:
        return b""
    ends = np.frombuffer(offsets, dtype=np.int64)[text.offset : text.offset + len(text) + 1]
    return np.diff(ends).tobytes() + (b"" if values is None else values[ends[0] : ends[-1]].to_pybytes())
