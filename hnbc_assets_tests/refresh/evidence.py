"""What can be observed of a refresh from outside: hashes of files, footers of parquet files, Dagster's event log.

In scope: reading these, the cut-down study on real patients. Out of scope: lakes to start from (conftest).
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from hnbc_assets.defs.keeping import UNCHANGED
from hnbc_assets_tests.lakes import Lake

REAL = Path(__file__).resolve().parents[1] / "studies" / "real.yaml"
GDC = "raw/gdc/TCGA-BRCA"
GDSC_FILES = ("GDSC2_fitted_dose_response_27Oct23.xlsx", "sanger1018_brainarray_ensemblgene_rma.txt.gz")


@dataclass(frozen=True)
class Evidence(Lake):
    """A lake, and what can be observed of it from outside."""

    def copy(self, folder: Path, study: Path | None = None) -> "Evidence":
        """A copy of the lake elsewhere, optionally with another study."""
        shutil.copytree(self.path, folder / "lake", symlinks=True)
        return Evidence(folder / "lake", study or self.study, self.upstream)

    def hashes(self, beneath: str = "") -> dict[str, str]:
        """The sha256 of every file, by its path in the lake."""
        files = [path for path in sorted((self.path / beneath).rglob("*")) if path.is_file()]
        return {p.relative_to(self.path).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    def modified(self) -> dict[str, int]:
        """When each table was written, in ns."""
        return {asset: path.stat().st_mtime_ns for asset, path in self._tables().items()}

    def footers(self) -> dict[str, dict[str, Any]]:
        """The provenance in each table's own file."""
        read = {asset: pq.read_schema(path).metadata[b"hnbc"] for asset, path in self._tables().items()}
        return {asset: json.loads(footer)["provenance"] for asset, footer in read.items()}

    def run_ids(self) -> dict[str, str]:
        """The run that made each table."""
        return {asset: footer["run_id"] for asset, footer in self.footers().items()}

    def remade(self, before: dict[str, str]) -> set[str]:
        """The tables that were made by another run than before."""
        return {asset for asset, run_id in self.run_ids().items() if before.get(asset) != run_id}

    def _tables(self) -> dict[str, Path]:
        folder = self.path / "tables"
        found = sorted(folder.rglob("*.parquet"))
        return {path.relative_to(folder).with_suffix("").as_posix(): path for path in found}

    @contextmanager
    def instance(self) -> Iterator[Any]:
        """Dagster's instance of this lake, for its event log."""
        from dagster import DagsterInstance

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DAGSTER_HOME", str(self.path / "dagster"))
            with DagsterInstance.from_config(str(self.path / "dagster")) as instance:
                yield instance

    def runs(self) -> list[Any]:
        """Every run of the event log, oldest first."""
        with self.instance() as instance:
            return [record.dagster_run for record in reversed(instance.get_run_records())]

    def events(self, kind: str, runs: set[str] | None = None) -> list[Any]:
        """The events of a kind, of all runs or of these."""
        from dagster import DagsterEventType

        with self.instance() as instance:
            wanted = [r.dagster_run.run_id for r in reversed(instance.get_run_records())]
            pages = [
                instance.get_records_for_run(run_id, of_type=DagsterEventType[kind]).records
                for run_id in wanted
                if runs is None or run_id in runs
            ]
        return [record.event_log_entry.dagster_event for page in pages for record in page]

    def materialized(self, runs: set[str] | None = None) -> Counter[str]:
        """How often each asset was made, according to the event log; not those that were found unchanged."""
        events = self.events("ASSET_MATERIALIZATION", runs)
        made = [event for event in events if UNCHANGED not in event.step_materialization_data.materialization.metadata]
        return Counter(event.asset_key.to_user_string() for event in made)

    def checks(self, asset: str, name: str) -> list[Any]:
        """The evaluations of a check in the event log, oldest first."""
        found = [event.event_specific_data for event in self.events("ASSET_CHECK_EVALUATION")]
        return [check for check in found if (check.asset_key.to_user_string(), check.check_name) == (asset, name)]

    def observed(self, source: str) -> list[str]:
        """The data versions that were observed of a source, oldest first."""
        found = [event.event_specific_data.asset_observation for event in self.events("ASSET_OBSERVATION")]
        return [o.tags["dagster/data_version"] for o in found if o.asset_key.to_user_string() == source]

    def attempt(self, asset: str) -> dict[str, Any] | None:
        """The lake's record of an attempt that did not succeed."""
        path = self.path / "attempts" / f"{asset}.json"
        return json.loads(path.read_text()) if path.exists() else None


def fetched(requests: dict[str, int]) -> dict[str, int]:
    """The requests for files, not for a release, an index or a status."""
    files = (".txt", ".gz", ".zip", ".xlsx", ".gmt")
    pointers = "/cBioPortal/datahub/"
    asked = {path: n for path, n in requests.items() if "/data/" in path or path.endswith(files)}
    asked = {path: n for path, n in asked.items() if pointers not in path}
    # A look at GDSC requests each file once by HEAD; the counters do not distinguish that from a download.
    return {path: n for path, n in asked.items() if path.rsplit("/", 1)[-1] not in GDSC_FILES or n != 1}


def cut_down(folder: Path, **sections: Any) -> Path:
    """The study on real patients with four cohorts, few repeats and no drugs; `sections` are added."""
    study = yaml.safe_load(REAL.read_text())
    del study["cohorts"]["gse25065"], study["cohorts"]["gse25055"]["scaled_with"]
    study |= {"drugs": None, "enrichment": {"collections": {}}}
    study["signature"] = {"repeats": 2, "folds": 5, "bootstraps": 100}
    study |= sections
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(_absolute(study), sort_keys=False))
    return path


def _absolute(settings: Any) -> Any:
    """Settings with absolute paths of files, wherever the study is."""
    if isinstance(settings, dict):
        return {
            key: str((REAL.parent / value).resolve()) if key == "file" else _absolute(value)
            for key, value in settings.items()
        }
    return [_absolute(one) for one in settings] if isinstance(settings, list) else settings
