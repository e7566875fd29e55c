"""The content of lakes as plain values, and processes of `hnbc` whose requests are counted.

In scope: what a lake and its database contain, without times and runs. Out of scope: lakes to start from (conftest).
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import duckdb

from hnbc_assets.lake import parquet
from hnbc_assets.lake.paths import Lake as Paths
from hnbc_assets.sources.archive.manifest import Manifest
from hnbc_assets_tests.lakes import Lake

GDC, RAW = "gdc/TCGA-BRCA", "raw/gdc/TCGA-BRCA"
CHANGE = ("signature_changes", "risk_changes", "performance_changes", "release_reports")
# Columns of times and runs.
WHEN = {
    "lineage": ("run_id",),
    "raw_files": ("retrieved_at",),
    "check_results": ("evaluated_at",),
    "publications": ("published_at",),
    "signatures": ("trained_at", "adopted_at", "run_id"),
}
# Fields of manifests and views with the time of download.
WRITTEN = ("retrieved_at", "kept_at", "mtime_ns")
# Every request of the process, one line each: method, host and path.
COUNTED = """
import os
from hnbc_assets.sources.simulated.transport import SimulatedTransport
answer = SimulatedTransport.handle_request
def counting(self, request):
    with open(os.environ["HNBC_TEST_REQUESTS"], "a") as log:
        log.write(f"{request.method} {request.url.host}{request.url.path}\\n")
    return answer(self, request)
SimulatedTransport.handle_request = counting
"""
MAIN = "\nfrom hnbc_assets.cli import main\nmain()\n"


def environment(lake: Lake) -> dict[str, str]:
    """The environment variables for `hnbc`."""
    named = {"HNBC_UPSTREAM": lake.upstream, "HNBC_STUDY": str(lake.study), "HNBC_DATA_LAKE": str(lake.path)}
    return os.environ | named | {"DAGSTER_HOME": ""}


def counted(lake: Lake, *arguments: str, change: str = "") -> tuple[subprocess.CompletedProcess, list[str]]:
    """Run a command of `hnbc` whose requests are counted; `change` is code that runs first in the process.

    Returns the ended process, and its requests: 'GET api.gdc.cancer.gov/status'.
    """
    log = lake.path.parent / "requests.txt"
    log.write_text("")
    variables = environment(lake) | {"HNBC_TEST_REQUESTS": str(log)}
    command = [sys.executable, "-c", COUNTED + change + MAIN, *arguments]
    ended = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=900, check=False)
    return ended, log.read_text().splitlines()


def downloads(requests: list[str]) -> list[str]:
    """The requests for files of the GDC."""
    return [one for one in requests if "api.gdc.cancer.gov/data/" in one]


def succeeded(ended: subprocess.CompletedProcess) -> str:
    """The output of a command that succeeded."""
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def versions(lake: Lake) -> dict[str, str]:
    """Every asset's data version, after a check that its values are those that were written."""
    paths = Paths(lake.path)
    return {asset: parquet.verify(paths.table(asset)).data_version for asset in paths.assets()}


def values(lake: Lake) -> dict[str, str]:
    """Every asset's content hash, except for tables with times: manifests and the list of signatures."""
    paths = Paths(lake.path)
    names = [asset for asset in paths.assets() if asset != "signatures" and not asset.startswith("raw/")]
    return {asset: parquet.read_provenance(paths.table(asset)).content_hash for asset in names}


def table_of(asset: str) -> str:
    """The table that a cohort's asset is a part of: `risk_scores/one` is of risk_scores; raw assets are themselves."""
    return asset if asset.startswith("raw/") else asset.partition("/")[0]


def made_in(lake: Lake) -> dict[str, str]:
    """The run that made each asset."""
    paths = Paths(lake.path)
    return {asset: parquet.read_provenance(paths.table(asset)).run_id for asset in paths.assets()}


def archived(lake: Lake) -> dict[str, str]:
    """The sha256 of every file of the archive by its path; for manifests and views the rows without times.

    A manifest is a journal: for a file that was recorded twice the last line counts; a truncated line does not.
    """
    root, found = lake.path / "raw", {}
    for path in sorted(p for p in root.rglob("*") if p.is_file() and p.name != ".lock"):
        content = path.read_bytes()
        if path.name == "manifest.jsonl":
            content = _timeless(Manifest(path.parent).rows().values())
        elif root / "views" in path.parents:
            content = _timeless(map(json.loads, content.splitlines()))
        found[path.relative_to(root).as_posix()] = hashlib.sha256(content).hexdigest()
    for row in lake.ask("SELECT path, sha256 FROM raw_files").itertuples():
        assert found[row.path] == row.sha256, row.path
    return found


def _timeless(rows: Iterable[dict[str, object]]) -> bytes:
    timeless = [{name: value for name, value in row.items() if name not in WRITTEN} for row in rows]
    return "\n".join(sorted(json.dumps(row) for row in timeless)).encode()


def differing(one: Path, other: Path) -> dict[str, int]:
    """By table, the rows that only one of two published databases has; without times and runs."""
    with duckdb.connect() as connection:
        names = {}
        for alias, path in (("one", one), ("other", other)):
            connection.execute(f"ATTACH '{path}' AS {alias} (READ_ONLY)")
            query = "SELECT table_name FROM duckdb_tables() WHERE database_name = ?"
            names[alias] = {name for (name,) in connection.execute(query, [alias]).fetchall()}
        assert names["one"] == names["other"]
        found = {}
        for name in sorted(names["one"]):
            without = f"EXCLUDE ({', '.join(WHEN[name])})" if name in WHEN else ""
            rows = [f"SELECT * {without} FROM {alias}.{name}" for alias in ("one", "other")]
            question = " UNION ALL ".join(f"(FROM ({a}) EXCEPT ALL FROM ({b}))" for a, b in (rows, rows[::-1]))
            found[name] = connection.execute(f"SELECT count(*) FROM ({question})").fetchone()[0]
        return {name: number for name, number in found.items() if number}
