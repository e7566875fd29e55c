"""An invented graph of assets, and making them in a real lake as their steps would.

In scope: what tests of the plan share. Out of scope: tests.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd

from hnbc_assets.lake import parquet, publications
from hnbc_assets.lake.parquet import Provenance
from hnbc_assets.lake.plan import Node

NOW = "2026-03-01T06:00:00+00:00"


def graph(*nodes):
    return {node.asset: node for node in nodes}


def node(asset, *inputs, step="", **more):
    return Node(asset, step or asset, inputs, more.pop("code", "c1"), **more)


# two raw objects -> one cohort each -> genes and model (one step) -> scores (promotions) -> the database
GRAPH = graph(
    node("raw/gdc/one", fetches="gdc/one"),
    node("raw/geo/two", fetches="geo/two"),
    node("cohorts/one", "raw/gdc/one"),
    node("cohorts/two", "raw/geo/two"),
    node("model", "cohorts/one", "cohorts/two", step="train"),
    node("path", "cohorts/one", "cohorts/two", step="train"),
    node("scores", "model", decided=True),
    node("hnbc_database", "scores", "path", publishes=True),
)


def make(lake, asset, content="1", *, nodes=GRAPH, release="r1", code=None):
    """Make an asset as its step would, from what is in the lake now; `content` is its data version."""
    made, code = nodes[asset], code or nodes[asset].code_version
    inputs = {name: parquet.read_provenance(lake.table(name)).data_version for name in made.inputs}
    if made.publishes:
        lake.database.write_bytes(b"a database")
        publications.remember(lake, content, code, inputs, datetime.now(UTC))
        return
    provenance = Provenance(
        asset,
        f"{asset}={content}",
        code_version=code,
        inputs=inputs,
        observed={"a_look": release} if made.fetches else {},
        written_at=NOW,
    )
    parquet.write(lake.table(asset), pd.DataFrame({"value": [content]}), provenance)


def make_all(lake, nodes=GRAPH):
    for asset in nodes:
        make(lake, asset, nodes=nodes)
