"""Per-cohort work over the real graph: what is stale when one cohort or one setting changes, and what is not."""

from __future__ import annotations

import dataclasses
import shutil
from graphlib import TopologicalSorter

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from hnbc_assets.defs import build_definitions
from hnbc_assets.defs.frames import Prepared
from hnbc_assets.defs.graph import nodes
from hnbc_assets.defs.stage import Described
from hnbc_assets.lake import attempts, parquet
from hnbc_assets.lake.parquet import Provenance
from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.plan import examine
from hnbc_assets.science.drugs.prediction import Training, predict_cohort, prepare
from hnbc_assets.science.drugs.screen import Screen
from hnbc_assets.study import PACKAGED, Place, load_study
from hnbc_assets.tables import ArchivedRiskScores, ScreenedDrugs
from hnbc_assets_tests.lake.invented_graph import NOW, make

ONE, OTHERS = "gse25065", ("gse25055", "tcga_brca", "brca_metabric")
OF_INCLUDED = {"immune_infiltration", "immune_method_use", "drug_models", "drug_sensitivity"}
OF_PATIENTS = {"confounders", "risk_scores", "score_coverage", "archived_risk_scores"}
STACKED = {*OF_INCLUDED, *OF_PATIENTS, "patients", "samples", "gene_mappings", "clinical_values"}
# What is made of the cohorts' own tables without a step for each cohort.
OVER_ALL = {
    *("patients", "cohorts", "shared_patients", "risk_scores"),
    *("survival_curves", "prognostic_performance", "signature_challengers", "hnbc_database"),
}


def of(cohort, tables):
    return {f"{table}/{cohort}" for table in tables}


def graph_of(study, folder):
    """The real graph, each asset after those that it is made from."""
    found = nodes(build_definitions(study, Place("simulated", folder, PACKAGED)).assets or [])
    order = TopologicalSorter({name: node.inputs for name, node in found.items()}).static_order()
    return {name: found[name] for name in order}


@pytest.fixture(scope="module")
def study():
    return load_study(PACKAGED)


@pytest.fixture(scope="module")
def graph(study, tmp_path_factory):
    return graph_of(study, tmp_path_factory.mktemp("graph"))


@pytest.fixture(scope="module")
def everything(graph, tmp_path_factory):
    """A lake in which everything was made of the rest as it is."""
    lake = Lake(tmp_path_factory.mktemp("made") / "lake")
    for asset in graph:
        make(lake, asset, nodes=graph)
    return lake.root


@pytest.fixture
def made(everything, tmp_path):
    shutil.copytree(everything, tmp_path / "lake")
    return Lake(tmp_path / "lake")


def stale(lake, graph):
    return set(examine(lake, graph).reasons)


def changed(study, name, **settings):
    """The study with other settings of one cohort."""
    cohort = study.cohorts[name].model_copy(update=settings)
    return study.model_copy(update={"cohorts": study.cohorts | {name: cohort}})


def with_other_code(graph, other):
    return {name for name, node in graph.items() if node.code_version != other[name].code_version}


# --- one cohort -------------------------------------------------------------------------------------------------------


def test_a_changed_cohort_makes_its_own_work_behind_and_no_other_cohorts(made, graph):
    for table in ("cohorts", "patients", "included_patients"):
        make(made, f"{table}/{ONE}", "2", nodes=graph)
    own = of(ONE, OF_INCLUDED | OF_PATIENTS)
    assert stale(made, graph) == own | OVER_ALL
    assert own | {"patients", "cohorts", "shared_patients"} <= set(examine(made, graph).reachable())


def test_a_cohort_made_again_reaches_the_tables_over_all_and_still_no_other_cohort(made, graph):
    for table in ("cohorts", "patients", "included_patients"):
        make(made, f"{table}/{ONE}", "2", nodes=graph)
    again = set(examine(made, graph).reachable())
    assert of(ONE, OF_INCLUDED | OF_PATIENTS) | OF_INCLUDED | OF_PATIENTS <= again
    assert {"immune_associations", "drug_associations", "hnbc_database"} <= again
    assert not {asset for asset in again if asset.endswith(OTHERS)}
    assert not {asset for asset in again if asset.startswith(("drug_screen/", "raw/", "cell_lines"))}


def test_follow_up_alone_makes_nothing_behind_that_reads_only_who_is_included(made, graph):
    make(made, f"patients/{ONE}", "2", nodes=graph)
    assert stale(made, graph) == of(ONE, OF_PATIENTS) | OVER_ALL


def test_another_signature_makes_the_scores_of_every_cohort_behind(made, graph):
    make(made, "signature", "2", nodes=graph)
    scores = {f"{table}/{cohort}" for table in ("risk_scores", "score_coverage") for cohort in (ONE, *OTHERS)}
    assert {asset for asset in stale(made, graph) if asset.endswith((ONE, *OTHERS))} == scores


# --- settings ---------------------------------------------------------------------------------------------------------


def test_a_cohorts_scale_counts_for_what_reads_it_in_that_cohort_alone(study, graph, tmp_path):
    other = graph_of(changed(study, ONE, expression_scale="probe_scaled"), tmp_path)
    found = {asset for asset in with_other_code(graph, other) if "/" in asset and not asset.startswith("raw/")}
    read = {"immune_infiltration", "immune_method_use", "risk_scores", "score_coverage", "archived_risk_scores"}
    stage = {"cohorts", "samples", "patients", "included_patients", "gene_mappings", "clinical_values"}
    assert found == of(ONE, read | stage)


def test_a_training_cohort_of_z_scores_counts_for_the_scores_of_every_cohort(study, graph, tmp_path):
    """Then every cohort's values become normal scores, as the signature was trained on them."""
    other = graph_of(changed(study, "tcga_brca", expression_scale="zscore"), tmp_path)
    scores = {f"risk_scores/{name}" for name in study.cohorts}
    assert scores <= with_other_code(graph, other)


def test_a_setting_of_the_models_does_not_count_for_the_screen(study, graph, tmp_path):
    models = study.model_copy(update={"drugs": study.drugs.model_copy(update={"min_cv_pearson": 0.3})})
    expected = {f"{table}/{name}" for table in ("drug_models", "drug_sensitivity") for name in study.cohorts}
    assert with_other_code(graph, graph_of(models, tmp_path)) == expected
    screen = study.model_copy(update={"drugs": study.drugs.model_copy(update={"min_lines": 60})})
    of_screen = {"cell_lines", "drug_screen/drugs", "drug_screen/expression", "drug_screen/ln_ic50"}
    assert with_other_code(graph, graph_of(screen, tmp_path)) == expected | of_screen


def test_a_cohort_that_the_study_no_longer_has_leaves_the_tables_over_all(made, study, tmp_path):
    fewer = study.model_copy(update={"cohorts": {n: c for n, c in study.cohorts.items() if n != ONE}})
    found = stale(made, graph_of(fewer, tmp_path))
    assert STACKED | {"cohorts", "shared_patients"} <= found
    assert not {asset for asset in found if asset.endswith(OTHERS)}


# --- the optional stage -----------------------------------------------------------------------------------------------


def test_everything_of_the_drugs_belongs_to_the_optional_stage(graph):
    found = {name for name, node in graph.items() if node.optional}
    models = {f"{table}/{name}" for table in ("drug_models", "drug_sensitivity") for name in (ONE, *OTHERS)}
    screen = {"raw/gdsc", "cell_lines", "drug_screen/drugs", "drug_screen/expression", "drug_screen/ln_ic50"}
    assert found == models | screen | {"drug_models", "drug_sensitivity", "drug_associations"}


def test_models_that_fail_in_one_cohort_do_not_keep_the_rest_from_being_published(made, graph):
    lost = of(ONE, ("drug_models", "drug_sensitivity"))
    for asset in (*lost, "drug_models", "drug_sensitivity", "drug_associations"):
        made.table(asset).unlink()
    made.publication.unlink()
    for asset in lost:
        attempts.begin(made, asset, examine(made, graph).basis(asset), "run", NOW)
        attempts.fail(made, asset, "no memory")
    assert examine(made, graph).reachable(stopped=lost) == ["hnbc_database"]


def test_steps_that_need_much_memory_are_made_one_after_the_other(study, tmp_path):
    """Fitting models of 286 drugs on 1,018 lines and 17,419 genes takes 2.8 GB."""
    at_once = study.model_copy(update={"execution": study.execution.model_copy(update={"executor": "multiprocess"})})
    made = build_definitions(at_once, Place("simulated", tmp_path, PACKAGED))
    [limit] = made.executor.config_schema.resolve_config({}).value["config"]["tag_concurrency_limits"]
    key, value = limit["key"], limit["value"]
    steps = {asset.op for asset in made.assets if isinstance(asset, dg.AssetsDefinition)}
    assert {step.name for step in steps if step.tags.get(key) == value} == {
        f"predict_sensitivity_{name}" for name in study.cohorts
    }
    assert limit["limit"] == 1


# --- what is stored ---------------------------------------------------------------------------------------------------


def stored(folder, described, frame):
    """A frame as it is read back from the lake."""
    prepared = Prepared.of(described, frame)
    assert prepared.problems == []
    path = folder / f"{described.key}.parquet"
    parquet.write(path, prepared.frame, Provenance(described.key, prepared.data_version))
    return parquet.read(path)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_a_screen_read_back_from_the_lake_gives_the_same_predictions_to_the_last_bit(tmp_path, kind):
    rng = np.random.default_rng(8)
    lines = [f"SIDM{n:05d}" for n in range(40)]
    expression = pd.DataFrame(rng.normal(8, 1, (60, 40)).astype(kind), [f"G{n}" for n in range(60)], lines)
    expression = expression.rename_axis(index="gene", columns="line_id")
    rows = [(line, drug, rng.normal()) for drug in ("7", "81") for line in lines if rng.random() > 0.2]
    response = pd.DataFrame(rows, columns=["line_id", "drug_id", "ln_ic50"])
    response = response.assign(drug_name="A drug", putative_target="Some target", pathway_name=None)
    here = prepare(response, expression, min_lines=20)
    drugs = here.screen.drugs.assign(line_expression="rma")
    there = Training(
        Screen(
            stored(tmp_path, Described("drug_screen/ln_ic50", exact=True), here.screen.ln_ic50),
            stored(tmp_path, Described("drug_screen/drugs", ScreenedDrugs), drugs),
        ),
        stored(tmp_path, Described("drug_screen/expression", exact=True), here.expression),
        20,
    )
    patients = pd.DataFrame(rng.normal(5, 1, (60, 30)), [f"G{n}" for n in range(60)], [f"P{n}" for n in range(30)])
    one, other = predict_cohort(here, patients), predict_cohort(there, patients)
    pd.testing.assert_frame_equal(one.predictions, other.predictions, check_exact=True)
    pd.testing.assert_frame_equal(one.models, other.models, check_exact=True, check_dtype=False)
    rounded = stored(tmp_path, Described("cohorts/one"), here.expression)
    other = predict_cohort(dataclasses.replace(there, expression=rounded), patients)
    assert not one.predictions["ln_ic50_um"].equals(other.predictions["ln_ic50_um"]), "other matrices are rounded"


def test_scores_by_older_signatures_are_stacked_signature_by_signature(study, tmp_path):
    """As `signatures` lists them, and by cohort within each; a cohort may lack a signature."""
    lake = Lake(tmp_path / "lake")

    def put(key, frame):
        parquet.write(lake.table(key), frame, Provenance(key, "1"))

    put("signatures", pd.DataFrame({"signature_id": ["new", "b", "a"]}))
    for name in study.cohorts:
        ids = ["b"] if name == ONE else ["b", "a"]
        rows = {"signature_id": ids, "cohort_id": name, "patient_id": "P1", "risk_score": 0.5, "risk_group": "high"}
        put(f"archived_risk_scores/{name}", ArchivedRiskScores.conform(pd.DataFrame(rows)))
    job = build_definitions(study, Place("simulated", lake.root, PACKAGED)).resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(asset_selection=[dg.AssetKey("archived_risk_scores")]).success
    found = parquet.read(lake.table("archived_risk_scores"))
    expected = [(one, name) for one in ("b", "a") for name in study.cohorts if (one, name) != ("a", ONE)]
    assert list(zip(found.signature_id, found.cohort_id, strict=True)) == expected
