"""Alerts: a message about a failed run to the people whom the study names.

In scope: what failed and why, read from a run's events; the sensor that watches for failed runs; the message.
Out of scope: how a message travels (alert_ways.py), what a terminal shows (commands).
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pydoc import ErrorDuringImport, locate
from typing import Any

import dagster as dg

from hnbc_assets.defs.operation.alert_ways import NotSent, mail, post
from hnbc_assets.errors import HnbcError
from hnbc_assets.study import Place, Study
from hnbc_assets.study_operation import Alerts

SENSOR = "failure_alert"
WORKER_TAG = "hnbc/worker"  # on runs in a terminal: the host and process that execute the run
MOST_SECONDS_BETWEEN = 30
MOST_ENTRIES, MOST_LETTERS = 10, 1_000
SAID = {3: "could not be fetched", 4: "is held for a person"}  # by exit status; anything else failed
TELLING = {
    dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.RUN_FAILURE,
}


class AlertFailed(HnbcError):
    """An alert could not be sent. Names each way that did not work, and never a secret."""


@dataclass(frozen=True)
class Entry:
    """A step that failed: its name (its assets, where it makes any), the reason, the exit status of its kind."""

    name: str
    assets: tuple[str, ...]
    reason: str
    exit_status: int

    @property
    def line(self) -> str:
        """One sentence, cut where nobody reads on."""
        reason = self.reason if len(self.reason) <= MOST_LETTERS else self.reason[:MOST_LETTERS] + " …"
        return f"{self.name} {SAID.get(self.exit_status, 'failed')}: {reason}"


@dataclass(frozen=True)
class Failure:
    """A failed run, in the words of its alert."""

    run_id: str
    job: str
    entries: tuple[Entry, ...]
    simulated: bool
    study: str
    lake: str

    @property
    def assets(self) -> tuple[str, ...]:
        """Every asset that was not made because its own step failed."""
        return tuple(dict.fromkeys(asset for entry in self.entries for asset in entry.assets))

    @property
    def reason(self) -> str:
        """The reason alone where there is one, else a line each."""
        return self.entries[0].reason if len(self.entries) == 1 else "\n".join(self._lines())

    @property
    def subject(self) -> str:
        """One line: what failed, of which study."""
        first, others = self.entries[0], len(self.entries) - 1
        more = f" and {others} more" if others else ""
        what = f"{first.name}{more} {'failed' if others else SAID.get(first.exit_status, 'failed')}"
        return " ".join(f"{'SIMULATED · ' if self.simulated else ''}{what} · {self.study}".split())

    @property
    def text(self) -> str:
        """The whole message."""
        simulated = ["SIMULATED"] if self.simulated else []
        return "\n".join(
            [*simulated, *self._lines(), self.study, f"run {self.run_id} of {self.job} · lake {self.lake}"]
        )

    def _lines(self) -> list[str]:
        lines, left = [entry.line for entry in self.entries[:MOST_ENTRIES]], len(self.entries) - MOST_ENTRIES
        return [*lines, f"… and {left} more steps failed."] if left > 0 else lines


def notify(alerts: Alerts, failure: Failure) -> None:
    """Tell of a failure by every way that the study names, at the same time; at most about 10 s each.

    Raises
    ------
    AlertFailed
        If any of them did not work; the others were used nevertheless.
    """
    ways = []
    if alerts.webhook is not None:
        content = {
            "text": failure.text,
            "asset": failure.assets[0] if failure.assets else None,
            "assets": list(failure.assets),
            "reason": failure.reason,
            "run_id": failure.run_id,
            "job": failure.job,
            "study": failure.study,
            "simulated": failure.simulated,
            "lake": failure.lake,
        }
        ways.append((post, alerts.webhook, content))
    if alerts.email is not None:
        ways.append((mail, alerts.email, failure.subject, failure.text))
    if not ways:
        return
    with ThreadPoolExecutor(len(ways)) as pool:
        errors = [sent.exception() for sent in [pool.submit(*way) for way in ways]]
    unforeseen = next((error for error in errors if error is not None and not isinstance(error, NotSent)), None)
    if unforeseen is not None:
        raise unforeseen
    broken = [str(error) for error in errors if error is not None]
    if broken:
        others = " It was sent the other way." if len(broken) < len(ways) else " Nobody was alerted."
        raise AlertFailed(
            f"The alert for run {failure.run_id} could not be sent. {' '.join(broken)}{others} Set `alerts` of the "
            f"study file right. What failed: {failure.entries[0].line}"
        )


def sensors(study: Study, place: Place) -> list[dg.SensorDefinition]:
    """The sensor that alerts on failed runs, if the study names recipients.

    It is for runs that were started in the UI, by schedules and by automation. A run in a terminal shows its failure
    there, or reports it by `failure_of` and `notify`: the sensor skips such runs, so that nothing is reported twice.
    """
    if study.alerts.webhook is None and study.alerts.email is None:
        return []
    last_trouble: list[Any] = [None, None]  # the tick, known by its logger, and what went wrong in it

    @dg.run_failure_sensor(
        name=SENSOR,
        description="Alerts on every failed run: which asset, why, which run. Recipients: `alerts` in the study file.",
        minimum_interval_seconds=min(MOST_SECONDS_BETWEEN, study.refresh.tick_seconds),
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def failure_alert(context: dg.RunFailureSensorContext) -> None:
        if WORKER_TAG in context.dagster_run.tags:
            return
        failure = failure_of(context.instance, context.dagster_run.run_id, study, place)
        if failure is None:
            return
        try:
            notify(study.alerts, failure)
        except AlertFailed as error:
            last_trouble[:] = context.log, error
            raise
        if last_trouble[0] is context.log:  # of a tick's several runs Dagster shows how the last one went
            raise AlertFailed(f"The alert for this failure was sent, but not an earlier one. {last_trouble[1]}")

    return [failure_alert]


def failure_of(instance: dg.DagsterInstance, run_id: str, study: Study, place: Place) -> Failure | None:
    """What failed in a run and why; None if the run did not fail, or is not known."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.status != dg.DagsterRunStatus.FAILURE:
        return None
    # An observed asset is not among the planned ones: its step is known by its name.
    named = {key.to_python_identifier(): key.to_user_string() for key in run.asset_selection or ()}
    planned: dict[str, list[str]] = {}
    failed: dict[str, Any] = {}
    checks: dict[str, list[Any]] = {}
    ending = None
    for event in _events(instance, run_id):
        step, data = event.step_key, event.event_specific_data
        match event.event_type:
            case dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
                planned.setdefault(step, []).append(event.asset_key.to_user_string())
            case dg.DagsterEventType.ASSET_CHECK_EVALUATION if not data.passed and data.blocking:
                if data.severity == dg.AssetCheckSeverity.ERROR:
                    checks.setdefault(step, []).append(data)
            case dg.DagsterEventType.STEP_FAILURE:
                failed[step] = data.error
            case dg.DagsterEventType.RUN_FAILURE:
                ending = event
    entries = []
    for step, error in failed.items():
        assets = tuple(planned.get(step) or [named[step]] if step in planned or step in named else ())
        entries += _entries(step, assets, error, checks.get(step, []))
    if not entries:
        entries = [_entry_of_run(run.job_name, ending)]
    return Failure(run_id, run.job_name, tuple(entries), place.simulated, study.title, str(place.data_lake))


def _events(instance: dg.DagsterInstance, run_id: str) -> Iterator[Any]:
    """The run's events that tell of its failure, in their order."""
    cursor, more = None, True
    while more:
        page = instance.get_records_for_run(run_id, cursor=cursor, of_type=TELLING, limit=500)
        for record in page.records:
            if record.event_log_entry.dagster_event is not None:
                yield record.event_log_entry.dagster_event
        cursor, more = page.cursor, page.has_more


def _entries(step: str, assets: tuple[str, ...], error: Any, checks: list[Any]) -> list[Entry]:
    """One entry for the step; where nothing but its blocking checks stopped it, one for each of those."""
    reason, status, own = explain(error)
    if checks and not own:
        return [
            Entry(name, (name,), f"blocking check {check.check_name}: {_found(check)}", 1)
            for check in checks
            for name in [check.asset_key.to_user_string()]
        ]
    name = f"{assets[0]} and {len(assets) - 1} more" if len(assets) > 2 else ", ".join(assets) or step
    return [Entry(name, assets, reason, status)]


def _entry_of_run(job: str, ending: Any) -> Entry:
    """For a run that failed outside all its steps: its process died, or it could not start."""
    if ending is None:
        return Entry(f"the run of {job}", (), "no reason was given; the run's log in the UI may tell.", 1)
    error = getattr(ending.event_specific_data, "error", None)
    if error is None:
        return Entry(f"the run of {job}", (), ending.message or "no reason was given.", 1)
    reason, status, _ = explain(error)
    return Entry(f"the run of {job}", (), reason, status)


def _found(check: Any) -> str:
    """What a check says, with what it found and what it allows where it tells them."""
    found = [check.description] if check.description else []
    for key, word in (("value", "found"), ("threshold", "allowed")):
        if key in check.metadata:
            found.append(f"{word}: {check.metadata[key].value}")
    return "; ".join(found) or "it did not pass"


def explain(error: Any) -> tuple[str, int, bool]:
    """A recorded error in its own words, its exit status, and whether this package raised it on purpose.

    `error` is what Dagster keeps of an exception and its causes (`message`, `cls_name`, `cause`), or None. Dagster's
    wrapping is left out, and the type's name where the error is one of ours.
    """
    if error is None:
        return "no reason was given.", 1, False
    innermost = error
    while innermost is not None:
        kind, message = _own(innermost)
        if kind is not None:
            return message, kind.exit_status, True
        error, innermost = innermost, innermost.cause
    if "Interrupt" in (error.cls_name or ""):
        return "the run was stopped.", 1, False
    return error.message.strip(), 1, False


def _own(error: Any) -> tuple[type[HnbcError] | None, str]:
    """The type of this package that a recorded error is of, and its message without the type's name."""
    name, _, message = error.message.partition(": ")
    if not name.startswith("hnbc_assets."):
        return None, ""
    try:
        kind = locate(name)
    except ErrorDuringImport:
        return None, ""
    return (kind, message.strip()) if isinstance(kind, type) and issubclass(kind, HnbcError) else (None, "")
