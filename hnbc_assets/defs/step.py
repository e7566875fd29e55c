"""A step: what a function makes, of what, and by which code; and how its parameters become Dagster's inputs.

In scope: the description of one step, its assets as the plan's nodes. Out of scope: how a step is run (stage.py), what
is published of it (publishing.py).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pandas as pd

from hnbc_assets.defs.publishing import Described
from hnbc_assets.lake.plan import Node

KINDS = ("pandas", "parquet")
UPSTREAM, DECIDED, OPTIONAL = "hnbc/upstream", "hnbc/decided", "hnbc/optional"
FIRST = {"dagster/priority": "1"}  # of the steps that are ready, this one begins first
LARGE = {"hnbc/memory": "large"}  # of these, processes of one run take turns
Wanted = dict[str, str | dict[str, str]]


@dataclass(frozen=True)
class Fetched:
    """What a raw asset fetches: the upstream object, and the observed source that knows the object's release.

    `first` says that it is small and shows mistakes in the study: it is fetched before larger objects. `contract` is
    the source's CONTRACT, the version of what it fetches and records.
    """

    upstream: str
    look: str
    first: bool = False
    contract: Any = 1


@dataclass(frozen=True)
class Step:
    """What a function makes in one step, of what, and by which code.

    `optional` names the optional stage that it belongs to; `spared` are inputs of such stages: if these failed, it is
    made without them. A `large` one needs so much memory that a run executes no two of them at the same time.
    """

    described: list[Described]
    name: str
    wanted: Wanted
    code_version: str
    kinds: tuple[str, ...] = KINDS
    fetches: Fetched | None = None
    decided: bool = False
    optional: str = ""
    spared: frozenset[str] = frozenset()
    large: bool = False

    @property
    def tags(self) -> dict[str, str]:
        """The op tags that Dagster's executors read."""
        return (FIRST if self.fetches and self.fetches.first else {}) | (LARGE if self.large else {})

    @property
    def metadata(self) -> dict[str, Any]:
        """What the graph's nodes are told by (graph.py)."""
        upstream = {UPSTREAM: self.fetches.upstream} if self.fetches else {}
        optional = {OPTIONAL: self.optional} if self.optional else {}
        return upstream | ({DECIDED: True} if self.decided else {}) | optional

    @property
    def nodes(self) -> list[Node]:
        """The assets as the plan knows them."""
        inputs, upstream = tuple(argument_names(self.wanted)), self.fetches.upstream if self.fetches else ""
        return [
            Node(
                d.key,
                self.name,
                inputs,
                self.code_version,
                upstream=upstream,
                decided=self.decided,
                optional=self.optional,
            )
            for d in self.described
        ]


def wanted_inputs(function: Callable[..., Any], inputs: Mapping[str, str | Mapping[str, str]]) -> Wanted:
    """Parameter to asset key, or to a dictionary of keys."""
    wanted: Wanted = {}
    for parameter in inspect.signature(function).parameters:
        given = inputs.get(parameter, parameter)
        wanted[parameter] = given if isinstance(given, str) else dict(given)
    return wanted


def argument_names(wanted: Wanted) -> dict[str, str]:
    """Asset key to the argument that carries its frame: one argument a key, however many parameters share it."""
    named: dict[str, str] = {}
    for parameter, given in wanted.items():
        for name, key in {"": given}.items() if isinstance(given, str) else given.items():
            named.setdefault(key, re.sub(r"\W", "_", f"{parameter}__{name}") if name else parameter)
    return named


def asset_ins(step: Step) -> dict[str, dg.AssetIn]:
    """The inputs that Dagster passes: all except those that may be absent."""
    named = argument_names(step.wanted).items()
    return {a: dg.AssetIn(key=dg.AssetKey(key.split("/"))) for key, a in named if key not in step.spared}


def call_arguments(wanted: Wanted, frames: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """What the function is called with; a dictionary has only the frames that are there."""
    argument = argument_names(wanted)
    return {
        parameter: frames[argument[given]]
        if isinstance(given, str)
        else {name: frames[argument[key]] for name, key in given.items() if argument[key] in frames}
        for parameter, given in wanted.items()
    }
