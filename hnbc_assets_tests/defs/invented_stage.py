"""Assets of a test's own, declared and materialised over a study in a place of its own.

In scope: the study and its lake, what a declaration becomes there. Out of scope: tests.
"""

from __future__ import annotations

import dagster as dg

from hnbc_assets.defs.resources import resources_of
from hnbc_assets.defs.stage import Build, Stage
from hnbc_assets.defs.step import definitions
from hnbc_assets.lake.paths import Lake
from hnbc_assets.study import PACKAGED, Place, load_study


class Invented:
    """A study in a place of its own."""

    def __init__(self, folder, file=PACKAGED, upstream="simulated"):
        self.study, self.place = load_study(file), Place(upstream, folder / "lake", file)

    @property
    def lake(self):
        return Lake(self.place.data_lake)

    @property
    def build(self):
        return Build(self.study, self.place)

    @property
    def resources(self):
        return resources_of(self.study, self.place)

    def asset(self, function, described, *, stage="genes", **declared):
        """The definition of one asset that a function makes."""
        own = Stage(stage)
        own.asset(described, **declared)(function)
        return definitions(own, self.build)[0]

    def materialise(self, *assets, tags=None, selection=None):
        return dg.materialize(
            list(assets), resources=self.resources, raise_on_error=False, tags=tags, selection=selection
        )
