"""A small study with a lake and an instance, over which the automation is evaluated tick by tick.

In scope: what makes and asks. Out of scope: tests.
"""

from __future__ import annotations

import shutil

import dagster as dg
import pandas as pd

from hnbc_assets.defs.graph import nodes
from hnbc_assets.defs.keeping import ONLY_STALE_TAG
from hnbc_assets.defs.operation import automation
from hnbc_assets.defs.resources import resources_of
from hnbc_assets.defs.stage import Build, Described, Output, Stage, upstream_objects
from hnbc_assets.defs.step import definitions
from hnbc_assets.lake.paths import Lake
from hnbc_assets.study import PACKAGED, Place, load_study

NOW = "2026-03-01T06:00:00+00:00"
RAW = "raw/gene_sets"


def matrix(value):
    return pd.DataFrame({"P1": [float(value)]}, index=pd.Index(["A"], name="gene"))


def only(name):
    """A factory that makes assets for one object of an upstream."""
    return lambda build: [one for one in upstream_objects(build) if one.upstream.name == name]


class Daemon:
    """A small study, its lake and instance; `tick` says what is asked for now."""

    def __init__(self, folder, instance):
        self.file = shutil.copy(PACKAGED, folder / "study.yaml")
        self.study = load_study(folder / "study.yaml")
        self.place = Place("simulated", folder / "lake", folder / "study.yaml")
        self.lake, self.instance = Lake(self.place.data_lake), instance
        self.values = {RAW: 1, "one": 1, "two": 1, "three": 1, "left": 1, "right": 1}
        self.release = "r1"
        self.definitions = self._definitions()

    def _definitions(self):
        def raw():
            return Output(matrix(self.values[RAW]), release=self.release)

        def one(below):
            return matrix(self.values["one"])

        def two(below):
            return matrix(self.values["two"])

        def three():
            return matrix(self.values["three"])

        def pair():
            return {name: matrix(self.values[name]) for name in ("left", "right")}

        stage = Stage("genes")
        stage.asset(Described(RAW), each=only("gene_sets"))(raw)
        stage.asset(Described("one"), inputs={"below": RAW})(one)
        stage.asset(Described("two"), inputs={"below": "one"})(two)
        stage.asset(Described("three"))(three)
        stage.assets(
            *(Described(name, description=f"The {name} one of a pair.") for name in ("left", "right")), name="pair"
        )(pair)
        return self.defined(stage)

    def defined(self, *stages):
        """Definitions of these stages' assets, with their automation."""
        build = Build(self.study, self.place)
        self.made = [asset for stage in stages for asset in definitions(stage, build)]
        self.automation = automation.Automation(self.study, self.place, nodes(self.made))
        return dg.Definitions(assets=self.made, resources=resources_of(self.study, self.place))

    def refresh(self, *names):
        """Make what is stale of these assets, as the sensor's run would."""
        return self.make(*names, tags={ONLY_STALE_TAG: "true"})

    def make(self, *names, tags=None):
        """Make assets, as a run would: in the lake and for Dagster."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        chosen = [dg.AssetKey(name.split("/")) for name in names or self.values]
        result = job.execute_in_process(instance=self.instance, asset_selection=chosen, raise_on_error=False, tags=tags)
        return result.success

    def publish(self):
        self.lake.database.write_bytes(b"a database")

    def begin(self, *names):
        """A run of these assets that is under way."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        chosen = {dg.AssetKey(name.split("/")) for name in names}
        return self.instance.create_run_for_job(
            job.get_subset(asset_selection=chosen), status=dg.DagsterRunStatus.STARTED, asset_selection=chosen
        )

    def tick(self):
        """What this evaluation requests."""
        found = self.automation.evaluate(self.instance)
        self.skipped = found.skip_message if isinstance(found, dg.SkipReason) else ""
        return [] if self.skipped else [key.to_user_string() for key in found.asset_selection]
