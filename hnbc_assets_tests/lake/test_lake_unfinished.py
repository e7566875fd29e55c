"""Unfinished runs: what such a run has left to make, over an invented graph and real files."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from hnbc_assets.lake import unfinished
from hnbc_assets.lake.plan import examine
from hnbc_assets_tests.lake.invented_graph import GRAPH, graph, make, make_all, node

BEGUN = 1_700_000_000


def files(lake, assets):
    """The files that show when assets were made."""
    return [lake.publication if GRAPH[asset].publishes else lake.table(asset) for asset in assets]


def at(seconds, *paths):
    """Set files' times to this many seconds after the run began."""
    for path in paths:
        os.utime(path, (BEGUN + seconds, BEGUN + seconds))


@pytest.fixture
def begun(lake):
    """A lake in which everything was made a minute before a run of everything began."""
    make_all(lake)
    at(-60, *files(lake, GRAPH))
    unfinished.begin(lake)
    at(0, lake.unfinished_run)
    return lake


def left(lake, nodes=GRAPH):
    return unfinished.left(lake, examine(lake, nodes))


def test_a_run_that_has_made_nothing_has_everything_left(begun):
    assert left(begun) == sorted(GRAPH)


def test_what_was_written_since_is_not_left(begun):
    done = ["raw/gdc/one", "raw/geo/two", "cohorts/one", "cohorts/two"]
    at(5, *files(begun, done))
    assert left(begun) == sorted(set(GRAPH) - set(done))
    at(9, *files(begun, GRAPH))
    assert left(begun) == []


def test_a_database_that_was_not_published_since_is_left_although_it_is_not_stale(begun):
    at(5, *files(begun, set(GRAPH) - {"hnbc_database"}))
    assert examine(begun, GRAPH).reasons == {}
    assert left(begun) == ["hnbc_database"]


def test_the_whole_step_that_was_stopped_half_way_is_left(begun):
    at(5, *files(begun, set(GRAPH) - {"path", "scores", "hnbc_database"}))
    assert left(begun) == ["hnbc_database", "model", "path", "scores"]


def test_what_is_stale_again_is_left_with_all_that_depends_on_it(begun):
    make(begun, "raw/geo/two", "2")
    at(9, *files(begun, GRAPH))
    assert left(begun) == ["cohorts/two", "hnbc_database", "model", "path", "scores"]
    edited = graph(*(node for name, node in GRAPH.items() if name != "scores"), node("scores", "model", code="c2"))
    assert "scores" in left(begun, edited)


def test_it_is_known_when_the_run_began_until_it_is_finished(begun):
    assert unfinished.begun_at(begun) == datetime.fromtimestamp(BEGUN, UTC)
    unfinished.finish(begun)
    assert unfinished.begun_at(begun) is None
    unfinished.finish(begun)
