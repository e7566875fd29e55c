"""The job that `hnbc run` executes, in a form that other processes can rebuild by themselves.

In scope: making the job from study and definitions, choosing assets by Dagster's selection syntax. Out of scope:
executing it (run), the definitions (defs).
"""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

import click

STUDY, LOOK, REFRESH = "study", "look", "refresh"
PLAIN_NAME = re.compile(r"(\d*\+)?([A-Za-z0-9_./*-]+)(\+\d*)?")

if TYPE_CHECKING:
    from dagster import AssetKey, Definitions, JobDefinition

    from hnbc_assets.lake.plan import Node
    from hnbc_assets.study import Study


def study(executor: str | None = None) -> Study:
    """The study of this environment, with another executor if one is named."""
    from hnbc_assets.study import load_study

    found = load_study()
    if executor is None or executor == found.execution.executor:
        return found
    return found.model_copy(update={"execution": found.execution.model_copy(update={"executor": executor})})


@cache
def definitions(executor: str | None = None) -> Definitions:
    """The study's Dagster definitions, built once per process."""
    from hnbc_assets.defs import build_definitions

    return build_definitions(study(executor))


@cache
def resolved_job(name: str, executor: str | None = None) -> JobDefinition:
    """A job of the study; each process of a multiprocess run calls this."""
    return definitions(executor).resolve_job_def(name)


def graph(executor: str | None = None) -> dict[str, Node]:
    """The study's assets as the lake's plan represents them."""
    from hnbc_assets.defs.graph import nodes

    return nodes(definitions(executor).assets or [])


def as_keys(assets: Iterable[str]) -> list[AssetKey]:
    """Dagster's keys for assets of the plan."""
    from dagster import AssetKey

    return [AssetKey(asset.split("/")) for asset in assets]


def choose(known: Definitions, selections: Sequence[str]) -> list[AssetKey]:
    """The assets that match any of the selections, in the selection syntax of Dagster's UI.

    A plain name means that asset, `*` in it any characters, and a `+` before or after it everything that it depends on
    or that depends on it, as in the UI: `+signature` is `+key:"signature"`. Tables of the same step are included.

    Raises
    ------
    click.UsageError
        If a selection cannot be read, names an asset that does not exist, or chooses nothing.
    """
    from dagster import AssetSelection

    graph = known.resolve_asset_graph()
    chosen: set[AssetKey] = set()
    for selection in selections:
        try:
            with warnings.catch_warnings(action="ignore"):  # parts of the syntax are marked as beta
                found = (
                    AssetSelection.from_string(_spelled_out(selection)).resolve(graph) & graph.materializable_asset_keys
                )
        except Exception as error:
            raise click.UsageError(_explain(selection, graph.materializable_asset_keys, error)) from error
        if not found:
            raise click.UsageError(_explain(selection, graph.materializable_asset_keys))
        chosen |= found
    # Tables that one step makes are made together: selecting one of them selects all.
    together = AssetSelection.assets(*chosen).required_multi_asset_neighbors().resolve(graph)
    return sorted(together & graph.materializable_asset_keys)


def _spelled_out(selection: str) -> str:
    plain = PLAIN_NAME.fullmatch(selection.strip())
    if plain is None or plain[2] == "*":
        return selection
    return f'{plain[1] or ""}key:"{plain[2]}"{plain[3] or ""}'


def _explain(selection: str, keys: set[AssetKey], error: Exception | None = None) -> str:
    names = sorted(key.to_user_string() for key in keys)
    plain = PLAIN_NAME.fullmatch(selection.strip())
    if plain is None:
        reason = "it cannot be read" if error is not None else "no asset of this study matches it"
        return f"--select {selection}: {reason}. Inside an expression a name is written key:NAME."
    near = difflib.get_close_matches(plain[2], names, n=3, cutoff=0.5)
    hint = f"Similar: {', '.join(near)}." if near else "dg list defs lists all assets."
    return f"--select {selection}: no asset of this study matches it. {hint}"
