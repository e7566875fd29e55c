"""Ingest checks: damage and unlikely changes in what was fetched are outcomes that people can read."""

from __future__ import annotations

import os

import dagster as dg
import pandas as pd
import pytest
import yaml

from hnbc_assets.defs.checks import ingest as ingest_checks
from hnbc_assets.defs.graph import nodes
from hnbc_assets.defs.stages import releases
from hnbc_assets.defs.step import definitions
from hnbc_assets.lake import parquet
from hnbc_assets.lake.checks import of_asset
from hnbc_assets.lake.plan import examine
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.gene_sets.files import read_gmt
from hnbc_assets.study import PACKAGED, Place
from hnbc_assets.tables import AnoikisGenes
from hnbc_assets_tests.defs.invented_stage import Invented

GMT = "S\tx\tA\tB\n"


@pytest.fixture
def study(tmp_path):
    """The releases of a study whose gene sets are local files, so that no upstream is asked for them."""
    settings = yaml.safe_load(PACKAGED.read_text())
    local = {"file": "sets.gmt"}
    settings["anoikis_genes"] = [{"name": "own", "gmt": local}]
    settings |= {"enrichment": {"collections": {}}, "microenvironment": {"markers": local}}
    (tmp_path / "sets.gmt").write_text(GMT)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(settings))
    return Invented(tmp_path, tmp_path / "study.yaml", "http://localhost:9")


def raw_gene_sets(study):
    every = definitions(releases.stage, study.build)
    return next(a for a in every if dg.AssetKey(["raw", "gene_sets"]) in a.keys)


def fetch_gene_sets(study):
    return study.materialise(raw_gene_sets(study))


def rot(study):
    """Change a value of the archived list as a failing disk does: size and time stay the same."""
    file = next((study.lake.raw / "gene_sets").rglob("sets.gmt"))
    state = file.stat()
    file.write_text(GMT.replace("A", "C"))
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    return file


def test_a_file_damaged_in_the_archive_is_set_aside_and_fetched_again_with_its_source(study):
    assert fetch_gene_sets(study).success
    file = rot(study)
    assert fetch_gene_sets(study).success
    assert of_asset(study.lake, "raw/gene_sets")["files_intact"].passed
    assert file.read_text() == GMT
    [aside] = (study.lake.raw / "damaged").rglob("sets.gmt")
    assert aside.read_text() != GMT


def test_nothing_is_derived_from_a_damaged_file_and_its_source_is_made_again_first(study):
    """A damaged file is a failed check of its source: the plan makes the source again, then the step."""
    assert fetch_gene_sets(study).success
    file = rot(study)

    def read_genes(manifest: pd.DataFrame, archive: Archive) -> pd.DataFrame:
        sets = read_gmt(archive.locate(manifest.iloc[0]))
        return pd.DataFrame([{"gene": gene, "sources": name} for name, genes in sets.items() for gene in genes])

    raw = raw_gene_sets(study)
    anoikis_genes = study.asset(read_genes, AnoikisGenes, inputs={"manifest": "raw/gene_sets"})

    def make(*assets):
        return study.materialise(raw, anoikis_genes, selection=list(assets)).success

    assert not make(anoikis_genes)
    assert not study.lake.table("anoikis_genes").exists()
    outcome = of_asset(study.lake, "raw/gene_sets")["files_intact"]
    assert (outcome.passed, outcome.severity) == (False, "ERROR")
    assert "sets.gmt" in outcome.description
    plan = examine(study.lake, nodes([raw, anoikis_genes]))
    assert plan.reasons["raw/gene_sets"] == "archived files are missing or changed"
    assert plan.reachable() == ["anoikis_genes", "raw/gene_sets"]
    assert not plan.mended("anoikis_genes")

    assert make(raw)
    assert file.read_text() == GMT
    plan = examine(study.lake, nodes([raw, anoikis_genes]))
    assert plan.reachable() == ["anoikis_genes"]
    assert plan.mended("anoikis_genes")
    assert plan.resting("anoikis_genes", 20.0) == ""
    assert make(anoikis_genes)
    assert sorted(parquet.read(study.lake.table("anoikis_genes")).gene) == ["A", "B"]


def test_a_file_that_is_gone_from_the_archive_fails_the_check(tmp_path):
    archive = Archive(tmp_path)
    row = archive.store("host", "1", file_id="a", url="https://x.org/a", path="a.txt", content=b"a")
    assert ingest_checks.files_intact(row.to_frame().T, archive).passed
    archive.locate(row).unlink()
    assert not ingest_checks.files_intact(row.to_frame().T, archive).passed


def star(archive, release, n):
    """A project with one STAR file of n genes in a release."""
    names = "".join(f"ENSG{i:011d}.1\tG{i}\tprotein_coding\t1\n" for i in range(n))
    content = f"# gene-model: GENCODE v36\ngene_id\tgene_name\tgene_type\tunstranded\nN_unmapped\t\t\t9\n{names}"
    rows = [
        archive.store("gdc", release, file_id=name, url=f"https://x.org/{name}", path=path, content=content.encode())
        for name, path in (("index", "TCGA-X/index/a.json"), ("f1", "TCGA-X/star/f1.tsv"))
    ]
    return pd.DataFrame(rows).reset_index(drop=True)


def judged(archive, manifest, n, upstream="simulated"):
    """A simulated genome may be smaller than a real one."""
    place = Place(upstream, archive.root, PACKAGED)
    return ingest_checks.number_of_genes(pd.DataFrame(index=range(n)), manifest, archive, place)


def test_a_first_release_records_its_number_of_genes(tmp_path):
    archive = Archive(tmp_path)
    found = judged(archive, star(archive, "9.0", 30), 29)
    assert found.passed
    assert found.value == "30"
    assert "first release" in found.description


def test_a_release_with_another_number_of_genes_is_told(tmp_path):
    archive = Archive(tmp_path)
    star(archive, "9.0", 30)
    same = star(archive, "10.0", 30)
    assert judged(archive, same, 29).passed
    found = judged(Archive(tmp_path), star(archive, "11.0", 20), 20)
    assert not found.passed
    assert (found.value, found.threshold) == ("20", "30")
    assert "had 30" in found.description


def test_a_gdc_cohort_with_fewer_genes_than_a_genome_is_told(tmp_path):
    archive = Archive(tmp_path)
    manifest = star(archive, "9.0", 30)
    assert not judged(archive, manifest, 9_999, upstream="live").passed
    assert judged(archive, manifest, 10_000, upstream="live").passed


def test_a_damaged_file_of_the_release_before_does_not_keep_the_cohort_from_being_read(tmp_path):
    archive = Archive(tmp_path)
    before = star(archive, "9.0", 30)
    manifest = star(archive, "10.0", 40)
    archive.place(before.iloc[1]).write_text("damaged")
    found = judged(archive, manifest, 40)
    assert (found.passed, found.value, found.threshold) == (False, "40", "cannot be compared")
    assert "gdc/9.0/TCGA-X/star/f1.tsv" in found.description


def test_the_release_before_is_the_one_fetched_last_whatever_its_name(tmp_path):
    """As text, '9.0' comes after '10.0'."""
    archive = Archive(tmp_path)
    times = iter(["2025-01-01T00:00:00+00:00", "2025-02-01T00:00:00+00:00", "2025-03-01T00:00:00+00:00"])
    kept = [star(archive, release, n).assign(retrieved_at=next(times)) for release, n in (("9.0", 5), ("10.0", 6))]

    class Dated(Archive):
        def manifest(self, source=None, release=None):
            return pd.concat(kept, ignore_index=True)

    found = judged(Dated(tmp_path), star(archive, "11.0", 6), 6)
    assert found.passed
    assert "10.0 had 6" in found.description
