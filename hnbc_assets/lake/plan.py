"""The plan: which assets are stale, why, and which of them can be made now.

In scope: comparing what each table was made from with the present state. Out of scope: the graph (defs), running.

States are compared, not events: what a killed process left half done is stale until it is made, and an asset whose
inputs were made again with the same content is not stale.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from hnbc_assets.lake import attempts, damage, observations, parquet, publications
from hnbc_assets.lake.decisions import decisions
from hnbc_assets.lake.lineage import changed_inputs
from hnbc_assets.lake.optional import unfit
from hnbc_assets.lake.paths import Lake

KILLED_TRIES = 3


@dataclass(frozen=True)
class Node:
    """An asset as the code defines it now.

    `step` names the step that makes it, possibly with others. `fetches` names the upstream object that a raw asset
    fetches and is empty otherwise; with `decided` it also follows the promotions that people decide on. One asset
    `publishes`: the database. `optional` names the optional stage that it belongs to: if it fails, assets outside of
    optional stages are made without it.
    """

    asset: str
    step: str
    inputs: tuple[str, ...]
    code_version: str
    fetches: str = ""
    decided: bool = False
    publishes: bool = False
    optional: str = ""


@dataclass(frozen=True)
class Made:
    """What an asset was made from: its code version, the versions of its inputs, the release of its upstream."""

    data_version: str
    code_version: str
    inputs: Mapping[str, str]
    release: str = ""
    written_at: str = ""


@dataclass(frozen=True)
class Plan:
    """The assets of a graph compared with the lake. `reasons` has the stale assets, each with the reason."""

    lake: Lake
    nodes: Mapping[str, Node]
    made: Mapping[str, Made]
    reasons: Mapping[str, str]

    def reachable(self, settled: Collection[str] = (), stopped: Collection[str] = ()) -> list[str]:
        """What one run can make current: stale assets and all that depends on them, whole steps together, sorted.

        Parameters
        ----------
        settled : raw assets that could not be updated to the present release. They count as current: what depends on
            them is made from the release in the lake. They are not in the result.
        stopped : assets that could not be made. They are not in the result, and neither is what depends on them; but
            the rest does not wait for those of optional stages among them.
        """
        stale = set(self.reasons) - set(settled)
        lost = stale & set(stopped)
        blocked = {
            node.step
            for node in self.nodes.values()
            if node.asset in lost or not self.can_be_made_without(node.asset, lost)
        }
        possible = [asset for asset in stale if self.nodes[asset].step not in blocked]
        return [asset for asset in self.following(possible) if self.nodes[asset].step not in blocked]

    def can_be_made_without(self, asset: str, lost: Collection[str]) -> bool:
        """Whether an asset needs none of those that could not be made; only optional assets need optional ones."""
        needed = self.ancestors(asset).intersection(lost)
        return not needed if self.nodes[asset].optional else all(self.nodes[one].optional for one in needed)

    def following(self, assets: Iterable[str]) -> list[str]:
        """These assets, all that depends on them, and all that the same steps make, sorted."""
        found = set(assets)
        while True:
            wider = set(self.with_steps(found.union(self.descendants(found))))
            if wider == found:
                return sorted(found)
            found = wider

    def given_up(self, stopped: Collection[str]) -> frozenset[str]:
        """The assets of optional stages that could not be made, and the stale assets that depend on them."""
        failed = {asset for asset in stopped if self.nodes[asset].optional}
        dependent = {asset for asset in self.reasons if self.nodes[asset].optional and self.ancestors(asset) & failed}
        return frozenset(failed | dependent)

    def ancestors(self, asset: str) -> frozenset[str]:
        """Everything that an asset is made from, through all stages."""
        return self._ancestors[asset]

    @cached_property
    def _ancestors(self) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}

        def above(asset: str) -> frozenset[str]:
            if asset not in found:
                inputs = [i for i in self.nodes[asset].inputs if i in self.nodes]
                found[asset] = frozenset(inputs).union(*(above(i) for i in inputs))
            return found[asset]

        for asset in self.nodes:
            above(asset)
        return found

    def with_steps(self, assets: Iterable[str]) -> list[str]:
        """These assets and all that the same steps make, sorted."""
        steps = {self.nodes[asset].step for asset in assets}
        return sorted(node.asset for node in self.nodes.values() if node.step in steps)

    def descendants(self, of: Iterable[str]) -> list[str]:
        """Everything that depends on any of these assets, sorted."""
        wanted = set(of)
        return sorted(asset for asset in self.nodes if wanted & self.ancestors(asset))

    def basis(self, asset: str) -> str:
        """What an attempt to make the asset now would be based on, as a hash."""
        node = self.nodes[asset]
        return basis(self.lake, node, {i: self.made[i].data_version for i in node.inputs if i in self.made})

    def mended(self, asset: str) -> bool:
        """Whether damaged archived files kept an asset from being made, and are whole again now.

        Never of a raw asset: its files are whole again only when it is made.
        """
        attempt = attempts.latest(self.lake, asset)
        if attempt is None or not attempt.damaged or self.nodes[asset].fetches:
            return False
        raw = [above for above in self.ancestors(asset) if self.nodes[above].fetches and above in self.made]
        return not any(damage.known(self.lake, above, self.made[above].data_version) for above in raw)

    def resting(self, asset: str, retry_hours: float, now: datetime | None = None) -> str:
        """Why the automation does not make a stale asset now; empty if it would.

        A failed asset is tried again on another basis, or after `retry_hours`; so is one that was killed three times.
        """
        attempt = attempts.latest(self.lake, asset)
        if attempt is None or attempt.basis != self.basis(asset) or self.mended(asset):
            return ""
        tried = datetime.fromisoformat(attempt.begun_at)
        if (now or datetime.now(UTC)) - tried >= timedelta(hours=retry_hours):
            return ""
        if attempt.reason:
            return attempt.reason
        killed = f"its process ended {attempt.tries} times without an error message"
        return killed if attempt.tries >= KILLED_TRIES else ""


def basis(lake: Lake, node: Node, versions: Mapping[str, str]) -> str:
    """What an attempt to make an asset is based on: code, inputs, the upstream's release, the decisions of people."""
    release = observations.observed(lake, node.fetches).release if node.fetches else ""
    decided = [(d.kind, d.subject, d.choice, d.at) for d in decisions(lake)] if node.fetches or node.decided else []
    word = json.dumps([node.code_version, sorted(versions.items()), release, decided])
    return hashlib.sha256(word.encode()).hexdigest()[:16]


def examine(lake: Lake, nodes: Mapping[str, Node], releases: Mapping[str, str] | None = None) -> Plan:
    """Compare every asset of the graph with what is in the lake.

    Parameters
    ----------
    releases : the current releases of upstream objects, by name; for any other, that of the latest look
    """
    made = {node.asset: found for node in nodes.values() if (found := _made(lake, node)) is not None}
    present = _present(lake, nodes, made)
    reasons = {
        asset: reason for asset, node in nodes.items() if (reason := _reason(lake, node, made, present, releases or {}))
    }
    return Plan(lake, nodes, made, reasons)


def _present(lake: Lake, nodes: Mapping[str, Node], made: Mapping[str, Made]) -> dict[str, str | None]:
    """The data versions that assets outside of optional stages are made from; None for an optional asset that does not
    fit what is in the lake.
    """
    optional = {asset for asset, node in nodes.items() if node.optional}
    versions: dict[str, str | None] = {asset: found.data_version for asset, found in made.items()}
    return versions | dict.fromkeys(unfit(lake, optional))


def current(lake: Lake, node: Node, versions: Mapping[str, str]) -> Made | None:
    """What an asset in the lake was made from, if that is this code and inputs of these data versions; else None.

    `versions` has what the asset would be made from now; an optional input that it would be made without has none.
    """
    own = _made(lake, node)
    given = {name: versions.get(name) for name in node.inputs}
    return None if own is None or _difference(lake, node, own, given) else own


def _reason(
    lake: Lake,
    node: Node,
    made: Mapping[str, Made],
    present: Mapping[str, str | None],
    releases: Mapping[str, str],
) -> str:
    """Why an asset is stale; empty if it is not."""
    own = made.get(node.asset)
    if own is None:
        return "not made yet"
    if node.fetches:
        seen = releases.get(node.fetches) or observations.observed(lake, node.fetches).release
        if seen and seen != own.release:
            return f"upstream is at {seen}, this is {own.release or 'of an unknown release'}"
    versions = {asset: one.data_version for asset, one in made.items()} if node.optional else present
    if difference := _difference(lake, node, own, versions):
        return difference
    if node.fetches and damage.known(lake, node.asset, own.data_version):
        return "archived files are missing or changed"
    return ""


def _difference(lake: Lake, node: Node, own: Made, versions: Mapping[str, str | None]) -> str:
    """How code, inputs and decisions differ from those that an asset was made from; empty if they do not."""
    if own.code_version != node.code_version:
        return "code or settings have changed"
    if other := changed_inputs(node.inputs, own.inputs, versions):
        return f"{', '.join(other[:2])}{' and others' * (len(other) > 2)} changed"
    if node.decided and any(decision.at > own.written_at for decision in decisions(lake, "promote")):
        return "a promotion was decided"
    return ""


def _made(lake: Lake, node: Node) -> Made | None:
    if node.publishes:
        found = publications.remembered(lake)
        if found is None:
            return None
        return Made(found.data_version, found.code_version, found.inputs, written_at=found.written_at)
    stored = parquet.find_provenance(lake.table(node.asset))
    if stored is None:
        return None
    return Made(stored.data_version, stored.code_version, stored.inputs, stored.release, stored.written_at)
