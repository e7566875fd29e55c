"""Automation: what the daemon does by itself, without being asked.

In scope: the daily look, the sensor that requests runs of stale assets, freshness policies. Out of scope: what is stale
(lake/plan.py), looking (looks.py), alerts on failures (alerts.py).

The sensor is level-triggered: it compares the lake with what it was made from. A condition such as Dagster's
`data_version_changed().since_last_handled()` counts a request as handled, so that a run killed half-way would leave its
assets stale until the next change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import dagster as dg

from hnbc_assets.defs.attempting import STUDY_TAG
from hnbc_assets.defs.graph import nodes
from hnbc_assets.errors import StudyError
from hnbc_assets.lake.atomic import is_locked
from hnbc_assets.lake.io_manager import asset_name
from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.plan import Node, Plan, examine
from hnbc_assets.study import Place, Study, load_study
from hnbc_assets.study_operation import Freshness

SENSOR, SCHEDULE = "refresh", "daily_look"
REASONS = "hnbc/reasons"
MOST_REASONS = 20
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass
class Automation:
    """What the daemon makes of a study in a place. `making` are the jobs that make every asset of it."""

    study: Study
    place: Place
    nodes: Mapping[str, Node]
    making: Collection[str] = ()
    _edited: bool = False
    _checked: tuple[int, int] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._checked = self._stamp()

    def evaluate(self, instance: dg.DagsterInstance) -> dg.RunRequest | dg.SkipReason:
        """A request for stale assets that are not backing off and all that depends on them, or why there is none.

        One run at a time: what it makes is complete before the next is asked for, and the database is never published
        between two of them.
        Before the first publication, which a person must start, only those that wait for an optional stage that failed.
        None while a command in a terminal makes assets, or while the study file is not the study of these definitions,
        which must then be reloaded.
        """
        lake = Lake(self.place.data_lake)
        if is_locked(lake.refresh_lock):
            return dg.SkipReason("A command in a terminal is making assets.")
        if self._study_edited():
            return dg.SkipReason("The study file is not the study of these definitions: press Reload definitions.")
        # The order matters. An asset that no run is making, and is found stale after that, is not being made by anyone.
        # In the other order, one that a run finishes in between counts as stale and not in progress.
        busy = self._being_made(instance)
        plan = examine(lake, self.nodes)
        resting = {asset: why for asset in plan.reasons if (why := plan.resting(asset, self.study.refresh.retry_hours))}
        wanted = set(plan.reachable(settled_raw(plan, set(resting)), set(resting)))
        if not lake.database.exists():
            # A first publication was started, and only an optional stage prevented it: make what waited for that stage.
            given_up = plan.given_up(set(resting))
            wanted = {asset for asset in wanted if plan.ancestors(asset) & given_up}
        if not wanted:
            return dg.SkipReason(_why_not(lake, plan, resting))
        if busy:
            return dg.SkipReason(f"Runs in progress are making {len(busy)} assets; {len(wanted)} wait for them.")
        reasons = [f"{asset}: {plan.reasons[asset]}" for asset in sorted(wanted & plan.reasons.keys())]
        more = [f"and {len(reasons) - MOST_REASONS} more"] if len(reasons) > MOST_REASONS else []
        return dg.RunRequest(
            asset_selection=[dg.AssetKey(asset.split("/")) for asset in sorted(wanted)],
            tags={STUDY_TAG: self.study.hash, REASONS: "; ".join([*reasons[:MOST_REASONS], *more])},
        )

    def _being_made(self, instance: dg.DagsterInstance) -> set[str]:
        """The assets of runs that have not ended, whether they have begun with them or not."""
        assets: set[str] = set()
        for run in instance.get_runs(filters=dg.RunsFilter(statuses=UNFINISHED)):
            if run.asset_selection is not None:
                assets |= {asset_name(key) for key in run.asset_selection} & self.nodes.keys()
            elif run.job_name in self.making:
                assets |= self.nodes.keys()
        return assets

    def _study_edited(self) -> bool:
        """Whether a step would see another study than these definitions were made of."""
        stamp = self._stamp()
        if stamp != self._checked:
            try:
                self._edited = load_study(self.place.study_file).hash != self.study.hash
            except StudyError:
                self._edited = True
            self._checked = stamp
        return self._edited

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self.place.study_file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino


def _why_not(lake: Lake, plan: Plan, resting: Mapping[str, str]) -> str:
    """Why nothing is requested."""
    if not plan.reasons:
        return "Everything is current."
    if not lake.database.exists():
        return "Nothing is published yet: start the first run (hnbc run, or the job `study`)."
    if resting:
        asset, why = next(iter(sorted(resting.items())))
        return f"{len(resting)} failed assets are not tried again yet, such as {asset}: {why}"
    return f"{len(plan.reasons)} stale assets wait for others."


def settled_raw(plan: Plan, stopped: set[str]) -> set[str]:
    """The raw assets among those that could not be made: their stored release is complete, and others may read it."""
    return {asset for asset in stopped if plan.nodes[asset].fetches and asset in plan.made}


def with_freshness(assets: Sequence[dg.AssetsDefinition], study: Study) -> list[dg.AssetsDefinition]:
    """The assets with their stage's freshness policy."""

    def policy(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(freshness_policy=freshness(study.freshness, spec.group_name or ""))

    return list(dg.map_asset_specs(policy, assets))


def freshness(settings: Freshness, stage: str) -> dg.FreshnessPolicy:
    """Overdue when nothing has made the asset for the stage's days; a warning from four fifths of them on."""
    days = timedelta(days=settings.days(stage))
    return dg.FreshnessPolicy.time_window(fail_window=days, warn_window=days * 0.8)


def sensor(
    study: Study, place: Place, assets: Sequence[dg.AssetsDefinition], job: Any, whole: Any
) -> dg.SensorDefinition:
    """The sensor that requests runs of `job` for stale assets, every few seconds; `whole` is the job that makes all."""
    automation = Automation(study, place, nodes(assets), making=(job.name, whole.name))

    @dg.sensor(
        name=SENSOR,
        job=job,
        minimum_interval_seconds=study.refresh.tick_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if study.refresh.automatic else dg.DefaultSensorStatus.STOPPED,
        description="Makes stale assets and what depends on them in one run, and publishes the database.",
    )
    def refresh(context: dg.SensorEvaluationContext):  # noqa: ANN202 (Dagster reads the annotation of a return)
        return automation.evaluate(context.instance)

    return refresh


def schedule(study: Study, look: Any) -> dg.ScheduleDefinition:
    """The daily look at the upstreams."""
    return dg.ScheduleDefinition(
        name=SCHEDULE,
        job=look,
        cron_schedule=study.refresh.schedule,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Looks at every upstream's release; a new release makes its raw asset stale.",
    )
