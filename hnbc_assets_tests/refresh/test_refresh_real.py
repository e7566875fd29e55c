"""A refresh on real patients: release 46.0 has its known effects, and no more is fetched or made than necessary.

The replica's own description says what 46.0 changes: 25 cases more, 39 with a longer follow-up (4 of them have died
since), 7 expression files superseded, another biotab under the same id, `gender` renamed to `sex_at_birth`.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from subprocess import CompletedProcess

import pytest

from hnbc_assets_tests.refresh.evidence import GDC, Evidence, fetched
from hnbc_assets_tests.replica import Replica

pytestmark = pytest.mark.real
BIOTAB = "8162d394-8b64-4da2-9f5b-d164c54b9608"
DATA = "/api.gdc.cancer.gov/data/"
ELSEWHERE = (
    *("drug_resistance_genes", "candidate_genes", "univariate_cox", "lasso_coefficients"),
    *("refit/signature", "refit/description", "refit/single_sample_signature", "published/description"),
    *("signature", "signatures", "multivariable_cox", "cohorts/brca_tcga", "patients/brca_metabric", "raw/gdsc"),
)


@dataclass(frozen=True)
class Step:
    """A command on a lake: how it ended, its requests to the replica, and which runs had made which tables before."""

    lake: Evidence
    ended: CompletedProcess
    requests: dict[str, int]
    bytes: int
    before: dict[str, str]


def take(lake: Evidence, replica: Replica, *arguments: str) -> Step:
    """Run a command and record its effects."""
    before, sent = lake.run_ids(), replica.control()["bytes"]
    replica.forget()
    ended = lake.hnbc(*arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return Step(lake, ended, replica.requests(), replica.control()["bytes"] - sent, before)


@pytest.fixture(scope="module")
def world(_whole_replica: Replica) -> Iterator[Replica]:
    """The whole replica for all tests of this file, which start from release 45.0."""
    _whole_replica.reset()
    yield _whole_replica
    _whole_replica.reset()


@pytest.fixture(scope="module")
def older(real_lake: Evidence, world: Replica) -> Evidence:
    """The real study on release 45.0. The replica has moved on since."""
    world.control(release="46.0")
    return real_lake


@pytest.fixture(scope="module")
def refreshed(older: Evidence, world: Replica, tmp_path_factory) -> Step:
    """A copy of it, refreshed to release 46.0."""
    return take(older.copy(tmp_path_factory.mktemp("refreshed")), world, "refresh")


@pytest.fixture(scope="module")
def revised(refreshed: Step, world: Replica, tmp_path_factory) -> Iterator[Step]:
    """A copy of that, after a series and a study were revised."""
    lake = refreshed.lake.copy(tmp_path_factory.mktemp("revised"))
    world.control(revise=["GSE25055", "brca_metabric"])
    yield take(lake, world, "refresh")
    world.control(revise=[])


@pytest.fixture(scope="module")
def foreseen(older: Evidence, world: Replica) -> Step:
    """The forecast of a refresh of the older lake; no file of the lake was changed by it."""
    before = older.hashes()
    step = take(older, world, "refresh", "--dry-run")
    assert older.hashes() == before
    return step


def test_a_dry_run_reports_what_would_be_fetched_and_fetches_nothing(foreseen, refreshed):
    """53 files, and the bytes are those that the refresh then downloads."""
    rows = {line.split()[0]: line.split()[1:] for line in foreseen.ended.stdout.splitlines() if line.strip()}
    files = refreshed.lake.ask("SELECT file_id, sha256, size_bytes FROM raw_files WHERE path NOT LIKE '%/index%'")
    known = foreseen.lake.ask("SELECT file_id, sha256 FROM raw_files")
    new = files[~files.sha256.isin(known.sha256)]
    assert len(new) == 53
    assert rows["gdc/TCGA-BRCA"] == ["45.0", "46.0", "53", f"{new.size_bytes.sum() / 1e6:,.1f}"]
    others = [rows[name][2] for name in ("geo/GSE25055", "cbioportal/brca_tcga", "gdsc", "gene_sets")]
    assert others == ["0", "0", "0", "0"]
    assert f"would be made: {GDC}\n" in foreseen.ended.stdout
    assert fetched(foreseen.requests) == {}


def test_release_changes_are_those_of_the_release_and_no_others(refreshed):
    counted = refreshed.lake.ask("""
        SELECT kind, field, count(*) AS n, count(DISTINCT entity) AS entities FROM release_changes GROUP BY ALL""")
    assert {(row.kind, row.field or ""): (row.n, row.entities) for row in counted.fillna("").itertuples()} == {
        ("patient_added", ""): (25, 25),
        ("file_added", "star"): (25, 25),
        ("file_added", "maf"): (20, 20),
        ("file_superseded", "file_id"): (7, 7),
        ("file_superseded", "md5"): (1, 1),
        ("field_renamed", "demographic.sex_at_birth"): (1, 1),
        ("value_changed", "vital_status"): (4, 4),
        ("value_changed", "days_to_death"): (4, 4),
        ("value_changed", "days_to_last_follow_up"): (39, 39),
        ("value_changed", "days_to_follow_up"): (39, 39),
    }
    changes = refreshed.lake.ask("SELECT * FROM release_changes")
    assert set(zip(changes.asset, changes.from_release, changes.to_release, strict=True)) == {(GDC, "45.0", "46.0")}
    assert changes[changes.kind == "value_changed"].entity.nunique() == 39
    died = changes[changes.field == "vital_status"]
    assert set(zip(died.old_value, died.new_value, strict=True)) == {("Alive", "Dead")}
    renamed = changes[changes.kind == "field_renamed"].iloc[0]
    assert (renamed.old_value, renamed.new_value) == ("gender", "sex_at_birth")
    biotab = changes[changes.field == "md5"].iloc[0]
    assert biotab.entity == BIOTAB
    assert biotab.old_value != biotab.new_value


def test_exactly_the_files_that_changed_are_downloaded_each_once(refreshed):
    changed = refreshed.lake.ask("""
        SELECT CASE WHEN kind = 'file_superseded' AND field = 'file_id' THEN new_value ELSE entity END AS file_id
        FROM release_changes WHERE kind IN ('file_added', 'file_superseded')""")
    assert len(changed) == 53
    assert fetched(refreshed.requests) == {DATA + file_id: 1 for file_id in changed.file_id}


def test_a_cohort_that_does_not_train_changes_neither_the_signature_nor_other_scores(older, refreshed):
    lake, signature = refreshed.lake, "SELECT * FROM signature ORDER BY gene"
    assert lake.ask(signature).equals(older.ask(signature))
    assert lake.ask("SELECT count(*) AS n FROM signature_changes").n[0] == 0
    moved = lake.ask("SELECT DISTINCT cohort_id, change, flipped FROM risk_changes")
    assert moved.to_dict("records") == [{"cohort_id": "gdc_tcga_brca", "change": "entered", "flipped": False}]
    entered = set(lake.ask("SELECT patient_id FROM risk_changes").patient_id)
    included = lake.ask("SELECT patient_id FROM patients WHERE cohort_id = 'gdc_tcga_brca' AND included")
    before = older.ask("SELECT patient_id FROM risk_scores WHERE cohort_id = 'gdc_tcga_brca'")
    assert entered == set(included.patient_id) - set(before.patient_id)
    added = lake.ask("SELECT entity FROM release_changes WHERE kind = 'patient_added'")
    assert entered
    assert entered <= set(added.entity)
    elsewhere = "SELECT * FROM risk_scores WHERE cohort_id <> 'gdc_tcga_brca' ORDER BY cohort_id, patient_id"
    assert lake.ask(elsewhere).equals(older.ask(elsewhere))


def test_nothing_is_made_again_but_what_depends_on_what_changed(older, refreshed):
    """What was made again is downstream of the GDC's files in the older database's own lineage."""
    resting = older.ask(
        """
        WITH RECURSIVE on_it AS (
            SELECT ? AS asset UNION SELECT lineage.asset FROM lineage JOIN on_it ON upstream_asset = on_it.asset
        ) SELECT asset FROM on_it""",
        GDC,
    )
    remade = refreshed.lake.remade(refreshed.before)
    assert {GDC, "cohorts/gdc_tcga_brca", "patients", "risk_scores", "release_changes", "release_reports"} <= remade
    assert remade <= set(resting.asset)
    assert remade.isdisjoint(ELSEWHERE)
    run_ids = refreshed.lake.ask("SELECT DISTINCT asset, run_id FROM lineage").set_index("asset").run_id
    kept = [asset for asset in ELSEWHERE if asset in run_ids.index]
    assert run_ids[kept].to_dict() == {asset: refreshed.before[asset] for asset in kept}


def test_the_published_numbers_walk_back_to_the_new_release(refreshed):
    lake = refreshed.lake
    walked = lake.ask("""
        WITH RECURSIVE back AS (
            SELECT 'risk_scores' AS asset UNION SELECT upstream_asset FROM lineage JOIN back USING (asset)
        ) SELECT DISTINCT upstream_asset, upstream_data_version FROM lineage JOIN back USING (asset)
        WHERE upstream_asset LIKE '%\\_release%' ESCAPE '\\'""")
    releases = walked.set_index("upstream_asset").upstream_data_version.to_dict()
    assert releases["gdc_release"] == "46.0"
    stale = lake.ask("""
        SELECT made.asset, made.upstream_asset FROM lineage AS made JOIN lineage AS under
        ON made.upstream_asset = under.asset WHERE made.upstream_data_version <> under.data_version""")
    assert stale.empty


def test_two_publications_and_a_report_of_what_moved_between_them(refreshed):
    lake = refreshed.lake
    published = lake.ask("SELECT * FROM publications ORDER BY published_at")
    assert ["gdc/TCGA-BRCA 45.0" in published.releases[0], "gdc/TCGA-BRCA 46.0" in published.releases[1]] == [True] * 2
    assert len(published) == 2
    assert published.signature_id.nunique() == 1
    row = lake.ask("SELECT * FROM release_reports").iloc[0]
    assert row.previous_published_at == published.published_at[0]
    assert row.releases == "gdc/TCGA-BRCA 45.0 → 46.0"
    assert (row.n_file_changes, row.n_patients_changed, row.signature_changed) == (53, 25 + 39, False)
    assert (row.n_scores_moved, row.n_flipped) == (0, 0)
    report = words(lake.path / row.path)
    assert "53 files and 64 patients added, removed or changed. The signature is unchanged" in report
    assert "gdc/TCGA-BRCA 45 0 8 25 0" in report  # files added, removed, superseded; patients added, removed
    assert "Files added: 20 maf and 25 star." in report
    assert "39 patients have changed values" in report
    assert "gender → sex_at_birth" in report


def test_a_second_refresh_fetches_nothing_and_makes_nothing(refreshed, world, tmp_path):
    lake = refreshed.lake.copy(tmp_path)
    known, written, database = {run.run_id for run in lake.runs()}, lake.modified(), lake.database.read_bytes()
    again = take(lake, world, "refresh")
    runs = {run.run_id for run in lake.runs()} - known
    assert fetched(again.requests) == {}
    assert again.bytes < 1_000_000  # releases and the counters; GDSC's workbook, whose size was requested, has 5.7 MB
    assert len(runs) == 1
    assert lake.materialized(runs) == {}
    assert lake.events("ASSET_OBSERVATION", runs) == []
    assert lake.modified() == written
    assert lake.database.read_bytes() == database
    assert "Everything is current" in again.ended.stdout


def test_a_revised_series_and_study_are_fetched_and_nothing_else(revised):
    asked = fetched(revised.requests)
    assert set(asked.values()) == {1}
    folders = ("/GSE25055/", "/brca_metabric.tar.gz")  # neither the other series, nor the annotation of both
    assert all(any(folder in path for folder in folders) for path in asked)
    assert any("/GSE25055/" in path for path in asked)
    assert any(path.endswith("/brca_metabric.tar.gz") for path in asked)


def test_one_patients_follow_up_reaches_the_figures_and_no_expression_is_read_again(revised):
    lake = revised.lake
    changes = lake.ask("SELECT * FROM release_changes WHERE asset = 'raw/cbioportal/brca_metabric'")
    assert changes[changes.kind == "value_changed"].field.tolist() == ["OS_MONTHS"]
    value = changes[changes.kind == "value_changed"].iloc[0]
    assert float(value.new_value) == pytest.approx(float(value.old_value) + 1)
    assert set(changes.kind) <= {"value_changed", "file_superseded"}
    remade = lake.remade(revised.before)
    assert {"patients/brca_metabric", "patients", "prognostic_performance", "survival_curves"} <= remade
    kept = {"drug_models", "drug_sensitivity", "immune_infiltration", "signature", "refit/signature", "univariate_cox"}
    assert remade.isdisjoint(kept | {GDC, "raw/gdsc", "raw/cbioportal/brca_tcga", "patients/brca_tcga"})


def test_the_three_publications_are_in_the_history(revised):
    published = revised.lake.ask("SELECT * FROM publications ORDER BY published_at")
    assert len(published) == 3
    assert "geo/GSE25055 2026-11-05" in published.releases[2]
    kept = revised.lake.ask("SELECT DISTINCT asset FROM release_changes")
    assert set(kept.asset) == {GDC, "raw/cbioportal/brca_metabric", "raw/geo/GSE25055"}


def words(page) -> str:
    """The text of a page in HTML, without its pictures."""
    text = re.sub(r"<style.*?</style>|<svg.*?</svg>", " ", page.read_text(), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())
