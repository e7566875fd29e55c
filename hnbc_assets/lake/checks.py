"""What each asset's checks last found, stored next to its table.

In scope: recording outcomes, reading them back as the table `check_results`. Out of scope: what is checked (defs,
tables), whether an outcome blocks a publication (snapshot).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from hnbc_assets.lake.atomic import locked
from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.records import Records

REMEDY = "Delete it and materialise its asset again: hnbc run --select …"
OUTCOME_COLUMNS = [
    "asset",
    "check_name",
    "passed",
    "severity",
    "value",
    "threshold",
    "description",
    "evaluated_at",
    "blocking",
    "data_version",
]


@dataclass(frozen=True)
class CheckOutcome:
    """What one check found on one data version of an asset. `severity` is ERROR or WARN; `evaluated_at` ISO, UTC.

    `value` is what was found and `threshold` what it was compared with, as text (numbers are written out).
    """

    asset: str
    check_name: str
    passed: bool
    severity: str = "ERROR"
    blocking: bool = False
    value: float | int | str | None = None
    threshold: float | int | str | None = None
    description: str = ""
    data_version: str = ""
    evaluated_at: str = ""

    def __post_init__(self) -> None:
        if self.severity not in ("ERROR", "WARN"):
            raise ValueError(f"severity is ERROR or WARN, not {self.severity!r}")


def record(lake: Lake, *outcomes: CheckOutcome, complete: bool = False) -> None:
    """Keep each outcome as the latest of its check.

    With `complete`, these are all the checks that their assets have: outcomes of other names are deleted.
    """
    by_asset: dict[str, list[CheckOutcome]] = {}
    for outcome in outcomes:
        by_asset.setdefault(outcome.asset, []).append(outcome)
    with locked(lake.checks_lock):
        for asset, found in by_asset.items():
            kept = {} if complete else of_asset(lake, asset)
            kept |= {outcome.check_name: outcome for outcome in found}
            _records(lake).write(asset, dict(sorted(kept.items())))


def of_asset(lake: Lake, asset: str) -> dict[str, CheckOutcome]:
    """The latest outcomes of one asset's checks, by check name."""
    return _records(lake).find(asset) or {}


def outcomes(lake: Lake) -> pd.DataFrame:
    """The latest outcome of every check in the lake, one row each; value and threshold as text."""
    return as_frame([outcome for found in _records(lake).all().values() for outcome in found.values()])


def objection(outcome: Any, data_version: str) -> str:
    """Why the outcome of a blocking check keeps its asset at this data version unpublished; empty if it does not.

    `outcome` is a CheckOutcome, or its row in a frame.
    """
    check = f"the blocking check {outcome.check_name} of {outcome.asset}"
    if not outcome.passed:
        return f"{check} failed: {outcome.description or outcome.value}"
    if outcome.data_version != data_version:
        return f"{check} was last run on other data than those now in the lake"
    return ""


def as_frame(found: Iterable[CheckOutcome]) -> pd.DataFrame:
    """Outcomes as rows; value and threshold as text."""
    frame = pd.DataFrame([asdict(outcome) for outcome in found], columns=OUTCOME_COLUMNS)
    for column in ("value", "threshold"):
        frame[column] = frame[column].map(_as_text).astype(object)
    return frame.astype({"passed": bool, "blocking": bool})


def _as_text(value: object) -> str | None:
    if value is None or (isinstance(value, float) and value != value):
        return None
    return value if isinstance(value, str) else f"{value:.12g}" if isinstance(value, float) else str(value)


def _records(lake: Lake) -> Records[dict[str, CheckOutcome]]:
    return Records(dict[str, CheckOutcome], lake.tables, REMEDY, ".checks.json")
