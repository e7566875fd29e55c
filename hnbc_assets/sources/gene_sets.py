"""Gene sets: GMT collections, GeneCards exports, marker tables; from an address or from a file of the user's.

Belongs here: keeping the files and reading their formats. Does not: which sets the study uses, symbols' currency
(science/cohorts/symbols).
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import pandas as pd

from hnbc_assets.errors import FormatError, StudyError
from hnbc_assets.sources import archived

if TYPE_CHECKING:
    from hnbc_assets.sources.archive import Archive, Wanted
    from hnbc_assets.sources.http import Client
    from hnbc_assets.sources.progress import Progress


def release(location: str | Path) -> str:
    """What tells one version of a list from another: the version in an address (2023.2.Hs; `undated` without one),
    the first 12 digits of the content's sha256 for a file.

    Raises
    ------
    StudyError
        If a file does not exist.
    """
    if _is_url(location):
        match = re.search(
            r"(?:^|[./_v-])(\d{4}\.\d+(?:\.[A-Z][a-z])?|\d+\.\d+(?:\.\d+)?)(?=[./_]|$)", urlsplit(str(location)).path
        )
        return match[1] if match else "undated"
    return hashlib.sha256(_local(location)).hexdigest()[:12]


def fetch(
    client: Client | None, archive: Archive, locations: Iterable[str | Path], *, progress: Progress | None = None
) -> pd.DataFrame:
    """Archive lists given as https addresses or local paths; manifest rows in the order asked for,
    each once.

    `client` may be None when all are local. The file id is the address or the path as given.
    """
    wanted: dict[str, list[Wanted]] = {}
    rows: dict[str, pd.DataFrame] = {}
    locations = list(dict.fromkeys(map(str, locations)))
    for location in locations:
        version = release(location)
        if _is_url(location):
            wanted.setdefault(version, []).append(_wanted(location))
        else:
            rows[location] = _store(archive, version, location)
    if wanted and client is None:
        raise StudyError(f"{next(iter(wanted.values()))[0].url} is an address, and no client was given to fetch it.")
    for version, of_release in wanted.items():
        fetched = archive.fetch(client, "gene_sets", version, of_release, progress=progress)
        rows |= {one.file_id: fetched.iloc[[n]] for n, one in enumerate(of_release)}
    if not rows:
        return archive.manifest("gene_sets", "none")
    return pd.concat([rows[location] for location in locations], ignore_index=True)


def read_gmt(path: Path) -> dict[str, list[str]]:
    """Sets by name, from a GMT file: name, description, genes, separated by tabs. A gene counts once.

    Raises
    ------
    FormatError
        If a line has no genes, a name comes twice, or the file has no set.
    """
    sets: dict[str, list[str]] = {}
    with archived.open_text(path) as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            name, *rest = line.rstrip("\n").split("\t")
            genes = list(dict.fromkeys(gene.strip().split(",")[0] for gene in rest[1:] if gene.strip()))
            if not genes:
                raise FormatError(
                    f"{path.name}, line {number}: set {name[:40]!r} has no genes (GMT: name, description, genes)."
                )
            if name in sets:
                raise FormatError(f"{path.name}, line {number}: set {name!r} comes twice.")
            sets[name] = genes
    if not sets:
        raise FormatError(f"{path.name} has no gene set.")
    return sets


def read_genecards(path: Path, min_relevance: float | None = None) -> pd.DataFrame:
    """A GeneCards search exported as CSV: gene, relevance (GeneCards' relevance score), the most relevant first.

    GeneCards may not be asked by programs: export the search there by hand and name the file in the study.

    Raises
    ------
    FormatError
        If the columns `Gene Symbol` and `Relevance score` are not there.
    """
    table = _read_delimited(path)
    columns = {re.sub(r"\W+", " ", name).strip().lower(): name for name in table.columns}
    lost = [name for name in ("gene symbol", "relevance score") if name not in columns]
    if lost:
        raise FormatError(
            f"{path.name} has no column {lost[0]!r} (a GeneCards export has Gene Symbol, Relevance score)."
        )
    relevance = pd.to_numeric(table[columns["relevance score"]].str.replace(",", ""), errors="coerce")
    genes = pd.DataFrame({"gene": table[columns["gene symbol"]].str.strip(), "relevance": relevance})
    genes = genes[genes["gene"].notna() & (genes["gene"] != "")]
    if min_relevance is not None:
        genes = genes[genes["relevance"] >= min_relevance]
    genes = genes.sort_values("relevance", ascending=False, kind="stable").drop_duplicates("gene")
    return genes.reset_index(drop=True)


def read_marker_table(path: Path) -> dict[str, list[str]]:
    """Marker genes by cell population, from a table with `HUGO symbols` and `Cell population` (MCP-counter's)."""
    table = _read_delimited(path)
    lost = [name for name in ("HUGO symbols", "Cell population") if name not in table.columns]
    if lost:
        raise FormatError(f"{path.name} has no column {lost[0]!r}; it has {', '.join(map(str, table.columns[:6]))}.")
    markers: dict[str, list[str]] = {}
    for gene, population in zip(table["HUGO symbols"], table["Cell population"], strict=True):
        if isinstance(gene, str) and gene.strip() and isinstance(population, str):
            genes = markers.setdefault(population.strip(), [])
            if gene.strip() not in genes:
                genes.append(gene.strip())
    return markers


def _wanted(address: str) -> Wanted:
    """What to fetch of an address: the file under HOST/PATH."""
    from hnbc_assets.sources.archive import Wanted

    parts = urlsplit(address)
    content: Literal["gzip", "text"] = "gzip" if parts.path.endswith(".gz") else "text"
    return Wanted(file_id=address, url=address, path=f"{parts.netloc}{parts.path}", content=content)


def _store(archive: Archive, version: str, location: str) -> pd.DataFrame:
    """A local list, copied into the archive; its manifest row."""
    file = Path(location)
    row = archive.store(
        "gene_sets",
        version,
        file_id=location,
        url=file.resolve().as_uri(),
        path=file.name,
        content=_local(location),
    )
    return row.to_frame().T


def _read_delimited(path: Path) -> pd.DataFrame:
    """A table as text, separated by tabs, semicolons or commas, whichever its header has most of."""
    with archived.open_text(path) as stream:
        header = stream.readline()
        separator = max("\t,;", key=header.count)
        stream.seek(0)
        reader = csv.reader(stream, delimiter=separator)
        names = [name.strip() for name in next(reader, [])]
        rows = [row for row in reader if any(row)]
    width = len(names)
    return pd.DataFrame([(row + [""] * width)[:width] for row in rows], columns=names, dtype=object)


def _is_url(location: str | Path) -> bool:
    return isinstance(location, str) and location.startswith(("https://", "http://"))


def _local(location: str | Path) -> bytes:
    try:
        return Path(location).read_bytes()
    except OSError as error:
        raise StudyError(
            f"The gene list {location} cannot be read ({error.strerror}). Give its path in the study file."
        ) from error
