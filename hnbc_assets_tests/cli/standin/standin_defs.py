"""A four-asset study that behaves as STANDIN says.

Belongs here: raw/gdc/one -> cohorts/one -> signature -> hnbc_database, and the ways in which they may end. Does not:
anything of the real study. STANDIN names what goes wrong: unreachable, study, bug, blocking, warning, slow, output.
"""

import os
import sys
import time
from pathlib import Path

import dagster as dg

from hnbc_assets.errors import HnbcError, StudyError, UpstreamUnreachable
from hnbc_assets.study import Place

JOB = "study"
STUDY_TAG = "hnbc/study"


class OwnError(HnbcError):
    """An error type that is not in the errors module."""


def way():
    """What STANDIN says now."""
    return os.environ.get("STANDIN", "")


def rows(n):
    """What an asset gives: n rows."""
    return dg.MaterializeResult(metadata={"dagster/row_count": n})


@dg.asset(key=["raw", "gdc", "one"], group_name="cohorts")
def raw_one():
    """Raw files."""
    if way() == "unreachable":
        try:
            raise ConnectionError("no route")
        except ConnectionError as error:
            raise UpstreamUnreachable("https://api.gdc.cancer.gov/status: no answer after 5 tries.") from error
    return rows(3)


@dg.asset(key=["cohorts", "one"], deps=[raw_one], group_name="cohorts")
def cohort_one():
    """A cohort."""
    if way() == "output":
        print("PRINTED BY AN ASSET", file=sys.stderr)
    if way() == "slow":
        Path(os.environ["STANDIN_BEGUN"]).write_text(str(os.getpid()))
        time.sleep(60)
    return rows(1234)


@dg.asset(
    deps=[cohort_one],
    group_name="signature",
    check_specs=[dg.AssetCheckSpec("schema", asset="signature", blocking=True)],
    output_required=False,
)
def signature():
    """A signature."""
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


@dg.asset(deps=[signature], group_name="database")
def hnbc_database():
    """The database."""
    import duckdb

    path = Place.from_environment().data_lake / "hnbc.duckdb"
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE TABLE signature AS SELECT 'BCL2' AS gene, -0.25 AS coefficient")
    return rows(1)


def build_definitions(study, place=None):
    """The stand-in's definitions."""
    executor = {"in_process": dg.in_process_executor, "multiprocess": dg.multiprocess_executor}
    return dg.Definitions(
        assets=[raw_one, cohort_one, signature, hnbc_database],
        asset_checks=[stability],
        jobs=[dg.define_asset_job(JOB, selection=dg.AssetSelection.all(), tags={STUDY_TAG: study.hash})],
        executor=executor[study.execution.executor],
    )
