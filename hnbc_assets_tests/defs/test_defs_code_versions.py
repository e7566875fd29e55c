"""Code versions: an edit makes stale what it can change, and nothing else."""

from __future__ import annotations

import pytest

from hnbc_assets.defs import code_of
from hnbc_assets.defs.stage import PACKAGE
from hnbc_assets_tests.test_house import imports, modules

STAGES = (
    *("releases", "cohorts", "genes", "signature", "promotion", "scores", "changes"),
    *("microenvironment", "drugs", "database"),
)
ROOMS = ("science", "report", "sources")
BESIDE = {f"hnbc_assets.defs.{name}" for name in ("checks", "cohort_data", "gates", "ingest_checks")}
TRANSPORT = {
    f"hnbc_assets.sources.{name}"
    for name in ("alternatives", "archive", "batch", "download", "http", "http_answers", "manifest", "progress")
}


def used_by(stage: str) -> set[str]:
    """Modules of science, report and sources that a stage's file reaches, and the files of defs that decide results.

    Left out is what carries bytes without changing them, and the simulator.
    """
    found, waiting = set(), [f"hnbc_assets.defs.{stage}"]
    while waiting:
        module = waiting.pop()
        found.add(module)
        for target in imports(module):
            room = target.split(".")[1] if "." in target else ""
            counts = room in ROOMS and ".simulated" not in target and target not in TRANSPORT
            if (counts or target in BESIDE) and target in modules() and target not in found:
                waiting.append(target)
    return {module for module in found if modules()[module].name != "__init__.py"}


def is_covered(module: str, code: tuple[str, ...]) -> bool:
    path = modules()[module].relative_to(PACKAGE).as_posix()
    return any(path == given or path.startswith(f"{given}/") for given in code)


@pytest.mark.parametrize("stage", STAGES[:-1])
def test_a_code_version_holds_every_module_that_the_stage_uses(stage):
    code = code_of(stage, simulated=False)
    assert [module for module in sorted(used_by(stage)) if not is_covered(module, code)] == []


@pytest.mark.parametrize("stage", STAGES)
def test_every_file_of_a_code_version_is_there(stage):
    assert [given for given in code_of(stage, simulated=True) if not (PACKAGE / given).exists()] == []


def test_the_simulator_decides_what_is_fetched_where_it_answers_and_nothing_elsewhere():
    simulator = "hnbc_assets.sources.simulated.world"
    by_simulation = {stage for stage in STAGES if is_covered(simulator, code_of(stage, simulated=True))}
    assert by_simulation == {"releases", "database"}
    assert not any(is_covered(simulator, code_of(stage, simulated=False)) for stage in STAGES)


def test_the_words_of_the_headline_make_no_table_stale():
    assert not any(is_covered("hnbc_assets.report.headline", code_of(stage, simulated=True)) for stage in STAGES)
