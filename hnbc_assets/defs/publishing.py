"""Publishing: what a stage's functions return, the checks it must pass, and the results that Dagster gets.

In scope: frames on their way to the lake: their description, their checks and verdicts. Out of scope: how functions
become assets (stage.py), particular checks (checks.py), where bytes go (lake).
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import pandas as pd

from hnbc_assets.digits import rounded_expression
from hnbc_assets.errors import HnbcError
from hnbc_assets.lake.hashing import content_hash
from hnbc_assets.tables import Table

SCHEMA_CHECK = "schema"


class CheckFailed(HnbcError):
    """An asset made values that a blocking check does not allow; the stored table was not replaced."""


@dataclass(frozen=True)
class Verdict:
    """A check's outcome in words: what was found, what was allowed, and what that means.

    `read` has what the outcome depends on besides the tables, as lineage names it, with versions.
    """

    passed: bool
    value: str
    threshold: str
    description: str
    read: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """A scientific check: a function of the new frame (its first parameter), what was read and what was made beside it.

    It runs in its asset's own step, before the frame is stored: when a blocking one fails, the old table stays. A gate
    blocks too, and judges only whether the new frame may take the old one's place: what is stored stays good.
    """

    function: Callable[..., Verdict]
    blocking: bool = False
    gate: bool = False

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    def judge(self, frame: pd.DataFrame, known: Mapping[str, Any]) -> Verdict:
        """The verdict on the frame, with whatever else the function names."""
        _, *others = inspect.signature(self.function).parameters
        return self.function(frame, **{name: known[name] for name in others})


@dataclass(frozen=True)
class Publication:
    """What an asset's function returns: a frame, and what to show beside it in the UI.

    `versioned_on` names the columns whose content makes the data version; all of them when empty. For a raw asset,
    `release` is that of the upstream, and `replaces` the release that it replaces. For the lineage, `read` is what was
    read besides the inputs, with versions, and `unused` the inputs that were only compared.
    """

    frame: pd.DataFrame
    figure: bytes | Mapping[str, bytes] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    versioned_on: tuple[str, ...] = ()
    release: str = ""
    replaces: str = ""
    read: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Described:
    """What an asset publishes: its key, its table (None for a matrix of numbers), and the checks it must pass.

    A matrix is rounded, unless it is `exact`: numbers that are the same on every machine without it, and that a later
    step reads as they were in their file.
    """

    key: str
    table: type[Table] | None = None
    description: str = ""
    checks: tuple[Check, ...] = ()
    exact: bool = False

    @property
    def asset_key(self) -> dg.AssetKey:
        """The Dagster key."""
        return dg.AssetKey(self.key.split("/"))


@dataclass(frozen=True)
class Prepared:
    """A frame in its table's form, with what is wrong with it."""

    described: Described
    publication: Publication
    frame: pd.DataFrame
    problems: list[str]
    content_hash: str
    data_version: str

    @classmethod
    def of(cls, described: Described, made: Publication | pd.DataFrame) -> Prepared:
        """What a function returned, brought into its table's form."""
        publication = made if isinstance(made, Publication) else Publication(made)
        frame, problems = formed(publication.frame, described)
        content = content_hash(frame)
        versioned = content_hash(frame[list(publication.versioned_on)]) if publication.versioned_on else content
        return cls(described, publication, frame, problems, content, versioned)

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
        """The verdicts of gates that do not let the frame through."""
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


def check_specs(described: Described) -> list[dg.AssetCheckSpec]:
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


def definition_metadata(described: Described) -> dict[str, Any]:
    if described.table is None:
        return {}
    columns = [
        dg.TableColumn(c["name"], c["type"], f"{c['description']} [{c['unit']}]" if c["unit"] else c["description"])
        for c in described.table.dictionary()
    ]
    return {"dagster/column_schema": dg.TableSchema(columns), "dagster/table_name": described.table.table_name()}


def source_link(function: Callable[..., Any]) -> dict[str, Any]:
    """Where the link to an asset's code leads in the UI: to the asset's own function, not to what wraps it."""
    own = inspect.unwrap(function)
    with warnings.catch_warnings(action="ignore", category=dg.BetaWarning):
        reference = dg.LocalFileCodeReference(
            file_path=own.__code__.co_filename, line_number=own.__code__.co_firstlineno, label=own.__name__
        )
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])}


def figure_metadata(figure: bytes | Mapping[str, bytes] | None) -> dict[str, Any]:
    """Figures as the UI shows them: one, or several by name."""
    if not figure:
        return {}
    from hnbc_assets.report.figures import as_markdown

    named = {"figure": figure} if isinstance(figure, bytes) else figure
    return {name: dg.MetadataValue.md(as_markdown(png, name)) for name, png in named.items()}


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
