"""The graph: every asset as the plan of the lake knows it.

In scope: reading nodes from Dagster's definitions. Out of scope: comparing them with the lake (lake/plan.py).
"""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from hnbc_assets.defs.step import DECIDED, OPTIONAL, UPSTREAM
from hnbc_assets.lake.io_manager import asset_name
from hnbc_assets.lake.paths import DATABASE
from hnbc_assets.lake.plan import Node


def nodes(assets: Iterable[object]) -> dict[str, Node]:
    """The materialised assets by name; observed sources are none."""
    definitions = [a for a in assets if isinstance(a, dg.AssetsDefinition) and a.is_materializable]
    made = [(definition, spec) for definition in definitions for spec in definition.specs]
    known = {asset_name(spec.key) for _, spec in made}
    found = {}
    for definition, spec in made:
        name = asset_name(spec.key)
        inputs = tuple(sorted({asset_name(dep.asset_key) for dep in spec.deps} & known))
        found[name] = Node(
            asset=name,
            step=definition.op.name,
            inputs=inputs,
            code_version=spec.code_version or "",
            fetches=str(spec.metadata.get(UPSTREAM, "")),
            decided=bool(spec.metadata.get(DECIDED, False)),
            publishes=name == DATABASE,
            optional=str(spec.metadata.get(OPTIONAL, "")),
        )
    return found
