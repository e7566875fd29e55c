"""A small invented lake: two raw files, two cohorts, a signature and risk scores, all of one generation.

In scope: filling a lake without Dagster, and what other processes do to it in tests (write, publish, read).
Out of scope: tests.
"""

from __future__ import annotations

import hashlib
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from hnbc_assets.lake import checks, parquet
from hnbc_assets.lake.checks import CheckOutcome
from hnbc_assets.lake.hashing import content_hash
from hnbc_assets.lake.parquet import Provenance
from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.snapshot import publish

WALK_BACK = """
WITH RECURSIVE made_from AS (
    SELECT ? AS asset
    UNION
    SELECT lineage.upstream_asset FROM lineage JOIN made_from USING (asset)
)
SELECT raw_files.* FROM made_from JOIN raw_files USING (asset) ORDER BY asset, path
"""  # the raw files that an asset depends on, by the asset's name
TABLES = {"patients": "patients", "signature": "signature", "risk_scores": "risk_scores"}
COLUMNS = {
    "patients": [{"name": "patient_id", "type": "VARCHAR", "unit": "", "description": "the cohort's own id"}],
    "risk_scores": [
        {"name": "cohort_id", "type": "VARCHAR", "unit": "", "description": "cohort"},
        {"name": "patient_id", "type": "VARCHAR", "unit": "", "description": "the cohort's own id"},
        {"name": "risk_score", "type": "DOUBLE", "unit": "training sd", "description": "the patient's score"},
    ],
}


def raw_bytes(source: str) -> bytes:
    """The bytes that upstream `source` served."""
    return f"bytes of {source}".encode()


def manifest(source: str, release: str = "45.0") -> pd.DataFrame:
    """The manifest of one archived file."""
    content = raw_bytes(source)
    return pd.DataFrame(
        [
            {
                "source": source,
                "release": release,
                "file_id": f"{source}-1",
                "url": f"https://{source}.example/1",
                "path": f"{source}/{release}/1.txt",
                "size_bytes": len(content),
                "md5": hashlib.md5(content).hexdigest(),
                "sha256": hashlib.sha256(content).hexdigest(),
                "retrieved_at": "2025-01-01T00:00:00+00:00",
            }
        ]
    )


def put(
    lake: Lake, asset: str, frame: pd.DataFrame, inputs: tuple[str, ...] = (), *, passed: bool = True, **more: Any
) -> str:
    """Store one asset as if it had just been materialised, with the outcome of its blocking check.

    `more` is added to its provenance.
    """
    version = content_hash(frame)
    provenance = Provenance(
        asset=asset,
        data_version=version,
        code_version="1",
        run_id="run",
        inputs={name: parquet.read_provenance(lake.table(name)).data_version for name in inputs},
        table_description=f"The {asset} of an invented study's patients.",
        columns=COLUMNS.get(asset, []),
        **more,
    )
    parquet.write(lake.table(asset), frame, provenance)
    checks.record(lake, CheckOutcome(asset, "schema", passed, blocking=True, value=0.5, data_version=version))
    return version


def fill(lake: Lake, generation: int = 1, n: int = 50, release: str = "45.0") -> None:
    """Materialise everything once; `generation` is in every table, so that a mixture would show."""
    for source in ("gdc", "geo"):
        put(lake, f"raw/{source}/all", manifest(source, release))
    patients = pd.DataFrame({"patient_id": [f"p{i}" for i in range(n)], "generation": generation})
    expression = pd.DataFrame(
        {f"p{i}": [0.5 * i, 1.0, None] for i in range(n)}, index=pd.Index(["A", "B", "C"], name="gene")
    )
    put(lake, "patients", patients, ("raw/gdc/all",))
    put(lake, "cohorts/one", expression + generation, ("raw/gdc/all",))
    put(lake, "cohorts/two", expression - generation, ("raw/geo/all",))
    genes = pd.DataFrame({"signature_id": "0a1b2c", "gene": ["A", "B"], "generation": generation})
    put(lake, "signature", genes, ("cohorts/one", "patients"))
    scores = patients.assign(cohort_id="two", risk_score=1.5)
    put(lake, "risk_scores", scores, ("signature", "cohorts/two"))


def publish_once(root: Path, started: Connection) -> None:
    """Signal the start, then publish; runs in a process of its own."""
    started.send("starting")
    publish(Lake(root), TABLES, keep=2)


def publish_often(root: Path, count: int, done: Connection) -> None:
    """Publish `count` times and send the checksums; runs in a process of its own."""
    done.send([publish(Lake(root), TABLES, keep=2).sha256 for _ in range(count)])


def write_matrix(path: Path, generation: int, started: Connection) -> None:
    """Signal the start, then write a matrix filled with its generation; runs in a process of its own."""
    frame = pd.DataFrame(np.full((3000, 200), float(generation)), columns=[f"p{i}" for i in range(200)])
    started.send("starting")
    parquet.write(path, frame, Provenance("matrix", content_hash(frame)))


def generations(connection: duckdb.DuckDBPyConnection) -> set[int]:
    """The generations found in a database's tables; more than one is a mixture."""
    return {
        row[0]
        for table in ("patients", "signature", "risk_scores")
        for row in connection.execute(f"SELECT DISTINCT generation FROM {table}").fetchall()
    }


def read_until(database: Path, hold: bool, enough: Event, found: Connection) -> None:
    """Read until `enough` is set, over one connection (`hold`) or a new one each time; send what was found."""
    seen = []
    connection = duckdb.connect(str(database), read_only=True)
    found.send("reading")
    last = False
    while not last:
        last = enough.is_set()
        if not hold:
            connection.close()
            connection = duckdb.connect(str(database), read_only=True)
        seen.append(generations(connection))
    found.send(seen)
