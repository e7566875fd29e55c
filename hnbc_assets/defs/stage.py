"""A stage: what all its assets have in common, said once.

In scope: the `Stage` whose decorators turn a plain function into Dagster assets: group, owners, code version,
inputs, checks, provenance. Out of scope: any particular asset, what is published of it (publishing.py).
"""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, wraps
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from hnbc_assets.defs import versions
from hnbc_assets.defs.code import Code
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
    source_link,
)
from hnbc_assets.defs.step import KINDS, Fetched, Step, argument_names, asset_ins, call_arguments, wanted_inputs
from hnbc_assets.errors import ArchiveDamaged, GateHeld, StudyError
from hnbc_assets.lake import damage, parquet
from hnbc_assets.lake.attempts import begin, fail, succeed
from hnbc_assets.lake.checks import CheckOutcome, record
from hnbc_assets.lake.lineage import RAW_PREFIX
from hnbc_assets.lake.observations import record_release
from hnbc_assets.lake.optional import unfit
from hnbc_assets.lake.parquet import Provenance, Stored
from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.plan import Node, basis
from hnbc_assets.study import Place, Study, digest
from hnbc_assets.tables import Table

CODE = Code(Path(__file__).resolve().parent.parent.parent)
STUDY_TAG = "hnbc/study"
OWNERS = ["team:hnbc"]
NOT_STORED = "stopped, or its table could not be stored: the run's log says why"


@dataclass(frozen=True)
class Stage:
    """One stage of one study in one place, with the code that its assets' code versions are computed from.

    The rest does not wait for an `optional` stage: if it fails, the database is published without its tables.
    """

    name: str
    study: Study
    place: Place
    optional: bool = False
    code: Code = CODE

    @cached_property
    def lake(self) -> Lake:
        """The lake that the stage publishes to."""
        return Lake(self.place.data_lake)

    def asset(
        self,
        table: type[Table] | None = None,
        *,
        key: str | None = None,
        inputs: Mapping[str, str | Mapping[str, str]] | None = None,
        settings: Any = None,
        checks: tuple[Check, ...] = (),
        kinds: tuple[str, ...] = KINDS,
        fetches: Fetched | None = None,
        optional: str = "",
        spared: Collection[str] = (),
    ) -> Callable[[Callable[..., Publication | pd.DataFrame]], dg.AssetsDefinition]:
        """Make an asset of a function that returns a frame or a `Publication`.

        The function's parameters name the tables it reads. `inputs` maps a parameter to another asset's key, or to a
        dictionary of names to keys: then the parameter gets a dictionary of frames. `settings` are the settings that it
        reads: a change makes it stale. `fetches` says which upstream object a raw asset fetches. `optional` names the
        optional stage that a raw asset is for; `spared` are such assets among the inputs: if one of them does not fit
        what is in the lake, the function is called without it.
        """

        def decorate(function: Callable[..., Publication | pd.DataFrame]) -> dg.AssetsDefinition:
            name = key or (table.table_name() if table else function.__name__)
            described = Described(name, table, inspect.getdoc(function) or "", checks)

            @wraps(function)
            def made(**arguments: Any) -> dict[str, Publication | pd.DataFrame]:
                return {name: function(**arguments)}

            wanted = wanted_inputs(function, inputs or {})
            step = Step(
                [described],
                described.asset_key.to_python_identifier(),
                wanted,
                versions.of_fetched(self.code, fetches.contract, settings, simulated=self.place.simulated)
                if fetches
                else versions.of_made(self.code, function, [described], settings),
                kinds,
                fetches,
                optional=optional or self._optional_stage,
                spared=frozenset(spared),
            )
            return self._definition(step, made)

        return decorate

    def assets(
        self,
        described: list[Described],
        *,
        name: str,
        inputs: Mapping[str, str | Mapping[str, str]] | None = None,
        settings: Any = None,
        kinds: tuple[str, ...] = KINDS,
        decided: bool = False,
        large: bool = False,
    ) -> Callable[[Callable[..., Mapping[str, Publication | pd.DataFrame]]], dg.AssetsDefinition]:
        """Make several assets of one function that returns a mapping of asset key to frame or `Publication`.

        With `decided` they follow the promotions that people decide on. A `large` step needs much memory.
        """

        def decorate(function: Callable[..., Mapping[str, Publication | pd.DataFrame]]) -> dg.AssetsDefinition:
            wanted = wanted_inputs(function, inputs or {})
            step = Step(
                described,
                name,
                wanted,
                versions.of_made(self.code, function, described, settings),
                kinds,
                decided=decided,
                optional=self._optional_stage,
                large=large,
            )
            return self._definition(step, function)

        return decorate

    def _definition(
        self, step: Step, function: Callable[..., Mapping[str, Publication | pd.DataFrame]]
    ) -> dg.AssetsDefinition:
        @dg.multi_asset(
            name=step.name,
            description=inspect.getdoc(function),
            group_name=self.name,
            outs={
                d.asset_key.to_python_identifier(): dg.AssetOut(
                    key=d.asset_key,
                    description=d.description or inspect.getdoc(function),
                    code_version=step.code_version,
                    kinds=set(step.kinds),
                    owners=OWNERS,
                    is_required=False,
                    metadata=definition_metadata(d) | source_link(function) | step.metadata,
                )
                for d in step.described
            },
            ins=asset_ins(step),
            deps=[
                *([step.fetches.look] if step.fetches else []),
                *(dg.AssetKey(key.split("/")) for key in sorted(step.spared)),
            ],
            check_specs=[spec for d in step.described for spec in check_specs(d)],
            op_tags=step.tags,
        )
        def body(context: dg.AssetExecutionContext, **frames: pd.DataFrame) -> Iterator[Any]:
            guard(context, self.study, self.place)
            frames |= self._spared(step)
            named = argument_names(step.wanted).items()
            read = {key: frames[a].attrs["data_version"] for key, a in named if a in frames}
            manifests = {key: frames[a] for key, a in named if key.startswith(RAW_PREFIX) and a in frames}
            with (
                attempting(self.lake, step.nodes, read, context.run.run_id),
                damage.noting(self.lake, manifests),
            ):
                arguments = call_arguments(step.wanted, frames)
                yield from self._publish(context, step, function(**arguments), arguments, read)

        return body

    @property
    def _optional_stage(self) -> str:
        return self.name if self.optional else ""

    def _spared(self, step: Step) -> dict[str, pd.DataFrame]:
        """The `spared` inputs that fit what is in the lake, by argument."""
        named, frames = argument_names(step.wanted), {}
        for key in sorted(step.spared - unfit(self.lake, step.spared).keys()):
            stored = parquet.read_stored(self.lake.table(key))
            stored.frame.attrs |= {"asset": key, "data_version": stored.provenance.data_version}
            frames[named[key]] = stored.frame
        return frames

    def _publish(
        self,
        context: dg.AssetExecutionContext,
        step: Step,
        made: Mapping[str, Publication | pd.DataFrame],
        arguments: Mapping[str, Any],
        read: Mapping[str, str],
    ) -> Iterator[Any]:
        """Check every frame that the step made, then hand them to the lake; none if a blocking check failed."""
        prepared = [Prepared.of(d, made[d.key]) for d in step.described]
        known = dict(arguments) | {p.described.key.rsplit("/", 1)[-1]: p.frame for p in prepared}
        judged = [(p, p.verdicts(known)) for p in prepared]
        held = [verdict for p, verdicts in judged for verdict in p.held(verdicts)]
        if held:
            for p, verdicts in judged:
                self._seen(step, p)
                yield from p.check_results(verdicts)
            raise GateHeld(" ".join(verdict.description for verdict in held))
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
            yield self._result(context, step, p, verdicts, read)
            self._seen(step, p)

    def _result(
        self,
        context: dg.AssetExecutionContext,
        step: Step,
        p: Prepared,
        verdicts: Mapping[str, tuple[Verdict, bool]],
        read: Mapping[str, str],
    ) -> dg.MaterializeResult:
        """A frame with its provenance, as Dagster hands it to the lake."""
        provenance = Provenance(
            asset=p.described.key,
            data_version=p.data_version,
            code_version=step.code_version,
            run_id=context.run.run_id,
            study_hash=self.study.hash,
            upstream=self.place.upstream,
            written_at=datetime.now(UTC).isoformat(timespec="seconds"),
            inputs=dict(read),
            observed={step.fetches.look: p.publication.release} if step.fetches else {},
            read=dict(p.publication.read) | {name: at for v, _ in verdicts.values() for name, at in v.read.items()},
            unused=list(p.publication.unused),
            replaces=p.publication.replaces,
            stage=self.name,
            table_description=p.described.table.comment() if p.described.table else p.described.description,
            columns=p.described.table.dictionary() if p.described.table else [],
        )
        return dg.MaterializeResult(
            asset_key=p.described.asset_key,
            value=Stored(p.frame, provenance, p.content_hash),
            data_version=dg.DataVersion(p.data_version),
            check_results=p.check_results(verdicts),
            metadata={
                "dagster/row_count": len(p.frame),
                "upstream": "SIMULATED" if self.place.simulated else self.place.upstream,
                **figure_metadata(p.publication.figure),
                **p.publication.metadata,
            },
        )

    def _seen(self, step: Step, p: Prepared) -> None:
        """What was fetched is what upstream is at: a look could be older."""
        if step.fetches and p.publication.release:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            record_release(self.lake, step.fetches.upstream, p.publication.release, now)

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


@contextmanager
def attempting(lake: Lake, nodes: Sequence[Node], read: Mapping[str, str], run_id: str) -> Iterator[None]:
    """Remember that assets are being made, until they are; if they are not, why."""
    for node in nodes:
        begin(lake, node.asset, basis(lake, node, read), run_id, datetime.now(UTC).isoformat(timespec="seconds"))
    try:
        yield
    except GeneratorExit:  # Dagster gives the step up: it was interrupted, or storing failed
        with suppress(OSError):  # on a full disk this cannot be written either
            for node in nodes:
                fail(lake, node.asset, NOT_STORED)
        raise
    except Exception as error:
        with suppress(OSError):
            for node in nodes:
                held, damaged = isinstance(error, GateHeld), isinstance(error, ArchiveDamaged)
                fail(lake, node.asset, str(error) or type(error).__name__, held=held, damaged=damaged)
        raise
    for node in nodes:
        succeed(lake, node.asset)


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
