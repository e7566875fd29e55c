"""Which signature a new release publishes: the refit at once, the existing one until a person promotes another,
or the existing one permanently."""

from __future__ import annotations

import getpass
import hashlib
import socket

import pandas as pd
import pytest
from sksurv.metrics import concordance_index_censored

from hnbc_assets_tests.lake.invented_lake import WALK_BACK
from hnbc_assets_tests.lakes import at, small_study
from hnbc_assets_tests.refresh_simulated.content import GDC, RAW, succeeded, versions

ENDPOINTS = {"gse25055": "drfs", "tcga_brca": "pfi", "gse25065": "drfs", "brca_metabric": "os"}
LAST_DIGIT = 1e-8  # of a figure below 1, published to 8 significant digits
GENES = "SELECT gene, coefficient, mean, sd FROM signature ORDER BY gene"


def published(lake):
    return lake.ask("SELECT * FROM signatures WHERE status = 'published'").iloc[0]


def status(lake):
    return lake.ask("SELECT signature_id, status FROM signatures").set_index("signature_id").status.to_dict()


def ids(lake):
    """The signature in each table."""
    found = lake.ask(
        "SELECT (SELECT any_value(signature_id) FROM signature) AS signature,"
        " (SELECT any_value(signature_id) FROM signatures WHERE status = 'published') AS signatures,"
        " (SELECT any_value(signature_id) FROM risk_scores) AS scores,"
        " (SELECT arg_max(signature_id, published_at) FROM publications) AS publication"
    ).iloc[0]
    assert found.nunique() == 1, found
    return found.iloc[0]


def cutoff_holds(lake, current):
    """Each group is the side of the published cut-off, which is the median of the training patients while the
    signature is of the present data; so does the check."""
    made, scores = published(lake), lake.ask("SELECT * FROM risk_scores WHERE risk_group IS NOT NULL")
    within = scores[scores.form == "within_cohort"]
    assert ((within.risk_score > made.cutoff) == (within.risk_group == "high")).all()
    outcome = lake.ask("SELECT * FROM check_results WHERE check_name = 'cutoff_is_training_median'").iloc[0]
    assert outcome.passed
    assert ("frozen" in outcome.value) != current
    if current:
        followed = lake.ask("SELECT patient_id FROM patients WHERE cohort_id = 'tcga_brca' AND pfi_days IS NOT NULL")
        own = within[(within.cohort_id == "tcga_brca") & within.patient_id.isin(followed.patient_id)]
        assert own.risk_score.median() == pytest.approx(made.cutoff, abs=1e-9)


def walks_back_to_its_training(lake, first):
    """The raw files of the frozen signature of 45.0: the same files as when it was the refit.

    They are unchanged in the archive; the scores also depend on the patients of 46.0, who are scored now.
    """
    frozen = ids(first)
    assert f"{GDC} 45.0" in published(lake).trained_on
    then, now = (where.ask(WALK_BACK, "signature") for where in (first, lake))
    assert set(now.release[now.source == "gdc"]) == {"45.0"}
    assert list(now.asset) == [f"{asset}@{frozen}" for asset in then.asset]
    assert now.drop(columns="asset").equals(then.drop(columns="asset"))
    for row in now.itertuples():
        assert hashlib.sha256((lake.path / "raw" / row.path).read_bytes()).hexdigest() == row.sha256
    scores = lake.ask(WALK_BACK, "risk_scores")
    releases = scores[scores.source == "gdc"].groupby("asset").release.unique().map(list).to_dict()
    assert releases == {RAW: ["46.0"], f"{RAW}@{frozen}": ["45.0"]}
    assert scores[scores.asset.str.endswith(f"@{frozen}")].reset_index(drop=True).equals(now)


def scored_by_hand(lake):
    """The training cohort's scores from the published coefficients, means and sds."""
    signature = lake.ask(GENES).set_index("gene")
    expression = pd.read_parquet(lake.path / "tables/cohorts/tcga_brca.parquet").set_index("gene").loc[signature.index]
    z = expression.sub(signature["mean"], axis=0).div(signature["sd"], axis=0)
    return z.mul(signature.coefficient, axis=0).sum()


def refreshed(first, copy, name, **changes):
    """A copy of the lake at 45.0, refreshed to 46.0 with another study."""
    lake = copy(first, name, **changes)
    succeeded(lake.hnbc("simulate-release", "46.0"))
    succeeded(lake.hnbc("refresh"))
    return lake


@pytest.fixture(scope="module")
def approval(first, tmp_path_factory):
    """46.0 under approval: the refit waits. Tests work on copies."""
    import shutil

    folder = tmp_path_factory.mktemp("approval") / "made"
    shutil.copytree(first.path.parent, folder)
    small_study(folder, challengers={"promotion": "approval"})
    lake = at(folder)
    succeeded(lake.hnbc("simulate-release", "46.0"))
    succeeded(lake.hnbc("refresh"))
    yield lake
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def challenger(approval):
    [found] = [name for name, state in status(approval).items() if state == "challenger"]
    return found


def test_automatically_the_refit_is_published_and_the_previous_one_retires(first, second):
    old, new = ids(first), ids(second)
    assert old != new
    assert status(second) == {new: "published", old: "retired"}
    made = published(second)
    assert "gdc/TCGA-BRCA 46.0" in made.trained_on
    assert pd.isna(made.promoted_by)
    cutoff_holds(second, current=True)


def test_under_approval_the_published_signature_is_frozen_while_new_patients_are_scored(first, approval, challenger):
    assert ids(approval) == ids(first)
    assert approval.ask(GENES).equals(first.ask(GENES))
    assert published(approval).cutoff == published(first).cutoff
    assert status(approval) == {ids(first): "published", challenger: "challenger"}
    cutoff_holds(approval, current=False)
    assert approval.ask("SELECT count(*) AS n FROM signature_changes").n[0] == 0

    came = approval.ask("SELECT entity FROM release_changes WHERE kind = 'patient_added'").entity
    scores = approval.ask("SELECT * FROM risk_scores WHERE cohort_id = 'tcga_brca'").set_index("patient_id")
    new = scores.index[scores.index.isin(came)]
    assert len(new) > 3
    assert scores.loc[new, "risk_score"].notna().all()
    expected = scored_by_hand(approval)
    assert (scores.risk_score.dropna() - expected[scores.risk_score.dropna().index]).abs().max() < 1e-8
    entered = approval.ask("SELECT patient_id FROM risk_changes WHERE change = 'entered'").patient_id
    assert set(entered) == set(new)


def test_a_frozen_signature_is_traced_to_the_release_that_it_was_trained_on(first, approval):
    walks_back_to_its_training(approval, first)


def test_the_challenger_is_the_refit_that_would_have_been_published(approval, challenger, second):
    assert challenger == ids(second)
    archived = approval.ask(
        "SELECT gene, coefficient, mean, sd FROM archived_signatures WHERE signature_id = ? ORDER BY gene", challenger
    )
    assert archived.equals(second.ask(GENES))
    question = "SELECT cohort_id, patient_id, risk_score, risk_group FROM {} ORDER BY ALL"
    theirs = approval.ask(question.format("archived_risk_scores WHERE signature_id = ?"), challenger)
    assert theirs.equals(second.ask(question.format("risk_scores")))


def test_published_and_challenger_are_compared_on_the_same_patients_of_every_cohort(approval, challenger):
    compared = approval.ask("SELECT * FROM signature_challengers").set_index("cohort_id")
    assert set(compared.index) == set(ENDPOINTS)
    assert set(compared.challenger_id) == {challenger}
    assert set(compared.status) == {"challenger"}
    assert set(compared.published_id) == {ids(approval)}
    for cohort, endpoint in ENDPOINTS.items():
        patients = approval.ask(
            f"""SELECT p.{endpoint}_days AS days, p.{endpoint}_event AS event, r.risk_score AS ours,
                a.risk_score AS theirs
            FROM risk_scores r JOIN archived_risk_scores a USING (cohort_id, patient_id)
            JOIN patients p USING (cohort_id, patient_id)
            WHERE cohort_id = ? AND days IS NOT NULL AND ours IS NOT NULL AND theirs IS NOT NULL""",
            cohort,
        ).astype({"event": bool, "days": float})
        ours, theirs = (
            concordance_index_censored(patients.event, patients.days, patients[s])[0] for s in ("ours", "theirs")
        )
        row = compared.loc[cohort]
        assert (row.n_patients, row.n_events) == (len(patients), patients.event.sum())
        assert row.c_published == pytest.approx(ours, abs=LAST_DIGIT)
        assert row.c_challenger == pytest.approx(theirs, abs=LAST_DIGIT)
        assert row.difference == pytest.approx(theirs - ours, abs=1e-9)
        assert row.ci_lower <= row.difference <= row.ci_upper
        assert row.apparent == (cohort == "tcga_brca")


def test_a_promotion_publishes_the_challenger_and_records_who_did_it(approval, challenger, copy, second, first):
    lake = copy(approval)
    ended = lake.hnbc("refresh", "--promote", challenger)
    succeeded(ended)
    assert challenger in ended.stderr
    assert ids(lake) == challenger
    assert status(lake) == {challenger: "published", ids(first): "retired"}
    made = published(lake)
    assert made.promoted_by == f"{getpass.getuser()}@{socket.gethostname()}"
    assert made.adopted_at > published(approval).adopted_at
    cutoff_holds(lake, current=True)
    question = "SELECT cohort_id, patient_id, risk_score, risk_group FROM {} ORDER BY ALL"
    assert lake.ask(question.format("risk_scores")).equals(second.ask(question.format("risk_scores")))
    retired = lake.ask("SELECT DISTINCT signature_id FROM archived_risk_scores").signature_id
    assert list(retired) == [ids(first)]
    assert lake.ask(question.format("archived_risk_scores")).equals(approval.ask(question.format("risk_scores")))
    moved = lake.ask("SELECT * FROM signature_changes")
    assert {"entered", "left"} <= set(moved.change)
    assert moved.releases.isna().all(), "no release belongs to it"
    gdc = lake.ask(f"SELECT DISTINCT asset, release FROM ({WALK_BACK}) WHERE source = 'gdc'", "signature")
    assert gdc.to_dict("records") == [{"asset": RAW, "release": "46.0"}], "it is the refit"
    edges = lake.ask("SELECT upstream_asset FROM lineage WHERE asset = 'signature'")
    assert f"decision/promote/signature/{challenger}" in set(edges.upstream_asset)

    again = versions(lake)
    assert "nothing was fetched, nothing made" in succeeded(lake.hnbc("refresh"))
    assert versions(lake) == again


@pytest.mark.parametrize(
    ("policy", "asked", "message"),
    [
        ("approval", "0123456789ab", "No signature '0123456789ab' was trained in this lake; known are"),
        ("approval", "no such thing", "No signature 'no such thing' was trained in this lake; known are"),
        ("never", None, "challengers.promotion is never in the study"),
        ("automatic", None, "challengers.promotion is automatic in the study"),
    ],
)
def test_what_cannot_be_promoted_is_refused_before_anything_happens(approval, challenger, policy, asked, message):
    from dataclasses import replace

    folder = approval.path.parent / policy
    folder.mkdir(exist_ok=True)
    lake = replace(approval, study=small_study(folder, challengers={"promotion": policy}))
    before = versions(lake), (lake.path / "decisions.jsonl").exists()
    ended = lake.hnbc("refresh", "--promote", asked or challenger)
    assert ended.returncode == 2, ended.stderr
    assert message in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr
    assert (versions(lake), (lake.path / "decisions.jsonl").exists()) == before


@pytest.mark.full
def test_the_policy_never_keeps_the_signature_and_so_does_a_change_to_approval(first, copy):
    lake = refreshed(first, copy, "never", challengers={"promotion": "never"})
    assert ids(lake) == ids(first)
    assert lake.ask(GENES).equals(first.ask(GENES))
    assert sorted(status(lake).values()) == ["challenger", "published"]
    walks_back_to_its_training(lake, first)
    cutoff_holds(lake, current=False)

    scores = lake.ask("SELECT * FROM risk_scores ORDER BY ALL")
    small_study(lake.path.parent, challengers={"promotion": "approval"})
    succeeded(lake.hnbc("refresh"))
    assert ids(lake) == ids(first)
    assert lake.ask("SELECT * FROM risk_scores ORDER BY ALL").equals(scores)
    cutoff_holds(lake, current=False)


@pytest.mark.full
def test_changing_the_policy_to_automatic_publishes_the_refit(approval, challenger, copy, first):
    lake = copy(approval, challengers={"promotion": "automatic"})
    succeeded(lake.hnbc("refresh"))
    assert ids(lake) == challenger
    assert status(lake) == {challenger: "published", ids(first): "retired"}
    assert pd.isna(published(lake).promoted_by)
    cutoff_holds(lake, current=True)


@pytest.mark.full
def test_a_study_without_a_signature_is_refreshed_without_one(tmp_path):
    small_study(tmp_path, simulation={"variant": "no_overlap"})
    lake = at(tmp_path)
    succeeded(lake.hnbc("run"))
    succeeded(lake.hnbc("simulate-release", "46.0"))
    succeeded(lake.hnbc("refresh"))
    assert lake.ask("SELECT count(*) AS n FROM publications").n[0] == 2
    assert lake.ask("SELECT status, signature_id FROM signatures").to_dict("records") == [
        {"status": "published", "signature_id": "none"}
    ]
    for table in ("signature", "risk_scores", "signature_changes", "risk_changes", "signature_challengers"):
        assert lake.ask(f"SELECT count(*) AS n FROM {table}").n[0] == 0, table
    [report] = lake.ask("SELECT * FROM release_reports").itertuples()
    assert not report.signature_changed
    assert report.n_patients_changed > 0
    assert "No signature is published, as before" in (lake.path / report.path).read_text()
