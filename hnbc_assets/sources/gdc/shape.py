"""The structure of GDC's replies: parsing the JSON, and checking that its records have the expected types.

In scope: parsing a stored reply, and a type check that names file, record and field. Out of scope: which fields are
requested (files.py), what they mean (clinical, index).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hnbc_assets.errors import FormatError

TEXT, NUMBER, SCALAR = "text", "a number", "a single value"
DEEPEST = 40
_REMEDY = "Fetch it again (delete the file); if the error remains, GDC has changed its format."


def read_reply(path: Path) -> Any:
    """A stored reply, parsed.

    Raises
    ------
    FormatError
        If it is not JSON, or nested more deeply than any reply.
    """
    try:
        reply = json.loads(path.read_bytes())
        _not_too_deep(reply)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path.name}: this reply of GDC is not complete JSON. {_REMEDY}") from error
    return reply


def hits(path: Path) -> list[Any]:
    """The records of a stored page of a search.

    Raises
    ------
    FormatError
        If it is not JSON, or not a page.
    """
    reply = read_reply(path)
    data = reply.get("data") if isinstance(reply, dict) else None
    found = data.get("hits") if isinstance(data, dict) else None
    if not isinstance(found, list):
        raise FormatError(f"{path.name}: this reply of GDC has no list data.hits. {_REMEDY}")
    return found


def shaped(record: Any, shape: Mapping[str, Any], *, where: str, required: tuple[str, ...] = ()) -> dict[str, Any]:
    """The record, after a check of its structure: parts may be absent or null, otherwise they must have their type.

    Parameters
    ----------
    shape : field -> TEXT, NUMBER, SCALAR, a shape (of a record), or a list of one shape (of records)
    where : file and record, for the error's message
    required : fields that must be present and not empty

    Raises
    ------
    FormatError
        If a part has another type; the message names file, record, field, what was found and what is expected.
    """
    for path, expected, value in _misshapen(record, shape, ""):
        raise FormatError(f"{where}: {path or 'the record'} is {_short(value)}, not {expected}. {_REMEDY}")
    for name in required:
        if record.get(name) in (None, "", [], {}):
            raise FormatError(f"{where}: the record has no {name}. {_REMEDY}")
    return record


def _misshapen(value: Any, shape: Any, path: str) -> Iterator[tuple[str, str, Any]]:
    """Every part that differs from the shape: its path, what is expected, what was found."""
    if value is None:
        if not path:
            yield path, "a record", value
    elif isinstance(shape, Mapping):
        if not isinstance(value, dict):
            yield path, "a record", value
            return
        for name, part in shape.items():
            if name in value:
                yield from _misshapen(value[name], part, f"{path}.{name}" if path else name)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield path, "a list of records", value
            return
        for number, item in enumerate(value):
            if item is None:
                yield f"{path}[{number}]", "a record", item
            yield from _misshapen(item, shape[0], f"{path}[{number}]")
    elif not _is(value, shape):
        yield path, shape, value


def _is(value: Any, kind: str) -> bool:
    if kind == TEXT:
        return isinstance(value, str)
    if kind == SCALAR:
        return not isinstance(value, dict | list)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        return math.isfinite(float(value))
    except (ValueError, OverflowError):
        return False


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _not_too_deep(value: Any, left: int = DEEPEST) -> None:
    if not left:
        raise ValueError("nested too deeply")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _not_too_deep(item, left - 1)
