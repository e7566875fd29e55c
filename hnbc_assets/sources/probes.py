"""Probes: the addresses that each source queries, and how each answer must begin.

In scope: one function per source. Out of scope: querying and judging (probing.py), reading whole files (the sources).

An answer is checked for the names that the reader of that file needs; they are imported from the reader if it defines
them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from hnbc_assets.errors import FormatError, UpstreamChanged, UpstreamRefused
from hnbc_assets.sources.archive.archived import GZIP_MAGIC
from hnbc_assets.sources.cbioportal import files as cbioportal
from hnbc_assets.sources.cbioportal import git_lfs
from hnbc_assets.sources.cbioportal import profile as cbioportal_profile
from hnbc_assets.sources.cbioportal import tables as cbioportal_tables
from hnbc_assets.sources.gdc import api as gdc_api
from hnbc_assets.sources.gdc import clinical as gdc_clinical
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.gdc import index as gdc_index
from hnbc_assets.sources.gdc import maf as gdc_maf
from hnbc_assets.sources.gdc import star as gdc_star
from hnbc_assets.sources.gdsc import expression as gdsc_expression
from hnbc_assets.sources.gdsc import files as gdsc
from hnbc_assets.sources.gdsc import models as gdsc_models
from hnbc_assets.sources.gene_sets import files as gene_sets
from hnbc_assets.sources.geo import files as geo
from hnbc_assets.sources.web.answers import Glimpse
from hnbc_assets.sources.web.probing import WHOLE_REPLY, Ask, first_lines, first_text, header, shortened, with_columns

if TYPE_CHECKING:
    from pathlib import Path

    from hnbc_assets.sources.web.http import Client


GeneSetFormat = Literal["gmt", "genecards", "markers"]
HIT_FIELDS = ("file_id", "file_name", "md5sum", "file_size", "access")


def of_gdc(
    client: Client, project: str, *, mutations: bool = True, endpoints: Literal["api", "tcga_cdr"] = "api"
) -> Iterator[Ask]:
    """GDC's release, its fields, a file of each kind that the project has, and the curated survival."""

    def at(path: str) -> tuple[str, ...]:
        return (gdc_api.address(client, path),)  # files are fetched from any address, answers from the first

    yield Ask("release", at("status"), _gdc_release, first_bytes=WHOLE_REPLY)
    for endpoint, required, optional in (
        ("cases", gdc.CASE_FIELDS_REQUIRED, gdc.CASE_FIELDS_OPTIONAL),
        ("files", gdc.FILE_FIELDS_REQUIRED, gdc.FILE_FIELDS_OPTIONAL),
    ):
        understood = partial(_gdc_fields, endpoint=endpoint, required=required, optional=optional)
        yield Ask(f"fields of {endpoint}", at(f"{endpoint}/_mapping"), understood, first_bytes=WHOLE_REPLY)
    fields = [field for (field,) in gdc.FILE_FIELDS_REQUIRED]
    of_star = columns("\t", *gdc_star.NAME_COLUMNS, *gdc_star.VALUE_COLUMNS.values())
    understand = {"star": of_star, "maf": columns("\t", *gdc_maf.REQUIRED), "biotab": _biotab}

    def index(kind: str, condition: gdc_api.Filter, *, last: bool, how: str = "") -> Ask:
        def data_of(seen: Glimpse) -> Iterator[Ask]:
            hits, _ = gdc_api.read_page(json.loads(seen.start), seen.url)
            for hit in hits[:1]:
                yield Ask(f"{kind} file", gdc_api.addresses(client, f"data/{hit['file_id']}"), understand[kind])
            if not hits and not last:
                yield index(kind, gdc.biotab_by_name(project), last=True, how=", by name")

        return Ask(
            f"index of {kind} files{how}",
            at("files"),
            partial(_gdc_hits, project=project, kind=kind, needed=last and (kind == "star" or pinned)),
            params=gdc_api.query(condition, fields) | {"size": "1"},
            first_bytes=WHOLE_REPLY,
            then=data_of,
        )

    pinned = project in gdc.BIOTAB_FILE_IDS
    for kind, condition in gdc.searches(project, mutations).items():
        yield index(kind, condition, last=not (kind == "biotab" and pinned))
    if endpoints == "tcga_cdr":
        urls = gdc_api.addresses(client, f"data/{gdc_index.CDR_FILE_ID}")
        yield Ask("curated survival (TCGA-CDR)", urls, workbook)


def of_geo(client: Client, series: str, platform: str) -> Iterator[Ask]:
    """A series' record, its matrix under its possible names, and the platform's annotation."""
    understand = partial(_geo_record, series=series)
    yield Ask("record", client.addresses.of("geo.record"), understand, params=geo.record_query(series))
    plain, of_platform, annotation = geo.files(client, series, platform)
    yield Ask("series matrix", (*plain.urls, *of_platform.urls), _series_matrix)
    yield Ask("annotation", annotation.urls, _annotation)


def of_cbioportal(client: Client, study: str, *, profile: str | None, mutations: bool = False) -> Iterator[Ask]:
    """The hub's pointer to each wanted file, and the two sources of the files: the tar, the large files."""
    for file in cbioportal.files_of(profile, mutations):
        urls = client.addresses.of("cbioportal.pointer", study=study, file=file)
        yield Ask(file, urls, partial(_pointer, file=file))
    ways = (*client.addresses.of("cbioportal.tar", study=study), *client.addresses.of("cbioportal.lfsconfig"))
    yield Ask("tar, or large files by .lfsconfig", ways, partial(_hub_files, study=study))


def of_gdsc(client: Client, release: str, expression: str, *, folder: Path | None = None) -> Iterator[Ask]:
    """The workbook of responses, the tables of models and genes, and the lines' expression, at all their addresses."""
    understand = {
        gdsc.MODELS: columns(",", *gdsc_models.MODEL_COLUMNS),
        gdsc.GENES: columns(",", *gdsc_models.GENE_COLUMNS),
    }
    for _, wanted in gdsc.listing(client, None, release, expression, folder=folder).wanted:
        default = workbook if wanted.content == "xlsx" else _line_expression
        yield Ask(wanted.file_id, wanted.urls, understand.get(wanted.file_id, default))


def of_gene_sets(client: Client, files: Iterable[tuple[str, str, GeneSetFormat]]) -> Iterator[Ask]:
    """Lists at addresses: (purpose, location, format) of each. Local files are left out."""
    asked: dict[str, list[tuple[str, GeneSetFormat]]] = {}
    for purpose, location, kind in files:
        if location.startswith("https://"):
            asked.setdefault(location, []).append((purpose, kind))
    understand = {
        "gmt": _gmt,
        "genecards": _genecards,
        "markers": _markers,
    }
    for location, uses in asked.items():
        yield Ask(", ".join(purpose for purpose, _ in uses), (location,), understand[uses[0][1]])


def columns(separator: str, *needed: str) -> Callable[[Glimpse], str]:
    """A check of a delimited file's header for the columns that its reader needs."""
    return lambda seen: with_columns(header(seen, separator), needed)


def _genecards(seen: Glimpse) -> str:
    return with_columns([gene_sets.plain_name(cell) for cell in _of_list(seen)], gene_sets.GENECARDS_COLUMNS)


def _markers(seen: Glimpse) -> str:
    return with_columns(_of_list(seen), gene_sets.MARKER_COLUMNS)


def _of_list(seen: Glimpse) -> list[str]:
    """The header of a list, separated as by its reader."""
    return header(seen, gene_sets.separator_of("".join(first_lines(seen)[:1])))


def workbook(seen: Glimpse) -> str:
    """An Excel file is recognised by its first bytes; its columns can be read only from the whole file."""
    if seen.start[:4] != b"PK\x03\x04":
        raise FormatError(f"not a workbook (xlsx); it begins {seen.start[:16]!r}")
    return "a workbook; its columns can be read only from the whole file"


def _json(seen: Glimpse) -> Any:
    try:
        return json.loads(seen.start)
    except ValueError as error:
        raise UpstreamChanged(f"not valid JSON; it begins {seen.start[:40]!r}") from error


def _gdc_release(seen: Glimpse) -> str:
    return f"release {gdc_api.read_release(_json(seen), seen.url)}"


def _gdc_fields(seen: Glimpse, *, endpoint: str, required: Sequence[tuple[str, ...]], optional: Iterable[str]) -> str:
    known = gdc_api.read_fields(_json(seen), seen.url)
    chosen = gdc_api.choose_fields(endpoint, known, required, optional)
    return f"{len(known)} fields; the {len(chosen)} requested include all {len(required)} needed"


def _gdc_hits(seen: Glimpse, *, project: str, kind: str, needed: bool) -> str:
    hits, total = gdc_api.read_page(_json(seen), seen.url)
    if not hits and needed:
        raise UpstreamChanged(f"no open {kind} file of {project}")
    if lost := [field for field in HIT_FIELDS if hits and field not in hits[0]]:
        raise UpstreamChanged(f"a hit has no {', '.join(lost)}")
    return f"{total} open {kind} file{'' if total == 1 else 's'}"


def _biotab(seen: Glimpse) -> str:
    lines = first_lines(seen)
    if len(lines) < 3 or not lines[2].startswith("CDE_ID:"):
        raise FormatError("not a biotab with its three header rows (names, names, CDE_ID:…)")
    receptors = [field for field in gdc_clinical.BIOTAB_FIELDS if field.endswith("_status_by_ihc")]
    return with_columns(lines[0].split("\t"), ("bcr_patient_barcode", *receptors))


def _geo_record(seen: Glimpse, *, series: str) -> str:
    date = geo.read_release(first_text(seen), series)
    if date is None:
        raise UpstreamRefused("no record with a last update date")
    return f"public, last update {date}"


def _series_matrix(seen: Glimpse) -> str:
    lines = first_lines(seen)
    accessions = next((line for line in lines if line.startswith("!Sample_geo_accession")), None)
    if not lines or not lines[0].startswith("!Series_"):
        raise FormatError(f"not a series matrix; it begins {lines[0][:40] if lines else ''!r}")
    samples = "" if accessions is None else f", {len(accessions.split(chr(9))) - 1} samples"
    keys = {
        match[1]
        for line in lines
        if line.startswith("!Sample_characteristics_ch1")
        for match in re.finditer(r'\t"?([^:\t"]+):', line)
    }
    return f"a series matrix{samples}" + (f": {shortened(sorted(keys))}" if keys else "")


def _annotation(seen: Glimpse) -> str:
    lines = first_lines(seen)
    begin = next((i for i, line in enumerate(lines) if line.startswith("!platform_table_begin")), None)
    if not lines or not lines[0].startswith("^Annotation") or begin is None or begin + 1 >= len(lines):
        raise FormatError(f"not an annotation with !platform_table_begin; it begins {lines[0][:40] if lines else ''!r}")
    return with_columns(lines[begin + 1].split("\t"), geo.ANNOTATION_COLUMNS)


def _pointer(seen: Glimpse, *, file: str) -> str:
    try:
        pointer = git_lfs.read_pointer(seen.start)
    except ValueError as error:
        raise FormatError(f"the answer {error}") from error
    if pointer is not None:
        return f"a pointer to {pointer.size_bytes / 1e6:,.1f} MB, sha256 {pointer.sha256[:12]}…"
    cells = header(seen, "\t")
    # A profile names its genes by symbol or by Entrez id.
    profile = (cbioportal_profile.ENTREZ if cbioportal_profile.ENTREZ in cells else cbioportal_profile.SYMBOL,)
    return with_columns(cells, cbioportal_tables.REQUIRED.get(file.removesuffix(".txt"), profile))


def _hub_files(seen: Glimpse, *, study: str) -> str:
    """Either the beginning of the study's tar, or the repository's setting for its large files."""
    if seen.start[:2] != GZIP_MAGIC:
        return f"large files at {urlsplit(git_lfs.server(seen.start.decode('utf-8', 'replace'))).hostname}"
    name = first_text(seen)[:100].partition("\0")[0]
    if name.removeprefix("./").split("/")[0] != study:
        raise FormatError(f"a tar of {name[:60]!r}, not of {study}")
    return f"a tar of {study}"


def _line_expression(seen: Glimpse) -> str:
    """A matrix by line, packed or not; the content of a zip can be read only from the whole file."""
    if seen.start[:4] == b"PK\x03\x04":
        return "a zip; its header can be read only from the whole file"
    line = next(iter(first_lines(seen)), "")
    layout = gdsc_expression.layout_of("the file", line.encode(), {})
    return f"expression ({layout.kind}) of {len(layout.columns)} lines"


def _gmt(seen: Glimpse) -> str:
    cells = next(iter(first_lines(seen)), "").split("\t")
    if len(cells) < 3:
        raise FormatError(f"not a GMT (name, description, genes, separated by tabs); it begins {shortened(cells)!r}")
    return f"a GMT; the first set is {cells[0][:40]} with {len(cells) - 2} genes"
