"""Progress of a run in the terminal, from the events that Dagster records.

In scope: following a run's events, one line per asset, failed checks, errors with their own messages. Out of scope:
executing (run). Reading the event log works with every executor: steps may run in this process or in others.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from hnbc_assets.commands import full_disk
from hnbc_assets.commands.printing import say
from hnbc_assets.defs.keeping import UNCHANGED
from hnbc_assets.errors import HnbcError

if TYPE_CHECKING:
    from dagster import DagsterInstance

STOPPED = "stopped"
PAUSE_SECONDS = 0.25
PATIENCE_SECONDS = 1.0  # a step that finishes sooner has no line for its start


@dataclass(frozen=True)
class Failure:
    """A step that failed: its assets, its error message, its exit status."""

    name: str
    message: str
    exit_status: int


@dataclass(frozen=True)
class FailedCheck:
    """A check that did not pass."""

    asset: str
    name: str
    blocking: bool
    description: str


@dataclass
class RunOutcome:
    """The outcome of a run so far."""

    run_id: str | None = None
    planned: dict[str, list[str]] = field(default_factory=dict)  # step -> assets
    rows: dict[str, int | None] = field(default_factory=dict)  # asset made -> its rows, if it has any
    kept: set[str] = field(default_factory=set)  # assets whose inputs turned out unchanged
    found: dict[str, str] = field(default_factory=dict)  # asset -> the result of its latest passed check
    done: set[str] = field(default_factory=set)
    started: dict[str, float] = field(default_factory=dict)  # step -> time
    announced: set[str] = field(default_factory=set)
    failures: list[Failure] = field(default_factory=list)
    failed_checks: list[FailedCheck] = field(default_factory=list)
    run_error: str | None = None

    @property
    def unsuccessful(self) -> set[str]:
        """Assets whose step began and did not make them."""
        tried = {asset for step, assets in self.planned.items() if step in self.started for asset in assets}
        return tried - set(self.rows) - self.kept

    @property
    def complete(self) -> bool:
        """Whether everything that was planned has been made."""
        return not (self.failures or self.run_error or self.not_tried)

    @property
    def not_tried(self) -> list[str]:
        """Assets whose step never began."""
        return [asset for step, assets in self.planned.items() if step not in self.started for asset in assets]


def joined(outcomes: Sequence[RunOutcome]) -> RunOutcome:
    """The outcome of several runs of one command, as one: what a later run made is no longer left."""
    together = RunOutcome(run_id=outcomes[0].run_id)
    for outcome in outcomes:
        together.planned |= outcome.planned
        together.rows |= outcome.rows
        together.kept |= outcome.kept
        together.found |= outcome.found
        together.done |= outcome.done
        together.started |= outcome.started
        together.announced |= outcome.announced
        together.failures += outcome.failures
        together.failed_checks += outcome.failed_checks
        together.run_error = together.run_error or outcome.run_error
    return together


class Progress:
    """Follows the run with this id in a thread of its own while entered; the run may begin later."""

    def __init__(self, instance: DagsterInstance, run_id: str, logs: Path, interruption: Any = None) -> None:
        self.outcome = RunOutcome()
        self._instance, self._run_id, self._logs = instance, run_id, logs
        self._interruption = interruption
        self._stopping_shown = False
        self._cursor: str | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self._read()

    def _follow(self) -> None:
        while not self._over.wait(PAUSE_SECONDS):
            try:
                self._read()
            except Exception:  # the event log cannot be read: exiting reads it once more, and raises the reason
                return
            self._announce()
            if self._interruption is not None and self._interruption.received and not self._stopping_shown:
                self._stopping_shown = True
                say("  stopping …")

    def _read(self) -> None:
        if self.outcome.run_id is None:
            self.outcome.run_id = self._run_id if self._instance.has_run(self._run_id) else None
        if self.outcome.run_id is None:
            return
        while True:
            page = self._instance.get_records_for_run(self.outcome.run_id, cursor=self._cursor, limit=500)
            for record in page.records:
                entry = record.event_log_entry
                if entry.dagster_event is not None:
                    self._handle(entry.dagster_event, entry.timestamp)
            self._cursor = page.cursor
            if not page.has_more:
                return

    def _handle(self, event: Any, at: float) -> None:
        outcome, step, data = self.outcome, event.step_key, event.event_specific_data
        match event.event_type_value:
            case "ASSET_MATERIALIZATION_PLANNED":
                outcome.planned.setdefault(step, []).append(event.asset_key.to_user_string())
            case "STEP_START":
                outcome.started[step] = at
            case "ASSET_MATERIALIZATION":
                metadata, asset = data.materialization.metadata, event.asset_key.to_user_string()
                if UNCHANGED in metadata:
                    outcome.kept.add(asset)
                else:
                    rows = metadata.get("dagster/row_count")
                    outcome.rows[asset] = rows.value if rows else None
            case "ASSET_CHECK_EVALUATION":
                self._handle_check(data)
            case "STEP_SUCCESS":
                self._succeeded(step, at)
            case "STEP_FAILURE":
                self._failed(step, data.error, at)
            case "PIPELINE_FAILURE" if data is not None and data.error is not None and not outcome.failures:
                outcome.run_error = self._explain("run", data.error)[0]

    def _handle_check(self, evaluation: Any) -> None:
        if evaluation.passed:
            self.outcome.found[evaluation.asset_key.to_user_string()] = evaluation.description or ""
            return
        check = FailedCheck(
            asset=evaluation.asset_key.to_user_string(),
            name=evaluation.check_name,
            blocking=bool(evaluation.blocking) and evaluation.severity.value == "ERROR",
            description=_found(evaluation),
        )
        self.outcome.failed_checks.append(check)
        word = "blocking check failed" if check.blocking else "check failed"
        say(f"  {'✗' if check.blocking else '!'} {check.asset}: {word}: {check.name}: {check.description}")

    def _announce(self) -> None:
        now = datetime.now().timestamp()
        for step, since in list(self.outcome.started.items()):
            late = now - since > PATIENCE_SECONDS
            if late and step in self.outcome.planned and step not in self.outcome.done | self.outcome.announced:
                self.outcome.announced.add(step)
                say(f"  ▸ {self._name(step)} …")

    def _succeeded(self, step: str, at: float) -> None:
        outcome = self.outcome
        outcome.done.add(step)
        assets = outcome.planned.get(step, [])  # none for a check's own step: it is printed only if it fails
        if assets and outcome.kept.issuperset(assets):
            say(f"  = {self._name(step):<44}{'unchanged':>16}")
            return
        seconds = at - outcome.started.get(step, at)
        for number, asset in enumerate(assets):
            rows = outcome.rows.get(asset, outcome.found.get(asset) or "not made")  # an observed source is not made
            rows = "" if rows is None else rows if isinstance(rows, str) else f"{rows:,} rows"
            end = f"  {seconds:6.1f} s  {self._place()}" if number == 0 else ""
            say(f"  {'✓' if number == 0 else ' '} {asset:<44}{rows:>16}{end}".rstrip())

    def _failed(self, step: str, error: Any, at: float) -> None:
        outcome = self.outcome
        outcome.done.add(step)
        name = self._name(step)
        stopping = [c for c in outcome.failed_checks if c.blocking and c.asset in outcome.planned.get(step, [])]
        message, status = self._explain(name, error)
        outcome.failures.append(Failure(name, message, status))
        seconds = at - outcome.started.get(step, at)
        # A check that stopped the step has already given its reason.
        repeated = any("AssetCheck" in message or message in c.description for c in stopping)
        reported = f"stopped by {', '.join(c.name for c in stopping)}" if repeated else message
        if reported == full_disk.sentence():
            reported = full_disk.once()
        if reported == STOPPED:
            say(f"  ✗ {name} stopped after {seconds:.1f} s")
        else:
            say("\n      ".join([f"  ✗ {name} failed after {seconds:.1f} s", *reported.splitlines()]))

    def _name(self, step: str) -> str:
        assets = self.outcome.planned.get(step, [])
        if len(assets) > 2:
            return f"{assets[0]} and {len(assets) - 1} more"
        return ", ".join(assets) or step

    def _place(self) -> str:
        """How many of the planned assets are finished."""
        done = sum(len(assets) for step, assets in self.outcome.planned.items() if step in self.outcome.done)
        return f"[{done}/{sum(map(len, self.outcome.planned.values()))}]"

    def _explain(self, name: str, error: Any) -> tuple[str, int]:
        """The error's own message and the exit status of its type; the full error is written to the log."""
        if error is None:
            return "no reason was given", 1
        log = self._logs / f"{self.outcome.run_id}.log"
        with suppress(OSError), log.open("a", encoding="utf-8") as file:  # the disk may be full
            file.write(f"{name}\n{error.to_string()}\n\n")
        cause = error
        while cause is not None:
            kind, message = _own_type(cause)
            if kind is not None:
                return message, kind.exit_status
            cause = cause.cause
        innermost = error
        while innermost.cause is not None:
            innermost = innermost.cause
        if "Interrupt" in (innermost.cls_name or ""):
            return STOPPED, 1
        if any(part in innermost.message for part in full_disk.TEXTS):
            return full_disk.sentence(), 1
        return f"{innermost.message.strip()}\nUnexpected error; traceback in {log}", 1


def _found(evaluation: Any) -> str:
    """The description of a check's result, with what it found and what it allows if recorded."""
    parts = [evaluation.description] if evaluation.description else []
    for name, word in (("value", "found"), ("threshold", "allowed")):
        given = evaluation.metadata.get(name)
        if given is not None and str(given.value) not in (evaluation.description or ""):
            parts.append(f"{word}: {given.value}")
    return "; ".join(parts)


def _own_type(error: Any) -> tuple[type[HnbcError] | None, str]:
    """The exception type of this package of a recorded error, and its message without the type's name."""
    from pydoc import ErrorDuringImport, locate

    name, _, message = error.message.partition(": ")
    if not name.startswith("hnbc_assets"):
        return None, ""
    try:
        kind = locate(name)
    except ErrorDuringImport:
        return None, ""
    if isinstance(kind, type) and issubclass(kind, HnbcError):
        return kind, message.strip()
    return None, ""
