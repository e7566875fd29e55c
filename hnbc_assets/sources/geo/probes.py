"""Probes of GEO: the addresses that a series needs, and how each answer must begin.

In scope: the requests, and what the readers of the answers need in them. Out of scope: querying and judging
(web/probing.py), reading whole files (the readers).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from hnbc_assets.errors import FormatError, UpstreamRefused
from hnbc_assets.sources.geo import files as geo
from hnbc_assets.sources.web.answers import Glimpse
from hnbc_assets.sources.web.probing import Ask, first_lines, first_text, shortened, with_columns

if TYPE_CHECKING:
    from hnbc_assets.sources.web.http import Client


def of_geo(client: Client, series: str, platform: str) -> Iterator[Ask]:
    """A series' record, its matrix under its possible names, and the platform's annotation."""
    understand = partial(_geo_record, series=series)
    yield Ask("record", client.addresses.of("geo.record"), understand, params=geo.record_query(series))
    plain, of_platform, annotation = geo.files(client, series, platform)
    yield Ask("series matrix", (*plain.urls, *of_platform.urls), _series_matrix)
    yield Ask("annotation", annotation.urls, _annotation)


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
