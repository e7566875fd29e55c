"""Attempts: a step's beginning and end, as the lake remembers them.

In scope: whether a step may begin, remembering that it has begun, and why it failed. Out of scope: what the step makes
(step.py), when a failed one is tried again (lake/plan.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import dagster as dg

from hnbc_assets.errors import ArchiveDamaged, GateHeld, StudyError
from hnbc_assets.lake.attempts import begin, fail, succeed
from hnbc_assets.lake.origin import claim
from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.plan import Node, basis
from hnbc_assets.study import Place, Study, digest

STUDY_TAG = "hnbc/study"
NOT_STORED = "stopped, or its table could not be stored: the run's log says why"


@contextmanager
def attempting(lake: Lake, nodes: Sequence[Node], read: Mapping[str, str], run_id: str) -> Iterator[None]:
    """Remember that assets are being made, until they are; if they are not, why."""
    for node in nodes:
        begin(lake, node.asset, basis(lake, node, read), run_id, datetime.now(UTC).isoformat(timespec="seconds"))
    try:
        yield
    except (Exception, GeneratorExit) as error:
        # Dagster closes a generator whose step it gives up: it was interrupted, or storing failed.
        reason = NOT_STORED if isinstance(error, GeneratorExit) else str(error) or type(error).__name__
        held, damaged = isinstance(error, GateHeld), isinstance(error, ArchiveDamaged)
        with suppress(OSError):  # on a full disk this cannot be written either
            for node in nodes:
                fail(lake, node.asset, reason, held=held, damaged=damaged)
        raise
    for node in nodes:
        succeed(lake, node.asset)


def guard(context: dg.AssetExecutionContext, study: Study, place: Place) -> None:
    """Stop a step whose study is not the one that its run was started with, or whose lake is another upstream's."""
    simulation = digest(study.simulation.model_dump()) if place.simulated else None
    claim(Lake(place.data_lake), place.upstream, simulation)
    started_with = context.run.tags.get(STUDY_TAG)
    if started_with not in (None, study.hash):
        raise StudyError(
            f"The study changed while the run was under way: the run was started with {started_with}, this step sees "
            f"{study.hash}. Reload the code location and start again."
        )
