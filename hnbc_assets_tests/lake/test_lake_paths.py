"""Where things are in the lake."""

from __future__ import annotations

from pathlib import Path

import pytest

from hnbc_assets.lake.paths import Lake


def test_an_assets_table_is_named_like_the_asset(lake):
    assert lake.table("cohorts/brca_tcga") == lake.root / "tables" / "cohorts" / "brca_tcga.parquet"


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x", "a/../b", "a//b", ".hidden", "a b", "a/"])
def test_a_name_that_would_point_outside_the_lake_is_refused(lake, name):
    with pytest.raises(ValueError, match="asset name"):
        lake.table(name)


def test_a_relative_root_is_refused():
    with pytest.raises(ValueError, match="absolute"):
        Lake(Path("data_lake"))


def test_the_assets_of_a_lake_are_those_with_a_whole_table(filled_lake):
    (filled_lake.tables / ".patients.parquet.00.part").write_bytes(b"half")
    assert filled_lake.assets() == [
        "cohorts/one", "cohorts/two", "patients", "raw/gdc/all", "raw/geo/all", "risk_scores", "signature",
    ]  # fmt: skip
