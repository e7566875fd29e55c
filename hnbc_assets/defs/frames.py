"""Frames on their way to the lake: in their table's form, hashed, and judged by their checks.

In scope: what is wrong with a frame, the verdicts on it, and both as Dagster takes them. Out of scope: when a step
stores it (step.py), particular checks (checks.py), a table's columns (tables).
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pandas as pd

from hnbc_assets.defs.stage import Described, Output, Verdict, named
from hnbc_assets.digits import rounded_expression
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

    def verdicts(self, known: Mapping[str, Any]) -> dict[str, tuple[Verdict, bool]]:
        """By name of the check: its verdict, and whether it blocks. With a broken schema nothing else is judged."""
        schema = Verdict(
            passed=not self.problems,
            value=f"{len(self.problems)} problems" if self.problems else f"{len(self.frame):,} rows",
            threshold="every column as described",
            description="; ".join(self.problems[:5]) or "columns, types, ranges and keys are as described",
        )
        found = {SCHEMA_CHECK: (schema, True)}
        if schema.passed:
            found |= {c.name: (c.judge(self.frame, known), c.blocking or c.gate) for c in self.described.checks}
        return found

    def held(self, verdicts: Mapping[str, tuple[Verdict, bool]]) -> list[Verdict]:
        """The verdicts of gates that hold the frame."""
        gates = {c.name for c in self.described.checks if c.gate}
        return [verdict for name, (verdict, _) in verdicts.items() if name in gates and not verdict.passed]

    def check_results(self, verdicts: Mapping[str, tuple[Verdict, bool]]) -> list[dg.AssetCheckResult]:
        """The outcomes as Dagster takes them: ERROR where a check blocks, WARN otherwise."""
        return [
            dg.AssetCheckResult(
                passed=verdict.passed,
                check_name=name,
                asset_key=self.described.asset_key,
                severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
                description=verdict.description,
                metadata={"value": verdict.value, "threshold": verdict.threshold},
            )
            for name, (verdict, blocking) in verdicts.items()
        ]

    def figure(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """The figures as the UI shows them."""
        if self.described.figure is None:
            return {}
        from hnbc_assets.report.figures.canvas import as_markdown

        drawn = self.described.figure(**named(self.described.figure, known))
        every = {"figure": drawn} if isinstance(drawn, bytes) else drawn
        return {name: dg.MetadataValue.md(as_markdown(png, name)) for name, png in every.items()}


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
