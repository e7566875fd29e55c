"""Automation: what the daemon does by itself, without being asked.

In scope: the daily look, the condition under which an asset is made again, freshness policies. Out of scope: what is
stale (lake/plan.py), looking (looks.py), alerts on failures (alerts.py).

The condition is level-triggered: it compares what is in the lake with what it was made from. Dagster's own
`data_version_changed().since_last_handled()` counts a request as handled, so that a run killed half-way would leave its
assets stale until the next change.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import dagster as dg

from hnbc_assets.defs.attempting import STUDY_TAG
from hnbc_assets.defs.graph import nodes
from hnbc_assets.errors import StudyError
from hnbc_assets.lake.atomic import is_locked
from hnbc_assets.lake.attempts import latest
from hnbc_assets.lake.io_manager import asset_name
from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.plan import Node, Plan, examine, still_stale
from hnbc_assets.study import Place, Study, load_study
from hnbc_assets.study_operation import Freshness

SENSOR, SCHEDULE = "refresh", "daily_look"
SECONDS_OF_AN_EVALUATION = 1.0


@dataclass
class Due:
    """What can be made now, evaluated once for all assets of a tick."""

    study: Study
    place: Place
    nodes: Mapping[str, Node] = field(default_factory=dict)
    _found: frozenset[str] = frozenset()
    _at: float = float("-inf")
    _edited: bool = False
    _checked: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        self._checked = self._stamp()

    def assets(self) -> frozenset[str]:
        """Stale assets whose ancestors are current and that are not backing off.

        Before the first publication, which a person must ask for, only those that wait for an optional stage that
        failed. None while a command in a terminal makes assets, or while the study file is not the study of these
        definitions, which must then be reloaded.
        """
        now = time.monotonic()
        if now - self._at > SECONDS_OF_AN_EVALUATION:
            self._found, self._at = self._evaluate(), time.monotonic()
        return self._found

    def being_made(self, asset: str, instance: dg.DagsterInstance) -> bool:
        """Whether a run that has not ended is making the step of this asset, or storing what it made.

        Tables of a step are stored one by one. Dagster takes an asset for finished when its own table is stored.
        """
        lake, step = Lake(self.place.data_lake), self.nodes[asset].step
        begun = [latest(lake, node.asset) for node in self.nodes.values() if node.step == step]
        runs = {attempt.run_id for attempt in begun if attempt is not None and not attempt.reason}
        return any((run := instance.get_run_by_id(name)) is not None and not run.is_finished for name in runs)

    def still(self, asset: str) -> bool:
        """Whether an asset that was found due is still stale."""
        return still_stale(Lake(self.place.data_lake), self.nodes, asset)

    def _evaluate(self) -> frozenset[str]:
        lake = Lake(self.place.data_lake)
        if is_locked(lake.refresh_lock) or self._study_edited():
            return frozenset()
        plan = examine(lake, self.nodes)
        resting = {asset for asset in plan.reasons if plan.resting(asset, self.study.refresh.retry_hours)}
        ready = frozenset(set(plan.ready(settled_raw(plan, resting), resting)) - resting)
        if lake.database.exists():
            return ready
        # A first publication was asked for, and only an optional stage prevented it: make what waited for that stage.
        given_up = plan.given_up(resting)
        return frozenset(asset for asset in ready if plan.ancestors(asset) & given_up)

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


def settled_raw(plan: Plan, stopped: set[str]) -> set[str]:
    """The raw assets among those that could not be made: their stored release is complete, and others may read it."""
    return {asset for asset in stopped if plan.nodes[asset].upstream and asset in plan.made}


class Stale(dg.AutomationCondition):
    """True for an asset that no longer is what would be made of what is in the lake now."""

    def __init__(self, due: Due) -> None:
        self._due = due

    @property
    def name(self) -> str:
        """As the UI shows it."""
        return "stale, with current ancestors"

    def evaluate(self, context: Any) -> dg.AutomationResult:
        """The asset, if it can be made now."""
        asset = asset_name(context.key)
        # Order matters here too: a step that is being made by no one, and is then found stale, is not being stored.
        due = (
            asset in self._due.assets()
            and not self._due.being_made(asset, context.asset_graph_view.instance)
            and self._due.still(asset)
        )
        return dg.AutomationResult(context, context.candidate_subset if due else context.get_empty_subset())


def automated(assets: Sequence[dg.AssetsDefinition], study: Study, place: Place) -> list[dg.AssetsDefinition]:
    """The assets with their condition and their stage's freshness policy."""
    due = Due(study, place)
    # The order matters. An asset that is not in progress, and is found stale after that, is not being made by anyone.
    # In the other order, an asset made by a run that ends in between counts as stale and not in progress.
    condition = ~dg.AutomationCondition.in_progress() & Stale(due)

    def with_policies(spec: dg.AssetSpec) -> dg.AssetSpec:
        policy = freshness(study.freshness, spec.group_name or "")
        return spec.replace_attributes(automation_condition=condition, freshness_policy=policy)

    found = list(dg.map_asset_specs(with_policies, assets))
    due.nodes = nodes(found)
    return found


def freshness(settings: Freshness, stage: str) -> dg.FreshnessPolicy:
    """Overdue when nothing has made the asset for the stage's days; a warning from four fifths of them on."""
    days = timedelta(days=settings.days(stage))
    return dg.FreshnessPolicy.time_window(fail_window=days, warn_window=days * 0.8)


def sensor(study: Study) -> dg.SensorDefinition:
    """The sensor that evaluates the conditions every few seconds."""
    with warnings.catch_warnings(action="ignore", category=dg.BetaWarning):  # conditions of our own are evaluated so
        return dg.AutomationConditionSensorDefinition(
            SENSOR,
            target=dg.AssetSelection.all(),
            use_user_code_server=True,
            minimum_interval_seconds=study.refresh.tick_seconds,
            run_tags={STUDY_TAG: study.hash},
            default_status=dg.DefaultSensorStatus.RUNNING
            if study.refresh.automatic
            else dg.DefaultSensorStatus.STOPPED,
            description="Makes stale assets, level by level, and publishes the database when all are current.",
        )


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
