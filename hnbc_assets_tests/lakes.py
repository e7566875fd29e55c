"""Lakes that `hnbc` fills as a user starts it: in its own process, with a study of their own.

In scope: a lake with its study, the small simulated study, lakes that parallel test processes share. Out of scope:
expected results (the tests).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import yaml

from hnbc_assets.lake.atomic import locked
from hnbc_assets.study import PACKAGED

HNBC = Path(sys.executable).with_name("hnbc")
SMALL = {"n_genes": 1500, "n_tcga": 260, "n_discovery": 200, "n_validation": 100, "n_metabric": 80, "n_lines": 120}


@dataclass(frozen=True)
class Lake:
    """A lake with the study and the upstream that fill it."""

    path: Path
    study: Path
    upstream: str = "simulated"

    def hnbc(self, *arguments: str, timeout: int = 900) -> subprocess.CompletedProcess:
        """Run a command of `hnbc` on this lake."""
        environment = os.environ | {
            "HNBC_UPSTREAM": self.upstream,
            "HNBC_STUDY": str(self.study),
            "HNBC_DATA_LAKE": str(self.path),
            "DAGSTER_HOME": "",
        }
        return subprocess.run(
            [str(HNBC), *arguments], env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )

    @property
    def database(self) -> Path:
        """The published database."""
        return self.path / "hnbc.duckdb"

    def ask(self, question: str, *parameters: object) -> pd.DataFrame:
        """A query's answer from the published database."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(question, parameters).df()


def small_study(folder: Path, **changes: object) -> Path:
    """The packaged study over a small simulation; `changes` are merged into its sections."""
    study = yaml.safe_load(PACKAGED.read_text())
    study["simulation"] = SMALL | {"n_drugs": 20}
    study["signature"] |= {"repeats": 2, "folds": 5, "bootstraps": 100}
    for section, values in changes.items():
        study[section] = study.get(section, {}) | values
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study, sort_keys=False))
    return path


def at(folder: Path) -> Lake:
    """The lake in a folder, with the study next to it."""
    return Lake(folder / "lake", folder / "study.yaml")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first of the parallel test processes makes, and all of them read."""
    root = factory.getbasetemp()
    root = root.parent if os.environ.get("PYTEST_XDIST_WORKER") else root
    folder = root / f"lake_{name}"
    with locked(root / f".lake_{name}.lock"):
        if not (folder / "made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / "made").touch()
    return folder
