"""STAR gene counts: one column of many files, ours, pandas, pyarrow, duckdb and polars.

In scope: the inputs and the peers of this kernel. Out of scope: measuring (harness.py).

Each peer gives the TPM of every file as one matrix. Ours also compares every file's gene ids with the first file's;
the others do not. Files are read once before the clock starts, so all are in memory.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.harness import Benchmark, Inputs, Outputs, Peer, main

N_GENES = 60_660
DISTINCT_FILES = 55
HEADER = (
    "# gene-model: GENCODE v36\ngene_id\tgene_name\tgene_type\tunstranded\tstranded_first\tstranded_second\t"
    "tpm_unstranded\tfpkm_unstranded\tfpkm_uq_unstranded\n"
)
SUMMARY = "".join(f"N_{n}\t\t\t9\t9\t9\t\t\t\n" for n in ("unmapped", "multimapping", "noFeature", "ambiguous"))
TPM = "tpm_unstranded"


def paths_of(inputs: Inputs) -> list[Path]:
    """The files, each read once."""
    paths = sorted(Path(inputs["folder"]).glob("*.tsv"))
    for path in paths:
        path.read_bytes()
    return paths


def ours(inputs: Inputs) -> Callable[[], Outputs]:
    from hnbc_assets.sources.gdc.star import read_star

    paths = paths_of(inputs)
    read_star(paths[:1], TPM)
    return lambda: {"tpm": read_star(paths, TPM)[1]}


def naive_pandas(inputs: Inputs) -> Callable[[], Outputs]:
    import pandas as pd

    paths = paths_of(inputs)[: max(1, int(inputs["n_files"] * inputs["pandas_fraction"]))]

    def read() -> Outputs:
        tables = [pd.read_csv(path, sep="\t", comment="#") for path in paths]
        return {"tpm": pd.concat([table[TPM] for table in tables], axis=1).to_numpy()[4:].T}

    return read


def pyarrow(inputs: Inputs) -> Callable[[], Outputs]:
    from pyarrow import csv

    paths = paths_of(inputs)
    options = {
        "read_options": csv.ReadOptions(skip_rows=1),
        "parse_options": csv.ParseOptions(delimiter="\t"),
        "convert_options": csv.ConvertOptions(include_columns=["gene_id", TPM]),
    }
    return lambda: {"tpm": np.stack([csv.read_csv(path, **options)[TPM].to_numpy()[4:] for path in paths])}


def duckdb(inputs: Inputs) -> Callable[[], Outputs]:
    import duckdb as db

    paths = [str(path) for path in paths_of(inputs)]
    query = f"SELECT {TPM} FROM read_csv(?, delim='\t', skip=1, header=true) WHERE {TPM} IS NOT NULL"

    def read() -> Outputs:
        with db.connect() as connection:
            return {"tpm": np.stack([connection.execute(query, [path]).fetchnumpy()[TPM] for path in paths])}

    return read


def polars(inputs: Inputs) -> Callable[[], Outputs]:
    import polars as pl

    paths = paths_of(inputs)
    options = {"separator": "\t", "skip_rows": 1, "columns": ["gene_id", TPM], "schema_overrides": {TPM: pl.Float64}}
    return lambda: {"tpm": np.stack([pl.read_csv(path, **options)[TPM].to_numpy()[4:] for path in paths])}


def write_files(folder: Path, n_files: int) -> None:
    """Files of GENCODE's size. Beyond the first 55 they are links to those: the same bytes under other names."""
    rng = np.random.default_rng(20250101)
    kinds = rng.choice(["protein_coding", "lncRNA", "processed_pseudogene"], N_GENES)
    names = [f"ENSG{i:011d}.{i % 19 + 1}\tGENE{i}\t{kind}\t" for i, kind in enumerate(kinds)]
    for number in range(n_files):
        path = folder / f"{number:04}.tsv"
        if number >= DISTINCT_FILES:
            os.link(folder / f"{number % DISTINCT_FILES:04}.tsv", path)
            continue
        counts = rng.negative_binomial(0.3, 0.0005, N_GENES).tolist()
        rows = (
            f"{n}{c}\t{c // 2}\t{c - c // 2}\t{c / 3:.4f}\t{c / 4:.4f}\t{c / 5:.4f}\n"
            for n, c in zip(names, counts, strict=True)
        )
        path.write_text(HEADER + SUMMARY + "".join(rows))


def benchmarks(size: str) -> list[Benchmark]:
    """Full: the 1,100 files of 60,660 genes that TCGA-BRCA has, 5 GB; small: 44 of them."""
    n_files = 1_100 if size == "full" else 44
    folder = Path(tempfile.mkdtemp(prefix="bench-star-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_files(folder, n_files)
    fraction = 0.1 if size == "full" else 0.5
    peers = [
        Peer("ours", ours, repeats=2),
        Peer("naive pandas", naive_pandas, fraction=fraction, repeats=1),
        Peer("pyarrow", pyarrow, repeats=1),
        Peer("duckdb", duckdb, repeats=1),
        Peer("polars", polars, repeats=1),
    ]
    inputs = {"folder": folder, "n_files": n_files, "pandas_fraction": fraction}
    return [Benchmark("STAR files", inputs, peers, f"{n_files:,} files × {N_GENES:,} genes", {"naive pandas": 8})]


if __name__ == "__main__":
    main(benchmarks)
