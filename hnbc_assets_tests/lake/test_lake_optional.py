"""Optional stages: the rest is published without a failed one, with empty tables and the reason, and completely once
the stage is made; no other failed check is ignored because of that."""

from __future__ import annotations

import duckdb
import pandas as pd
import pytest
from invented_lake import TABLES, put

from hnbc_assets.commands.execution import left_without
from hnbc_assets.errors import PublicationRefused
from hnbc_assets.lake import attempts, parquet, publications
from hnbc_assets.lake.optional import OptionalAsset, lacking, unfit
from hnbc_assets.lake.plan import examine
from hnbc_assets.lake.snapshot import publish
from hnbc_assets.tables import DrugAssociations, DrugModels
from hnbc_assets_tests.lake.invented_graph import NOW, graph, make, make_all, node

STAGE = (
    OptionalAsset("raw/gdsc/all", "drugs"),
    OptionalAsset("drug_models", "drugs", DrugModels),
    OptionalAsset("drug_associations", "drugs", DrugAssociations),
)
ALL = TABLES | {"drug_models": "drug_models", "drug_associations": "drug_associations"}
GONE = "https://www.cancerrxgene.org/x.zip: HTTP status 410."
CHECK = "SELECT passed, severity, value, description FROM check_results WHERE check_name = 'drugs_complete'"


def publish_all(lake):
    return publish(lake, ALL, optional=STAGE, publisher="hnbc_database")


def query(lake, sql):
    with duckdb.connect(str(lake.database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def fail(lake, asset, reason=GONE):
    attempts.begin(lake, asset, "basis", "run", NOW)
    attempts.fail(lake, asset, reason)


def drugs(lake, generation=1):
    """Make the stage as its steps do."""
    put(lake, "raw/gdsc/all", manifest_of_gdsc())
    put(lake, "drug_models", pd.DataFrame({"n": [generation]}), ("raw/gdsc/all", "cohorts/one"))
    put(lake, "drug_associations", pd.DataFrame({"n": [generation]}), ("drug_models", "risk_scores"))
    for one in STAGE:
        attempts.succeed(lake, one.asset)


def manifest_of_gdsc():
    from invented_lake import manifest

    return manifest("gdsc", "8.5")


def test_without_a_failed_stage_the_rest_is_published_and_what_is_missing_is_named(filled_lake):
    """Its tables exist, empty and described, so that users' queries still work."""
    fail(filled_lake, "raw/gdsc/all")
    published = publish_all(filled_lake)
    assert query(filled_lake, "SELECT count(*) FROM risk_scores")[0][0] > 0
    columns = [name for name, *_ in query(filled_lake, "DESCRIBE drug_models")]
    assert columns == list(DrugModels.columns)
    assert query(filled_lake, "FROM drug_models") == query(filled_lake, "FROM drug_associations") == []
    (check,) = query(filled_lake, CHECK)
    assert check[:3] == (False, "ERROR", "0 of 2 tables")
    assert check[3] == f"drug_models, drug_associations are empty: raw/gdsc/all failed: {GONE}"
    assert lacking(filled_lake, "hnbc_database") == {"drugs": check[3]}
    assert [outcome.passed for outcome in published.complete] == [False]
    assert "raw/gdsc/all" not in publications.remembered(filled_lake).inputs


def test_when_the_stage_is_made_again_the_database_is_complete(filled_lake):
    fail(filled_lake, "raw/gdsc/all")
    before = publish_all(filled_lake)
    drugs(filled_lake)
    after = publish_all(filled_lake)
    assert query(filled_lake, "FROM drug_models") == [(1,)]
    assert query(filled_lake, CHECK)[0][:3] == (True, "ERROR", "2 of 2 tables")
    assert lacking(filled_lake, "hnbc_database") == {}
    assert after.data_version != before.data_version


def test_a_missing_stage_that_did_not_fail_is_refused(filled_lake):
    with pytest.raises(PublicationRefused, match="hnbc run --select drug_associations"):
        publish_all(filled_lake)
    attempts.begin(filled_lake, "raw/gdsc/all", "basis", "run", NOW)  # in progress, or killed: it has not failed
    with pytest.raises(PublicationRefused, match="hnbc run --select drug_associations"):
        publish_all(filled_lake)


def test_older_results_are_not_mixed_with_newer_ones(filled_lake):
    """Tables from an older generation of scores are left out; models that still fit stay."""
    drugs(filled_lake)
    scores = parquet.read(filled_lake.table("risk_scores")).assign(risk_score=9.0)
    put(filled_lake, "risk_scores", scores, ("signature", "cohorts/two"))
    with pytest.raises(PublicationRefused, match="drug_associations was made from another version of risk_scores"):
        publish_all(filled_lake)
    fail(filled_lake, "drug_associations", "no memory")
    publish_all(filled_lake)
    assert query(filled_lake, "FROM drug_models") == [(1,)]
    assert query(filled_lake, "FROM drug_associations") == []
    assert query(filled_lake, CHECK)[0][3] == "drug_associations is empty: drug_associations failed: no memory"


def test_older_files_that_still_fit_keep_the_stage_complete(filled_lake):
    """The host no longer serves the files, but they are archived: nothing is missing."""
    drugs(filled_lake)
    fail(filled_lake, "raw/gdsc/all")
    publish_all(filled_lake)
    assert query(filled_lake, CHECK)[0][0] is True


def test_a_failed_blocking_check_leaves_its_stage_out_and_elsewhere_still_stops_the_publication(filled_lake):
    drugs(filled_lake)
    put(filled_lake, "drug_models", pd.DataFrame({"n": [2]}), ("raw/gdsc/all", "cohorts/one"), passed=False)
    fail(filled_lake, "drug_models", "drug_models, check schema: broken")
    publish_all(filled_lake)
    assert query(filled_lake, "FROM drug_models") == []
    put(
        filled_lake,
        "signature",
        parquet.read(filled_lake.table("signature")),
        ("cohorts/one", "patients"),
        passed=False,
    )
    with pytest.raises(PublicationRefused, match="blocking check schema of signature"):
        publish_all(filled_lake)


def test_the_reason_is_the_first_misfit_among_the_inputs(filled_lake):
    drugs(filled_lake)
    assert unfit(filled_lake, [one.asset for one in STAGE]) == {}
    put(filled_lake, "raw/gdsc/all", manifest_of_gdsc().assign(release="9.0"))
    lost = unfit(filled_lake, [one.asset for one in STAGE])
    reason = "drug_models was made from another version of raw/gdsc/all than the one now in the lake"
    assert lost == {"drug_models": reason, "drug_associations": reason}
    filled_lake.table("raw/gdsc/all").unlink()
    assert set(unfit(filled_lake, [one.asset for one in STAGE]).values()) == {"raw/gdsc/all has not been made"}


# --- the plan ---------------------------------------------------------------------------------------------------------

# cohort -> scores; gdsc, cohort -> models -> tests (optional); gdsc, cohort -> changes; all -> database
GRAPH = graph(
    node("raw/gdc/one", fetches="gdc/one"),
    node("raw/gdsc", fetches="gdsc", optional="drugs"),
    node("scores", "raw/gdc/one"),
    node("models", "raw/gdsc", "raw/gdc/one", optional="drugs"),
    node("tests", "models", "scores", optional="drugs"),
    node("changes", "raw/gdc/one", "raw/gdsc"),
    node("hnbc_database", "changes", "models", "raw/gdc/one", "raw/gdsc", "scores", "tests", publishes=True),
)


def reachable(lake, *, settled=(), stopped=()):
    return examine(lake, GRAPH).reachable(settled, stopped)


def made_without(lake, *assets):
    """Make assets as their steps do, from those inputs that exist."""
    present = {name for name in GRAPH if lake.table(name).exists()} if lake.root.exists() else set()
    for asset in assets:
        of = GRAPH[asset]
        lost = [name for name in of.inputs if name not in present]
        make(lake, asset, nodes=GRAPH | {asset: node(asset, *(set(of.inputs) - set(lost)), publishes=of.publishes)})
        present.add(asset)


def test_the_rest_does_not_wait_for_what_failed(lake):
    assert reachable(lake) == sorted(GRAPH)
    assert reachable(lake, stopped=["raw/gdsc"]) == ["changes", "hnbc_database", "raw/gdc/one", "scores"]
    made_without(lake, "raw/gdc/one", "raw/gdsc")
    assert reachable(lake, stopped=["models"]) == ["changes", "hnbc_database", "scores"]


def test_a_failure_elsewhere_still_stops_what_depends_on_it(lake):
    made_without(lake, "raw/gdsc")
    assert reachable(lake, stopped=["raw/gdc/one"]) == []


def test_after_a_publication_without_the_stage_only_the_stage_is_stale(lake):
    made_without(lake, "raw/gdc/one", "changes", "scores", "hnbc_database")
    assert set(examine(lake, GRAPH).reasons) == {"models", "raw/gdsc", "tests"}
    assert reachable(lake, stopped=["raw/gdsc"]) == [], "it is not published again"


def test_when_the_stage_works_again_it_is_made_with_what_depends_on_it_and_published_once(lake):
    made_without(lake, "raw/gdc/one", "changes", "scores", "hnbc_database")
    wave = reachable(lake)
    assert wave == ["changes", "hnbc_database", "models", "raw/gdsc", "tests"]
    for asset in ("raw/gdsc", "models", "tests", "changes", "hnbc_database"):
        make(lake, asset, "2", nodes=GRAPH)
    assert reachable(lake) == []


def test_an_outdated_table_that_was_left_out_is_published_when_it_is_made_again_with_the_same_content(lake):
    """Data versions alone would not show a change."""
    make_all(lake, GRAPH)
    make(lake, "scores", "2", nodes=GRAPH)
    assert reachable(lake) == ["hnbc_database", "tests"]
    without = node("hnbc_database", "changes", "models", "raw/gdc/one", "raw/gdsc", "scores", publishes=True)
    make(lake, "hnbc_database", "3", nodes=GRAPH | {"hnbc_database": without})
    assert reachable(lake, stopped=["tests"]) == []
    make(lake, "tests", nodes=GRAPH)
    assert reachable(lake) == ["hnbc_database"]


def test_a_run_continues_with_what_does_not_need_the_failed_stage(lake):
    made_without(lake, "raw/gdc/one", "scores")
    plan = examine(lake, GRAPH)
    skipped = ["changes", "hnbc_database", "models", "tests"]
    assert left_without(plan, {"raw/gdsc"}, skipped) == ["changes", "hnbc_database"]
    assert left_without(plan, {"scores"}, ["hnbc_database", "tests"]) == []
    make(lake, "raw/gdsc", nodes=GRAPH)  # its older files are archived
    assert left_without(examine(lake, GRAPH), {"raw/gdsc"}, skipped) == skipped
