"""The names of the fields that GDC's archived clinical replies have.

In scope: fields that were requested and received, other spellings of one. Out of scope: their values (clinical.py),
which are requested (files.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd

from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.gdc.files import CASE_FIELDS_REQUIRED
from hnbc_assets.sources.gdc.shape import hits

CASES_PAGE = re.compile(r".+/index(?:_first_\d+)?/cases-\d+")


def received_fields(archive: Archive, manifest: pd.DataFrame) -> dict[str, str]:
    """Each requested field that a record has, as its API names it (`demographic.gender`), with the page's id."""
    found: dict[str, str] = {}
    for page, fields in _pages(archive, manifest):
        found = dict.fromkeys(fields, page) | found  # the first page that has it
    return found


def other_spelling(field: str, names: set[str]) -> str | None:
    """Which of these names is another spelling of a field; None without one."""
    spellings = next((group for group in CASE_FIELDS_REQUIRED if field in group), ())
    return next((name for name in spellings if name in names), None)


def _pages(archive: Archive, manifest: pd.DataFrame) -> Iterator[tuple[str, set[str]]]:
    for row in manifest.to_dict("records"):
        if CASES_PAGE.fullmatch(str(row["file_id"])):
            asked = parse_qs(urlsplit(str(row["url"])).query).get("fields", [""])[0].split(",")
            yield str(row["file_id"]), _dotted(hits(archive.locate(row))) & set(asked)


def _dotted(record: Any, prefix: str = "") -> set[str]:
    """The names of the fields of nested records, parts joined by dots as in GDC's API."""
    if isinstance(record, list):
        return set().union(*(_dotted(item, prefix) for item in record))
    if not isinstance(record, dict):
        return {prefix} if prefix else set()
    return set().union(*(_dotted(value, f"{prefix}.{key}" if prefix else key) for key, value in record.items()))
