"""What changed between two releases of one upstream object: files, patients, clinical values, names of fields.

In scope: comparing two archived releases, offline. Out of scope: fetching them, which changes are held, what they
change in results.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from hnbc_assets.sources.reading import CohortFiles, Files

COLUMNS = ("source", "from_release", "to_release", "kind", "entity", "field", "old_value", "new_value")
Change = tuple[str, str, str | None, str | None, str | None]


@dataclass(frozen=True)
class FieldChanges:
    """Clinical fields that a release no longer has: those under a new name (old to new), and those that are missing."""

    renamed: dict[str, str]
    vanished: tuple[str, ...]


def release_changes(before: Files, after: Files) -> pd.DataFrame:
    """Everything that differs between two releases of an object: its files, and what they say of patients.

    Returns
    -------
    source, from_release, to_release, kind, entity, field, old_value, new_value (all text; null if missing);
    ordered by kind, entity, field.
    """
    changes = list(_file_changes(before, after))
    if isinstance(before, CohortFiles) and isinstance(after, CohortFiles):
        changes += _patient_changes(before.clinical, after.clinical)
        changes += _renamed(before, after)
    return _ordered(changes, before, after)


def file_changes(before: Files, after: Files) -> pd.DataFrame:
    """As `release_changes`, of the files alone: none is read."""
    return _ordered(list(_file_changes(before, after)), before, after)


def field_changes(before: CohortFiles, after: CohortFiles) -> FieldChanges:
    """The clinical fields that `before` has and `after` lacks.

    A field is renamed if another spelling of it newly appears; if the other was also present before, it is missing.
    """
    had, has = before.fields(), after.fields()
    renamed, vanished = {}, []
    for field in sorted(had.keys() - has.keys()):
        new = after.new_name(field, has.keys() - had.keys())
        if new is None:
            vanished.append(field)
        else:
            renamed[field] = new
    return FieldChanges(renamed, tuple(vanished))


def _ordered(changes: list[Change], before: Files, after: Files) -> pd.DataFrame:
    sources = [*after.manifest["source"].head(1), *before.manifest["source"].head(1)]
    where = tuple(map(str, (*sources[:1], before.release_of(before.manifest), after.release_of(after.manifest))))
    ordered = sorted(changes, key=lambda change: (change[0], change[1], change[2] or ""))
    return pd.DataFrame([(*where, *change) for change in ordered], columns=list(COLUMNS), dtype=object)


def _file_changes(before: Files, after: Files) -> Iterator[Change]:
    old, new = _rows(before), _rows(after)
    replaced = {one: other for one, other in after.replaced().items() if one in old and one not in new and other in new}
    for file_id in old.keys() | new.keys():
        if file_id in replaced:
            yield "file_superseded", file_id, "file_id", file_id, replaced[file_id]
        elif file_id not in new:
            yield "file_removed", file_id, before.file_kind(old[file_id]), None, None
        elif file_id in old:
            yield from _other_content(file_id, old[file_id], new[file_id])
        elif file_id not in replaced.values():
            yield "file_added", file_id, after.file_kind(new[file_id]), None, None


def _rows(files: Files) -> dict[str, dict[str, Any]]:
    return {str(row["file_id"]): row for row in files.of_upstream.to_dict("records")}


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


def _renamed(before: CohortFiles, after: CohortFiles) -> Iterator[Change]:
    has = after.fields()
    for old, new in field_changes(before, after).renamed.items():
        yield "field_renamed", has[new], new, old.rpartition(".")[2], new.rpartition(".")[2]
