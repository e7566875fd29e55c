"""What stops a refresh: an implausible release, an upstream that does not answer. And how it continues."""

import getpass
import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from hnbc_assets_tests.defs.listeners import webhook_listener
from hnbc_assets_tests.refresh.evidence import GDC, fetched

pytestmark = pytest.mark.real
POISONS = {
    "half_files": r"\d+ of \d+ files are missing \(\d+%, allowed 5%\)",
    "lost_survival": r"gdc_tcga_brca loses \d+ of \d+ follow-up",
    "lost_field": r"clinical fields are missing: .*days_to_last_follow_up",
}


@pytest.fixture
def webhook():
    """A listener for alerts, which records them."""
    with webhook_listener() as server:
        yield server


def results(lake) -> dict[str, str]:
    """The hashes of every table and of the database."""
    found = lake.hashes("tables") | lake.hashes("releases")
    found |= {"database": lake.hashes()["hnbc.duckdb"]}
    return {path: digest for path, digest in found.items() if not path.endswith(".json")}


@pytest.mark.full
def test_each_broken_release_is_held_and_the_corrected_one_passes(small, small_replica, webhook):
    """One release name, four contents: three implausible ones, then the true one."""
    lake = small(alerts={"webhook": webhook.address})
    before = results(lake)
    assert any(path.startswith(f"tables/{GDC}") for path in before)
    for number, (poison, evidence) in enumerate(POISONS.items(), start=1):
        small_replica.control(release="46.0", poison=poison)
        ended = lake.hnbc("refresh")
        assert ended.returncode == 4, ended.stdout + ended.stderr
        assert re.search(evidence, ended.stderr)
        assert "hnbc refresh --accept gdc 46.0" in ended.stderr
        assert results(lake) == before
        checks = lake.checks(GDC, "plausible_release")
        assert [check.passed for check in checks] == [True] + [False] * number
        assert checks[-1].blocking
        assert re.search(evidence, checks[-1].description)
        assert re.search(evidence, checks[-1].metadata["value"].value)
        assert lake.attempt(GDC)["held"]
        status = lake.hnbc("status").stdout
        assert f"✗ {GDC}: held" in status
        assert re.search(evidence, status)
        assert re.search(r"gdc/TCGA-BRCA +45\.0 +46\.0 .*held", status)
        assert len(webhook.received) == number
        alert = webhook.received[-1][1]
        assert alert["asset"] == GDC
        assert re.search(evidence, alert["reason"])
        assert alert["run_id"] == lake.runs()[-1].run_id == lake.attempt(GDC)["run_id"]
    small_replica.control(poison=None)
    ended = lake.hnbc("refresh")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert lake.checks(GDC, "plausible_release")[-1].passed
    assert lake.attempt(GDC) is None
    assert "held" not in lake.hnbc("status").stdout
    assert len(webhook.received) == len(POISONS)
    assert len(lake.ask("SELECT * FROM publications")) == 2
    assert lake.ask("SELECT count(*) AS n FROM accepted_releases").n[0] == 0
    counted = lake.ask("SELECT kind, count(DISTINCT entity) AS n FROM release_changes GROUP BY ALL")
    assert counted.set_index("kind").n.to_dict() == {
        "patient_added": 1, "file_added": 1, "file_superseded": 1, "value_changed": 1, "field_renamed": 1,
    }  # fmt: skip


def test_other_news_is_published_while_a_release_is_held_and_a_person_accepts_it(small, small_replica):
    lake = small()
    small_replica.control(release="46.0", poison="half_files", revise=["brca_metabric"])
    before = lake.run_ids()
    ended = lake.hnbc("refresh")
    assert ended.returncode == 4, ended.stdout + ended.stderr
    remade = lake.remade(before)
    assert {"raw/cbioportal/brca_metabric", "patients/brca_metabric", "patients", "prognostic_performance"} <= remade
    assert remade.isdisjoint({GDC, "cohorts/gdc_tcga_brca", "patients/gdc_tcga_brca", "signature"})
    published = lake.ask("SELECT * FROM publications ORDER BY published_at")
    assert len(published) == 2
    metabric = [re.search(r"cbioportal/brca_metabric (\w{12})", releases)[1] for releases in published.releases]
    assert metabric[0] != metabric[1]
    assert "gdc/TCGA-BRCA 45.0" in published.releases[1]
    assert lake.ask("SELECT DISTINCT asset FROM release_changes").asset.tolist() == ["raw/cbioportal/brca_metabric"]
    files = [path for path in fetched(small_replica.requests()) if "/data/" not in path]
    assert files
    assert all("/brca_metabric" in path for path in files)

    for strange in (("gdc", "47.0"), ("cbioportal", metabric[1])):  # missing; existing, but not held
        ended = lake.hnbc("refresh", "--accept", *strange)
        assert ended.returncode == 2, ended.stdout + ended.stderr
        assert f"No gate holds {strange[0]} {strange[1]}" in ended.stderr
    assert not (lake.path / "decisions.jsonl").exists()

    ended = lake.hnbc("refresh", "--accept", "gdc", "46.0")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    accepted = lake.ask("SELECT * FROM accepted_releases")
    assert (accepted.source.tolist(), accepted.release.tolist()) == (["gdc"], ["46.0"])
    assert accepted.accepted_by[0].startswith(f"{getpass.getuser()}@")
    assert datetime.now(UTC) - datetime.fromisoformat(accepted.accepted_at[0]) < timedelta(minutes=10)
    assert re.search(POISONS["half_files"], accepted.evidence[0])
    written = [json.loads(line) for line in (lake.path / "decisions.jsonl").read_text().splitlines()]
    assert [(one["kind"], one["subject"], one["choice"]) for one in written] == [("accept", "gdc", "46.0")]
    assert "Accepted by" in lake.checks(GDC, "plausible_release")[-1].description
    published = lake.ask("SELECT releases FROM publications ORDER BY published_at")
    assert "gdc/TCGA-BRCA 46.0" in published.releases[2]
    removed = lake.ask("SELECT count(*) AS n FROM release_changes WHERE kind = 'file_removed'")
    assert removed.n[0] > 1
    decided = lake.ask("SELECT asset, upstream_data_version FROM lineage WHERE upstream_asset LIKE 'decision/%'")
    assert set(decided.asset) == {GDC, "accepted_releases", "release_reports"}
    assert set(decided.upstream_data_version) == {accepted.accepted_at[0]}


def test_an_upstream_that_does_not_answer_is_not_reported_as_unchanged(small, small_replica, webhook):
    lake = small(alerts={"webhook": webhook.address})
    before, observed, known = results(lake), lake.observed("gdc_release"), {run.run_id for run in lake.runs()}
    small_replica.control(fault={"path": "/status", "kind": "status", "code": 503})
    ended = lake.hnbc("refresh")
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert "503" in ended.stderr
    assert "Everything is current" not in ended.stdout
    check = lake.checks("gdc_release", "reachable")[-1]
    assert not check.passed
    assert "503" in check.description
    assert lake.observed("gdc_release") == observed
    assert results(lake) == before
    assert lake.materialized({run.run_id for run in lake.runs()} - known) == {}
    status = lake.hnbc("status").stdout
    assert re.search(r"gdc/TCGA-BRCA +45\.0 +45\.0 .*✗ not reached since \d{4}-\d\d-\d\dT\d\d:\d\d: .*503", status)
    assert len(webhook.received) == 1
    alert = webhook.received[0][1]
    assert alert["asset"] == "gdc_release"
    assert "503" in alert["reason"]
    assert alert["run_id"] == lake.runs()[-1].run_id

    small_replica.control(fault=None)
    ended = lake.hnbc("refresh")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Everything is current" in ended.stdout
    assert lake.checks("gdc_release", "reachable")[-1].passed
    assert "not reached" not in lake.hnbc("status").stdout
    assert results(lake) == before
    assert len(webhook.received) == 1


def test_a_gate_that_the_study_widens_lets_the_release_pass(small, small_replica):
    lake = small(gates={"files_removed": 0.9, "patients_lost": 0.9})
    small_replica.control(release="46.0", poison="half_files")
    ended = lake.hnbc("refresh")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    check = lake.checks(GDC, "plausible_release")[-1]
    assert check.passed
    assert lake.ask("SELECT count(*) AS n FROM accepted_releases").n[0] == 0
    assert "gdc/TCGA-BRCA 46.0" in lake.ask("SELECT releases FROM publications ORDER BY published_at").releases[1]
