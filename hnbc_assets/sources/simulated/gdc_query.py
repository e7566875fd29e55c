"""The GDC's query language over nested records: filters, fields, expansion, sorting, facets.

In scope: how a query selects and shows records. Out of scope: which records exist, status codes and warnings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

Record = dict[str, Any]

COMPARISONS = {
    "<": lambda have, want: have < want,
    "<=": lambda have, want: have <= want,
    ">": lambda have, want: have > want,
    ">=": lambda have, want: have >= want,
}
NEGATIONS = ("!=", "exclude", "excludeifany", "not")
EQUALITIES = ("=", "in", "is")


def field_names(records: Iterable[Record]) -> set[str]:
    """Every dotted field that the records have."""
    found: set[str] = set()
    for record in records:
        found.update(_walk(record, ""))
    return found


def groups_of(fields: Iterable[str]) -> set[str]:
    """Every dotted prefix of the fields: the values that `expand` accepts."""
    return {".".join(field.split(".")[:n]) for field in fields for n in range(1, field.count(".") + 1)}


def filter_fields(node: Any) -> list[str]:
    """The fields that a filter names. Raises KeyError or TypeError if it is not a filter."""
    if not node:
        return []
    if node["op"].lower() in ("and", "or"):
        return [field for child in node["content"] for field in filter_fields(child)]
    return [node["content"]["field"]]


def matches(record: Record, node: Any, endpoint: str) -> bool:
    """Whether a record passes a filter; text is compared without case, `*` at the end matches anything."""
    if not node:
        return True
    op, content = node["op"].lower(), node["content"]
    if op in ("and", "or"):
        found = (matches(record, child, endpoint) for child in content)
        return all(found) if op == "and" else any(found)
    have = [str(value).lower() for value in values_at(record, local(content["field"], endpoint)) if value is not None]
    asked = content.get("value")
    want = [str(value).lower() for value in (asked if isinstance(asked, list) else [asked])]
    if op in EQUALITIES or op in NEGATIONS:
        hit = not have if want == ["missing"] else any(_equal(value, one) for value in have for one in want)
        return hit if op in EQUALITIES else not hit
    return any(COMPARISONS[op](float(value), float(want[0])) for value in have)


def local(field: str, endpoint: str) -> str:
    """A field without the endpoint's own name as a prefix: files.access and access are the same on /files."""
    return field.removeprefix(f"{endpoint}.")


def values_at(record: Any, field: str) -> list[Any]:
    """All values at a dotted path, through lists."""
    found = [record]
    for part in field.split("."):
        reached: list[Any] = []
        for item in found:
            reached += [
                one[part]
                for one in (item if isinstance(item, list) else [item])
                if isinstance(one, dict) and part in one
            ]
        found = reached
    flat = [value for item in found for value in (item if isinstance(item, list) else [item])]
    return [value for value in flat if not isinstance(value, dict)]


def shown(record: Record, fields: Iterable[str]) -> Record:
    """The record reduced to the fields; a group selected as a whole includes all its fields except deeper groups."""
    return _cut(record, set(fields), "") | {"id": record["id"]}


def flat(record: Any, prefix: str = "") -> dict[str, Any]:
    """A nested record as one row: cases.0.samples.0.sample_type."""
    cells: dict[str, Any] = {}
    items = record.items() if isinstance(record, dict) else enumerate(record)
    for key, value in items:
        path = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, (dict, list)):
            cells |= flat(value, path)
        else:
            cells[path] = "" if value is None else value
    return cells


def counted(records: Iterable[Record], field: str) -> list[Record]:
    """A facet's buckets, most frequent first; records without the field are under _missing."""
    tally: dict[str, int] = {}
    for record in records:
        for value in values_at(record, field) or ["_missing"]:
            key = str(value).lower()
            tally[key] = tally.get(key, 0) + 1
    return [{"key": key, "doc_count": n} for key, n in sorted(tally.items(), key=lambda pair: (-pair[1], pair[0]))]


def _walk(node: Record, prefix: str) -> Iterator[str]:
    for key, value in node.items():
        path = f"{prefix}.{key}" if prefix else key
        if isinstance(value, dict):
            yield from _walk(value, path)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for item in value:
                yield from _walk(item, path)
        else:
            yield path


def _equal(have: str, want: str) -> bool:
    return have.startswith(want[:-1]) if want.endswith("*") else have == want


def _cut(node: Any, fields: set[str], prefix: str) -> Any:
    if isinstance(node, list):
        return [_cut(item, fields, prefix) for item in node]
    kept: Record = {}
    for key, value in node.items():
        path = f"{prefix}.{key}" if prefix else key
        nested = isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))
        if not nested:
            if path in fields or (prefix and prefix in fields):
                kept[key] = value
        elif path in fields or any(field.startswith(f"{path}.") for field in fields):
            kept[key] = _cut(value, fields, path)
    return kept
