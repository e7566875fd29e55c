"""One tick of the daemon's automation over the whole graph with ten cohorts: our condition and Dagster's eager().

In scope: the study of ten cohorts, its lake and instance, a tick through the sensor. Out of scope: measuring
(harness.py).

Nothing is stale, as in nearly every tick. Each asset has a small parquet file with the footer that a run writes, and a
materialisation in Dagster's own storage (SQLite, as in `hnbc ui`). Eager compares events, ours the lake's files: both
request nothing here, but only ours would request the assets of a killed run again.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.harness import Benchmark, Inputs, Outputs, Peer, main, measure, report

if TYPE_CHECKING:
    from hnbc_assets.lake.paths import Lake
    from hnbc_assets.lake.plan import Node

GOAL_SECONDS = 1.0
SENSOR = "refresh"


@dataclass(frozen=True)
class Tick(Benchmark):
    """A benchmark with a goal in seconds: ours must be fast by itself, whatever the peer takes."""

    def table(self) -> str:
        """Measure it; the result as markdown."""
        measured = measure(self)
        ours = measured[0]
        verdict = "not measured" if ours.failure else "reached" if ours.seconds < GOAL_SECONDS else "MISSED"
        return f"{report(self, measured)}\ngoal: under {GOAL_SECONDS:g} s per tick: {verdict}\n"


def ours(inputs: Inputs) -> Callable[[], Outputs]:
    tick = _ticking(inputs, eager=False)
    tick()
    time.sleep(1.1)  # the result of one tick is kept for a second, for its assets
    return tick


def ours_first(inputs: Inputs) -> Callable[[], Outputs]:
    return _ticking(inputs, eager=False)


def eager(inputs: Inputs) -> Callable[[], Outputs]:
    tick = _ticking(inputs, eager=True)
    tick()
    return tick


def _ticking(inputs: Inputs, *, eager: bool) -> Callable[[], Outputs]:
    """A filled lake and instance; the callable is one tick of the sensor, which continues from the previous one."""
    import dagster as dg

    from hnbc_assets.defs import build_definitions
    from hnbc_assets.defs.graph import nodes
    from hnbc_assets.lake.paths import Lake
    from hnbc_assets.study import Place, load_study

    folder = Path(tempfile.mkdtemp(prefix="bench-automation-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _write_study(folder / "study.yaml", int(inputs["n_cohorts"]))
    place = Place("simulated", folder / "lake", folder / "study.yaml")
    definitions = build_definitions(load_study(place.study_file), place)
    graph, lake = nodes(definitions.assets or []), Lake(place.data_lake)
    _fill(lake, graph)
    (folder / "dagster").mkdir()
    instance = dg.DagsterInstance.local_temp(str(folder / "dagster"))
    for asset in graph:
        made = dg.AssetMaterialization(asset.split("/"), tags={"dagster/data_version": "1"})
        instance.report_runless_asset_event(made)
    if eager:
        definitions = _with_eager(definitions)
    repository = definitions.get_repository_def()
    sensor, cursor = repository.get_sensor_def(SENSOR), None

    def tick() -> Outputs:
        nonlocal cursor
        context = dg.build_sensor_context(instance=instance, repository_def=repository, cursor=cursor)
        found = sensor.evaluate_tick(context)
        cursor = found.cursor
        return {"requested_runs": np.array([len(found.run_requests or [])])}

    return tick


def _with_eager(definitions: Any) -> Any:
    """The same graph under Dagster's own condition."""
    import dagster as dg

    condition = dg.AutomationCondition.eager()
    made = [asset for asset in definitions.assets or [] if asset.is_materializable]
    others = [asset for asset in definitions.assets or [] if not asset.is_materializable]
    given = dg.map_asset_specs(lambda spec: spec.replace_attributes(automation_condition=condition), made)
    sensor = dg.AutomationConditionSensorDefinition(SENSOR, target=dg.AssetSelection.all(), use_user_code_server=True)
    return dg.Definitions(assets=[*others, *given], resources=definitions.resources, sensors=[sensor])


def _write_study(path: Path, n_cohorts: int) -> None:
    """The packaged study with further validation cohorts, each from its own series."""
    import yaml

    from hnbc_assets.study import PACKAGED

    settings = yaml.safe_load(PACKAGED.read_text())
    model = settings["cohorts"]["gse25065"]
    for number in range(n_cohorts - len(settings["cohorts"])):
        source = model["source"] | {"series": f"GSE{91000 + number}", "subset": {}}
        settings["cohorts"][f"gse{91000 + number}"] = model | {"source": source}
    path.write_text(yaml.safe_dump(settings, sort_keys=False))


def _fill(lake: Lake, graph: dict[str, Node]) -> None:
    """Every asset made from the current others by the current code; every upstream looked at."""
    from datetime import UTC, datetime

    import pandas as pd

    from hnbc_assets.lake import observations, parquet, publications
    from hnbc_assets.lake.parquet import Provenance

    now, frame = datetime.now(UTC), pd.DataFrame({"value": [1.0]})
    for node in graph.values():
        inputs = dict.fromkeys(node.inputs, "1")
        if node.publishes:
            publications.remember(lake, "1", node.code_version, inputs, now)
            lake.database.write_bytes(b"")
            continue
        observed = {"a_look": "1"} if node.fetches else {}
        made = Provenance(node.asset, "1", node.code_version, inputs=inputs, observed=observed)
        parquet.write(lake.table(node.asset), frame, made)
        if node.fetches:
            observations.record_release(lake, node.fetches, "1", now.isoformat())


def benchmarks(size: str) -> list[Benchmark]:
    """A tick in which nothing is stale; small: the packaged study's four cohorts."""
    n_cohorts = 10 if size == "full" else 4
    peers = [
        Peer("ours", ours, repeats=1),
        Peer("ours, the first tick of a process", ours_first, repeats=1),
        Peer("AutomationCondition.eager()", eager, repeats=1),
    ]
    return [Tick("a tick of the automation", {"n_cohorts": n_cohorts}, peers, f"{n_cohorts} cohorts")]


if __name__ == "__main__":
    main(benchmarks)
