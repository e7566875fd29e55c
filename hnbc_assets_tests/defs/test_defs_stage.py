"""A stage's assets: what is stored, what is refused, and what is told about it."""

import dagster as dg
import pandas as pd
import pytest
from hnbc_assets.defs.publishing import Check, Described, Publication, Verdict

from hnbc_assets.defs.stage import STUDY_TAG, Stage
from hnbc_assets.lake import hashing
from hnbc_assets.lake.checks import of_asset
from hnbc_assets.lake.io_manager import LakeIOManager
from hnbc_assets.lake.lineage import lineage
from hnbc_assets.lake.parquet import read, read_provenance, verify
from hnbc_assets.study import PACKAGED, Place, load_study
from hnbc_assets.tables import AnoikisGenes, CandidateGenes


@pytest.fixture
def stage(tmp_path):
    place = Place("simulated", tmp_path / "lake", PACKAGED)
    return Stage("genes", load_study(PACKAGED), place)


@pytest.fixture
def materialise(stage):
    def run(*assets, tags=None):
        io_manager = LakeIOManager(root=str(stage.place.data_lake), study_hash=stage.study.hash, upstream="simulated")
        return dg.materialize(list(assets), resources={"io_manager": io_manager}, raise_on_error=False, tags=tags)

    return run


def genes(*symbols):
    return pd.DataFrame({"gene": list(symbols), "sources": "a list"})


def anoikis(stage, frame, *checks):
    @stage.asset(AnoikisGenes, checks=checks)
    def anoikis_genes():
        """Genes, for this test."""
        return frame

    return anoikis_genes


def test_what_is_stored_carries_its_provenance_and_its_inputs(stage, materialise):
    @stage.asset(CandidateGenes)
    def candidate_genes(anoikis_genes):
        return CandidateGenes.empty()

    assert materialise(anoikis(stage, genes("A", "B")), candidate_genes).success
    made = read_provenance(stage.lake.table("candidate_genes"))
    upstream = read_provenance(stage.lake.table("anoikis_genes"))
    assert made.inputs == {"anoikis_genes": upstream.data_version}
    assert upstream.study_hash == stage.study.hash
    assert upstream.upstream == "simulated"
    assert [c["name"] for c in upstream.columns] == ["gene", "sources"]


def test_a_broken_schema_keeps_the_stored_table_and_names_the_column(stage, materialise):
    assert materialise(anoikis(stage, genes("A", "B"))).success
    result = materialise(anoikis(stage, genes("A", "A")))
    assert not result.success
    assert list(read(stage.lake.table("anoikis_genes")).gene) == ["A", "B"]
    outcome = of_asset(stage.lake, "anoikis_genes")["schema"]
    assert not outcome.passed
    assert "gene" in outcome.description
    assert [e.passed for e in result.get_asset_check_evaluations()] == [False]


def test_a_blocking_check_keeps_the_stored_table_and_another_does_not(stage, materialise):
    def no_gene_called_c(anoikis_genes: pd.DataFrame) -> Verdict:
        """No gene is called C."""
        return Verdict("C" not in set(anoikis_genes.gene), str(list(anoikis_genes.gene)), "no C", "names of genes")

    assert materialise(anoikis(stage, genes("A"), Check(no_gene_called_c, blocking=True))).success
    assert not materialise(anoikis(stage, genes("C"), Check(no_gene_called_c, blocking=True))).success
    assert list(read(stage.lake.table("anoikis_genes")).gene) == ["A"]
    assert materialise(anoikis(stage, genes("C"), Check(no_gene_called_c))).success
    assert list(read(stage.lake.table("anoikis_genes")).gene) == ["C"]
    assert of_asset(stage.lake, "anoikis_genes")["no_gene_called_c"].severity == "WARN"


def test_one_bad_table_of_a_step_holds_up_all_of_them(stage, materialise):
    @stage.assets(
        [Described("anoikis_genes", AnoikisGenes), Described("candidate_genes", CandidateGenes)],
        name="both",
        inputs={},
    )
    def both():
        return {"anoikis_genes": genes("A"), "candidate_genes": pd.DataFrame({"gene": ["A"], "nonsense": [1]})}

    assert not materialise(both).success
    assert stage.lake.assets() == []


def test_the_data_version_is_that_of_the_columns_named(stage, materialise):
    def versioned(source):
        @stage.asset(AnoikisGenes)
        def anoikis_genes():
            return Publication(genes("A").assign(sources=source), versioned_on=("gene",))

        assert materialise(anoikis_genes).success
        return read_provenance(stage.lake.table("anoikis_genes")).data_version

    assert versioned("first") == versioned("second")


def test_a_table_is_hashed_once(stage, materialise, monkeypatch):
    hashed = []
    digest = hashing._column_digest
    monkeypatch.setattr(hashing, "_column_digest", lambda column: hashed.append(column) or digest(column))
    assert materialise(anoikis(stage, genes("A", "B"))).success
    assert len(hashed) == len(AnoikisGenes.columns)
    assert verify(stage.lake.table("anoikis_genes")).content_hash, "the hash is that of the stored values"


def test_what_was_read_besides_the_inputs_and_what_was_only_compared_stands_in_the_lineage(stage, materialise):
    def judged(candidate_genes: pd.DataFrame) -> Verdict:
        """A person let it through."""
        return Verdict(True, "", "", "as a person decided", read={"decision/accept/gdc/46.0": "2026-03-01"})

    @stage.asset(CandidateGenes, checks=(Check(judged),))
    def candidate_genes(anoikis_genes):
        return Publication(CandidateGenes.empty(), read={"registry/0a1b2c": "v1"}, unused=("anoikis_genes",))

    assert materialise(anoikis(stage, genes("A")), candidate_genes).success
    edges = lineage(stage.lake, ["candidate_genes"])
    assert dict(zip(edges.upstream_asset, edges.upstream_data_version, strict=True)) == {
        "registry/0a1b2c": "v1",
        "decision/accept/gdc/46.0": "2026-03-01",
    }
    made = read_provenance(stage.lake.table("candidate_genes"))
    assert list(made.inputs) == ["anoikis_genes"], "it is stale when this changes"


def test_a_step_of_another_study_stops(stage, materialise):
    assert not materialise(anoikis(stage, genes("A")), tags={STUDY_TAG: "another"}).success
    assert materialise(anoikis(stage, genes("A")), tags={STUDY_TAG: stage.study.hash}).success


def test_a_lake_holds_one_simulation(stage, materialise):
    assert materialise(anoikis(stage, genes("A"))).success
    simulation = stage.study.simulation.model_copy(update={"seed": 7})
    other = Stage("genes", stage.study.model_copy(update={"simulation": simulation}), stage.place)
    result = materialise(anoikis(other, genes("B")))
    assert not result.success
    assert list(read(stage.lake.table("anoikis_genes")).gene) == ["A"]


def test_asking_for_one_table_of_a_step_means_all_of_its_tables():
    from hnbc_assets.commands.job import choose
    from hnbc_assets.defs import build_definitions

    known = build_definitions(load_study(PACKAGED), Place("simulated", PACKAGED.parent / "nowhere", PACKAGED))
    chosen = {key.to_user_string() for key in choose(known, ["signature", "refit/signature", "cohorts/tcga_brca"])}
    assert {"signature", "signatures", "archived_signatures"} <= chosen
    assert {"refit/signature", "refit/description", "lasso_path"} <= chosen
    assert {"cohorts/tcga_brca", "patients/tcga_brca", "samples/tcga_brca"} <= chosen
    assert "risk_scores" not in chosen


def test_the_code_version_follows_code_checks_and_settings(stage):
    def version(*, settings=None, checks=()):
        @stage.asset(AnoikisGenes, settings=settings, checks=checks)
        def anoikis_genes():
            return genes("A")

        return next(iter(anoikis_genes.specs)).code_version

    def no_gene_called_c(anoikis_genes):
        return Verdict("C" not in set(anoikis_genes.gene), "", "no C", "names of genes")

    assert version() == version()
    assert version(settings={"a": 1}) != version(settings={"a": 2})
    assert version() != version(checks=(Check(no_gene_called_c),))
    assert version(checks=(Check(no_gene_called_c),)) != version(checks=(Check(no_gene_called_c, blocking=True),))


def test_a_function_without_a_name_of_its_own_is_refused(stage):
    with pytest.raises(ValueError, match="name it there"):
        stage.asset(AnoikisGenes)(lambda: genes("A"))
