"""GDC's expression files: STAR counts and TPM, one file an aliquot.

Belongs here: reading them fast into one matrix, and proving that all follow one gene model. Does not: genes by symbol,
logarithms (science/cohorts/expression.py).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from hnbc_assets.errors import FormatError, UpstreamChanged
from hnbc_assets.sources.archive import Archive
from hnbc_assets.sources.gdc_index import read_samples

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

VALUE_COLUMNS = {"tpm": "tpm_unstranded", "counts": "unstranded"}


def read_expression(
    archive: Archive,
    manifest: pd.DataFrame,
    *,
    value: Literal["tpm", "counts"] = "tpm",
    sample_ids: Sequence[str],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Expression of these aliquots, as the files have it (no logarithm), and the features that it is of.

    Parameters
    ----------
    value : "tpm" (transcripts per million) or "counts" (unstranded reads)
    sample_ids : aliquot barcodes, as `read_samples` names them; they are the columns, in this order

    Returns
    -------
    Expression frame, feature_id × sample_id, and features: feature_id (Ensembl id with version), symbol, gene_type.

    Raises
    ------
    KeyError
        A sample has no file among these.
    UpstreamChanged
        A file follows another gene model than the first, or lacks a column; names the file.
    """
    files = read_samples(archive, manifest).set_index("sample_id")["file_id"]
    rows = manifest.set_index("file_id")
    unknown = [sample for sample in sample_ids if sample not in files.index]
    if unknown:
        raise KeyError(f"no expression file of {', '.join(unknown[:5])}")
    paths = [archive.locate(rows.loc[files[sample]]) for sample in sample_ids]
    features, values = read_star(paths, VALUE_COLUMNS[value])
    index = pd.Index(features["feature_id"], name="feature_id")
    return pd.DataFrame(values.T, index=index, columns=pd.Index(sample_ids, name="sample_id")), features


def read_star(paths: Sequence[Path], column: str) -> tuple[pd.DataFrame, np.ndarray]:
    """One column of many STAR files.

    Parameters
    ----------
    column : "tpm_unstranded", "unstranded" …

    Returns
    -------
    features (feature_id, symbol, gene_type), and values, (n_files, n_features).

    Raises
    ------
    UpstreamChanged
        A file's gene ids are not those of the first file, in their order, or it lacks the column; names the file.
    """
    if not paths:
        return pd.DataFrame(columns=["feature_id", "symbol", "gene_type"]), np.empty((0, 0))
    first = read_columns(paths[0], ["gene_id", "gene_name", "gene_type"])
    genes = first["gene_id"]
    is_gene = ~genes.str.starts_with("N_").to_numpy()
    values = np.empty((len(paths), int(is_gene.sum())))

    def read_into(place: int) -> None:
        table = read_columns(paths[place], ["gene_id", column])
        if not table["gene_id"].equals(genes):
            raise UpstreamChanged(
                f"{paths[place].name}: its {len(table)} gene ids are not those of {paths[0].name} ({len(genes)}). "
                "Files of two gene models cannot be joined; see which release changed it."
            )
        values[place] = table[column].to_numpy()[is_gene]

    with ThreadPoolExecutor(max(1, os.cpu_count() or 1)) as pool:
        for _ in pool.map(read_into, range(len(paths))):
            pass
    features = first.to_pandas()[is_gene].reset_index(drop=True)
    return features.rename(columns={"gene_id": "feature_id", "gene_name": "symbol"}), values


def read_columns(path: Path, columns: list[str]) -> pl.DataFrame:
    """Some columns of one STAR file: text for names, floating point for values, null where blank."""
    import polars as pl

    names = ("gene_id", "gene_name", "gene_type")
    types = {column: pl.String if column in names else pl.Float64 for column in columns}
    try:
        return pl.read_csv(
            path, separator="\t", comment_prefix="#", columns=columns, schema_overrides=types, n_threads=1
        )
    except pl.exceptions.ColumnNotFoundError as error:
        raise UpstreamChanged(f"{path.name}: this STAR file lacks a column ({error}).") from error
    except (pl.exceptions.PolarsError, OSError) as error:
        raise FormatError(f"{path.name}: not a STAR gene count file ({error}). Fetch it again.") from error
