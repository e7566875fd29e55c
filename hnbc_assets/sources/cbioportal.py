"""cBioPortal: study folders of the public data hub.

Belongs here: a study's release, its files, and reading clinical, expression and mutation tables with the portal's own
words. Does not: what a status means for the study (science/cohorts), which profile to take (the study file).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from hnbc_assets.errors import FormatError, UpstreamChanged
from hnbc_assets.sources import archived
from hnbc_assets.sources.listing import Listing, fetch_listing

if TYPE_CHECKING:
    from hnbc_assets.sources.archive import Archive, Wanted
    from hnbc_assets.sources.http import Client
    from hnbc_assets.sources.progress import Progress

HUB = "https://cbioportal-datahub.s3.amazonaws.com"
API = "https://www.cbioportal.org/api/studies"
MISSING = ["", "NA", "NaN", "nan", "null", "[Not Available]", "[Not Applicable]", "[Not Evaluated]", "[Unknown]"]
CLINICAL = ("data_clinical_patient", "data_clinical_sample")
MUTATIONS = "data_mutations"
SAMPLE_TYPES = {"primary": "primary", "metastasis": "metastatic", "metastatic": "metastatic", "recurrence": "recurrent"}
TCGA_CODES = {"01": "primary", "02": "recurrent", "06": "metastatic", "11": "normal"}


def release(client: Client, study: str) -> str:
    """When the portal last imported the study, as YYYY-MM-DDThh-mm-ss (safe as a folder's name).

    Raises
    ------
    UpstreamChanged
        If the portal's record of the study has no import date.
    """
    record = client.get_json(f"{API}/{study}")
    date = record.get("importDate") if isinstance(record, dict) else None
    match = re.match(r"(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}):(\d{2}):(\d{2}))?", str(date))
    if not match:
        raise UpstreamChanged(
            f"{API}/{study} has no importDate that can be read ({date!r}), so versions cannot be told."
        )
    return match[1] if match[2] is None else f"{match[1]}T{match[2]}-{match[3]}-{match[4]}"


def listing(client: Client, archive: Archive, study: str, *, profile: str | None, mutations: bool = False) -> Listing:
    """A study's clinical files, one expression profile and, when asked, its mutations, at its present import.

    `profile` is the data file's name without `data_` and `.txt`, e.g. mrna_seq_v2_rsem_zscores_ref_all_samples. The
    hub keeps some tables packed: NAME.txt is asked for first, then NAME.txt.gz, unless that is archived already.
    """
    version = release(client, study)
    names = [*CLINICAL, *([f"data_{profile}"] if profile else []), *([MUTATIONS] if mutations else [])]
    archived_ids = set(archive.manifest("cbioportal", version)["file_id"])
    wanted = {name: _wanted(study, name, packed=f"{study}/{name}.txt.gz" in archived_ids) for name in names}
    instead = {one.file_id: _wanted(study, name, packed=True) for name, one in wanted.items() if one.content == "text"}
    return Listing("cbioportal", version, tuple((version, one) for one in wanted.values()), instead=instead)


def fetch(
    client: Client,
    archive: Archive,
    study: str,
    *,
    profile: str | None,
    mutations: bool = False,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Archive a study's files (see `listing`); returns their manifest rows."""
    listed = listing(client, archive, study, profile=profile, mutations=mutations)
    return fetch_listing(client, archive, listed, progress=progress)


def read_clinical(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame:
    """Patient and sample tables merged, a row a patient.

    Returns
    -------
    Index patient_id; the portal's upper-case columns, all text. Of a patient with several samples the first primary
    one gives the sample's columns. A column of both tables keeps the patient's value, filled from the sample's.
    """
    patients = _read_table(archived.locate(archive, manifest, _pattern(CLINICAL[0]), "clinical patient table"))
    samples = _read_table(archived.locate(archive, manifest, _pattern(CLINICAL[1]), "clinical sample table"))
    _require(patients, ["PATIENT_ID"], "data_clinical_patient.txt")
    _require(samples, ["PATIENT_ID", "SAMPLE_ID"], "data_clinical_sample.txt")
    if patients["PATIENT_ID"].duplicated().any():
        twice = patients.loc[patients["PATIENT_ID"].duplicated(), "PATIENT_ID"].iloc[0]
        raise FormatError(f"data_clinical_patient.txt has two rows for patient {twice}.")
    first = samples.assign(_late=_sample_types(samples).ne("primary")).sort_values("_late", kind="stable")
    first = first.drop(columns="_late").drop_duplicates("PATIENT_ID").set_index("PATIENT_ID")
    patients = patients.set_index("PATIENT_ID")
    merged = patients.join(first[first.columns.difference(patients.columns, sort=False)])
    for column in patients.columns.intersection(first.columns):
        merged[column] = merged[column].where(merged[column].notna(), first[column].reindex(merged.index))
    return merged.rename_axis("patient_id")


def read_samples(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame:
    """A row a sample: sample_id, patient_id, sample_type, file_id (the sample table's)."""
    samples = _read_table(archived.locate(archive, manifest, _pattern(CLINICAL[1]), "clinical sample table"))
    _require(samples, ["PATIENT_ID", "SAMPLE_ID"], "data_clinical_sample.txt")
    return pd.DataFrame(
        {
            "sample_id": samples["SAMPLE_ID"],
            "patient_id": samples["PATIENT_ID"],
            "sample_type": _sample_types(samples),
            "file_id": next(i for i in manifest["file_id"] if re.fullmatch(_pattern(CLINICAL[1]), i)),
        }
    )


def read_expression(
    archive: Archive, manifest: pd.DataFrame, *, sample_ids: Sequence[str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The expression profile, features × samples (float64), and features[feature_id, symbol, entrez_gene_id].

    A feature is a row of the file: its id is the symbol (or entrez:ID where there is none), followed by #2, #3 …
    where a symbol has several rows. `sample_ids` that the profile lacks are an error; read the header first with
    `profiled_samples`.
    """
    import polars as pl

    path = archived.locate(archive, manifest, r"[^/]+/data_(?!clinical|mutations).+\.txt(\.gz)?", "expression profile")
    content = archived.read_bytes(path)
    start, names = _header(content, path)
    identifiers = [name for name in ("Hugo_Symbol", "Entrez_Gene_Id") if name in names]
    if not identifiers:
        raise FormatError(f"{path.name} has neither Hugo_Symbol nor Entrez_Gene_Id; its columns are {names[:4]}.")
    samples = [name for name in names if name not in (*identifiers, "Cytoband", "Composite.Element.REF")]
    wanted = samples if sample_ids is None else list(sample_ids)
    lost = sorted(set(wanted) - set(samples))
    if lost:
        raise FormatError(f"{path.name} has no column for {len(lost)} samples, e.g. {lost[:3]}.")
    schema = {name: pl.Float64 if name in samples else pl.String for name in names}
    try:
        table = pl.read_csv(content[start:], separator="\t", schema=schema, null_values=MISSING, quote_char=None)
    except pl.exceptions.PolarsError as error:
        raise FormatError(f"{path.name}: the table is not numbers by sample ({error}).") from error
    empty = [None] * table.height
    symbol = pd.Series(table["Hugo_Symbol"].to_list() if "Hugo_Symbol" in names else empty, dtype=object)
    entrez = pd.Series(table["Entrez_Gene_Id"].to_list() if "Entrez_Gene_Id" in names else empty, dtype=object)
    label = symbol.where(symbol.notna(), "entrez:" + entrez.fillna("none").astype(str))
    repeat = label.groupby(label).cumcount()
    feature_id = label.where(repeat == 0, label + "#" + (repeat + 1).astype(str))
    values = np.asarray(table.select(wanted).to_numpy(), dtype=float)
    frame = pd.DataFrame(
        values, index=pd.Index(feature_id, name="feature_id"), columns=pd.Index(wanted, name="sample_id")
    )
    return frame, pd.DataFrame({"feature_id": feature_id, "symbol": symbol, "entrez_gene_id": entrez})


def profiled_samples(archive: Archive, manifest: pd.DataFrame) -> list[str]:
    """The samples that the expression profile has a column for, in its order."""
    path = archived.locate(archive, manifest, r"[^/]+/data_(?!clinical|mutations).+\.txt(\.gz)?", "expression profile")
    with archived.open_text(path) as stream:
        names = next((line for line in stream if not line.startswith("#")), "").rstrip("\r\n").split("\t")
    return [n for n in names if n not in ("Hugo_Symbol", "Entrez_Gene_Id", "Cytoband", "Composite.Element.REF")]


def read_mutations(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame:
    """The study's MAF, its own columns as text (positions and counts too), and patient_id."""
    maf = _read_table(archived.locate(archive, manifest, _pattern(MUTATIONS), "mutation table"))
    _require(maf, ["Hugo_Symbol", "Tumor_Sample_Barcode"], "data_mutations.txt")
    samples = read_samples(archive, manifest).set_index("sample_id")["patient_id"]
    barcode = maf["Tumor_Sample_Barcode"]
    tcga = barcode.str.extract(r"^(TCGA-\w{2}-\w{4})", expand=False)
    return maf.assign(patient_id=barcode.map(samples).fillna(tcga))


def _wanted(study: str, name: str, *, packed: bool) -> Wanted:
    """What to ask the hub for; packed or plain."""
    from hnbc_assets.sources.archive import Wanted

    file = f"{name}.txt.gz" if packed else f"{name}.txt"
    content: Literal["gzip", "text"] = "gzip" if packed else "text"
    return Wanted(file_id=f"{study}/{file}", url=f"{HUB}/{study}/{file}", path=f"{study}/{file}", content=content)


def _pattern(name: str) -> str:
    return rf"[^/]+/{name}\.txt(\.gz)?"


def _read_table(path: Path) -> pd.DataFrame:
    """A portal table as text; the rows that begin with # are about it, not of it."""
    with archived.open_text(path) as stream:
        position = 0
        for line in stream:
            if not line.startswith("#"):
                break
            position += 1
    with archived.open_text(path) as stream:
        table = pd.read_csv(
            stream, sep="\t", skiprows=position, dtype=str, keep_default_na=False, na_values=MISSING, quoting=3
        )
    return table.astype(object).where(table.notna(), None)


def _header(content: bytes, path: Path) -> tuple[int, list[str]]:
    """Where the header line starts, after # lines, and its names."""
    start = 0
    while content.startswith(b"#", start):
        start = content.find(b"\n", start) + 1
        if start == 0:
            raise FormatError(f"{path.name} has # lines only.")
    end = content.find(b"\n", start)
    names = content[start : end if end >= 0 else None].decode("utf-8-sig").rstrip("\r").split("\t")
    if len(set(names)) != len(names):
        raise FormatError(f"{path.name} has two columns of the same name.")
    return start, names


def _sample_types(samples: pd.DataFrame) -> pd.Series:
    """The sample table's type in our words: its own column, else TCGA's code, else primary."""
    given = samples.get("SAMPLE_TYPE", pd.Series(None, index=samples.index, dtype=object))
    named = given.str.lower().str.split().str[0].map(SAMPLE_TYPES)
    coded = samples["SAMPLE_ID"].str.extract(r"^TCGA-\w{2}-\w{4}-(\d{2})", expand=False).map(TCGA_CODES)
    return coded.fillna(named).where(coded.notna() | named.notna(), given.map(lambda v: "other" if v else "primary"))


def _require(table: pd.DataFrame, columns: list[str], name: str) -> None:
    lost = [column for column in columns if column not in table]
    if lost:
        raise FormatError(f"{name} has no column {lost[0]}; it has {', '.join(table.columns[:8])}.")
