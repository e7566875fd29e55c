"""Other identifiers of GDSC's cell lines and genes: the passports' model list and gene identifiers.

In scope: reading these two tables of cellmodelpassports.sanger.ac.uk. Out of scope: the joins that use them (files.py).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from hnbc_assets.errors import FormatError
from hnbc_assets.sources.archive import archived
from hnbc_assets.user_files import decode

COSMIC = re.compile(r"\d+(?:\.0)?")
MODEL_COLUMNS, GENE_COLUMNS = ("model_id", "COSMIC_ID"), ("ensembl_gene_id", "hgnc_symbol")
ENSEMBL = re.compile(r"ENSG\d{11}")


def read_models(path: Path) -> dict[str, str]:
    """COSMIC id to Sanger model id. A model may have several COSMIC ids (`907284;1330932`): each is mapped.

    Raises
    ------
    FormatError
        If the columns model_id and COSMIC_ID are missing, or a COSMIC id is not a number or is given to two models.
    """
    models: dict[str, str] = {}
    for number, row in _rows(path, MODEL_COLUMNS):
        for cosmic in filter(None, (part.strip() for part in re.split(r"[;,|]", row["COSMIC_ID"] or ""))):
            if not COSMIC.fullmatch(cosmic):
                raise FormatError(f"{path.name}: COSMIC_ID has {cosmic!r} in line {number}, not a number.")
            model = (row["model_id"] or "").strip()
            if not model:
                raise FormatError(f"{path.name}: line {number} has the COSMIC id {cosmic} and no model_id.")
            if models.setdefault(cosmic.removesuffix(".0"), model) != model:
                raise FormatError(
                    f"{path.name}: COSMIC id {cosmic} is given to {models[cosmic.removesuffix('.0')]} and, in line "
                    f"{number}, to {model}: the model of its expression cannot be determined."
                )
    if not models:
        raise FormatError(f"{path.name} names no model with a COSMIC id. Delete it and fetch it again.")
    return models


def read_symbols(path: Path) -> dict[str, str]:
    """Ensembl gene id (without version) to HGNC symbol.

    A gene without an HGNC symbol gets COSMIC's; the first row of a gene is used.

    Raises
    ------
    FormatError
        If the columns ensembl_gene_id and hgnc_symbol are missing, or no row has both.
    """
    symbols: dict[str, str] = {}
    for _, row in _rows(path, GENE_COLUMNS):
        symbol = (row["hgnc_symbol"] or row.get("cosmic_gene_symbol") or "").strip()
        if symbol:
            for gene in ENSEMBL.findall(row["ensembl_gene_id"] or ""):
                symbols.setdefault(gene, symbol)
    if not symbols:
        raise FormatError(f"{path.name} names no gene by Ensembl id and symbol. Delete it and fetch it again.")
    return symbols


def _rows(path: Path, required: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a comma-separated table with their line numbers."""
    text = decode(b"".join(archived.chunks(path)), path.name, error=FormatError)
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        header = reader.fieldnames or []
        lost = [column for column in required if column not in header]
        if lost:
            raise FormatError(
                f"{path.name} has no column {lost[0]}; its first line is {', '.join(header[:8])[:200] or 'empty'}."
            )
        for row in reader:
            if None in row or None in row.values():
                raise FormatError(
                    f"{path.name}: line {reader.line_num} does not have the {len(header)} cells of the header. "
                    "Is the file truncated? Delete it and fetch it again."
                )
            yield reader.line_num, row
    except csv.Error as error:
        raise FormatError(
            f"{path.name}: line {reader.line_num} cannot be read as a table ({error}). Delete the file and fetch it "
            "again."
        ) from error
