"""GDC's masked somatic mutations: MAF files, one per tumour.

In scope: reading them into one frame, with their own field names. Out of scope: the effect of a mutation.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from pathlib import Path

import pandas as pd

from hnbc_assets.errors import FormatError, UpstreamChanged
from hnbc_assets.sources.archive.store import Archive

REQUIRED = ("Hugo_Symbol", "Variant_Classification", "Tumor_Sample_Barcode")
COLUMNS = (
    "Hugo_Symbol",
    "Entrez_Gene_Id",
    "Center",
    "NCBI_Build",
    "Chromosome",
    "Start_Position",
    "End_Position",
    "Strand",
    "Variant_Classification",
    "Variant_Type",
    "Reference_Allele",
    "Tumor_Seq_Allele1",
    "Tumor_Seq_Allele2",
    "dbSNP_RS",
    "Tumor_Sample_Barcode",
    "Matched_Norm_Sample_Barcode",
    "HGVSc",
    "HGVSp",
    "HGVSp_Short",
    "Transcript_ID",
    "t_depth",
    "t_ref_count",
    "t_alt_count",
    "n_depth",
    "Gene",
    "Consequence",
    "IMPACT",
    "SIFT",
    "PolyPhen",
    "hotspot",
    "callers",
)
NUMBERS = ("Start_Position", "End_Position", "t_depth", "t_ref_count", "t_alt_count", "n_depth")


def read_mutations(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame:
    """All mutations of the project, in the order of the files (those with the same columns together).

    Returns
    -------
    One row per mutation and tumour: the useful MAF columns that the files have, and patient_id.
    A tumour without mutations has no row; `read_index` (kind "maf") has the sequenced patients.

    Raises
    ------
    UpstreamChanged
        A required column is missing; names column and file.
    FormatError
        A file cannot be read.
    """
    files = manifest[manifest["path"].str.contains("/maf/", regex=False)]
    archive.verify(files)
    rows = files.to_dict("records")
    by_header: dict[bytes, list[bytes]] = {}
    for row in rows:
        path = archive.place(row)
        header, body = read_maf(path)
        whole_rows(header, body, path)
        by_header.setdefault(header, []).append(body)
    tables = [parse_rows(header, bodies) for header, bodies in by_header.items()]
    mutations = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(REQUIRED), dtype=str)
    for column in mutations.columns.intersection(NUMBERS):
        mutations[column] = pd.to_numeric(mutations[column], errors="coerce")
    return mutations.assign(patient_id=mutations["Tumor_Sample_Barcode"].str[:12])


def read_maf(path: Path) -> tuple[bytes, bytes]:
    """One MAF file, unpacked: its header line, and the rows below it; comment lines are skipped."""
    try:
        text = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(f"{path.name}: cannot be unpacked, it is damaged or truncated. Fetch it again.") from error
    while text.startswith(b"#"):
        text = text.partition(b"\n")[2]
    header, _, body = text.replace(b"\r\n", b"\n").partition(b"\n")
    lost = [column for column in REQUIRED if column.encode() not in header.split(b"\t")]
    if lost:
        raise UpstreamChanged(f"{path.name}: this MAF has no column {', '.join(lost)}.")
    names = header.split(b"\t")
    if len(set(names)) != len(names):
        raise FormatError(f"{path.name}: this MAF has a duplicate column. Fetch it again.")
    return header, body if body.endswith(b"\n") or not body else body + b"\n"


def whole_rows(header: bytes, body: bytes, path: Path) -> None:
    """Check that every row is text, has as many cells as the header, and names a gene and a tumour.

    Raises
    ------
    FormatError
        If one does not; the message names file and line (counted from the header).
    """
    names = header.split(b"\t")
    gene, tumour = names.index(b"Hugo_Symbol"), names.index(b"Tumor_Sample_Barcode")
    for number, line in enumerate(body.splitlines(), start=2):
        cells = line.split(b"\t")
        if len(cells) != len(names):
            wrong = f"has {len(cells)} cells, the header has {len(names)}"
        elif not cells[gene].strip() or not cells[tumour].startswith(b"TCGA-"):
            here = [cells[place].decode(errors="replace")[:30] for place in (gene, tumour)]
            wrong = f"has {here[0]!r} for a gene and {here[1]!r} for a tumour's barcode"
        elif b"\0" in line:
            wrong = "contains characters that do not occur in text"
        else:
            continue
        raise FormatError(f"{path.name}, line {number} counted from its header: {wrong}. Fetch it again.")
    try:
        header.decode()
        body.decode()
    except UnicodeDecodeError as error:
        raise FormatError(f"{path.name}: not UTF-8 text throughout. Fetch it again.") from error


def parse_rows(header: bytes, bodies: list[bytes]) -> pd.DataFrame:
    """The rows of files with the same header, parsed together; all values as text, empty ones missing."""
    names = header.decode().split("\t")
    use = [column for column in COLUMNS if column in names]
    text = io.BytesIO(b"".join([header, b"\n", *bodies]))
    return pd.read_csv(
        text, sep="\t", usecols=use, dtype=str, keep_default_na=False, na_values=[""], quoting=csv.QUOTE_NONE
    )[use]
