"""Probes of GDSC: the addresses that a release needs, and how each answer must begin.

In scope: the requests, and what the readers of the answers need in them. Out of scope: querying and judging
(web/probing.py), reading whole files (the readers).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hnbc_assets.sources.gdsc import expression as lines
from hnbc_assets.sources.gdsc import files as gdsc
from hnbc_assets.sources.gdsc import models
from hnbc_assets.sources.web.answers import Glimpse
from hnbc_assets.sources.web.probing import Ask, columns, first_lines, workbook

if TYPE_CHECKING:
    from pathlib import Path

    from hnbc_assets.sources.web.http import Client


def of_gdsc(client: Client, release: str, expression: str, *, folder: Path | None = None) -> Iterator[Ask]:
    """The workbook of responses, the tables of models and genes, and the lines' expression, at all their addresses."""
    understand = {
        gdsc.MODELS: columns(",", *models.MODEL_COLUMNS),
        gdsc.GENES: columns(",", *models.GENE_COLUMNS),
    }
    for _, wanted in gdsc.listing(client, None, release, expression, folder=folder).wanted:
        default = workbook if wanted.content == "xlsx" else _line_expression
        yield Ask(wanted.file_id, wanted.urls, understand.get(wanted.file_id, default))


def _line_expression(seen: Glimpse) -> str:
    """A matrix by line, packed or not; the content of a zip can be read only from the whole file."""
    if seen.start[:4] == b"PK\x03\x04":
        return "a zip; its header can be read only from the whole file"
    line = next(iter(first_lines(seen)), "")
    layout = lines.layout_of("the file", line.encode(), {})
    return f"expression ({layout.kind}) of {len(layout.columns)} lines"
