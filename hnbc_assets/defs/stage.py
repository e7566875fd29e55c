"""A stage: module-level functions that make its assets, each declared once.

In scope: what a declaration says, and what it means for one study, cohort by cohort. Out of scope: any particular
asset, executing a step and storing what it made (step.py).

A stage's module begins with `stage = Stage("genes")` and decorates functions, which stay plain functions: they can be
called with frames. A parameter is the frame of the asset of that name, unless `inputs` names another, or a resource:
`study`, `place`, `lake`, `archive`. Where a factory makes assets, `cohort`, `upstream` or `method` is the one that they
are for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import pandas as pd

from hnbc_assets.defs.code.closure import Code
from hnbc_assets.defs.rows import rows_of_each_cohort
from hnbc_assets.defs.upstreams import upstreams
from hnbc_assets.sources.upstream import Upstream
from hnbc_assets.study import Place, Study
from hnbc_assets.tables import Table

CODE = Code(Path(__file__).resolve().parent.parent.parent)
KINDS = ("pandas", "parquet")
RESOURCES = ("study", "place", "lake", "archive")
BOUND = ("cohort", "upstream", "method", "table")  # what a factory fixes, and the table of the one asset that is made
EACH_COHORT = "/*"  # at the end of an input: a dictionary of cohort to frame
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Build:
    """What definitions are built for: a study in a place, with the code that code versions are computed from.

    In a factory, `cohort`, `upstream` or `method` is the one that the assets are for.
    """

    study: Study
    place: Place
    code: Code = CODE
    cohort: str = ""
    upstream: Upstream | None = None
    method: str = ""

    def text(self, template: str) -> str:
        """A template with the names that it contains: cohort, upstream, method, training, discovery."""
        if "{" not in template:
            return template
        name = self.upstream.name if self.upstream else ""
        return template.format(
            cohort=self.cohort,
            upstream=name,
            method=self.method,
            training=self.study.training,
            discovery=self.study.discovery,
        )


Of = Callable[[Build], Any]  # what differs between studies, cohorts or upstreams
Input = str | Callable[[Build], str | Mapping[str, str]]


def cohorts(build: Build) -> Iterator[Build]:
    """One build for each cohort of the study."""
    return (replace(build, cohort=name) for name in build.study.cohorts)


def upstream_objects(build: Build) -> Iterator[Build]:
    """One build for each object that the study fetches."""
    found = upstreams(build.study, simulated=build.place.simulated).values()
    return (replace(build, upstream=upstream) for upstream in found)


@dataclass(frozen=True)
class Outcome:
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
    """A scientific check: a function of the new frame (its first parameter) and of what else its step reads and makes.

    It runs in its asset's own step, before the frame is stored: when a blocking one fails, the old table stays. A gate
    blocks too, and judges only whether the new frame may replace the old one: what is stored stays good. `when` says
    for which studies, cohorts or upstreams it is made; for all without it.
    """

    function: Callable[..., Outcome]
    blocking: bool = False
    gate: bool = False
    when: Of | None = None

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    def judge(self, frame: pd.DataFrame, known: Mapping[str, Any]) -> Outcome:
        """The outcome for the frame, with whatever else the function names."""
        first, *_ = inspect.signature(self.function).parameters
        return self.function(**named(self.function, known | {first: frame}))


@dataclass(frozen=True)
class Output:
    """What an asset's function returns, if a frame alone does not say it all.

    `metadata` is shown in the UI. `versioned_on` names the columns whose content makes the data version; all of them
    when empty. For a raw asset, `release` is that of the upstream, and `replaces` the release that it replaces. For the
    lineage, `read` is what was read besides the inputs, with versions, and `unused` the inputs that were only compared.
    """

    frame: pd.DataFrame
    metadata: Mapping[str, Any] = field(default_factory=dict)
    versioned_on: tuple[str, ...] = ()
    release: str = ""
    replaces: str = ""
    read: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Described:
    """One asset of a step: its key, its table (None for a matrix of numbers), the checks it must pass, its figure.

    Its columns and its description are the table's; `description` is for what the table's does not say. A matrix is
    rounded, unless it is `exact`: numbers that are the same on every machine, and that a later step reads as they were
    in their file. `figure` draws it: a function that names the frames it needs, of those that the step read and made.
    `when` says for which of a factory's builds it is made; for all without it.
    """

    key: str
    table: type[Table] | None = None
    description: str | Of = ""
    checks: tuple[Check, ...] = ()
    exact: bool = False
    figure: Callable[..., bytes | Mapping[str, bytes]] | None = None
    when: Of | None = None

    @property
    def asset_key(self) -> dg.AssetKey:
        """The Dagster key."""
        return dg.AssetKey(self.key.split("/"))

    @property
    def output(self) -> str:
        """What a function of several assets calls it."""
        return self.key.removesuffix("/{cohort}").removesuffix("/{method}")

    @property
    def argument(self) -> str:
        """What checks and figures of its step call it."""
        return self.output.rsplit("/", 1)[-1]

    def of(self, build: Build) -> Described:
        """The same for one cohort or upstream."""
        words = self.description(build) if callable(self.description) else build.text(self.description)
        if not words and self.table is not None:
            words = self.table.comment() + (f" Cohort {build.cohort}." if build.cohort else "")
        checks = tuple(check for check in self.checks if check.when is None or check.when(build))
        return replace(self, key=build.text(self.key), description=words, checks=checks)


@dataclass(frozen=True)
class Declaration:
    """A function and the assets that it makes.

    `inputs` maps a parameter to another asset's key, or to `patients/*`: then it gets a dictionary of cohort to frame.
    Those that are no parameters are read for checks and figures, which may name every input and every output.
    `settings` gives the settings that the function and its checks read: when one changes, the assets are stale. `each`
    is a factory; what is made for an upstream object fetches it. `spared` gives the inputs that may be lacking: if one
    of them does not fit what is in the lake, the function is called without it. `decided` assets follow the promotions
    that people decide on. A `large` step needs so much memory that a run executes no two of them at the same time.
    `reads` gives the classes that it reads files by, which depend on the kind of source: they are part of its code.
    """

    function: Callable[..., Any]
    described: tuple[Described, ...]
    name: str = ""
    several: bool = False
    inputs: Mapping[str, Input] = field(default_factory=dict)
    settings: Of | None = None
    each: Callable[[Build], Iterable[Build]] | None = None
    kinds: tuple[str, ...] = KINDS
    spared: Callable[[Build], Collection[str]] | None = None
    decided: bool = False
    large: bool = False
    reads: Callable[[Build], Iterable[type]] | None = None

    def builds(self, build: Build) -> Iterable[Build]:
        """The builds that it makes assets for."""
        return self.each(build) if self.each else (build,)

    def wanted(self, build: Build) -> dict[str, str | dict[str, str]]:
        """Parameter to asset key, or to a dictionary of names to keys."""
        found: dict[str, str | dict[str, str]] = {}
        for parameter in dict.fromkeys((*inspect.signature(self.function).parameters, *self.inputs)):
            if parameter in (*RESOURCES, *BOUND):
                continue
            given = self.inputs.get(parameter, parameter)
            given = build.text(given) if isinstance(given, str) else given(build)
            if isinstance(given, str) and given.endswith(EACH_COHORT):
                given = {name: f"{given.removesuffix(EACH_COHORT)}/{name}" for name in build.study.cohorts}
            found[parameter] = given if isinstance(given, str) else dict(given)
        self._require_known(found)
        return found

    def _require_known(self, wanted: Collection[str]) -> None:
        """A check or a figure that names something unknown is found before anything is computed."""
        known = {*wanted, *RESOURCES, *BOUND, *(one.argument for one in self.described)}
        for one in self.described:
            # The first parameter of a check is the frame, whatever its name.
            asked = [(check.function, list(inspect.signature(check.function).parameters)[1:]) for check in one.checks]
            asked += [(one.figure, list(inspect.signature(one.figure).parameters))] if one.figure else []
            for function, parameters in asked:
                if unknown := [name for name in parameters if name not in known]:
                    raise TypeError(
                        f"{one.key}: {function.__name__} names {', '.join(unknown)}, which is no input, output or "
                        f"resource of this step. Add it to `inputs`; there are {', '.join(sorted(known))}."
                    )


@dataclass(frozen=True)
class Stage:
    """One stage of every study. The rest does not wait for an `optional` one: if it fails, its tables are left out.

    `when` says which studies have it; all without it.
    """

    name: str
    optional: bool = False
    when: Of | None = None
    declared: list[Declaration] = field(default_factory=list)

    def asset(self, described: type[Table] | Described, **declared: Any) -> Callable[[Function], Function]:
        """Declare that a function makes one asset: it returns a frame or an `Output`. See `Declaration`.

        `checks` and `figure` are those of the asset.
        """
        own = {name: declared.pop(name) for name in ("checks", "figure") if name in declared}
        return self._declare(replace(_described(described), **own), **declared)

    def assets(self, *described: type[Table] | Described, name: str, **declared: Any) -> Callable[[Function], Function]:
        """Declare that a function makes several assets in one step: it returns a mapping of key to frame or `Output`.

        For each cohort, the keys are those without the cohort. See `Declaration`.
        """
        return self._declare(*map(_described, described), name=name, several=True, **declared)

    def rows_of_each_cohort(self, *tables: type[Table], **declared: Any) -> None:
        """Declare published tables that are the rows of the assets `table/cohort`. See `Declaration`."""
        for table in tables:
            each = {"each": f"{table.table_name()}{EACH_COHORT}"}
            declare = self.asset(table, inputs=each, settings=lambda build: list(build.study.cohorts), **declared)
            declare(rows_of_each_cohort)

    def _declare(self, *described: Described, **declared: Any) -> Callable[[Function], Function]:
        def declare(function: Function) -> Function:
            self.declared.append(Declaration(function, described, **declared))
            return function

        return declare


def _described(given: type[Table] | Described) -> Described:
    return given if isinstance(given, Described) else Described(given.table_name(), given)


def named(function: Callable[..., Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Of what is known, what a function names as its parameters."""
    return {parameter: known[parameter] for parameter in inspect.signature(function).parameters}
