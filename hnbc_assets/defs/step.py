"""A step: what executes one function of a stage, and stores what it made only if its checks allow it.

In scope: a declaration as a Dagster asset, its run, its frames on their way to the lake with checks and provenance.
Out of scope: how assets are declared (stage.py), particular checks (checks.py), where bytes go (lake).
"""

import inspect
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pandas as pd

from hnbc_assets.defs.attempting import attempting, guard
from hnbc_assets.defs.code import versions
from hnbc_assets.defs.frames import Judged, Prepared, check_specs, columns
from hnbc_assets.defs.keeping import kept
from hnbc_assets.defs.stage import RESOURCES, Build, Declaration, Described, Output, Stage, named
from hnbc_assets.errors import GateHeld, HnbcError
from hnbc_assets.lake import damage
from hnbc_assets.lake.checks import record
from hnbc_assets.lake.io_manager import load
from hnbc_assets.lake.lineage import RAW_PREFIX
from hnbc_assets.lake.observations import record_release
from hnbc_assets.lake.optional import unfit
from hnbc_assets.lake.parquet import Provenance, Stored
from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.plan import Node
from hnbc_assets.sources.upstream import Upstream

OWNERS = ["team:hnbc"]
UPSTREAM, DECIDED, OPTIONAL = "hnbc/upstream", "hnbc/decided", "hnbc/optional"
FIRST = {"dagster/priority": "1"}  # of the steps that are ready, this one begins first
LARGE = {"hnbc/memory": "large"}  # of these, processes of one run take turns
Made = Output | pd.DataFrame


class CheckFailed(HnbcError):
    """An asset made values that a blocking check does not allow; the stored table was not replaced."""


@dataclass(frozen=True)
class Step:
    """A declaration for one study, and for one cohort or upstream where a factory makes it."""

    stage: str
    declared: Declaration
    described: tuple[Described, ...]
    name: str
    wanted: Mapping[str, str | dict[str, str]]
    bound: Mapping[str, Any]
    code_version: str
    optional: str
    spared: frozenset[str]
    reads: tuple[type, ...] = ()

    @classmethod
    def of(cls, stage: Stage, declared: Declaration, build: Build) -> "Step":
        """The step that a declaration becomes."""
        there = tuple(one for one in declared.described if one.when is None or one.when(build))
        declared = replace(declared, described=there)
        described, upstream = tuple(one.of(build) for one in declared.described), build.upstream
        settings = declared.settings(build) if declared.settings else None
        reads = tuple(declared.reads(build)) if declared.reads else ()
        return cls(
            stage.name,
            declared,
            described,
            build.text(declared.name) or described[0].asset_key.to_python_identifier(),
            declared.wanted(build),
            {"cohort": build.cohort, "upstream": upstream, "method": build.method, "table": described[0].table},
            versions.of_fetched(build.code, upstream.contract, settings, simulated=build.place.simulated)
            if upstream
            else versions.of_made(build.code, declared.function, described, settings, reads),
            upstream.optional if upstream else stage.name if stage.optional else "",
            frozenset(declared.spared(build) if declared.spared else ()),
            reads,
        )

    @property
    def upstream(self) -> Upstream | None:
        """The object that the step fetches; None for one that fetches nothing."""
        return self.bound["upstream"]

    @property
    def nodes(self) -> list[Node]:
        """The assets as the plan knows them."""
        return [
            Node(
                one.key,
                self.name,
                tuple(self.arguments),
                self.code_version,
                fetches=self.upstream.name if self.upstream else "",
                decided=self.declared.decided,
                optional=self.optional,
            )
            for one in self.described
        ]

    @property
    def arguments(self) -> dict[str, str]:
        """Asset key to the argument that carries its frame: one argument a key, however many parameters share it."""
        found: dict[str, str] = {}
        for parameter, given in self.wanted.items():
            for name, key in {"": given}.items() if isinstance(given, str) else given.items():
                found.setdefault(key, re.sub(r"\W", "_", f"{parameter}__{name}") if name else parameter)
        return found

    def known(self, frames: Mapping[str, pd.DataFrame], given: Mapping[str, Any]) -> dict[str, Any]:
        """What the function, its checks and its figures may name: frames, resources, and what a factory fixes.

        `frames` are by argument; a dictionary of frames has only those that are there.
        """
        argument = self.arguments
        by_parameter = {
            parameter: frames[argument[key]]
            if isinstance(key, str)
            else {name: frames[argument[one]] for name, one in key.items() if argument[one] in frames}
            for parameter, key in self.wanted.items()
        }
        return by_parameter | dict(self.bound) | dict(given)

    def made(self, known: Mapping[str, Any]) -> Mapping[str, Made]:
        """What the function returns, by output."""
        made = self.declared.function(**named(self.declared.function, known))
        return made if self.declared.several else {self.declared.described[0].output: made}

    def prepared(self, made: Mapping[str, Made], known: dict[str, Any]) -> list[Prepared]:
        """The frames in their tables' forms; they are known under their outputs' names from then on."""
        outputs = [one.output for one in self.declared.described]
        found = [Prepared.of(one, made[output]) for one, output in zip(self.described, outputs, strict=True)]
        known |= {one.argument: p.frame for one, p in zip(self.declared.described, found, strict=True)}
        return found

    def definition(self) -> dg.AssetsDefinition:
        """The step as Dagster knows it."""
        inputs = {argument: key for key, argument in self.arguments.items() if key not in self.spared}
        metadata = {
            **({UPSTREAM: self.upstream.name} if self.upstream else {}),
            **({DECIDED: True} if self.declared.decided else {}),
            **({OPTIONAL: self.optional} if self.optional else {}),
            **source_link(self.declared.function),
        }

        @dg.multi_asset(
            name=self.name,
            description=inspect.getdoc(self.declared.function),
            group_name=self.stage,
            outs={
                one.asset_key.to_python_identifier(): dg.AssetOut(
                    key=one.asset_key,
                    description="\n\n".join(filter(None, (one.description, inspect.getdoc(self.declared.function)))),
                    code_version=self.code_version,
                    kinds=set(self.declared.kinds),
                    owners=OWNERS,
                    is_required=False,
                    metadata=columns(one) | metadata,
                )
                for one in self.described
            },
            ins={argument: dg.AssetIn(key=dg.AssetKey(key.split("/"))) for argument, key in inputs.items()},
            deps=[
                *([self.upstream.look] if self.upstream else []),
                *(dg.AssetKey(key.split("/")) for key in sorted(self.spared)),
            ],
            check_specs=[spec for one in self.described for spec in check_specs(one)],
            op_tags=(FIRST if self.upstream and self.upstream.first else {}) | (LARGE if self.declared.large else {}),
            required_resource_keys=set(RESOURCES),
        )
        def body(context: dg.AssetExecutionContext, **frames: pd.DataFrame) -> Iterator[Any]:
            given = {name: getattr(context.resources, name) for name in RESOURCES}
            yield from Execution(self, context, given).results(frames)

        return body


def steps(stage: Stage, build: Build) -> list[Step]:
    """A stage's steps for one study."""
    if stage.when is not None and not stage.when(build):
        return []
    return [Step.of(stage, declared, one) for declared in stage.declared for one in declared.builds(build)]


def definitions(stage: Stage, build: Build) -> list[dg.AssetsDefinition]:
    """A stage's assets for one study."""
    return [step.definition() for step in steps(stage, build)]


@dataclass(frozen=True)
class Execution:
    """One execution of a step, with the resources that it was given."""

    step: Step
    context: dg.AssetExecutionContext
    given: Mapping[str, Any]

    @property
    def lake(self) -> Lake:
        """The lake that the step stores in."""
        return self.given["lake"]

    def results(self, frames: dict[str, pd.DataFrame]) -> Iterator[Any]:
        """Call the function with the frames by argument, and give Dagster what it made."""
        step = self.step
        guard(self.context, self.given["study"], self.given["place"])
        self.given["archive"].forget()  # what a step and its checks read is hashed once, and in each step again
        frames = frames | self._spared()
        read = {key: frames[a].attrs["data_version"] for key, a in step.arguments.items() if a in frames}
        checked = {one.key: [spec.name for spec in check_specs(one)] for one in step.described}
        if results := kept(self.context, self.lake, step.nodes, read, checked):
            yield from results
            return
        manifests = {key: frames[a] for key, a in step.arguments.items() if key.startswith(RAW_PREFIX) and a in frames}
        with (
            attempting(self.lake, step.nodes, read, self.context.run.run_id),
            damage.noting(self.lake, manifests),
        ):
            known = step.known(frames, self.given)
            yield from self._store(step.made(known), known, read)

    def _spared(self) -> dict[str, pd.DataFrame]:
        """The `spared` inputs that fit what is in the lake, by argument."""
        arguments, spared = self.step.arguments, self.step.spared
        return {arguments[key]: load(self.lake, key) for key in sorted(spared - unfit(self.lake, spared).keys())}

    def _store(self, made: Mapping[str, Made], known: dict[str, Any], read: Mapping[str, str]) -> Iterator[Any]:
        """Check every frame that the step made, then give them to the lake; none if a blocking check failed."""
        judged = [prepared.judged(known) for prepared in self.step.prepared(made, known)]
        if held := [outcome.description for one in judged for outcome in one.held]:
            for one in judged:
                self._seen(one.prepared)
                yield from one.check_results
            raise GateHeld(" ".join(held))
        broken = [f"{o.asset}, check {o.check_name}: {o.description}" for one in judged for o in one.broken]
        # Drawn before anything is recorded or stored: a figure that fails stops the step, not a part of it.
        figures = [] if broken else [one.prepared.figure(known) for one in judged]
        for one in judged:  # kept with the table, for the database and for `hnbc status`
            record(self.lake, *one.outcomes, complete=True)
        if broken:
            for one in judged:
                yield from one.check_results
            raise CheckFailed("; ".join(broken) + ". The stored tables were kept.")
        for one, figure in zip(judged, figures, strict=True):
            yield self._result(one, figure, read)
            self._seen(one.prepared)

    def _result(self, judged: Judged, figure: Mapping[str, Any], read: Mapping[str, str]) -> dg.MaterializeResult:
        """A frame with its provenance, as Dagster hands it to the lake."""
        p, place, study, upstream = judged.prepared, self.given["place"], self.given["study"], self.step.upstream
        table = p.described.table
        provenance = Provenance(
            asset=p.described.key,
            data_version=p.data_version,
            code_version=self.step.code_version,
            run_id=self.context.run.run_id,
            study_hash=study.hash,
            upstream=place.upstream,
            written_at=_now(),
            inputs=dict(read),
            observed={upstream.look: p.output.release} if upstream else {},
            read={**p.output.read, **judged.read},
            unused=list(p.output.unused),
            replaces=p.output.replaces,
            stage=self.step.stage,
            table_description=table.comment() if table else str(p.described.description),
            columns=table.dictionary() if table else [],
        )
        return dg.MaterializeResult(
            asset_key=p.described.asset_key,
            value=Stored(p.frame, provenance, p.content_hash),
            data_version=dg.DataVersion(p.data_version),
            check_results=judged.check_results,
            metadata={
                "dagster/row_count": len(p.frame),
                "upstream": place.watermark or place.upstream,
                **figure,
                **p.output.metadata,
            },
        )

    def _seen(self, p: Prepared) -> None:
        """What was fetched is what upstream is at: a look could be older."""
        if self.step.upstream and p.output.release:
            record_release(self.lake, self.step.upstream.name, p.output.release, _now())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def source_link(function: Callable[..., Any]) -> dict[str, Any]:
    """Where the link to an asset's code leads in the UI: to the asset's own function, not to what wraps it."""
    own = inspect.unwrap(function)
    with warnings.catch_warnings(action="ignore", category=dg.BetaWarning):
        reference = dg.LocalFileCodeReference(
            file_path=own.__code__.co_filename, line_number=own.__code__.co_firstlineno, label=own.__name__
        )
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])}
