"""The study on real patients, served by the replica of the upstream hosts: known answers, faults, recovery."""

from pathlib import Path

import pytest

from hnbc_assets_tests.lakes import Lake

pytestmark = pytest.mark.real
STUDY = Path(__file__).resolve().parents[1] / "studies" / "real.yaml"


@pytest.fixture(scope="module")
def lake(real_lake):
    return real_lake


def test_her2_of_tcga_by_the_rule(lake):
    counted = (
        lake.ask("""
        SELECT her2_status, count(*) AS n FROM patients WHERE cohort_id = 'brca_tcga' GROUP BY ALL
        """)
        .set_index("her2_status")
        .n.to_dict()
    )
    assert counted == {"negative": 764, "positive": 166, "indeterminate": 144, "discordant": 24}
    included = lake.ask("""
        SELECT count(*) AS n, sum(os_event::INT) AS deaths FROM patients WHERE cohort_id = 'brca_tcga' AND included""")
    assert included.iloc[0].to_dict() == {"n": 661, "deaths": 68}


def test_the_gdc_gives_the_same_her2_as_the_portal(lake):
    counted = (
        lake.ask("""
        SELECT her2_status, count(*) AS n FROM patients WHERE cohort_id = 'gdc_tcga_brca' GROUP BY ALL
        """)
        .set_index("her2_status")
        .n
    )
    both = lake.ask("""
        SELECT count(*) AS n, sum((a.her2_status = b.her2_status)::INT) AS same FROM patients a JOIN patients b
        USING (patient_id) WHERE a.cohort_id = 'brca_tcga' AND b.cohort_id = 'gdc_tcga_brca'""").iloc[0]
    assert counted.sum() == both.n == both.same == 1073


def test_responses_of_gse25055_and_gse25065(lake):
    counted = lake.ask("""
        SELECT cohort_id, response, count(*) AS n FROM patients
        WHERE cohort_id IN ('gse25055', 'gse25065') AND included AND response IS NOT NULL GROUP BY ALL""")
    by = counted.set_index(["cohort_id", "response"]).n
    assert by.loc["gse25055"].to_dict() == {"pCR": 52, "RD": 236}
    assert by.groupby("response").sum().to_dict() == {"pCR": 93, "RD": 373}


def test_metabric_patients_and_deaths(lake):
    counted = lake.ask("""
        SELECT count(*) AS n, sum(os_event::INT) AS deaths FROM patients
        WHERE cohort_id = 'brca_metabric' AND included""").iloc[0]
    assert counted.to_dict() == {"n": 216, "deaths": 93}


def test_every_claim_of_independence_is_correct(lake):
    independent = lake.ask("SELECT DISTINCT cohort_id, independent FROM prognostic_performance").set_index("cohort_id")
    assert independent.independent.to_dict() == {
        "gse25055": False, "brca_tcga": False, "gse25065": True, "brca_metabric": True, "gdc_tcga_brca": False,
    }  # fmt: skip
    shared = lake.ask("SELECT * FROM shared_patients WHERE cohort_a = 'brca_tcga' AND cohort_b = 'gdc_tcga_brca'")
    assert shared.n_shared_ids[0] == 1073
    assert shared.n_similar_profiles[0] > 900
    basis = lake.ask(
        "SELECT DISTINCT independence_basis AS basis FROM prognostic_performance WHERE cohort_id = 'gse25065'"
    )
    assert "scaled together with gse25055" in basis.basis[0]
    assert lake.ask("SELECT scaled_with FROM cohorts WHERE cohort_id = 'gse25065'").scaled_with[0] == "gse25055"


def test_methods_that_need_ranks_within_a_sample_are_refused_on_scaled_values(lake):
    used = lake.ask("SELECT * FROM immune_method_use WHERE method = 'ssgsea' AND cohort_id <> 'gdc_tcga_brca'")
    assert len(used)
    assert not used.usable.any()
    assert used.reason.str.len().gt(0).all()


def test_a_cohort_that_lacks_the_genes_has_no_groups_and_no_figures(lake):
    coverage = lake.ask("SELECT * FROM score_coverage").set_index("cohort_id")
    lacking = coverage[~coverage.grouped.astype(bool)]
    assert lacking.missing_genes.str.len().gt(0).all()
    figures = lake.ask("SELECT * FROM prognostic_performance WHERE metric = 'hazard_ratio_per_sd'").set_index(
        "cohort_id"
    )
    assert figures.estimate[lacking.index].isna().all()
    assert figures.reason[lacking.index].notna().all()


def test_the_headline_reports_what_was_found(lake):
    output = (lake.path.parent / "output.txt").read_text()
    assert "apparent" in output
    assert "SIMULATED" not in output
    reading = " ".join(output.split())
    assert "No independent cohort whose values were scaled separately could test the score" in reading
    assert "In 1 of 5 genes the hazard agrees with the direction in resistance" in reading


def test_a_run_survives_faults_of_the_hosts(small_replica, tmp_path):
    """Faults occur before the run, when every address is requested, and while it fetches."""
    small_replica.control(fault=[
        {"kind": "status", "code": 503, "path": "/status", "every": 2},
        {"kind": "reset", "path": "/brca_tcga.tar.gz", "every": 2},
        {"kind": "truncate", "path": "series_matrix", "every": 3},
        {"kind": "corrupt", "path": "/data/", "every": 5, "times": 1},
        {"kind": "html", "path": "GPL96.annot", "every": 2},
        {"kind": "slow", "seconds": 1, "path": "/cases", "times": 2},
    ])  # fmt: skip
    lake = Lake(tmp_path / "lake", STUDY, small_replica.base)
    ended = lake.hnbc("run")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert lake.database.exists()


def archived(lake: Lake) -> dict[str, int]:
    """The files of the archive by name, and when each was written."""
    found = [path for path in (lake.path / "raw").rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {path.name: path.stat().st_mtime_ns for path in found if path.suffix not in (".jsonl", ".json")}


@pytest.mark.full
def test_a_file_that_stays_damaged_is_named_and_the_next_run_completes_the_rest(small_replica, tmp_path):
    """The beginning, which is checked before the run, is correct; the second half is missing."""
    lake = Lake(tmp_path / "lake", STUDY, small_replica.base)
    small_replica.control(fault=[{"kind": "short", "path": "GSE25055_series_matrix.txt.gz"}])
    ended = lake.hnbc("run")
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert "GSE25055_series_matrix.txt.gz" in ended.stdout + ended.stderr
    assert not lake.database.exists()
    kept = archived(lake)
    assert "GSE25065_series_matrix.txt.gz" in kept
    small_replica.control(fault=None)
    ended = lake.hnbc("run")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert lake.database.exists()
    now = archived(lake)
    assert {name for name in now if now[name] != kept.get(name)} == {"GSE25055_series_matrix.txt.gz"}
