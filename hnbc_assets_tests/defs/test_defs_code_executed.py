"""Code versions hold what really runs: every function that an asset's step calls is part of its code version.

The steps of a small simulated study run again here on the tables of its lake, and Python reports each function that it
calls. This does not use how code versions are computed: a call that reading the code misses (a function out of a
dictionary, a method that a library calls) is found here.
"""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import sys
import threading
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hnbc_assets
from hnbc_assets.defs.frames import formed
from hnbc_assets.defs.resources import resources_of
from hnbc_assets.defs.stage import CODE, Build
from hnbc_assets.defs.stages import every_stage
from hnbc_assets.defs.step import Step, steps
from hnbc_assets.lake import parquet
from hnbc_assets.lake.paths import Lake
from hnbc_assets.study import Place, load_study
from hnbc_assets_tests.lakes import small_study

pytestmark = pytest.mark.full

ROOMS = ("science", "sources", "tables", "defs", "lake", "arithmetic", "digits", "user_files")
GIVEN = (
    *("sources.archive.store", "sources.archive.intact", "sources.archive.manifest"),  # verified bytes
    *("lake.paths", "lake.hashing", "lake.checks", "defs.frames", "defs.stage", "defs.step"),  # frames
    *("defs.resources", "defs.upstreams", "sources.kinds", "sources.upstream"),  # what assets get from outside
)
INNER = ("<locals>", "<lambda>", "<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
BY_DATACLASSES = "__create_fn__"
MINE = {"kind": "table", "simulated": True, "expression": "mine.csv", "clinical": "mine_patients.csv"}


@dataclass
class Traced:
    """A step of the study, and the functions of the package that ran in it."""

    step: Step
    executed: set[tuple[str, tuple[str, ...]]] = field(default_factory=set)

    def run(self, lake: Lake, given: Mapping[str, Any], **frames: pd.DataFrame) -> dict[str, Any]:
        """Call the step's function and its checks on the tables of a lake, or on others."""
        every = {a: frames[a] if a in frames else read(lake, key) for key, a in self.step.arguments.items()}
        known = self.step.known(every, given)
        with profiled(self.executed):
            made = self.step.made(known)
            for one in self.step.prepared(made, known):
                assert not one.judged(known).broken
        return dict(made)

    def missing(self) -> set[tuple[str, tuple[str, ...]]]:
        """What ran and is not part of the code version."""
        described = self.step.described
        checks = [check.function for one in described for check in one.checks]
        tables = [one.table for one in described if one.table]
        reached = set(CODE.reached([self.step.declared.function, formed, *self.step.reads, *checks, *tables]))
        return {(module, path) for module, path in self.executed if not is_reached(module, path, reached)}


def is_reached(module: str, path: tuple[str, ...], reached: set) -> bool:
    """Whether a function counts: itself, with one around it, or with its class if Python calls it (`__init__`)."""
    if isinstance(getattr(sys.modules[module], path[0], None), type):
        return (module, path[:2]) in reached or (path[1].startswith("__") and (module, path[:1]) in reached)
    return any((module, path[:depth]) in reached for depth in range(1, len(path) + 1))


def read(lake: Lake, key: str) -> pd.DataFrame:
    stored = parquet.read_stored(lake.table(key))
    stored.frame.attrs |= {"asset": key, "data_version": stored.provenance.data_version}
    return stored.frame


@contextmanager
def profiled(executed: set[tuple[str, tuple[str, ...]]]):
    """Collect every function of the package that is called, in all threads."""
    seen: set[CodeType] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code not in seen:
            seen.add(code)
            module, names = frame.f_globals.get("__name__", ""), code.co_qualname.split(".")
            if counts(module) and code.co_name != "<module>" and names[0] != BY_DATACLASSES:
                executed.add((module, tuple(name for name in names if name not in INNER)))

    sys.setprofile(note)
    threading.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def counts(module: str) -> bool:
    name = module.removeprefix("hnbc_assets.")
    given = any(name == one or name.startswith(f"{one}.") for one in GIVEN)
    return module != name and name.split(".")[0] in ROOMS and not given and not name.endswith(".settings")


@pytest.fixture(scope="module")
def traced(first, tmp_path_factory):
    """Every step of the small study but those that fetch, run again; and a user's own cohort."""
    folder = tmp_path_factory.mktemp("traced")
    lake = Lake(shutil.copytree(first.path, folder / "lake"))
    for module in pkgutil.walk_packages(hnbc_assets.__path__, "hnbc_assets."):
        importlib.import_module(module.name)  # what runs when a module is imported is not the step's
    given = resources_of(load_study(first.study), Place("simulated", lake.root, first.study))
    found = {name: one for name, one in steps_of(first.study, lake).items() if not one.step.upstream}
    for one in found.values():
        one.run(lake, given)
    return found | {"cohort_mine": cohort_of_a_user(folder, lake)}


def cohort_of_a_user(folder: Path, lake: Lake) -> Traced:
    """The step of a cohort from a user's tables: values and patients of another cohort."""
    values, patients = (read(lake, f"{room}/brca_metabric") for room in ("cohorts", "patients"))
    (np.exp2(values.astype(float)) - 1).to_csv(folder / MINE["expression"])
    clinical = pd.DataFrame({
        "patient_id": patients.patient_id,
        "her2_status": np.where(patients.her2_status == "positive", "positive", "negative"),
        "os_days": patients.os_days,
        "os_event": patients.os_event.astype("Int64"),
    })  # fmt: skip
    clinical.to_csv(folder / MINE["clinical"], index=False)
    own = {"role": "validation", "endpoint": "os", "expression_scale": "log2_tpm", "source": MINE}
    file = small_study(folder, cohorts={"mine": own})
    found, given = steps_of(file, lake), resources_of(load_study(file), Place("simulated", lake.root, file))
    fetched = found["raw__table__mine"].step
    [made] = fetched.made(fetched.known({}, given)).values()
    found["cohort_mine"].run(lake, given, manifest=made.frame)
    return found["cohort_mine"]


def steps_of(file: Path, lake: Lake) -> dict[str, Traced]:
    """The steps of a study."""
    build = Build(load_study(file), Place("simulated", lake.root, file))
    return {step.name: Traced(step) for stage in every_stage() for step in steps(stage, build)}


def test_every_function_that_ran_is_part_of_its_assets_code_version(traced):
    assert {"train_signature", "estimate_infiltration_tcga_brca", "predict_sensitivity_tcga_brca"} <= set(traced)
    assert {"cohort_gse25055", "cohort_tcga_brca", "cohort_brca_metabric", "cohort_mine"} <= set(traced)
    missing = {name: sorted(one.missing()) for name, one in traced.items()}
    assert {name: found for name, found in missing.items() if found} == {}


@pytest.mark.parametrize(
    ("step", "module", "function"),
    [
        ("train_signature", "hnbc_assets.science.signature.lasso", "fit_lasso"),
        ("estimate_infiltration_tcga_brca", "hnbc_assets.science.microenvironment.methods.ssgsea", "ssgsea"),
        ("predict_sensitivity_tcga_brca", "hnbc_assets.science.drugs.ridge", "fit"),
        ("cohort_gse25055", "hnbc_assets.sources.geo.matrix", "read_matrix"),
        ("cohort_tcga_brca", "hnbc_assets.sources.gdc.star", "read_expression"),
        ("cohort_brca_metabric", "hnbc_assets.sources.cbioportal.profile", "read_expression"),
        ("cohort_mine", "hnbc_assets.sources.table.files", "read_expression"),
    ],
)
def test_what_the_steps_are_known_to_run_was_seen(traced, step, module, function):
    assert (module, (function,)) in traced[step].executed
