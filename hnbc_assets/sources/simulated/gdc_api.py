"""The simulated GDC API: status, mapping, files, cases, versions, history and data, as strict as the real one.

In scope: paths, parameters, status codes, warnings. Out of scope: what a query means (gdc_query),
records (gdc_records).
"""

from __future__ import annotations

import io
import json
import tarfile
import threading
from collections.abc import Callable
from typing import Any

from hnbc_assets.sources.simulated.answers import Answer, as_json, blob
from hnbc_assets.sources.simulated.gdc_query import (
    counted,
    field_names,
    filter_fields,
    flat,
    groups_of,
    local,
    matches,
    shown,
    values_at,
)
from hnbc_assets.sources.simulated.gdc_records import FIRST_RELEASED, Record, Release
from hnbc_assets.sources.simulated.gdc_releases import stated

ADDED_LATE = {"file_size", "md5sum"}


class GdcApi:
    """Answers requests to api.gdc.cancer.gov at one release; paths with and without v0/.

    The records are drawn by `draw` at the first request for any of them: the status needs none.
    """

    def __init__(self, name: str, draw: Callable[[], Release]) -> None:
        self.name = name
        self._draw, self._drawing = draw, threading.Lock()
        self._drawn: Release | None = None
        self._fields: dict[str, set[str]] = {}

    @property
    def release(self) -> Release:
        """The records and files."""
        with self._drawing:
            if self._drawn is None:
                self._drawn = self._draw()
            return self._drawn

    def answer(self, path: str, query: dict[str, Any], headers: dict[str, str]) -> Answer:
        """One request: `query` has the parameters of the address and of the body."""
        path = path.strip("/").removeprefix("v0/")
        endpoint, _, rest = path.partition("/")
        if path == "status":
            return as_json(self._status())
        if endpoint == "files" and rest.split("/")[0] == "versions":
            return as_json(
                self._versions(_listed(query.get("ids")) or _listed(rest.removeprefix("versions").strip("/")))
            )
        if endpoint == "history" and rest:
            return as_json(self._history(rest))
        if endpoint == "data":
            return self._data(_listed(rest) or _listed(query.get("ids")), headers)
        if endpoint in ("files", "cases"):
            return self._records(endpoint, rest, query)
        return _refused(404, f"no endpoint {path}")

    def _status(self) -> Record:
        label, updated, _ = stated(self.name)
        major, minor = map(int, self.name.split("."))
        return {"commit": "0" * 40, "data_release": label, "status": "OK", "tag": "8.5.0", "version": 1,
                "data_release_version": {"major": major, "minor": minor,
                "release_date": updated[:10]}}  # fmt: skip

    # -- files and cases --------------------------------------------------------------------------------------------
    def _records(self, endpoint: str, rest: str, query: dict[str, Any]) -> Answer:
        records = self.release.files if endpoint == "files" else self.release.cases
        if rest == "_mapping":
            return as_json(self._mapping(endpoint))
        if rest:
            if rest not in records:
                return _refused(404, f"{rest} not found in {endpoint}")
            one = self._finished(endpoint, records[rest])
            asked = self._chosen(endpoint, query)
            return as_json({"data": shown(one, asked[0]), "warnings": asked[1]})
        return self._search(endpoint, list(records.values()), query)

    def _known(self, endpoint: str) -> set[str]:
        if endpoint not in self._fields:
            records = self.release.files if endpoint == "files" else self.release.cases
            self._fields[endpoint] = field_names(records.values()) | (ADDED_LATE if endpoint == "files" else set())
        return self._fields[endpoint]

    def _mapping(self, endpoint: str) -> Record:
        known = sorted(self._known(endpoint))
        return {
            "_mapping": {f"{endpoint}.{f}": {"doc_type": endpoint, "field": f,
            "full": f"{endpoint}.{f}"} for f in known},
            "defaults": [f for f in known if "." not in f], "expand": sorted(groups_of(known)), "fields": known,
            "multi": [], "nested": sorted(groups_of(known)),
        }  # fmt: skip

    def _chosen(self, endpoint: str, query: dict[str, Any]) -> tuple[set[str], Record]:
        """The fields to show, and the warnings about requested fields that are unknown."""
        known = self._known(endpoint)
        groups = groups_of(known)
        fields = {local(field, endpoint) for field in _listed(query.get("fields"))}
        expand = {local(group, endpoint) for group in _listed(query.get("expand"))}
        warnings = {
            name: f"unrecognized values: [{', '.join(sorted(strange))}]"
            for name, strange in (("fields", fields - known), ("expand", expand - groups)) if strange
        }  # fmt: skip
        chosen = (fields & known) | (expand & groups)
        if not fields:
            chosen |= {field for field in known if "." not in field}
        return chosen, warnings

    def _search(self, endpoint: str, records: list[Record], query: dict[str, Any]) -> Answer:
        known = self._known(endpoint)
        try:
            filters = query.get("filters")
            filters = json.loads(filters) if isinstance(filters, str) and filters else filters
            start, size = int(query.get("from") or 0), int(query.get("size") or 10)
            strange = [field for field in filter_fields(filters) if local(field, endpoint) not in known]
            if strange:
                return _refused(400, f"unrecognized filter fields: {strange}")
            if start < 0 or size < 0:
                return _refused(400, "from and size must not be negative")
            late = any(local(field, endpoint) in ADDED_LATE for field in filter_fields(filters))
            if late:
                records = [self._finished(endpoint, record) for record in records]
            hits = [record for record in records if matches(record, filters, endpoint)]
        except (KeyError, TypeError, ValueError, AttributeError):
            return _refused(400, "filters could not be read")
        order = str(query.get("sort") or "")
        for term in reversed([term for term in order.split(",") if term]):
            name, _, way = term.partition(":")
            field = local(name, endpoint)
            if field in ADDED_LATE:
                hits = [self._finished(endpoint, hit) for hit in hits]
            keys = [str((values_at(hit, field) or [""])[0]) for hit in hits]
            ranks = sorted(range(len(hits)), key=keys.__getitem__, reverse=way == "desc")
            hits = [hits[rank] for rank in ranks]
        fields, warnings = self._chosen(endpoint, query)
        wants_late = bool(fields & ADDED_LATE)
        page = hits[start : start + size]
        rows = [shown(self._finished(endpoint, hit) if wants_late else hit, fields) for hit in page]
        if str(query.get("format") or "JSON").upper() == "TSV":
            return _tsv(rows)
        pages = -(-len(hits) // size) if size else 0
        data: Record = {"hits": rows, "pagination": {
            "count": len(rows), "total": len(hits), "size": size, "from": start, "sort": order,
            "page": start // size + 1 if size else 1, "pages": pages,
        }}  # fmt: skip
        facets = _listed(query.get("facets"))
        if facets:
            data["aggregations"] = {facet: {"buckets": counted(hits, local(facet, endpoint))} for facet in facets}
        return as_json({"data": data, "warnings": warnings})

    def _finished(self, endpoint: str, record: Record) -> Record:
        return self.release.finished(record["id"]) if endpoint == "files" else record

    # -- versions and data ------------------------------------------------------------------------------------------
    def _versions(self, ids: list[str]) -> list[Record]:
        found = []
        for file_id in ids:
            latest = self.release.superseded.get(file_id, file_id)
            if latest not in self.release.files:
                continue
            new, old = self.release.finished(latest), self.release.finished(file_id)
            found.append({
                "id": file_id, "filename": old["file_name"], "version": old["version"],
                "md5": old["md5sum"], "size": old["file_size"], "state": "validated",
                "release": _came_out(old)[0],
                "latest_id": latest, "latest_filename": new["file_name"], "latest_version": new["version"],
                "latest_size": new["file_size"], "latest_state": "validated", "latest_release": [self.release.name],
            })  # fmt: skip
        return found

    def _history(self, file_id: str) -> list[Record]:
        latest = self.release.superseded.get(file_id, file_id)
        if latest not in self.release.files:
            return []
        versions = [self.release.earlier[old] for old, new in self.release.superseded.items() if new == latest]
        rows = []
        for record in [*versions, self.release.files[latest]]:
            release, date = _came_out(record)
            change = "released" if record["id"] == latest else "superseded"
            rows.append({"uuid": record["id"], "version": record["version"], "file_change": change,
                         "release_date": date, "data_release": release})  # fmt: skip
        return rows

    def _data(self, ids: list[str], headers: dict[str, str]) -> Answer:
        records = {file_id: self.release.files.get(file_id) or self.release.earlier.get(file_id) for file_id in ids}
        missing = [file_id for file_id, record in records.items() if record is None]
        if missing or not ids:
            return _refused(404, f"no data for {missing[:3]}")
        if any(record["access"] != "open" for record in records.values() if record):
            return _refused(403, "You don't have access to the data")
        if len(ids) == 1:
            record = self.release.finished(ids[0])
            return blob(self.release.body(ids[0]), headers, name=record["file_name"], md5=record["md5sum"])
        return blob(self._archive(ids), headers, name="gdc_download.tar.gz")

    def _archive(self, ids: list[str]) -> bytes:
        sink = io.BytesIO()
        with tarfile.open(fileobj=sink, mode="w:gz", compresslevel=1) as archive:
            manifest = "id\tfilename\tmd5\tsize\tstate\n"
            for file_id in ids:
                record = self.release.finished(file_id)
                member = f"{file_id}/{record['file_name']}"
                manifest += f"{file_id}\t{member}\t{record['md5sum']}\t{record['file_size']}\treleased\n"
                _pack(archive, member, self.release.body(file_id))
            _pack(archive, "MANIFEST.txt", manifest.encode())
        return sink.getvalue()


def _came_out(record: Record) -> tuple[str, str]:
    """The release in which a file was first published, and its date."""
    release = record["data_release"].split(" - ")[0]
    return FIRST_RELEASED if release == FIRST_RELEASED[0] else (release, record["created_datetime"][:10])


def _listed(value: Any) -> list[str]:
    """Comma-separated text, or a list, as a list of texts."""
    parts = value if isinstance(value, list) else str(value or "").split(",")
    return [piece for part in parts for piece in str(part).split(",") if piece]


def _refused(status: int, message: str) -> Answer:
    errors = {400: "Bad Request", 403: "Forbidden", 404: "Not Found"}
    return as_json({"error": errors[status], "message": message}, status=status)


def _tsv(rows: list[Record]) -> Answer:
    cells = [flat(row) for row in rows]
    columns = sorted(set().union(*cells)) if cells else []
    lines = ["\t".join(columns), *("\t".join(str(row.get(column, "")) for column in columns) for row in cells)]
    return Answer(200, {"Content-Type": "text/tab-separated-values"}, ("\n".join(lines) + "\n").encode())


def _pack(archive: tarfile.TarFile, name: str, body: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(body)
    archive.addfile(info, io.BytesIO(body))
