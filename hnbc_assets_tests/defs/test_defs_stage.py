"""A stage's assets: what is stored, what is refused, and what is told about it."""

import inspect

import pandas as pd
import pytest

from hnbc_assets.defs.attempting import STUDY_TAG
from hnbc_assets.defs.stage import Check, Described, Outcome, Output, Stage, cohorts
from hnbc_assets.defs.stages import every_stage
from hnbc_assets.defs.stages.scores import survival_curves
from hnbc_assets.defs.step import definitions
from hnbc_assets.lake import hashing
from hnbc_assets.lake.checks import of_asset
from hnbc_assets.lake.lineage import lineage
from hnbc_assets.lake.parquet import read, read_provenance, verify
from hnbc_assets.study import PACKAGED, Place, load_study
from hnbc_assets.tables import AnoikisGenes, CandidateGenes
from hnbc_assets_tests.defs.invented_stage import Invented


@pytest.fixture
def study(tmp_path):
    return Invented(tmp_path)


def genes(*symbols):
    return pd.DataFrame({"gene": list(symbols), "sources": "a list"})


def anoikis(study, frame, *checks):
    def anoikis_genes():
        """Genes, for this test."""
        return frame

    return study.asset(anoikis_genes, AnoikisGenes, checks=checks)


def test_what_is_stored_carries_its_provenance_and_its_inputs(study):
    def candidate_genes(anoikis_genes):
        return CandidateGenes.empty()

    assert study.materialise(anoikis(study, genes("A", "B")), study.asset(candidate_genes, CandidateGenes)).success
    made = read_provenance(study.lake.table("candidate_genes"))
    upstream = read_provenance(study.lake.table("anoikis_genes"))
    assert made.inputs == {"anoikis_genes": upstream.data_version}
    assert upstream.study_hash == study.study.hash
    assert upstream.upstream == "simulated"
    assert upstream.table_description == AnoikisGenes.comment()
    assert [c["name"] for c in upstream.columns] == ["gene", "sources"]


def test_every_asset_of_every_stage_is_a_function_that_can_be_imported_and_called():
    """With plain frames, without Dagster: its parameters are frames, resources, or what a factory fixes."""
    declared = [one for stage in every_stage() for one in stage.declared]
    assert len(declared) > 30
    for one in declared:
        module = inspect.getmodule(one.function)
        assert getattr(module, one.function.__name__) is one.function
        for check in (check for described in one.described for check in described.checks):
            assert getattr(inspect.getmodule(check.function), check.name) is check.function
    scores = pd.DataFrame({"cohort_id": "tcga_brca", "patient_id": ["A", "B"], "risk_score": [1.0, 0.0]})
    scores = scores.assign(risk_group=["high", "low"])
    patients = pd.DataFrame({"patient_id": ["A", "B"], "pfi_days": [10, 20], "pfi_event": [True, False]})
    own = load_study(PACKAGED)
    one = own.model_copy(update={"cohorts": {"tcga_brca": own.cohorts["tcga_brca"]}})
    curves = survival_curves(one, scores, {"tcga_brca": patients})
    assert list(curves[curves.risk_group == "high"].survival) == [1.0, 0.0]


def test_a_factory_makes_one_asset_for_each_cohort_and_binds_its_name(study):
    def scored(cohort, study, expression):
        """Genes by role."""
        return genes(*study.cohorts[cohort].role.upper(), cohort).assign(sources=str(expression))

    stage = Stage("scores")
    described = Described("own/{cohort}", AnoikisGenes)
    stage.asset(described, name="own_{cohort}", each=cohorts, inputs={"expression": "cohorts/{cohort}"})(scored)
    found = {d.op.name: d for d in definitions(stage, study.build)}
    assert list(found) == [f"own_{name}" for name in study.study.cohorts]
    one = found["own_gse25065"]
    assert [key.to_user_string() for key in one.keys] == ["own/gse25065"]
    assert {dep.asset_key.to_user_string() for dep in next(iter(one.specs)).deps} == {"cohorts/gse25065"}
    assert next(iter(one.specs)).description == f"{AnoikisGenes.comment()} Cohort gse25065.\n\nGenes by role."


def test_checks_and_figures_may_name_inputs_outputs_and_resources(study):
    seen = []

    def named(anoikis_genes, below, study, place):
        """Of whatever is known."""
        seen.append((list(anoikis_genes.gene), list(below.gene), study.title, place.upstream))
        return Outcome(True, "", "", "")

    def drawn(anoikis_genes, below):
        seen.append((list(anoikis_genes.gene), list(below.gene)))
        return b"a figure"

    def candidates():
        return genes("A", "B")

    below = study.asset(candidates, Described("own/below", AnoikisGenes))
    above = study.asset(one_gene, AnoikisGenes, inputs={"below": "own/below"}, checks=(Check(named),), figure=drawn)
    assert study.materialise(below, above).success
    assert seen == [(["C"], ["A", "B"], study.study.title, "simulated"), (["C"], ["A", "B"])]
    assert read_provenance(study.lake.table("anoikis_genes")).inputs.keys() == {"own/below"}


def test_a_check_or_a_figure_that_names_something_unknown_is_found_when_definitions_are_built(study):
    def compared(frame, candidate_genes):
        return Outcome(True, "", "", "")

    def drawn(anoikis_genes, candidate_genes):
        return b""

    for declared in ({"checks": (Check(compared),)}, {"figure": drawn}):
        with pytest.raises(TypeError, match=r"anoikis_genes: .* names candidate_genes, which is no input"):
            study.asset(one_gene, AnoikisGenes, **declared)
        study.asset(one_gene, AnoikisGenes, inputs={"candidate_genes": "candidate_genes"}, **declared)


def one_gene():
    """One gene; what is below it is read for its check and its figure."""
    return genes("C")


def test_a_broken_schema_keeps_the_stored_table_and_names_the_column(study):
    assert study.materialise(anoikis(study, genes("A", "B"))).success
    result = study.materialise(anoikis(study, genes("A", "A")))
    assert not result.success
    assert list(read(study.lake.table("anoikis_genes")).gene) == ["A", "B"]
    outcome = of_asset(study.lake, "anoikis_genes")["schema"]
    assert not outcome.passed
    assert "gene" in outcome.description
    assert [e.passed for e in result.get_asset_check_evaluations()] == [False]


def test_a_blocking_check_keeps_the_stored_table_and_another_does_not(study):
    def no_gene_called_c(anoikis_genes: pd.DataFrame) -> Outcome:
        """No gene is called C."""
        return Outcome("C" not in set(anoikis_genes.gene), str(list(anoikis_genes.gene)), "no C", "names of genes")

    assert study.materialise(anoikis(study, genes("A"), Check(no_gene_called_c, blocking=True))).success
    assert not study.materialise(anoikis(study, genes("C"), Check(no_gene_called_c, blocking=True))).success
    assert list(read(study.lake.table("anoikis_genes")).gene) == ["A"]
    assert study.materialise(anoikis(study, genes("C"), Check(no_gene_called_c))).success
    assert list(read(study.lake.table("anoikis_genes")).gene) == ["C"]
    assert of_asset(study.lake, "anoikis_genes")["no_gene_called_c"].severity == "WARN"


def test_one_bad_table_of_a_step_holds_up_all_of_them(study):
    stage = Stage("genes")

    @stage.assets(AnoikisGenes, CandidateGenes, name="both")
    def both():
        return {"anoikis_genes": genes("A"), "candidate_genes": pd.DataFrame({"gene": ["A"], "nonsense": [1]})}

    assert not study.materialise(*definitions(stage, study.build)).success
    assert study.lake.assets() == []


def test_a_figure_that_cannot_be_drawn_stores_nothing_of_its_step(study):
    """Neither the tables made before it nor the outcomes of their checks: these belong to what is stored."""
    stage = Stage("genes")

    def drawn(candidate_genes):
        raise ValueError("no axes")

    @stage.assets(AnoikisGenes, Described("candidate_genes", CandidateGenes, figure=drawn), name="both")
    def both():
        return {"anoikis_genes": genes("A"), "candidate_genes": CandidateGenes.empty()}

    assert not study.materialise(*definitions(stage, study.build)).success
    assert study.lake.assets() == []
    assert of_asset(study.lake, "anoikis_genes") == {}


def test_the_data_version_is_that_of_the_columns_named(study):
    def versioned(source):
        def anoikis_genes():
            return Output(genes("A").assign(sources=source), versioned_on=("gene",))

        assert study.materialise(study.asset(anoikis_genes, AnoikisGenes)).success
        return read_provenance(study.lake.table("anoikis_genes")).data_version

    assert versioned("first") == versioned("second")


def test_a_table_is_hashed_once(study, monkeypatch):
    hashed = []
    digest = hashing._column_digest
    monkeypatch.setattr(hashing, "_column_digest", lambda column: hashed.append(column) or digest(column))
    assert study.materialise(anoikis(study, genes("A", "B"))).success
    assert len(hashed) == len(AnoikisGenes.columns)
    assert verify(study.lake.table("anoikis_genes")).content_hash, "the hash is that of the stored values"


def test_what_was_read_besides_the_inputs_and_what_was_only_compared_stands_in_the_lineage(study):
    def judged(candidate_genes: pd.DataFrame) -> Outcome:
        """A person let it through."""
        return Outcome(True, "", "", "as a person decided", read={"decision/accept/gdc/46.0": "2026-03-01"})

    def candidate_genes(anoikis_genes):
        return Output(CandidateGenes.empty(), read={"registry/0a1b2c": "v1"}, unused=("anoikis_genes",))

    candidates = study.asset(candidate_genes, CandidateGenes, checks=(Check(judged),))
    assert study.materialise(anoikis(study, genes("A")), candidates).success
    edges = lineage(study.lake, ["candidate_genes"])
    assert dict(zip(edges.upstream_asset, edges.upstream_data_version, strict=True)) == {
        "registry/0a1b2c": "v1",
        "decision/accept/gdc/46.0": "2026-03-01",
    }
    made = read_provenance(study.lake.table("candidate_genes"))
    assert list(made.inputs) == ["anoikis_genes"], "it is stale when this changes"


def test_a_step_of_another_study_stops(study):
    assert not study.materialise(anoikis(study, genes("A")), tags={STUDY_TAG: "another"}).success
    assert study.materialise(anoikis(study, genes("A")), tags={STUDY_TAG: study.study.hash}).success


def test_a_lake_holds_one_simulation(study):
    assert study.materialise(anoikis(study, genes("A"))).success
    simulation = study.study.simulation.model_copy(update={"seed": 7})
    study.study = study.study.model_copy(update={"simulation": simulation})
    result = study.materialise(anoikis(study, genes("B")))
    assert not result.success
    assert list(read(study.lake.table("anoikis_genes")).gene) == ["A"]


def test_asking_for_one_table_of_a_step_means_all_of_its_tables():
    from hnbc_assets.commands.execution import choose
    from hnbc_assets.defs import build_definitions

    known = build_definitions(load_study(PACKAGED), Place("simulated", PACKAGED.parent / "nowhere", PACKAGED))
    chosen = {key.to_user_string() for key in choose(known, ["signature", "refit/signature", "cohorts/tcga_brca"])}
    assert {"signature", "signatures", "archived_signatures"} <= chosen
    assert {"refit/signature", "refit/description", "lasso_path"} <= chosen
    assert {"cohorts/tcga_brca", "patients/tcga_brca", "samples/tcga_brca"} <= chosen
    assert "risk_scores" not in chosen


def test_the_code_version_follows_code_checks_and_settings(study):
    def anoikis_genes():
        return genes("A")

    def version(*, settings=None, checks=()):
        made = study.asset(anoikis_genes, AnoikisGenes, settings=lambda build: settings, checks=checks)
        return next(iter(made.specs)).code_version

    def no_gene_called_c(anoikis_genes):
        return Outcome("C" not in set(anoikis_genes.gene), "", "no C", "names of genes")

    assert version() == version()
    assert version(settings={"a": 1}) != version(settings={"a": 2})
    assert version() != version(checks=(Check(no_gene_called_c),))
    assert version(checks=(Check(no_gene_called_c),)) != version(checks=(Check(no_gene_called_c, blocking=True),))


def test_a_function_without_a_name_of_its_own_is_refused(study):
    with pytest.raises(ValueError, match="name it there"):
        study.asset(lambda: genes("A"), AnoikisGenes)
