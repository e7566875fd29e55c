"""Gene sets: GMT collections, GeneCards exports, marker tables; from an address or from a user's file.

In scope: storing the files and reading their formats. Out of scope: which sets the study uses, updating symbols
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

from hnbc_assets.errors import DamagedDownload, FormatError, StudyError, UpstreamUnreachable
from hnbc_assets.redaction import redacted
from hnbc_assets.sources.archive import archived
from hnbc_assets.sources.listing import InHand, Listing, digest, fetch_listing
from hnbc_assets.sources.web.answers import is_web_page
from hnbc_assets.sources.web.download import UNENDED
from hnbc_assets.user_files import LIST_BYTES, decode, read_bytes, unpacked

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive, Wanted
    from hnbc_assets.sources.web.http import Client
    from hnbc_assets.sources.web.progress import Progress


# The version of what is fetched and recorded in the manifest. Increase it when either changes: only then is everything
# fetched again.
CONTRACT = 1
FILE = "file:"
SOURCE = "gene_sets"
MARKER_COLUMNS = ("HUGO symbols", "Cell population")
GENECARDS_COLUMNS = ("gene symbol", "relevance score")  # as `plain_name` returns them: exports spell them differently


def version_in(address: str) -> str | None:
    """The version that an address names (2023.2.Hs, 7.0, a commit); None for an address of the latest version."""
    path = urlsplit(address).path
    match = re.search(r"/([0-9a-f]{40})(?=/|$)", path) or re.search(
        r"(?:^|[./_v-])(\d{4}\.\d+(?:\.[A-Z][a-z])?|\d+\.\d+(?:\.\d+)?)(?=[./_]|$)", path
    )
    return match[1] if match else None


def release_of(content: bytes) -> str:
    """The release of a list without a version: the first 12 digits of its sha256."""
    return hashlib.sha256(content).hexdigest()[:12]


def release(client: Client | None, locations: Iterable[str], *, folder: Path | None = None) -> str:
    """A short digest of the present state of all lists, in any order.

    An address that names its version is not queried; others and local files are read.

    Raises
    ------
    StudyError, UpstreamUnreachable, UpstreamRefused, DamagedDownload
        As `fetch`.
    """
    return listing(client, None, locations, folder=folder).release


def listing(
    client: Client | None, archive: Archive | None, locations: Iterable[str], *, folder: Path | None = None
) -> Listing:
    """The lists as they are now, each once; the location, without secrets, is its file id and address.

    A list whose address names a version is fetched once. A list whose address names none (a repository's latest) is
    requested in every run: its release is a digest of its content, so a changed list is another release, an unchanged
    list the same. If it cannot be reached, the run ends as with any other upstream: a kept copy is not reported as
    current.

    Parameters
    ----------
    client : may be None when all lists are local
    archive : the archive whose copy an error names if an address cannot be reached; None for no such hint
    locations : https addresses, and `file:PATH` as in the study
    folder : base of relative paths; by default the working directory

    Raises
    ------
    StudyError
        A local list cannot be read, or two addresses differ only in secrets.
    UpstreamUnreachable, UpstreamRefused, DamagedDownload
        An address without version could not be fetched.
    """
    locations = tuple(dict.fromkeys(locations))
    order = tuple(redacted(location) for location in locations)
    if len(set(order)) < len(order):
        twice = next(one for one in order if order.count(one) > 1)
        raise StudyError(
            f"Two gene lists have the address {twice}: they differ only in secret parts, so the archive "
            "cannot distinguish them. Save one and name it as a `file`."
        )
    wanted: list[tuple[str, Wanted]] = []
    replies: list[InHand] = []
    for location in locations:
        if location.startswith(FILE):
            path = Path(location.removeprefix(FILE))
            replies.append(_in_hand(location, path.name, _local(path, folder)))
        elif client is None:
            raise StudyError(f"{location} is an address, and no client was given to fetch it.")
        elif version := version_in(location):
            wanted.append((version, _wanted(location)))
        else:
            replies.append(_in_hand(location, _place(location), _latest(client, archive, location)))
    states = [(one.file_id, version) for version, one in wanted] + [(one.file_id, one.release) for one in replies]
    return Listing(SOURCE, digest(states), tuple(wanted), tuple(replies), order=order)


def release_of_all(manifest: pd.DataFrame) -> str:
    """The release of archived lists, as `release` gave it for them."""
    return digest(zip(manifest["file_id"], manifest["release"], strict=True))


def fetch(
    client: Client | None,
    archive: Archive,
    locations: Iterable[str],
    *,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Archive lists (see `listing`); returns manifest rows in the order requested.

    Raises
    ------
    DownloadsIncomplete
        Some could not be fetched; what was downloaded is kept. Also the errors of `listing`.
    """
    return fetch_listing(client, archive, listing(client, archive, locations, folder=folder), progress=progress)


def read_gmt(path: Path) -> dict[str, list[str]]:
    """Sets by name, from a GMT file: name, description, genes, separated by tabs. A gene is listed once.

    Raises
    ------
    FormatError
        If a line has no genes, a name occurs twice, or the file has no set.
    """
    sets: dict[str, list[str]] = {}
    with archived.open_text(path) as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            name, *rest = line.rstrip("\n").split("\t")
            name = name.strip()
            if not name or "\0" in line:
                raise FormatError(f"{path.name}, line {number}: no set's name (GMT: name, description, genes).")
            genes = list(dict.fromkeys(gene.strip().split(",")[0] for gene in rest[1:] if gene.strip()))
            if not genes:
                raise FormatError(
                    f"{path.name}, line {number}: set {name[:40]!r} has no genes (GMT: name, description, genes)."
                )
            if name in sets:
                raise FormatError(f"{path.name}, line {number}: set {name!r} occurs twice.")
            sets[name] = genes
    if not sets:
        raise FormatError(f"{path.name} has no gene set.")
    return sets


def read_genecards(path: Path, min_relevance: float | None = None) -> pd.DataFrame:
    """A GeneCards search exported as CSV: gene, relevance (GeneCards' relevance score), the most relevant first.

    GeneCards must not be queried by programs: export the search there by hand and name the file in the study.

    Raises
    ------
    FormatError
        If the columns `Gene Symbol` and `Relevance score` are missing.
    """
    table = _read_delimited(path)
    columns = {plain_name(name): name for name in table.columns}
    lost = [name for name in GENECARDS_COLUMNS if name not in columns]
    if lost:
        raise FormatError(
            f"{path.name} has no column {lost[0]!r} (a GeneCards export has Gene Symbol, Relevance score)."
        )
    scores = table[columns["relevance score"]].astype(str).str.strip()
    relevance = pd.to_numeric(scores.str.replace(",", ""), errors="coerce")
    named = table[columns["gene symbol"]].astype(str).str.strip() != ""
    unread = named & (relevance.isna() | relevance.isin([float("inf"), float("-inf")]))
    if unread.any():
        row = table.index[unread][0]
        raise FormatError(
            f"{path.name}, row {row + 1}: the relevance score of {table.loc[row, columns['gene symbol']][:40]!r} is "
            f"{scores[row][:40]!r}, not a number. Export the search again."
        )
    if not named.any():
        raise FormatError(f"{path.name} names no gene. Export the search again.")
    genes = pd.DataFrame({"gene": table[columns["gene symbol"]].str.strip(), "relevance": relevance})
    genes = genes[genes["gene"].notna() & (genes["gene"] != "")]
    if min_relevance is not None:
        genes = genes[genes["relevance"] >= min_relevance]
    genes = genes.sort_values("relevance", ascending=False, kind="stable").drop_duplicates("gene")
    return genes.reset_index(drop=True)


def read_marker_table(path: Path) -> dict[str, list[str]]:
    """Marker genes by cell population, from a table with `HUGO symbols` and `Cell population` (MCP-counter's)."""
    table = _read_delimited(path)
    lost = [name for name in MARKER_COLUMNS if name not in table.columns]
    if lost:
        raise FormatError(f"{path.name} has no column {lost[0]!r}; it has {', '.join(map(str, table.columns[:6]))}.")
    markers: dict[str, list[str]] = {}
    for gene, population in zip(*(table[name] for name in MARKER_COLUMNS), strict=True):
        if gene.strip():
            if not population.strip():
                raise FormatError(f"{path.name}: gene {gene.strip()[:40]!r} has no cell population.")
            genes = markers.setdefault(population.strip(), [])
            if gene.strip() not in genes:
                genes.append(gene.strip())
    if not markers:
        raise FormatError(f"{path.name} names no gene of a cell population.")
    return markers


def separator_of(header: str) -> str:
    """Tab, comma or semicolon, whichever is most frequent in a header."""
    return max("\t,;", key=header.count)


def plain_name(column: str) -> str:
    """A column's name in lower case, with single spaces for everything that is not a letter or digit."""
    return re.sub(r"\W+", " ", column).strip().lower()


def _place(address: str) -> str:
    """Where a list is kept inside its release: HOST/PATH, and a few digits of a digest of the query if it has one."""
    parts = urlsplit(redacted(address))
    query = f".{hashlib.sha256(parts.query.encode()).hexdigest()[:8]}" if parts.query else ""
    return f"{parts.netloc.replace(':', '_')}{parts.path}{query}"


def _wanted(address: str) -> Wanted:
    """The file to fetch at an address that names its version."""
    from hnbc_assets.sources.archive.store import Wanted

    content: Literal["gzip", "text"] = "gzip" if urlsplit(address).path.endswith(".gz") else "text"
    return Wanted(file_id=redacted(address), url=address, path=_place(address), content=content)


def _latest(client: Client, archive: Archive | None, address: str) -> bytes:
    """The present content of an address without a version."""
    ends = (b"\n", b"\r")
    for _ in range(2):
        try:
            content = client.get(address).content
        except UpstreamUnreachable as error:
            kept = "" if archive is None else _kept(archive, address)
            raise UpstreamUnreachable(
                f"{error} The address names no version, so it is queried in every run.{kept}"
            ) from error
        if content and not is_web_page(content) and (content.endswith(ends) or content[:2] == archived.GZIP_MAGIC):
            return content
    if content and not is_web_page(content):
        raise DamagedDownload(f"{address}: {UNENDED}")
    raise DamagedDownload(f"{address}: {'a web page' if content else 'nothing'} was received twice instead of a list.")


def _kept(archive: Archive, address: str) -> str:
    """How to continue with the copy that was fetched last, if there is one."""
    kept = archive.manifest(SOURCE)
    kept = kept[kept["file_id"] == redacted(address)].sort_values("retrieved_at")
    if kept.empty:
        return ""
    last = kept.iloc[-1]
    return f" Its copy of {last['retrieved_at']} is raw/{last['path']}; name that as a `file` in the study to use it."


def _in_hand(location: str, path: str, content: bytes) -> InHand:
    """A list that was read, with the release of its content."""
    return InHand(release_of(content), redacted(location), redacted(location), path, content)


def _read_delimited(path: Path) -> pd.DataFrame:
    """A table as text, separated by tabs, semicolons or commas, whichever is most frequent in its header."""
    with archived.open_text(path) as stream:
        header = stream.readline()
    separator = separator_of(header)
    with archived.open_text(path) as stream:
        reader = csv.reader(stream, delimiter=separator)
        try:
            names = [name.strip() for name in next(reader, [])]
            rows = [row for row in reader if any(cell.strip() for cell in row)]
        except csv.Error as error:
            raise FormatError(
                f"{path.name}, line {reader.line_num}: not a row of a table. Save it as plain text (UTF-8) again."
            ) from error
    width = len(names)
    if len(set(names)) != width:
        twice = next(name for name in names if names.count(name) > 1)
        raise FormatError(f"{path.name} has the column {twice[:40]!r} twice.")
    for number, row in enumerate(rows, start=1):
        if len(row) != width:
            raise FormatError(
                f"{path.name}, row {number}: {len(row)} cells where the header has {width}. An odd quotation mark?"
            )
    return pd.DataFrame(rows, columns=names, dtype=object)


def _local(path: Path, folder: Path | None) -> bytes:
    """A user's list: text in UTF-8, packed or not."""
    content = read_bytes(path, "gene list", folder=folder, at_most=LIST_BYTES)
    decode(unpacked(content, path.as_posix(), at_most=LIST_BYTES), path.as_posix())
    return content
