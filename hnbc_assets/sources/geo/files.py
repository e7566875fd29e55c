"""GEO: series matrices and platform annotations.

In scope: requesting a series' release from GEO, fetching its files, reading the two formats with GEO's own field names.
Out of scope: what a characteristic means for the study (science/cohorts), probes to genes (science/cohorts/expression).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from hnbc_assets.errors import DamagedDownload, FormatError, StudyError, UpstreamRefused
from hnbc_assets.sources.archive import archived
from hnbc_assets.sources.geo.matrix import read_matrix
from hnbc_assets.sources.listing import Listing
from hnbc_assets.sources.web.alternatives import first_of
from hnbc_assets.sources.web.answers import is_web_page

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive, Wanted
    from hnbc_assets.sources.web.http import Client

# The version of what is fetched and recorded in the manifest. Increase it when either changes: only then is everything
# fetched again.
CONTRACT = 1
KEPT = ("title", "relation", "platform_id", "source_name_ch1")  # of the rows that describe samples
MATRIX = r"GSE\d+(-GPL\d+)?_series_matrix\.txt\.gz"
ANNOTATION = r"GPL\d+\.annot\.gz"
ANNOTATION_COLUMNS = ("ID", "Gene symbol")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def release(client: Client, series: str) -> str:
    """The series' last update date, as YYYY-MM-DD; GEO has no ETag, so this distinguishes versions.

    Raises
    ------
    UpstreamRefused
        If the series was withdrawn or is not public yet.
    DamagedDownload
        If GEO answers twice with something other than the record.
    """
    urls = client.addresses.of("geo.record")
    return first_of(urls, lambda url: _release_at(client, url, series), f"the record of {series}")


def record_query(series: str) -> dict[str, str]:
    """The parameters of the request for a series' record."""
    return {"acc": series, "targ": "self", "form": "text", "view": "brief"}


def _release_at(client: Client, url: str, series: str) -> str:
    """The date at one address (errors as `release`)."""
    for _ in range(2):
        text = client.get(url, params=record_query(series)).text
        if date := read_release(text, series):
            return date
    fault = "is a web page" if is_web_page(text.encode()) else "has no last update date"
    raise DamagedDownload(
        f"GEO's record of {series} ({url}) {fault}: the series is not public yet, does not exist, or GEO is busy. "
        "Open it in a browser, and run again."
    )


def read_release(record: str, series: str) -> str | None:
    """The last update date in a series' record, as YYYY-MM-DD; None if the text is not such a record.

    Raises
    ------
    UpstreamRefused
        If the series was withdrawn or is not public yet.
    """
    fields = dict(re.findall(r"^!Series_(\w+)\s*=\s*(.*?)\s*$", record, flags=re.M))
    if "last_update_date" not in fields:
        return None
    if not fields.get("status", "").startswith("Public"):
        raise UpstreamRefused(f"GEO's status of {series} is {fields.get('status') or 'without status'!r}: withdrawn?")
    return iso_date(fields["last_update_date"])


def iso_date(text: str) -> str:
    """GEO's `Mar 25 2019` as `2019-03-25`, whatever the machine's locale."""
    match = re.fullmatch(r"\W*([A-Z][a-z]{2}) (\d{1,2}) (\d{4})\W*", text)
    if not match or match[1] not in MONTHS:
        raise FormatError(f"{text!r} is not a date in GEO's format (Mar 25 2019).")
    try:
        return datetime.date(int(match[3]), MONTHS.index(match[1]) + 1, int(match[2])).isoformat()
    except ValueError as error:
        raise FormatError(f"{text!r} is not a calendar date.") from error


def listing(client: Client, archive: Archive, series: str, platform: str) -> Listing:
    """A series' matrix and its platform's annotation, at the series' present release.

    A series with several platforms has one matrix per platform, named after both; that name is tried if the plain one
    is refused.

    GEO rebuilds matrices without new data, so the series' date distinguishes versions, not the bytes. An
    annotation has no date to query: the first copy is kept under its platform, for all series.
    """
    version = release(client, series)
    plain, of_platform, annotation = files(client, series, platform)
    return Listing("geo", version, ((version, plain), (platform, annotation)), instead={plain.file_id: of_platform})


def files(client: Client, series: str, platform: str) -> tuple[Wanted, Wanted, Wanted]:
    """A series' matrix under both of its possible names, plain and with the platform, and the platform's annotation."""
    from hnbc_assets.sources.archive.store import Wanted

    def wanted(name: str, file: str, **parts: str) -> Wanted:
        url, *others = client.addresses.of(name, file=file, **parts)
        return Wanted(file_id=file, url=url, path=file, content="gzip", others=tuple(others))

    plain, of_platform = (
        wanted("geo.matrix", f"{name}_series_matrix.txt.gz", series=series, stub=folder_of(series))
        for name in (series, f"{series}-{platform}")
    )
    annotation = wanted("geo.annotation", f"{platform}.annot.gz", platform=platform, stub=folder_of(platform))
    return plain, of_platform, annotation


def read_clinical(archive: Archive, manifest: pd.DataFrame, *, subset: dict[str, str] | None = None) -> pd.DataFrame:
    """One row per sample, as described by GEO.

    Parameters
    ----------
    subset : column -> text; only samples whose column contains the text, e.g. {"pam50_class": "Basal"}. The samples of
        a super-series do not state which of its series they belong to

    Returns
    -------
    Index patient_id (GSM accession); title, relation, platform_id, source_name, then one column per characteristic,
    all text, missing where a sample lacks the characteristic.

    Raises
    ------
    StudyError
        If `subset` names a column that does not exist, or keeps no sample.
    """
    path = archived.locate(archive, manifest, MATRIX, "GEO series matrix")
    samples = _parse_header(path)
    for column, text in (subset or {}).items():
        if column not in samples:
            raise StudyError(f"{path.name} has no {column!r} to select samples by; it has {', '.join(samples)}.")
        keep = samples[column].fillna("").str.contains(text, regex=False)
        if not keep.any():
            seen = ", ".join(map(repr, samples[column].dropna().unique()[:5]))
            there = f"values there are {seen}" if seen else "the column is empty"
            series = re.search(r"GSE\d+", text)
            instead = f" For the samples of {series[0]}, set it as the source's series." if series else ""
            raise StudyError(f"No sample of {path.name} has {text!r} in {column!r}; {there}.{instead}")
        samples = samples[keep]
    return samples


def read_expression(
    archive: Archive, manifest: pd.DataFrame, *, sample_ids: Sequence[str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The matrix, probes × samples (float64, index feature_id), and features[feature_id, symbol].

    A probe of several genes keeps their symbols joined by '///', as in the annotation; a probe that the
    annotation does not name has a missing symbol.

    Raises
    ------
    FormatError
        If the table is truncated, has no header or is not numeric; if a wanted sample is not in it.
    """
    path = archived.locate(archive, manifest, MATRIX, "GEO series matrix")
    matrix = read_matrix(path, sample_ids)
    annotation = archived.find(archive, manifest, ANNOTATION)
    symbols = read_annotation(annotation) if annotation else pd.Series(dtype=object)
    features = pd.DataFrame({"feature_id": matrix.index, "symbol": symbols.reindex(matrix.index).to_numpy()})
    return matrix, features


def read_annotation(path: Path) -> pd.Series:
    """Symbols by probe (index feature_id), from a platform's annotation file."""
    with archived.open_text(path) as stream:
        for line in stream:
            if line.startswith("!platform_table_begin"):
                break
        else:
            raise FormatError(f"{path.name} has no !platform_table_begin: not a GEO annotation file.")
        header = next(stream, "").rstrip("\n").split("\t")
        if not set(ANNOTATION_COLUMNS) <= set(header):
            raise FormatError(f"{path.name}: its columns are {header[:4]}, without {' or '.join(ANNOTATION_COLUMNS)}.")
        probe, symbol = (header.index(name) for name in ANNOTATION_COLUMNS)
        rows = {}
        for number, line in enumerate(stream, start=1):
            if line.startswith("!platform_table_end"):
                break
            cells = line.rstrip("\n").split("\t")
            if len(cells) <= probe or not cells[probe].strip() or cells[probe] in rows:
                raise FormatError(
                    f"{path.name}, row {number} of its table: {line[:40]!r} names no probe, or one that an earlier row "
                    "names. Fetch it again."
                )
            rows[cells[probe]] = cells[symbol].strip() if len(cells) > symbol else ""
        else:
            raise FormatError(f"{path.name} has no !platform_table_end: truncated? Delete it and fetch it again.")
    symbols = pd.Series(rows, dtype=object, name="symbol").rename_axis("feature_id")
    return symbols.mask(symbols.isin(["", "NA", "NA_NA", "---"]))


def folder_of(accession: str) -> str:
    """GEO's folder of an accession: GSE25055 is under GSE25nnn, GPL96 under GPLnnn."""
    match = re.fullmatch(r"(GSE|GPL)(\d+)", accession)
    if not match:
        raise StudyError(f"{accession!r} is not a GEO accession (GSE… or GPL…).")
    return f"{match[1]}{match[2][:-3]}nnn"


def _parse_header(path: Path) -> pd.DataFrame:
    """The `!Sample_` rows of a series matrix as a frame of samples."""
    plain: dict[str, list[str]] = {}
    described: list[list[str]] = []
    with archived.open_text(path) as stream:
        for line in stream:
            if line.startswith("!series_matrix_table_begin"):
                break
            if not line.startswith("!Sample_"):
                continue
            name, *cells = [cell.strip().strip('"') for cell in line.rstrip("\n").split("\t")]
            name = name.removeprefix("!Sample_")
            if name.startswith("characteristics_ch"):
                described.append(cells)
            elif name in plain and len(cells) == len(plain[name]):
                plain[name] = ["; ".join(filter(None, pair)) for pair in zip(plain[name], cells, strict=True)]
            elif name not in plain or name in KEPT:
                plain[name] = cells if name not in plain else [*plain[name], *cells]
        else:
            raise FormatError(f"{path.name} has no table: not a GEO series matrix, or truncated.")
    if "geo_accession" not in plain:
        raise FormatError(f"{path.name} has no !Sample_geo_accession row.")
    index = pd.Index(plain["geo_accession"], name="patient_id", dtype=object)
    strange = [name for name in index if not re.fullmatch(r"GSM\d+", name)]
    if strange or index.has_duplicates or not len(index):
        wrong = f"names {strange[0][:40]!r}" if strange else "names a sample twice, or none"
        raise FormatError(f"{path.name}: its !Sample_geo_accession row {wrong}. Fetch it again.")
    columns = {column: plain.get(column, [""] * len(index)) for column in KEPT}
    lengths = {f"!Sample_{name}": len(cells) for name, cells in columns.items()}
    lengths |= {f"!Sample_characteristics_ch1 ({cells[0][:30]} …)": len(cells) for cells in described if cells}
    for name, length in lengths.items():
        if length != len(index):
            raise FormatError(f"{path.name}: {name} has {length} cells for {len(index)} samples. Fetch it again.")
    frame = pd.DataFrame(columns, index=index).rename(columns={"source_name_ch1": "source_name"})
    characteristics = pd.DataFrame(_characteristics(described, len(index)), index=index)
    overlap = characteristics.columns.intersection(frame.columns)
    frame = frame.drop(columns=overlap).join(characteristics) if len(characteristics.columns) else frame
    return frame.astype(object).mask(frame.isna() | frame.eq(""), None)


def _characteristics(rows: list[list[str]], n_samples: int) -> list[dict[str, str]]:
    """`key: value` cells by sample; keys may differ between the samples of one row."""
    samples: list[dict[str, str]] = [{} for _ in range(n_samples)]
    for cells in rows:
        for sample, cell in zip(samples, cells, strict=False):
            if not cell:
                continue
            key, separator, value = cell.partition(":")
            key, value = (key.strip(), value.strip()) if separator else ("characteristics", cell)
            if key in sample and sample[key] != value:
                value = f"{sample[key]}; {value}"
            sample[key] = value
    return samples
