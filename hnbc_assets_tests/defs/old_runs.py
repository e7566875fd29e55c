"""Runs of invented assets in an instance of their own, to be old later.

In scope: the assets, running them. Out of scope: tests.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

A, B = dg.AssetKey("a"), dg.AssetKey("b")
LATER = datetime.now(UTC) + timedelta(days=91)


@dg.asset
def a():
    print("said by a")
    return 1


@dg.asset(check_specs=[dg.AssetCheckSpec("good", asset="b")])
def b(context: dg.AssetExecutionContext):
    if context.run.tags.get("fails"):
        yield dg.AssetCheckResult(passed=False)
        raise RuntimeError("b")
    yield dg.MaterializeResult()
    yield dg.AssetCheckResult(passed=True)


@dg.multi_observable_source_asset(specs=[dg.AssetSpec("seen", skippable=True)])
def seen(context: dg.OpExecutionContext):
    if not context.run.tags.get("silent"):
        yield dg.ObserveResult(data_version=dg.DataVersion("46.0"))


ASSETS = [a, b, seen]


def run(instance, *assets, **tags):
    """A real run; its id."""
    graph = dg.Definitions(assets=list(assets), jobs=[dg.define_asset_job("job", selection="*")])
    if assets == (seen,):
        graph = dg.Definitions(assets=[seen], jobs=[dg.define_asset_job("job", dg.AssetSelection.assets("seen"))])
    done = graph.resolve_job_def("job").execute_in_process(instance=instance, raise_on_error=False, tags=tags)
    return done.run_id


def runs(instance):
    return {run.run_id for run in instance.get_runs()}
