"""Stages: the assets of a study, a module for each stage, in the order in which data flow.

In scope: thin functions that read frames, call science, and return frames. Out of scope: statistics (science), formats
(sources), files (lake), figures (report), how functions become Dagster's assets (defs/stage.py).
"""

from __future__ import annotations

from importlib import import_module

from hnbc_assets.defs.stage import Stage

# Each is a module of this folder whose `stage` declares assets, in the order in which data flow.
NAMES = (
    "releases",
    "cohorts",
    "genes",
    "signature",
    "promotion",
    "scores",
    "changes",
    "microenvironment",
    "drugs",
    "database",
)


def every_stage() -> list[Stage]:
    """The stages of a study."""
    return [import_module(f"{__name__}.{name}").stage for name in NAMES]
