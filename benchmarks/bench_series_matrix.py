"""GEO series matrix: ours and pandas.

In scope: the inputs and the peers of this kernel. Out of scope: measuring (harness.py).
"""

from __future__ import annotations

import atexit
import gzip
import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.harness import Benchmark, Inputs, Outputs, Peer, main


def ours(inputs: Inputs) -> Callable[[], Outputs]:
    import polars  # noqa: F401  (its import is not part of parsing)

    from hnbc_assets.sources.geo.matrix import read_matrix

    return lambda: {"values": read_matrix(Path(inputs["path"])).to_numpy()}


def pandas(inputs: Inputs) -> Callable[[], Outputs]:
    import pandas as pd

    return lambda: {"values": pd.read_csv(inputs["path"], sep="\t", comment="!", index_col=0).to_numpy()}


def benchmarks(size: str) -> list[Benchmark]:
    """An HG-U133A series of 508 samples, four decimals, packed as GEO packs it."""
    n_probes, n_samples = (22_000, 508) if size == "full" else (4_000, 508)
    values = np.random.default_rng(20250101).normal(7, 2, (n_probes, n_samples)).round(4)
    samples = "\t".join(f'"GSM{615096 + n}"' for n in range(n_samples))
    text = io.StringIO()
    text.write(f"!Sample_geo_accession\t{samples}\n!series_matrix_table_begin\n")
    text.write(f'"ID_REF"\t{samples}\n')
    for probe, row in enumerate(values.tolist()):
        text.write(f'"{probe}_at"\t' + "\t".join(map(str, row)) + "\n")
    text.write("!series_matrix_table_end\n")
    folder = tempfile.mkdtemp(prefix="bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "GSE1_series_matrix.txt.gz"
    path.write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=6, mtime=0))
    peers = [Peer("ours", ours, repeats=5), Peer("pandas", pandas, repeats=5)]
    return [Benchmark("series matrix", {"path": path}, peers, f"{n_probes:,} × {n_samples}", {"pandas": 2})]


if __name__ == "__main__":
    main(benchmarks)
