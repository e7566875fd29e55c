"""Probes of gene lists: the addresses that a study names, and how each answer must begin.

In scope: the requests, and what the readers of the answers need in them. Out of scope: querying and judging
(web/probing.py), reading whole files (files.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from hnbc_assets.errors import FormatError
from hnbc_assets.sources.gene_sets import files as gene_sets
from hnbc_assets.sources.web.answers import Glimpse
from hnbc_assets.sources.web.probing import Ask, first_lines, header, shortened, with_columns

if TYPE_CHECKING:
    from hnbc_assets.sources.web.http import Client

GeneSetFormat = Literal["gmt", "genecards", "markers"]


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


def _genecards(seen: Glimpse) -> str:
    return with_columns([gene_sets.plain_name(cell) for cell in _of_list(seen)], gene_sets.GENECARDS_COLUMNS)


def _markers(seen: Glimpse) -> str:
    return with_columns(_of_list(seen), gene_sets.MARKER_COLUMNS)


def _of_list(seen: Glimpse) -> list[str]:
    """The header of a list, separated as by its reader."""
    return header(seen, gene_sets.separator_of("".join(first_lines(seen)[:1])))


def _gmt(seen: Glimpse) -> str:
    cells = next(iter(first_lines(seen)), "").split("\t")
    if len(cells) < 3:
        raise FormatError(f"not a GMT (name, description, genes, separated by tabs); it begins {shortened(cells)!r}")
    return f"a GMT; the first set is {cells[0][:40]} with {len(cells) - 2} genes"
