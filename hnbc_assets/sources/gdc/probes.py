"""Probes of the GDC: the addresses that a project needs, and how each answer must begin.

In scope: the requests, and what the readers of the answers need in them. Out of scope: querying and judging
(web/probing.py), reading whole files (the readers).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from hnbc_assets.errors import FormatError, UpstreamChanged
from hnbc_assets.sources.gdc import api, clinical, index, maf, star
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.gdc.settings import Endpoints
from hnbc_assets.sources.web.answers import Glimpse
from hnbc_assets.sources.web.probing import WHOLE_REPLY, Ask, columns, first_lines, with_columns, workbook

if TYPE_CHECKING:
    from hnbc_assets.sources.web.http import Client

HIT_FIELDS = ("file_id", "file_name", "md5sum", "file_size", "access")


def of_gdc(client: Client, project: str, *, mutations: bool = True, endpoints: Endpoints = "api") -> Iterator[Ask]:
    """GDC's release, its fields, a file of each kind that the project has, and the curated survival."""

    def at(path: str) -> tuple[str, ...]:
        return (api.address(client, path),)  # files are fetched from any address, answers from the first

    yield Ask("release", at("status"), _gdc_release, first_bytes=WHOLE_REPLY)
    for endpoint, required, optional in (
        ("cases", gdc.CASE_FIELDS_REQUIRED, gdc.CASE_FIELDS_OPTIONAL),
        ("files", gdc.FILE_FIELDS_REQUIRED, gdc.FILE_FIELDS_OPTIONAL),
    ):
        understood = partial(_gdc_fields, endpoint=endpoint, required=required, optional=optional)
        yield Ask(f"fields of {endpoint}", at(f"{endpoint}/_mapping"), understood, first_bytes=WHOLE_REPLY)
    fields = [field for (field,) in gdc.FILE_FIELDS_REQUIRED]
    of_star = columns("\t", *star.NAME_COLUMNS, *star.VALUE_COLUMNS.values())
    understand = {"star": of_star, "maf": columns("\t", *maf.REQUIRED), "biotab": _biotab}

    def search(kind: str, condition: api.Filter, *, last: bool, how: str = "") -> Ask:
        def data_of(seen: Glimpse) -> Iterator[Ask]:
            hits, _ = api.read_page(json.loads(seen.start), seen.url)
            for hit in hits[:1]:
                yield Ask(f"{kind} file", api.addresses(client, f"data/{hit['file_id']}"), understand[kind])
            if not hits and not last:
                yield search(kind, gdc.biotab_by_name(project), last=True, how=", by name")

        return Ask(
            f"index of {kind} files{how}",
            at("files"),
            partial(_gdc_hits, project=project, kind=kind, needed=last and (kind == "star" or pinned)),
            params=api.query(condition, fields) | {"size": "1"},
            first_bytes=WHOLE_REPLY,
            then=data_of,
        )

    pinned = project in gdc.BIOTAB_FILE_IDS
    for kind, condition in gdc.searches(project, mutations).items():
        yield search(kind, condition, last=not (kind == "biotab" and pinned))
    if endpoints == "tcga_cdr":
        urls = api.addresses(client, f"data/{index.CDR_FILE_ID}")
        yield Ask("curated survival (TCGA-CDR)", urls, workbook)


def _gdc_release(seen: Glimpse) -> str:
    return f"release {api.read_release(_json(seen), seen.url)}"


def _gdc_fields(seen: Glimpse, *, endpoint: str, required: Sequence[tuple[str, ...]], optional: Iterable[str]) -> str:
    known = api.read_fields(_json(seen), seen.url)
    chosen = api.choose_fields(endpoint, known, required, optional)
    return f"{len(known)} fields; the {len(chosen)} requested include all {len(required)} needed"


def _gdc_hits(seen: Glimpse, *, project: str, kind: str, needed: bool) -> str:
    hits, total = api.read_page(_json(seen), seen.url)
    if not hits and needed:
        raise UpstreamChanged(f"no open {kind} file of {project}")
    if lost := [field for field in HIT_FIELDS if hits and field not in hits[0]]:
        raise UpstreamChanged(f"a hit has no {', '.join(lost)}")
    return f"{total} open {kind} file{'' if total == 1 else 's'}"


def _biotab(seen: Glimpse) -> str:
    lines = first_lines(seen)
    if len(lines) < 3 or not lines[2].startswith("CDE_ID:"):
        raise FormatError("not a biotab with its three header rows (names, names, CDE_ID:…)")
    receptors = [field for field in clinical.BIOTAB_FIELDS if field.endswith("_status_by_ihc")]
    return with_columns(lines[0].split("\t"), ("bcr_patient_barcode", *receptors))


def _json(seen: Glimpse) -> Any:
    try:
        return json.loads(seen.start)
    except ValueError as error:
        raise UpstreamChanged(f"not valid JSON; it begins {seen.start[:40]!r}") from error
