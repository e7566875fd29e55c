"""A four-asset study that behaves as STANDIN names, and its upstream at the release STANDIN_RELEASE.

In scope: raw/gdc/one -> cohorts/one -> signature -> hnbc_database, the look at the upstream, and the ways in which they
may end. Out of scope: anything of the real study. STANDIN names what goes wrong: unreachable, silent (the look alone),
study, own, bug, gate, blocking, warning, slow, output. What is made is kept in the lake as the real assets keep it.
"""

import os
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pandas as pd

from hnbc_assets.defs.attempting import attempting
from hnbc_assets.defs.checks.gates import KEPT
from hnbc_assets.defs.keeping import ONLY_STALE_TAG, kept
from hnbc_assets.errors import GateHeld, HnbcError, StudyError, UpstreamUnreachable
from hnbc_assets.lake import parquet, publications
from hnbc_assets.lake.decisions import decisions
from hnbc_assets.lake.observations import record_problem, record_release
from hnbc_assets.lake.parquet import Provenance
from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.plan import Node
from hnbc_assets.study import Place
from hnbc_assets.tables import Publications, ReleaseReports

JOB, LOOK, REFRESH = "study", "look", "refresh"
STUDY_TAG = "hnbc/study"
OBJECT = "gdc/one"
NO_ANSWER = "https://api.gdc.cancer.gov/status: no answer after 5 tries."
HELD = "gdc 46.0 (gdc/one) compared with 45.0: one loses 9 of 10 patients (90%, allowed 5%)."
INPUTS = {"raw/gdc/one": (), "cohorts/one": ("raw/gdc/one",), "signature": ("cohorts/one",)}


class OwnError(HnbcError):
    """An error type that is not in the errors module."""


def way():
    """The present value of STANDIN."""
    return os.environ.get("STANDIN", "")


def upstream_release():
    """The release that the upstream is at now."""
    return os.environ.get("STANDIN_RELEASE", "45.0")


def lake():
    """The lake of this environment."""
    return Lake(Place.from_environment().data_lake)


def now():
    """The present time, in the lake's format."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def rows(n):
    """The result of an asset: n rows."""
    return dg.MaterializeResult(metadata={"dagster/row_count": n})


def versions(names):
    """The data versions of assets that are in the lake."""
    return {name: parquet.read_provenance(lake().table(name)).data_version for name in names}


def manifest(release):
    """A manifest of one raw file."""
    row = {"source": "gdc", "release": release, "path": "one.tsv", "size_bytes": 1_000_000, "retrieved_at": now()}
    return pd.DataFrame([row])


@contextmanager
def storing(context, name, content, release=""):
    """Store an asset in the lake when it is made; `content` is its data version. Record the attempt until then."""
    inputs = versions(INPUTS[name])
    node = Node(name, name, INPUTS[name], "1", fetches=OBJECT if name.startswith("raw/") else "")
    with attempting(lake(), [node], inputs, context.run.run_id):
        yield
        made = Provenance(name, content(), "1", context.run.run_id, inputs=inputs, written_at=now())
        made = made if not release else Provenance(**vars(made) | {"observed": {"gdc_release": release}})
        parquet.write(lake().table(name), manifest(release) if release else pd.DataFrame({"value": [1]}), made)


def unreachable():
    """An upstream that does not answer."""
    try:
        raise ConnectionError("no route")
    except ConnectionError as error:
        raise UpstreamUnreachable(NO_ANSWER) from error


@dg.multi_observable_source_asset(
    name="look_gdc_release", specs=[dg.AssetSpec("gdc_release", group_name="releases", skippable=True)]
)
def gdc_release():
    """A look at the upstream."""
    if way() in ("unreachable", "silent"):
        record_problem(lake(), OBJECT, NO_ANSWER, now())
        unreachable()
    record_release(lake(), OBJECT, upstream_release(), now())
    yield dg.ObserveResult(asset_key="gdc_release", data_version=dg.DataVersion(upstream_release()))


@dg.asset(key=["raw", "gdc", "one"], group_name="cohorts", code_version="1", metadata={"hnbc/upstream": OBJECT})
def raw_one(context: dg.AssetExecutionContext):
    """Raw files."""
    release = upstream_release()
    with storing(context, "raw/gdc/one", lambda: release, release):
        if way() == "unreachable":
            unreachable()
        if way() == "gate" and release not in [one.choice for one in decisions(lake(), "accept")]:
            raise GateHeld(f"{HELD} {KEPT} To accept it: hnbc refresh --accept gdc {release}")
    return rows(3)


@dg.asset(key=["cohorts", "one"], deps=[raw_one], group_name="cohorts", code_version="1")
def cohort_one(context: dg.AssetExecutionContext):
    """A cohort; it changes with every release."""
    if way() == "output":
        print("PRINTED BY AN ASSET", file=sys.stderr)
    with storing(context, "cohorts/one", lambda: versions(["raw/gdc/one"])["raw/gdc/one"]):
        if way() == "slow":
            Path(os.environ["STANDIN_BEGUN"]).write_text(str(os.getpid()))
            time.sleep(60)
    return rows(1234)


@dg.asset(
    deps=[cohort_one],
    group_name="signature",
    code_version="1",
    check_specs=[dg.AssetCheckSpec("schema", asset="signature", blocking=True)],
    output_required=False,
)
def signature(context: dg.AssetExecutionContext):
    """A signature; it does not change with 45.1."""
    with storing(context, "signature", lambda: versions(["cohorts/one"])["cohorts/one"].replace("45.1", "45.0")):
        if way() == "study":
            raise StudyError("cohorts.one.endpoint is 'xyz': use os, dss, pfi or drfs.")
        if way() == "own":
            raise OwnError("Of a type that lives elsewhere.")
        if way() == "bug":
            raise KeyError("hazard_ratio")
    passed = way() != "blocking"
    return dg.MaterializeResult(
        metadata={"dagster/row_count": 5},
        check_results=[
            dg.AssetCheckResult(passed=passed, check_name="schema", description="column gene: null in 2 values")
        ],
    )


@dg.asset_check(asset=signature)
def stability():
    """Selection frequency."""
    return dg.AssetCheckResult(
        passed=way() != "warning", severity=dg.AssetCheckSeverity.WARN, description="2 of 5 genes below 50 %"
    )


@dg.asset(deps=[signature], group_name="database", code_version="1")
def hnbc_database(context: dg.AssetExecutionContext):
    """The database, with a report of 46.0."""
    import duckdb

    place, inputs, release = lake(), versions(["signature"]), upstream_release()
    node = Node("hnbc_database", "hnbc_database", ("signature",), "1", publishes=True)
    if results := kept(context, place, [node], inputs, {"hnbc_database": ()}):
        return results[0]
    known = publications.entry(place, {}, datetime.now(UTC), data_version=release, study_hash="")
    reports = ReleaseReports.empty()
    if len(known) > 1 and release == "46.0":
        row = {"previous_published_at": known.published_at.iloc[-2], "releases": f"{OBJECT} 45.0 → 46.0"}
        counts = {"n_file_changes": 7, "n_patients_changed": 6, "n_scores_moved": 5, "n_flipped": 4}
        reports = ReleaseReports.conform(
            pd.DataFrame([row | counts | {"signature_changed": True, "path": "reports/46.html"}])
        )
    place.database.unlink(missing_ok=True)
    with duckdb.connect(str(place.database)) as database:
        database.execute("CREATE TABLE signature AS SELECT 'BCL2' AS gene, -0.25 AS coefficient")
        for table, frame in ((Publications, known), (ReleaseReports, reports)):
            database.register("given", table.conform(frame))
            database.execute(f"CREATE TABLE {table.table_name()} AS SELECT * FROM given")
    publications.remember(place, release, "1", inputs, datetime.now(UTC))
    return rows(1)


def build_definitions(study, place=None):
    """The stand-in's definitions."""
    executor = {"in_process": dg.in_process_executor, "multiprocess": dg.multiprocess_executor}
    tags = {STUDY_TAG: study.hash}
    return dg.Definitions(
        assets=[gdc_release, raw_one, cohort_one, signature, hnbc_database],
        asset_checks=[stability],
        jobs=[
            dg.define_asset_job(JOB, selection=dg.AssetSelection.all(), tags=tags),
            dg.define_asset_job(REFRESH, selection=dg.AssetSelection.all(), tags=tags | {ONLY_STALE_TAG: "true"}),
            dg.define_asset_job(LOOK, selection=dg.AssetSelection.assets("gdc_release"), tags=tags),
        ],
        executor=executor[study.execution.executor],
    )
