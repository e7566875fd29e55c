"""The IO manager: what an asset returns is stored in the lake, and its downstream assets read it."""

from __future__ import annotations

import dagster as dg
import pandas as pd
import pytest

from hnbc_assets.errors import NotInLake
from hnbc_assets.lake.io_manager import LakeIOManager
from hnbc_assets.lake.lineage import ancestry, lineage, raw_files
from hnbc_assets.lake.parquet import Provenance, Stored, read, read_provenance


@dg.asset(key=["cohorts", "one"])
def cohort():
    frame = pd.DataFrame({"p1": [0.5]}, index=pd.Index(["A"], name="gene"))
    return Stored(frame, Provenance("cohorts/one", "v1"))


@dg.asset(ins={"cohort": dg.AssetIn(key=["cohorts", "one"])})
def genes(cohort: pd.DataFrame):
    provenance = Provenance("genes", "v2", inputs={cohort.attrs["asset"]: cohort.attrs["data_version"]})
    return Stored(cohort.reset_index()[["gene"]], provenance)


def materialise(lake, *assets, **options):
    manager = LakeIOManager(root=str(lake.root), study_hash="abc", upstream="simulated")
    return dg.materialize([cohort, genes], resources={"io_manager": manager}, selection=list(assets), **options)


def test_what_an_asset_returns_is_in_the_lake_with_its_provenance(lake):
    run = materialise(lake, cohort, genes)
    assert read(lake.table("genes")).gene.tolist() == ["A"]
    made = read_provenance(lake.table("genes"))
    assert (made.run_id, made.study_hash, made.upstream) == (run.run_id, "abc", "simulated")
    assert made.written_at.endswith("+00:00")
    assert lineage(lake)[["asset", "upstream_asset", "upstream_data_version"]].to_numpy().tolist() == [
        ["genes", "cohorts/one", "v1"]
    ]


def test_a_later_run_reads_what_an_earlier_one_wrote(lake):
    materialise(lake, cohort)
    materialise(lake, genes)
    assert lake.assets() == ["cohorts/one", "genes"]


def test_a_missing_input_is_named_with_the_command_that_makes_it(lake):
    run = materialise(lake, genes, raise_on_error=False)
    failure = run.get_step_failure_events()[0].step_failure_data.error
    assert "cohorts/one is needed" in str(failure)
    assert "hnbc run --select cohorts/one" in str(failure)


@pytest.mark.parametrize(
    ("given", "message"),
    [(pd.DataFrame(), "returns a Stored table"), (Stored(pd.DataFrame(), Provenance("y", "1")), "names 'y'")],
)
def test_what_is_not_a_table_of_this_asset_is_not_stored(lake, given, message):
    context = dg.build_output_context(asset_key=dg.AssetKey("x"))
    with pytest.raises((TypeError, ValueError), match=message):
        LakeIOManager(root=str(lake.root)).handle_output(context, given)
    assert lake.assets() == []


def test_lineage_of_a_table_leaves_out_what_it_does_not_depend_on(filled_lake):
    assert set(ancestry(filled_lake, ["patients"])) == {"patients", "raw/gdc/all"}
    assert raw_files(filled_lake, ["patients"]).asset.tolist() == ["raw/gdc/all"]
    assert len(raw_files(filled_lake)) == 2


def test_a_missing_ancestor_is_known_to_be_missing(filled_lake):
    filled_lake.table("raw/gdc/all").unlink()
    assert ancestry(filled_lake, ["patients"])["raw/gdc/all"] is None
    assert raw_files(filled_lake, ["patients"]).empty


def test_reading_from_an_empty_lake_names_the_asset(lake):
    context = dg.build_input_context(asset_key=dg.AssetKey(["cohorts", "one"]))
    with pytest.raises(NotInLake, match="cohorts/one is needed"):
        LakeIOManager(root=str(lake.root)).load_input(context)
