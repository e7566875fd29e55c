"""GDC's index as fetched: which file is of which aliquot and patient.

In scope: reading the stored pages. Out of scope: querying GDC (files.py), choosing an aliquot (science/cohorts).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from hnbc_assets.errors import FormatError
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.gdc.shape import NUMBER, SCALAR, TEXT, hits, shaped

CDR_FILE_ID = "1b5f413e-a8d1-4d10-92eb-7c4ae739ed81"
SAMPLE_TYPES = {"Primary Tumor": "primary", "Recurrent Tumor": "recurrent", "Metastatic": "metastatic"}
SAMPLE_CODES = {"01": "primary", "02": "recurrent", "06": "metastatic", "07": "metastatic", "11": "normal"}
WHERE = "_where"  # added to every hit: the file and the number of the record, for messages
FILE = {
    "file_id": TEXT,
    "file_name": TEXT,
    "md5sum": TEXT,
    "file_size": NUMBER,
    "version": SCALAR,
    "updated_datetime": TEXT,
    "associated_entities": [{"entity_type": TEXT, "entity_submitter_id": TEXT}],
    "cases": [{"submitter_id": TEXT, "samples": [{"submitter_id": TEXT, "sample_type": TEXT}]}],
}


def read_pages(archive: Archive, manifest: pd.DataFrame, kind: str) -> Iterator[dict[str, Any]]:
    """The hits of the stored pages of one kind ("cases", "star", "maf", "biotab"), in their order, each with WHERE.

    Raises
    ------
    FormatError
        If a page does not have the structure of one.
    """
    pattern = re.compile(rf".+/index(?:_first_\d+)?/{kind}-\d+")
    for row in manifest.to_dict("records"):
        if pattern.fullmatch(row["file_id"]):
            path = archive.locate(row)
            for number, hit in enumerate(hits(path), start=1):
                if not isinstance(hit, dict):
                    what = f"{path.name}, record {number}: {str(hit)[:60]!r}"
                    raise FormatError(f"{what} is not a record. Fetch it again.")
                yield hit | {WHERE: f"{path.name}, record {number}"}


def read_index(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame:
    """The files that were fetched, one row each, as described in GDC's index.

    Returns
    -------
    file_id, file_name, md5, size_bytes, kind ("star", "maf", "biotab", "cdr"), sample_type (GDC's term), aliquot_id,
    patient_id (12-character barcode), version, updated_datetime; null if a file is not of a single patient.
    """
    fetched = {row["file_id"]: row for row in manifest.to_dict("records")}
    rows = [
        describe_file(kind, hit)
        for kind in ("star", "maf", "biotab")
        for hit in read_pages(archive, manifest, kind)
        if not isinstance(hit.get("file_id"), str) or hit["file_id"] in fetched
    ]
    if CDR_FILE_ID in fetched:
        row = fetched[CDR_FILE_ID]
        name = row["path"].rpartition("/")[2]
        rows.append(
            {
                "file_id": CDR_FILE_ID,
                "file_name": name,
                "md5": row["md5"],
                "size_bytes": row["size_bytes"],
                "kind": "cdr",
            }
        )
    columns = ["file_id", "file_name", "md5", "size_bytes", "kind", "sample_type", "aliquot_id", "patient_id"]
    return pd.DataFrame(rows, columns=[*columns, "version", "updated_datetime"])


def describe_file(kind: str, hit: Mapping[str, Any]) -> dict[str, Any]:
    """One row of the index. A file of a tumour and its normal sample is described by the tumour's aliquot.

    Raises
    ------
    FormatError
        If the record does not have the structure of a file's, or a patient's file names no case.
    """
    where = str(hit.get(WHERE, "GDC's index"))
    shaped(hit, FILE, where=where, required=("file_id", "file_name", "md5sum", "file_size"))
    row = {"file_id": hit["file_id"], "file_name": hit["file_name"], "md5": hit["md5sum"], "kind": kind}
    row |= {"size_bytes": int(float(hit["file_size"])), "version": hit.get("version")}
    row |= {"updated_datetime": hit.get("updated_datetime")}
    if kind == "biotab":
        return row
    entities = [e for e in hit.get("associated_entities") or [] if e.get("entity_type", "aliquot") == "aliquot"]
    barcodes = sorted((e.get("entity_submitter_id") or "" for e in entities), key=lambda b: (b[13:15] >= "10", b))
    case = next(iter(hit.get("cases") or [{}]))
    if not all(barcodes) or not case.get("submitter_id"):
        raise FormatError(f"{where}: file {hit['file_id']} names no case, or an aliquot without a barcode.")
    samples = {s.get("submitter_id"): s.get("sample_type") for s in case.get("samples") or []}
    aliquot = barcodes[0] if barcodes else None
    sample_type = samples.get(aliquot[:16]) if aliquot else None
    if sample_type is None and len(samples) == 1:
        sample_type = next(iter(samples.values()))
    return row | {"aliquot_id": aliquot, "sample_type": sample_type, "patient_id": case["submitter_id"][:12]}


def read_samples(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame:
    """The aliquots with an expression file, one row each.

    Returns
    -------
    sample_id (aliquot barcode), patient_id, sample_type ("primary", "normal", "metastatic", "recurrent", "other";
    from GDC's term, otherwise from the barcode), file_id. Of several files of one aliquot, the newest is used.
    """
    index = read_index(archive, manifest)
    star = index[index["kind"] == "star"]
    if star["aliquot_id"].isna().any():
        nameless = star.loc[star["aliquot_id"].isna(), "file_id"]
        raise FormatError(
            f"GDC's index ({_pages(manifest, 'star')}) names no aliquot of {len(nameless)} expression files, such as "
            f"{nameless.iloc[0]}. Fetch the index again."
        )
    star = star.assign(version=pd.to_numeric(star["version"], errors="coerce"))
    star = star.sort_values(["version", "updated_datetime", "file_id"], na_position="first")
    star = star.drop_duplicates("aliquot_id", keep="last").sort_values("aliquot_id", ignore_index=True)
    from_word = star["sample_type"].map(
        lambda word: SAMPLE_TYPES.get(word, "normal" if "Normal" in str(word) else None)
    )
    from_code = star["aliquot_id"].str[13:15].map(SAMPLE_CODES)
    return pd.DataFrame(
        {
            "sample_id": star["aliquot_id"],
            "patient_id": star["patient_id"],
            "sample_type": from_word.fillna(from_code.where(star["sample_type"].isna())).fillna("other"),
            "file_id": star["file_id"],
        }
    )


def _pages(manifest: pd.DataFrame, kind: str) -> str:
    """The names of the stored pages of one kind."""
    found = [str(path).rpartition("/")[2] for path in manifest["path"] if f"/{kind}-" in str(path)]
    return ", ".join(found[:3]) or "no page"
