"""Frames on their way to the lake: in their table's form, hashed, and judged by their checks.

In scope: what is wrong with a frame, the outcomes of its checks, and both as Dagster takes them. Out of scope: when a
step stores it (step.py), particular checks (checks), a table's columns (tables).
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pandas as pd

from hnbc_assets.defs.stage import Described, Outcome, Output, named
from hnbc_assets.digits import rounded_expression
from hnbc_assets.lake.checks import CheckOutcome
from hnbc_assets.lake.hashing import content_hash

SCHEMA_CHECK = "schema"


@dataclass(frozen=True)
class Prepared:
    """A frame in its table's form, with what is wrong with it."""

    described: Described
    output: Output
    frame: pd.DataFrame
    problems: list[str]
    content_hash: str
    data_version: str

    @classmethod
    def of(cls, described: Described, made: Output | pd.DataFrame) -> Prepared:
        """What a function returned, brought into its table's form."""
        output = made if isinstance(made, Output) else Output(made)
        frame, problems = formed(output.frame, described)
        content = content_hash(frame)
        versioned = content_hash(frame[list(output.versioned_on)]) if output.versioned_on else content
        return cls(described, output, frame, problems, content, versioned)

    def judged(self, known: Mapping[str, Any]) -> Judged:
        """With the outcomes of its checks. If its columns are wrong, nothing else is checked."""
        schema = Outcome(
            passed=not self.problems,
            value=f"{len(self.problems)} problems" if self.problems else f"{len(self.frame):,} rows",
            threshold="every column as described",
            description="; ".join(self.problems[:5]) or "columns, types, ranges and keys are as described",
        )
        found = {SCHEMA_CHECK: schema}
        if schema.passed:
            found |= {check.name: check.judge(self.frame, known) for check in self.described.checks}
        blocking = {SCHEMA_CHECK, *(check.name for check in self.described.checks if check.blocking or check.gate)}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        outcomes = [
            CheckOutcome(
                asset=self.described.key,
                check_name=name,
                passed=outcome.passed,
                severity="ERROR" if name in blocking else "WARN",
                blocking=name in blocking,
                value=outcome.value,
                threshold=outcome.threshold,
                description=outcome.description,
                data_version=self.data_version,
                evaluated_at=now,
            )
            for name, outcome in found.items()
        ]
        return Judged(self, outcomes, {name: at for outcome in found.values() for name, at in outcome.read.items()})

    def figure(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """The figures as the UI shows them."""
        if self.described.figure is None:
            return {}
        from hnbc_assets.report.figures.canvas import as_markdown

        drawn = self.described.figure(**named(self.described.figure, known))
        every = {"figure": drawn} if isinstance(drawn, bytes) else drawn
        return {name: dg.MetadataValue.md(as_markdown(png, name)) for name, png in every.items()}


@dataclass(frozen=True)
class Judged:
    """A frame with the outcomes of its checks; `read` is what these depend on besides tables, with versions."""

    prepared: Prepared
    outcomes: list[CheckOutcome]
    read: Mapping[str, str]

    @property
    def held(self) -> list[CheckOutcome]:
        """The outcomes of gates that hold the frame."""
        gates = {check.name for check in self.prepared.described.checks if check.gate}
        return [outcome for outcome in self.broken if outcome.check_name in gates]

    @property
    def broken(self) -> list[CheckOutcome]:
        """The outcomes of blocking checks that failed."""
        return [outcome for outcome in self.outcomes if outcome.blocking and not outcome.passed]

    @property
    def check_results(self) -> list[dg.AssetCheckResult]:
        """The outcomes as Dagster takes them."""
        return [check_result(outcome) for outcome in self.outcomes]


def check_result(outcome: CheckOutcome) -> dg.AssetCheckResult:
    """A recorded outcome as Dagster takes it."""
    return dg.AssetCheckResult(
        passed=outcome.passed,
        check_name=outcome.check_name,
        asset_key=dg.AssetKey(outcome.asset.split("/")),
        severity=dg.AssetCheckSeverity(outcome.severity),
        description=outcome.description,
        metadata={"value": outcome.value, "threshold": outcome.threshold},
    )


def check_specs(described: Described) -> list[dg.AssetCheckSpec]:
    """The checks as Dagster knows them: that of the schema, and the table's own."""
    schema = dg.AssetCheckSpec(
        SCHEMA_CHECK,
        asset=described.asset_key,
        blocking=True,
        description="Columns, types, ranges and keys are as the table's description says.",
    )
    others = [
        dg.AssetCheckSpec(
            c.name, asset=described.asset_key, blocking=c.blocking or c.gate, description=inspect.getdoc(c.function)
        )
        for c in described.checks
    ]
    return [schema, *others]


def columns(described: Described) -> dict[str, Any]:
    """The table's columns as the UI shows them."""
    if described.table is None:
        return {}
    found = [
        dg.TableColumn(c["name"], c["type"], f"{c['description']} [{c['unit']}]" if c["unit"] else c["description"])
        for c in described.table.dictionary()
    ]
    return {"dagster/column_schema": dg.TableSchema(found), "dagster/table_name": described.table.table_name()}


def formed(frame: pd.DataFrame, described: Described) -> tuple[pd.DataFrame, list[str]]:
    """The frame in its table's form, and what is wrong with it in words."""
    if described.table is None:
        frame = frame if described.exact else _rounded(frame)
        return frame, _expression_problems(frame)
    try:
        frame = described.table.conform(frame)
    except ValueError as error:
        return frame, [str(error)]
    wrong = described.table.problems(frame)
    counted = wrong.groupby(["column", "check"], dropna=False, sort=False).failure_case.agg(["size", "first"])
    return frame, [f"{c}: {check} in {n} values, as in {first!r}" for (c, check), (n, first) in counted.iterrows()]


def _rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """An expression matrix, rounded to the decimals on which all machines agree."""
    return pd.DataFrame(rounded_expression(frame.to_numpy(dtype=float)), index=frame.index, columns=frame.columns)


def _expression_problems(frame: pd.DataFrame) -> list[str]:
    """What is wrong with an expression matrix: genes and patients named once, some values, none infinite."""
    import numpy as np

    problems = []
    if not frame.index.is_unique:
        problems.append(f"genes occur twice: {sorted(set(frame.index[frame.index.duplicated()]))[:3]}")
    if not frame.columns.is_unique:
        problems.append(f"patients occur twice: {sorted(set(frame.columns[frame.columns.duplicated()]))[:3]}")
    if np.isinf(frame.to_numpy(dtype=float)).any():
        problems.append("some values are infinite")
    return problems
