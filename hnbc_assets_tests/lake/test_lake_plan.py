"""The plan: what is stale, what can be made now, what is not tried yet; with an invented graph and parquet files."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from hnbc_assets.lake import attempts, parquet
from hnbc_assets.lake.attempts import begin, fail
from hnbc_assets.lake.decisions import Decision, decide
from hnbc_assets.lake.observations import record_problem, record_release
from hnbc_assets.lake.plan import KILLED_TRIES, current, examine
from hnbc_assets_tests.lake.invented_graph import GRAPH, NOW, graph, make, make_all, node


@pytest.fixture
def made(lake):
    """A lake in which everything has been made and observed."""
    make_all(lake)
    for name in ("gdc/one", "geo/two"):
        record_release(lake, name, "r1", NOW)
    return lake


def stale_reasons(lake, nodes=GRAPH):
    return dict(examine(lake, nodes).reasons)


def reachable(lake, nodes=GRAPH, settled=(), stopped=()):
    return examine(lake, nodes).reachable(settled, stopped)


# --- what is stale ----------------------------------------------------------------------------------------------------


def test_an_empty_lake_is_stale_in_everything_and_one_run_can_make_it(lake):
    assert set(stale_reasons(lake)) == set(GRAPH)
    assert set(stale_reasons(lake).values()) == {"not made yet"}
    assert reachable(lake) == sorted(GRAPH)


def test_nothing_is_stale_after_everything_was_made(made):
    assert stale_reasons(made) == {}
    assert reachable(made) == []


def test_another_content_of_an_input_makes_what_depends_on_it_stale_one_level_at_a_time(made):
    make(made, "cohorts/one", "2")
    assert stale_reasons(made) == {"model": "cohorts/one changed", "path": "cohorts/one changed"}
    make(made, "model", "2")
    make(made, "path")
    assert stale_reasons(made) == {"scores": "model changed"}
    make(made, "scores", "2")
    assert stale_reasons(made) == {"hnbc_database": "scores changed"}
    make(made, "hnbc_database", "2")
    assert stale_reasons(made) == {}


def test_the_same_content_made_again_leaves_nothing_stale(made):
    for asset in ("raw/gdc/one", "cohorts/one", "model"):
        make(made, asset)
    assert stale_reasons(made) == {}


def test_three_changed_inputs_are_reported_in_short(lake):
    nodes = graph(node("a"), node("b"), node("c"), node("d", "a", "b", "c"))
    make_all(lake, nodes)
    for asset in "abc":
        make(lake, asset, "2", nodes=nodes)
    assert stale_reasons(lake, nodes) == {"d": "a, b and others changed"}


def test_another_code_version_makes_that_asset_stale_and_no_other(made):
    nodes = GRAPH | {"cohorts/two": dataclasses.replace(GRAPH["cohorts/two"], code_version="c2")}
    assert stale_reasons(made, nodes) == {"cohorts/two": "code or settings have changed"}


def test_a_new_input_that_an_asset_was_not_made_from_makes_it_stale(made):
    nodes = GRAPH | {"scores": dataclasses.replace(GRAPH["scores"], inputs=("cohorts/two", "model"))}
    assert stale_reasons(made, nodes) == {"scores": "cohorts/two changed"}


def test_a_missing_input_is_made_with_what_depends_on_it(made):
    made.table("cohorts/one").unlink()
    assert stale_reasons(made)["cohorts/one"] == "not made yet"
    assert reachable(made) == ["cohorts/one", "hnbc_database", "model", "path", "scores"]


def test_another_release_observed_upstream_makes_the_raw_asset_stale(made):
    record_release(made, "gdc/one", "r2", NOW)
    assert stale_reasons(made) == {"raw/gdc/one": "upstream is at r2, this is r1"}
    make(made, "raw/gdc/one", "2", release="r2")
    assert set(stale_reasons(made)) == {"cohorts/one"}


def test_a_release_that_is_given_replaces_the_one_last_observed(made):
    record_release(made, "gdc/one", "r2", NOW)
    assert examine(made, GRAPH, {"gdc/one": "r1"}).reasons == {}
    assert examine(made, GRAPH, {"geo/two": "r3"}).reasons == {
        "raw/gdc/one": "upstream is at r2, this is r1",
        "raw/geo/two": "upstream is at r3, this is r1",
    }


def test_an_object_that_was_never_looked_at_or_whose_look_failed_is_not_stale(lake):
    make_all(lake)
    assert stale_reasons(lake) == {}
    record_release(lake, "gdc/one", "r1", NOW)
    record_problem(lake, "gdc/one", "no answer", NOW)
    assert stale_reasons(lake) == {}


def test_a_promotion_makes_stale_what_follows_promotions_and_an_acceptance_does_not(made):
    decide(made, Decision("accept", "gdc", "r2", "me", "2026-03-02T00:00:00+00:00"))
    assert stale_reasons(made) == {}
    decide(made, Decision("promote", "signature", "0a1b2c", "me", "2026-02-28T00:00:00+00:00"))
    assert stale_reasons(made) == {}, "decided before it was made"
    decide(made, Decision("promote", "signature", "0a1b2c", "me", "2026-03-02T00:00:00+00:00"))
    assert stale_reasons(made) == {"scores": "a promotion was decided"}


# --- the database: no parquet file, but the record of what it was made from
# ---------------------------------------------


def test_the_database_is_stale_if_it_is_missing_or_its_inputs_are_not_known(made):
    made.publication.unlink()
    assert stale_reasons(made) == {"hnbc_database": "not made yet"}
    make(made, "hnbc_database")
    assert stale_reasons(made) == {}
    made.database.unlink()
    assert stale_reasons(made) == {"hnbc_database": "not made yet"}


def test_the_database_is_stale_if_one_of_its_tables_changed(made):
    make(made, "path", "2")
    assert stale_reasons(made) == {"hnbc_database": "path changed"}
    assert reachable(made) == ["hnbc_database"]


# --- what can be made now ---------------------------------------------------------------------------------------------


def test_assets_of_one_step_are_made_together_even_if_only_one_is_stale(made):
    made.table("path").unlink()
    assert set(stale_reasons(made)) == {"path", "hnbc_database"}
    assert reachable(made) == ["hnbc_database", "model", "path", "scores"]


def test_what_depends_on_a_stale_asset_is_made_in_the_same_run_however_far_downstream_it_is(made):
    record_release(made, "gdc/one", "r2", NOW)
    assert set(stale_reasons(made)) == {"raw/gdc/one"}
    assert reachable(made) == ["cohorts/one", "hnbc_database", "model", "path", "raw/gdc/one", "scores"]


def test_nothing_that_depends_on_an_asset_that_could_not_be_made_is_made(made):
    record_release(made, "gdc/one", "r2", NOW)
    nodes = GRAPH | {name: dataclasses.replace(GRAPH[name], code_version="c2") for name in ("cohorts/two", "scores")}
    assert set(stale_reasons(made, nodes)) == {"cohorts/two", "raw/gdc/one", "scores"}
    assert reachable(made, nodes, stopped=["raw/gdc/one"]) == ["cohorts/two"]
    assert reachable(made, nodes, stopped=["cohorts/two"]) == ["cohorts/one", "raw/gdc/one"]


def test_an_asset_that_failed_and_is_current_again_stops_nothing(made):
    make(made, "cohorts/two", "2")
    assert reachable(made, stopped=["raw/gdc/one"]) == ["hnbc_database", "model", "path", "scores"]


def test_a_settled_raw_asset_does_not_hold_back_what_depends_on_it_and_is_not_made_itself(made):
    record_release(made, "gdc/one", "r2", NOW)
    make(made, "cohorts/two", "2")
    assert reachable(made, settled=["raw/gdc/one"]) == ["hnbc_database", "model", "path", "scores"]
    assert reachable(made, settled=["raw/gdc/one"], stopped=["raw/gdc/one"]) == reachable(made, settled=["raw/gdc/one"])


def test_what_is_made_from_exactly_this_is_current(made):
    node, versions = GRAPH["model"], {name: examine(made, GRAPH).made[name].data_version for name in GRAPH}
    assert current(made, node, versions) == examine(made, GRAPH).made["model"]
    assert current(made, node, versions | {"cohorts/one": "another"}) is None
    assert current(made, node, {name: v for name, v in versions.items() if name != "cohorts/one"}) is None
    assert current(made, dataclasses.replace(node, code_version="c2"), versions) is None
    assert current(made, dataclasses.replace(node, asset="never_made"), versions) is None


def test_a_step_whose_parts_read_one_another_does_not_wait_for_itself(lake):
    nodes = graph(node("a"), node("b", "a", step="both"), node("c", "a", "b", step="both"), node("d", "c"))
    make(lake, "a", nodes=nodes)
    assert reachable(lake, nodes) == ["b", "c", "d"]


def test_descendants_and_ancestors_reach_through_all_stages(made):
    plan = examine(made, GRAPH)
    assert plan.ancestors("scores") == {"model", "cohorts/one", "cohorts/two", "raw/gdc/one", "raw/geo/two"}
    assert plan.descendants(["cohorts/two"]) == ["hnbc_database", "model", "path", "scores"]


# --- what is not tried yet --------------------------------------------------------------------------------------------


@pytest.fixture
def tried(made):
    """The raw asset is stale and was tried once, an hour ago."""
    record_release(made, "gdc/one", "r2", NOW)
    begin(made, "raw/gdc/one", examine(made, GRAPH).basis("raw/gdc/one"), "run", hours_ago(1))
    return made


def hours_ago(hours):
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="seconds")


def resting(lake, asset="raw/gdc/one", retry_hours=20.0, **when):
    return examine(lake, GRAPH).resting(asset, retry_hours, **when)


def test_what_was_never_tried_does_not_rest(made):
    assert resting(made) == ""


def test_what_failed_rests_with_its_reason_until_it_is_time(tried):
    fail(tried, "raw/gdc/one", "no answer")
    assert resting(tried) == "no answer"
    begun = datetime.fromisoformat(attempts.latest(tried, "raw/gdc/one").begun_at)
    assert resting(tried, now=begun + timedelta(hours=20, seconds=-1)) == "no answer"
    assert resting(tried, now=begun + timedelta(hours=20)) == ""


def test_what_failed_does_not_rest_on_another_release(tried):
    fail(tried, "raw/gdc/one", "no answer")
    record_release(tried, "gdc/one", "r3", NOW)
    assert resting(tried) == ""


def test_what_a_gate_held_does_not_rest_after_a_person_decided(tried):
    fail(tried, "raw/gdc/one", "loses half", held=True)
    assert resting(tried) == "loses half"
    decide(tried, Decision("accept", "gdc", "r2", "me", NOW))
    assert resting(tried) == ""


def test_a_source_with_files_that_cannot_be_fetched_again_waits_like_any_failure(tried):
    """Only another try can repair it: without a wait, a refresh and the daemon would try it over and over."""
    fail(tried, "raw/gdc/one", "1 archived file is missing", damaged=True)
    assert not examine(tried, GRAPH).mended("raw/gdc/one")
    assert resting(tried) == "1 archived file is missing"


def test_what_failed_does_not_rest_on_another_content_of_its_input_or_with_other_code(made):
    begin(made, "cohorts/one", examine(made, GRAPH).basis("cohorts/one"), "run", hours_ago(1))
    fail(made, "cohorts/one", "too few events")
    assert resting(made, "cohorts/one") == "too few events"
    nodes = GRAPH | {"cohorts/one": dataclasses.replace(GRAPH["cohorts/one"], code_version="c2")}
    assert examine(made, nodes).resting("cohorts/one", 20.0) == ""
    make(made, "raw/gdc/one", "2")
    assert resting(made, "cohorts/one") == ""


def test_what_was_killed_is_tried_again_at_once_but_not_endlessly(tried):
    for tries in range(1, KILLED_TRIES):
        assert attempts.latest(tried, "raw/gdc/one").tries == tries
        assert resting(tried) == ""
        begin(tried, "raw/gdc/one", examine(tried, GRAPH).basis("raw/gdc/one"), "run", hours_ago(1))
    assert resting(tried) == f"its process ended {KILLED_TRIES} times without an error message"
    assert resting(tried, retry_hours=0.5) == ""
    record_release(tried, "gdc/one", "r3", NOW)
    assert resting(tried) == ""


def test_an_evaluation_reads_a_footer_again_only_if_its_file_changed(made, monkeypatch):
    examine(made, GRAPH)
    read, real = [], parquet.read_provenance
    monkeypatch.setattr(parquet, "read_provenance", lambda path: read.append(path) or real(path))
    examine(made, GRAPH)
    assert read == []
    make(made, "cohorts/one", "2")
    read.clear()
    assert set(stale_reasons(made)) == {"model", "path"}
    assert read == [made.table("cohorts/one")]
