"""A stage: what all its assets have in common, said once.

Belongs here: the `Stage` whose decorators turn a plain function into Dagster assets: group, owners, code version,
inputs, checks, provenance. Does not: any particular asset, what is published of it (publishing.py).
"""

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from hnbc_assets.defs.publishing import (
    Check,
    CheckFailed,
    Described,
    Prepared,
    Publication,
    Verdict,
    check_specs,
    definition_metadata,
    figure_metadata,
)
from hnbc_assets.errors import StudyError
from hnbc_assets.lake.checks import CheckOutcome, record
from hnbc_assets.lake.parquet import Provenance, Stored, read_provenance
from hnbc_assets.lake.paths import Lake
from hnbc_assets.study import Place, Study, digest
from hnbc_assets.tables import Table

PACKAGE = Path(__file__).resolve().parent.parent
STUDY_TAG = "hnbc/study"
OWNERS = ["team:hnbc"]


@dataclass(frozen=True)
class Stage:
    """One stage of one study in one place. `modules` are the folders and files whose content is its code version."""

    name: str
    study: Study
    place: Place
    modules: tuple[str, ...] = ()

    @cached_property
    def lake(self) -> Lake:
        """The lake that the stage publishes to."""
        return Lake(self.place.data_lake)

    @cached_property
    def _code(self) -> str:
        content = hashlib.sha256()
        for module in (*self.modules, "tables/schema.py"):
            path = PACKAGE / module
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.suffix in (".py", ".tsv", ".yaml"):
                    content.update(file.read_bytes())
        return content.hexdigest()[:8]

    def code_version(self, settings: Any = None) -> str:
        """Content hash of the stage's modules, and of the settings that the asset reads."""
        return f"{self._code}-{digest(settings)[:8]}"

    def asset(
        self,
        table: type[Table] | None = None,
        *,
        key: str | None = None,
        inputs: Mapping[str, str | Mapping[str, str]] | None = None,
        after: tuple[str, ...] = (),
        settings: Any = None,
        checks: tuple[Check, ...] = (),
        kinds: tuple[str, ...] = ("pandas", "parquet"),
    ) -> Callable[[Callable[..., Publication | pd.DataFrame]], dg.AssetsDefinition]:
        """Make an asset of a function that returns a frame or a `Publication`.

        The function's parameters name the tables it reads. `inputs` maps a parameter to another asset's key, or to a
        dictionary of names to keys: then the parameter gets a dictionary of frames. `after` names assets that must
        come first but are not read as frames. `settings` are the settings that it reads: a change makes it stale.
        """

        def decorate(function: Callable[..., Publication | pd.DataFrame]) -> dg.AssetsDefinition:
            name = key or (table.table_name() if table else function.__name__)
            described = Described(name, table, inspect.getdoc(function) or "", checks)
            wanted = _wanted(function, inputs or {})
            version = self.code_version(settings)

            @dg.asset(
                key=described.asset_key,
                ins=_ins(wanted),
                deps=[dg.AssetKey(k.split("/")) for k in after],
                group_name=self.name,
                kinds=set(kinds),
                owners=OWNERS,
                description=described.description,
                code_version=version,
                check_specs=check_specs(described),
                output_required=False,
                metadata=definition_metadata(described),
            )
            def body(context: dg.AssetExecutionContext, **frames: pd.DataFrame) -> Iterator[Any]:
                guard(context, self.study, self.place)
                arguments = _arguments(wanted, frames)
                made = {described.key: function(**arguments)}
                sources = _versions(frames, wanted, self.lake, after)
                yield from self._publish(context, [described], made, arguments, version, sources)

            return body

        return decorate

    def assets(
        self,
        described: list[Described],
        *,
        name: str,
        inputs: Mapping[str, str],
        settings: Any = None,
        kinds: tuple[str, ...] = ("pandas", "parquet"),
    ) -> Callable[[Callable[..., Mapping[str, Publication | pd.DataFrame]]], dg.AssetsDefinition]:
        """Make several assets of one function that returns a mapping of asset key to frame or `Publication`."""

        def decorate(function: Callable[..., Mapping[str, Publication | pd.DataFrame]]) -> dg.AssetsDefinition:
            wanted = _wanted(function, inputs)
            version = self.code_version(settings)

            @dg.multi_asset(
                name=name,
                group_name=self.name,
                outs={
                    d.key.replace("/", "__"): dg.AssetOut(
                        key=d.asset_key,
                        description=d.description or inspect.getdoc(function),
                        code_version=version,
                        kinds=set(kinds),
                        owners=OWNERS,
                        is_required=False,
                        metadata=definition_metadata(d),
                    )
                    for d in described
                },
                ins=_ins(wanted),
                check_specs=[spec for d in described for spec in check_specs(d)],
            )
            def body(context: dg.AssetExecutionContext, **frames: pd.DataFrame) -> Iterator[Any]:
                guard(context, self.study, self.place)
                arguments = _arguments(wanted, frames)
                made = function(**arguments)
                sources = _versions(frames, wanted, self.lake, ())
                yield from self._publish(context, described, made, arguments, version, sources)

            return body

        return decorate

    def _publish(
        self,
        context: dg.AssetExecutionContext,
        described: list[Described],
        made: Mapping[str, Publication | pd.DataFrame],
        arguments: Mapping[str, Any],
        code_version: str,
        sources: dict[str, str],
    ) -> Iterator[Any]:
        """Check every frame that the step made, then hand them to the lake; none if a blocking check failed."""
        prepared = [Prepared.of(d, made[d.key]) for d in described]
        known = dict(arguments) | {p.described.key.rsplit("/", 1)[-1]: p.frame for p in prepared}
        judged = [(p, p.verdicts(known)) for p in prepared]
        for p, verdicts in judged:
            self._record(p, verdicts)
        broken = [
            f"{p.described.key}, check {check}: {verdict.description}"
            for p, verdicts in judged
            for check, (verdict, blocking) in verdicts.items()
            if blocking and not verdict.passed
        ]
        if broken:
            for p, verdicts in judged:
                yield from p.check_results(verdicts)
            raise CheckFailed("; ".join(broken) + ". The stored tables were kept.")
        for p, verdicts in judged:
            provenance = Provenance(
                asset=p.described.key,
                data_version=p.data_version,
                code_version=code_version,
                run_id=context.run.run_id,
                study_hash=self.study.hash,
                upstream=self.place.upstream,
                written_at=datetime.now(UTC).isoformat(timespec="seconds"),
                inputs=sources,
                table_description=p.described.table.description() if p.described.table else p.described.description,
                columns=p.described.table.dictionary() if p.described.table else [],
            )
            yield dg.MaterializeResult(
                asset_key=p.described.asset_key,
                value=Stored(p.frame, provenance),
                data_version=dg.DataVersion(p.data_version),
                check_results=p.check_results(verdicts),
                metadata={
                    "dagster/row_count": len(p.frame),
                    "upstream": "SIMULATED" if self.place.simulated else self.place.upstream,
                    **figure_metadata(p.publication.figure),
                    **p.publication.metadata,
                },
            )

    def _record(self, prepared: Prepared, verdicts: Mapping[str, tuple[Verdict, bool]]) -> None:
        """Keep the outcomes beside the table, for the database and for `hnbc status`."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        outcomes = [
            CheckOutcome(
                asset=prepared.described.key,
                check_name=name,
                passed=verdict.passed,
                severity="ERROR" if blocking else "WARN",
                blocking=blocking,
                value=verdict.value,
                threshold=verdict.threshold,
                description=verdict.description,
                data_version=prepared.data_version,
                evaluated_at=now,
            )
            for name, (verdict, blocking) in verdicts.items()
        ]
        record(self.lake, *outcomes, complete=True)


def guard(context: dg.AssetExecutionContext, study: Study, place: Place) -> None:
    """Stop a step whose study is not the one that its run was started with, or whose lake is another upstream's."""
    simulation = digest(study.simulation.model_dump()) if place.simulated else None
    Lake(place.data_lake).claim(place.upstream, simulation)
    started_with = context.run.tags.get(STUDY_TAG)
    if started_with not in (None, study.hash):
        raise StudyError(
            f"The study changed while the run was under way: the run was started with {started_with}, this step sees "
            f"{study.hash}. Reload the code location and start again."
        )


Wanted = dict[str, str | dict[str, str]]


def _wanted(function: Callable[..., Any], inputs: Mapping[str, str | Mapping[str, str]]) -> Wanted:
    """Parameter to asset key, or to a dictionary of keys."""
    wanted: Wanted = {}
    for parameter in inspect.signature(function).parameters:
        given = inputs.get(parameter, parameter)
        wanted[parameter] = given if isinstance(given, str) else dict(given)
    return wanted


def _argument_names(wanted: Wanted) -> dict[str, str]:
    """Asset key to the argument that carries its frame: one argument a key, however many parameters share it."""
    named: dict[str, str] = {}
    for parameter, given in wanted.items():
        for name, key in {"": given}.items() if isinstance(given, str) else given.items():
            named.setdefault(key, f"{parameter}__{name}" if name else parameter)
    return named


def _ins(wanted: Wanted) -> dict[str, dg.AssetIn]:
    return {a: dg.AssetIn(key=dg.AssetKey(key.split("/"))) for key, a in _argument_names(wanted).items()}


def _arguments(wanted: Wanted, frames: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    argument = _argument_names(wanted)
    return {
        parameter: frames[argument[given]]
        if isinstance(given, str)
        else {name: frames[argument[key]] for name, key in given.items()}
        for parameter, given in wanted.items()
    }


def _versions(frames: Mapping[str, pd.DataFrame], wanted: Wanted, lake: Lake, after: tuple[str, ...]) -> dict[str, str]:
    """The data version of every upstream as it was read."""
    read = {key: frames[a].attrs["data_version"] for key, a in _argument_names(wanted).items()}
    return read | {key: read_provenance(lake.table(key)).data_version for key in after}
