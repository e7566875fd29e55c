"""What changed between two releases of one upstream object: files, patients, clinical values, names of fields.

In scope: comparing two archived manifests, offline. Out of scope: fetching them, which changes are held, what they
change in results.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd

from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.cohort_files import clinical_reader
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.gdc import history as gdc_history
from hnbc_assets.sources.gdc.shape import hits
from hnbc_assets.sources.listing import fetched_release

COLUMNS = ("source", "from_release", "to_release", "kind", "entity", "field", "old_value", "new_value")
CASES_PAGE = re.compile(r".+/index(?:_first_\d+)?/cases-\d+")
KINDS_OF_FILES = {
    "matrix": r"GSE\d+(-GPL\d+)?_series_matrix\.txt\.gz",
    "annotation": r"GPL\d+\.annot\.gz",
    "dose_response": r"GDSC.*dose_response.*\.xlsx",
    "cell_line_expression": r"expression_(rma|rnaseq)|Cell_line_.*\.zip|(https|file):.*",
    "cell_lines": r"model_list",
    "genes": r"gene_identifiers",
    "clinical": r".+/(data_clinical_(patient|sample)\.txt(\.gz)?|clinical)",
    "mutations": r".+/data_mutations\.txt(\.gz)?",
    "expression": r".+/(data_.+\.txt(\.gz)?|expression)",
}
Change = tuple[str, str, str | None, str | None, str | None]


@dataclass(frozen=True)
class FieldChanges:
    """Clinical fields that a release no longer has: those under a new name (old to new), and those that are missing."""

    renamed: dict[str, str]
    vanished: tuple[str, ...]


def release_changes(archive: Archive, source: Any, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Everything that differs between two releases of an object.

    Parameters
    ----------
    source : the study's settings of the source (kind gdc, geo, cbioportal or table; a series is compared whole, without
        its subset), or None if there are files only (GDSC, gene sets)
    before, after : manifest rows of the two releases, as `fetch` returned them

    Returns
    -------
    source, from_release, to_release, kind, entity, field, old_value, new_value (all text; null if missing);
    ordered by kind, entity, field.
    """
    upstream = str(after["source"].iloc[0]) if len(after) else "gene_sets"
    changes = list(_file_changes(archive, before, after))
    if source is not None:
        clinical = clinical_reader(source)
        changes += _patient_changes(clinical(archive, before), clinical(archive, after))
        changes += _renamed(archive, source, before, after)
    releases = (fetched_release(upstream, before), fetched_release(upstream, after))
    ordered = sorted(changes, key=lambda change: (change[0], change[1], change[2] or ""))
    return pd.DataFrame([(upstream, *releases, *change) for change in ordered], columns=list(COLUMNS), dtype=object)


def field_changes(archive: Archive, source: Any, before: pd.DataFrame, after: pd.DataFrame) -> FieldChanges:
    """The fields that the clinical replies and tables of `before` have and those of `after` lack.

    A field of GDC is renamed if another spelling of it newly appears; if the other was also present before, it is
    missing. Columns of tables have no other spelling. GDC's fields have the names of its API
    (`demographic.gender`), those of its biotab and curated survival the names of `read_clinical`.

    Parameters
    ----------
    source, before, after : as `release_changes`; without settings nothing is compared
    """
    if source is None:
        return FieldChanges({}, ())
    had, has = _fields(archive, source, before), _fields(archive, source, after)
    renamed, vanished = {}, []
    for field in sorted(had - has):
        spellings = next((group for group in gdc.CASE_FIELDS_REQUIRED if field in group), ())
        new = next((name for name in spellings if name in has - had), None) if source.kind == "gdc" else None
        if new is None:
            vanished.append(field)
        else:
            renamed[field] = new
    return FieldChanges(renamed, tuple(vanished))


def file_kind(row: Any) -> str:
    """The kind of a manifest row's file: star, maf, biotab, cdr, matrix, annotation, clinical, list …"""
    file_id, source = str(row["file_id"]), str(row["source"])
    if source == "gdc":
        return str(row["path"]).split("/")[-2]
    if source == "gene_sets":
        return "list"
    return next((kind for kind, pattern in KINDS_OF_FILES.items() if re.fullmatch(pattern, file_id)), "file")


def _file_changes(archive: Archive, before: pd.DataFrame, after: pd.DataFrame) -> Iterator[Change]:
    old, new = _files(before), _files(after)
    replaced = {
        one: other
        for one, other in gdc_history.read_superseded(archive, after).items()
        if one in old and one not in new and other in new
    }
    for file_id in old.keys() | new.keys():
        if file_id in replaced:
            yield "file_superseded", file_id, "file_id", file_id, replaced[file_id]
        elif file_id not in new:
            yield "file_removed", file_id, file_kind(old[file_id]), None, None
        elif file_id in old:
            yield from _other_content(file_id, old[file_id], new[file_id])
        elif file_id not in replaced.values():
            yield "file_added", file_id, file_kind(new[file_id]), None, None


def _files(manifest: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Rows of data files by id: index pages and replies are not data files."""
    rows = {str(row["file_id"]): row for row in manifest.to_dict("records")}
    return {file_id: row for file_id, row in rows.items() if not gdc_history.UNDER_INDEX.fullmatch(file_id)}


def _other_content(file_id: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    if old["sha256"] != new["sha256"]:
        stated = all(isinstance(row["md5"], str) for row in (old, new))
        name = "md5" if stated else "sha256"
        yield "file_superseded", file_id, name, old[name], new[name]


def _patient_changes(old: pd.DataFrame, new: pd.DataFrame) -> Iterator[Change]:
    for patient in new.index.difference(old.index):
        yield "patient_added", str(patient), None, None, None
    for patient in old.index.difference(new.index):
        yield "patient_removed", str(patient), None, None, None
    both = old.index.intersection(new.index)
    for field in dict.fromkeys([*old.columns, *new.columns]):
        was, now = _texts(old, field, both), _texts(new, field, both)
        for patient, one, other in zip(both, was, now, strict=True):
            if one != other:
                yield "value_changed", str(patient), str(field), one, other


def _texts(table: pd.DataFrame, field: str, patients: Iterable[str]) -> list[str | None]:
    """A field's values as text; whole numbers without a fraction, None if missing."""
    if field not in table:
        return [None for _ in patients]
    return [_text(value) for value in table.loc[patients, field]]


def _text(value: Any) -> str | None:
    if pd.isna(value):
        return None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(float(value))
    return str(value)


def _renamed(archive: Archive, source: Any, before: pd.DataFrame, after: pd.DataFrame) -> Iterator[Change]:
    for old, new in field_changes(archive, source, before, after).renamed.items():
        pages = (file_id for file_id, fields in _pages_fields(archive, after) if new in fields)
        yield "field_renamed", next(pages), new, old.rpartition(".")[2], new.rpartition(".")[2]


def _fields(archive: Archive, source: Any, manifest: pd.DataFrame) -> set[str]:
    """The clinical fields that the archived replies and tables have."""
    columns = map(str, clinical_reader(source)(archive, manifest).columns)
    if source.kind != "gdc":
        return set(columns)
    fields = {column for column in columns if column.startswith(("biotab_", "cdr_"))}
    return fields.union(*(found for _, found in _pages_fields(archive, manifest)))


def _pages_fields(archive: Archive, manifest: pd.DataFrame) -> Iterator[tuple[str, set[str]]]:
    """Each archived page of cases, and those requested fields that its records have."""
    for row in manifest.to_dict("records"):
        if CASES_PAGE.fullmatch(str(row["file_id"])):
            asked = parse_qs(urlsplit(str(row["url"])).query).get("fields", [""])[0].split(",")
            cases = hits(archive.locate(row))
            yield str(row["file_id"]), _dotted(cases) & set(asked)


def _dotted(record: Any, prefix: str = "") -> set[str]:
    """The names of the fields of nested records, parts joined by dots as in GDC's API."""
    if isinstance(record, list):
        return set().union(*(_dotted(item, prefix) for item in record))
    if not isinstance(record, dict):
        return {prefix} if prefix else set()
    return set().union(*(_dotted(value, f"{prefix}.{key}" if prefix else key) for key, value in record.items()))
