"""An optional stage that fails, over a small graph and a real lake: a run and the daemon make the rest without it, and
with it as soon as it is made.

raw/gdsc -> models (both optional); raw/gdsc -> changes, which can do without it (`spared`); `three` beside them.
"""

from __future__ import annotations

import dagster as dg
import pandas as pd
import pytest

from hnbc_assets.defs.graph import nodes
from hnbc_assets.defs.stage import Described, Output, Stage
from hnbc_assets.errors import UpstreamUnreachable
from hnbc_assets.lake import parquet
from hnbc_assets_tests.defs.invented_daemon import Daemon, matrix, only

RAW = "raw/gdsc"


class WithDrugs(Daemon):
    """A study with an optional stage; its upstream answers or not."""

    answers = False

    def _definitions(self):
        self.values = dict.fromkeys((RAW, "models", "changes", "three"), 1)
        science, drugs = Stage("genes"), Stage("drugs", optional=True)

        def raw():
            if not self.answers:
                raise UpstreamUnreachable("no answer")
            return Output(matrix(self.values[RAW]), release=self.release)

        def models(below):
            return matrix(self.values["models"])

        def changes(manifests):
            return pd.DataFrame({"P1": [float(len(manifests))]}, index=pd.Index(["A"], name="gene"))

        def three():
            return matrix(self.values["three"])

        def gdsc(build):
            return {"gdsc": RAW}

        science.asset(Described(RAW), each=only("gdsc"))(raw)
        drugs.asset(Described("models"), inputs={"below": RAW})(models)
        science.asset(Described("changes"), inputs={"manifests": gdsc}, spared=lambda build: [RAW])(changes)
        science.asset(Described("three"))(three)
        return self.defined(science, drugs)

    def counted(self):
        """How many manifests the changes were made from, and which inputs their provenance names."""
        stored = parquet.read_stored(self.lake.table("changes"))
        return int(stored.frame["P1"].iloc[0]), sorted(stored.provenance.inputs)


@pytest.fixture
def daemon(tmp_path):
    with dg.DagsterInstance.ephemeral() as instance:
        yield WithDrugs(tmp_path, instance)


def test_the_graph_knows_what_belongs_to_an_optional_stage(daemon):
    known = nodes(daemon.made)
    assert {name: node.optional for name, node in known.items()} == {
        RAW: "drugs",
        "models": "drugs",
        "changes": "",
        "three": "",
    }
    assert known["changes"].inputs == (RAW,)


def test_the_daemon_completes_a_first_run_that_an_optional_stage_stopped(daemon):
    """Dagster skips what depends on the failed step. There is no database yet, but a person asked for one."""
    assert not daemon.make()
    assert not daemon.lake.table("changes").exists()
    assert daemon.tick() == ["changes"]
    assert daemon.make("changes")
    assert daemon.counted() == (0, [])
    assert daemon.tick() == []


def test_the_daemon_asks_for_nothing_if_nothing_was_tried(daemon):
    assert daemon.tick() == []


def test_when_the_upstream_answers_again_everything_is_made_with_it(daemon):
    daemon.make()
    daemon.make("changes")
    daemon.publish()
    assert daemon.tick() == [], "it failed a moment ago"
    daemon.answers = True
    assert daemon.make(RAW)
    assert daemon.tick() == ["changes", "models"]
    assert daemon.make("changes", "models")
    assert daemon.counted() == (1, [RAW])
    assert daemon.tick() == []


def test_an_optional_input_that_no_longer_fits_is_not_passed_on(daemon):
    daemon.answers = True
    assert daemon.make()
    assert daemon.counted() == (1, [RAW])
    daemon.lake.table(RAW).unlink()
    daemon.answers = False
    assert not daemon.make(RAW)
    assert daemon.make("changes")
    assert daemon.counted() == (0, [])
