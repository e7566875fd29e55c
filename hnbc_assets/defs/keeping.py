"""Keeping: a step of a refresh whose inputs turn out unchanged ends at once, and its tables stay as they are.

In scope: whether a step can keep what it made, and what Dagster records then. Out of scope: which steps a refresh asks
for (operation/automation.py), making anything (step.py).

A refresh asks for stale assets and for all that depends on them in one run, since what changes is known only during it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import dagster as dg

from hnbc_assets.defs.frames import check_result
from hnbc_assets.lake import checks
from hnbc_assets.lake.checks import objection
from hnbc_assets.lake.io_manager import KEPT
from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.plan import Node, current

ONLY_STALE_TAG = "hnbc/only_stale"  # on runs that make only what is stale; others make all that was selected
DATA_VERSION_TAG = "dagster/data_version"
UNCHANGED = "unchanged"  # in the metadata of a materialization that made nothing


def kept(
    context: dg.AssetExecutionContext,
    lake: Lake,
    nodes: Sequence[Node],
    versions: Mapping[str, str],
    names: Mapping[str, Collection[str]],
) -> list[dg.MaterializeResult]:
    """A step's tables as they are in the lake, for Dagster, if it can keep them all; otherwise empty.

    Parameters
    ----------
    versions : the data versions of what the step would make them from
    names : of each asset, the names of its checks
    """
    if ONLY_STALE_TAG not in context.run.tags or any(node.fetches for node in nodes):
        return []
    found = []
    for node in nodes:
        outcomes = checks.of_asset(lake, node.asset)
        made = current(lake, node, versions)
        if made is None or set(outcomes) != set(names[node.asset]):
            return []
        if any(one.blocking and objection(one, made.data_version) for one in outcomes.values()):
            return []
        found.append(
            dg.MaterializeResult(
                asset_key=dg.AssetKey(node.asset.split("/")),
                **({} if node.publishes else {"value": KEPT}),  # a database is not stored by the IO manager
                data_version=dg.DataVersion(made.data_version),
                check_results=[check_result(one) for one in outcomes.values()],
                metadata=_shown(context, node, made.data_version) | {UNCHANGED: True},
            )
        )
    return found


def _shown(context: dg.AssetExecutionContext, node: Node, data_version: str) -> dict[str, Any]:
    """The metadata of the table as it was made, which the UI shows of the latest materialization only: figure, rows."""
    event = context.instance.get_latest_materialization_event(dg.AssetKey(node.asset.split("/")))
    made = event.asset_materialization if event else None
    if made is None or (made.tags or {}).get(DATA_VERSION_TAG) != data_version:
        return {}
    return dict(made.metadata)
