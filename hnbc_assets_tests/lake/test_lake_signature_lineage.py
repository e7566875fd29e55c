"""Signature lineage: what a frozen signature was made from stays in the lineage, whatever is in the lake later."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pandas as pd
import pytest
from invented_lake import TABLES, WALK_BACK, fill, put

from hnbc_assets.lake import lineage, registry, signature_lineage
from hnbc_assets.lake.registry import Registered
from hnbc_assets.lake.snapshot import publish

OLD, NEW = "0a1b2c", "d4e5f6"
REFIT = ["refit/signature"]


def query(lake, sql, *parameters):
    with duckdb.connect(str(lake.database), read_only=True) as connection:
        return connection.execute(sql, list(parameters)).fetchall()


def trained(signature_id):
    """A signature as the registry stores it; its numbers do not matter here."""
    rows = [{"signature_id": signature_id, "gene": "A"}]
    return Registered(signature_id, rows, [], {}, f"trained as {signature_id}", "2025-01-01", "code", "training run")


def release(lake, name, signature_id, *, published, generation=1):
    """Update the lake to a release, train on it, and publish a signature: the refit or an earlier frozen one."""
    fill(lake, generation, release=name)
    genes = pd.DataFrame({"signature_id": signature_id, "gene": ["A", "B"], "generation": generation})
    put(lake, "refit/signature", genes, ("cohorts/one", "patients"))
    signature_lineage.keep(lake, trained(signature_id), REFIT)
    registry.register(lake, trained(signature_id))
    frozen = {} if published == signature_id else {
        "unused": REFIT, "read": signature_lineage.as_read([registry.signature_of(lake, published)])
    }  # fmt: skip
    put(lake, "signature", genes.assign(signature_id=published), tuple(REFIT), **frozen)
    scores = pd.DataFrame({"patient_id": ["p1"], "generation": generation, "cohort_id": "two", "risk_score": 1.5})
    put(lake, "risk_scores", scores, ("signature", "cohorts/two"))


@pytest.fixture
def frozen(lake):
    """Published at 45.0, then at 46.0 with the signature of 45.0."""
    release(lake, "45.0", OLD, published=OLD)
    publish(lake, TABLES)
    release(lake, "46.0", NEW, published=OLD, generation=2)
    publish(lake, TABLES)
    return lake


def walked(lake, asset):
    """The assets and releases of the raw files that an asset is traced back to."""
    return sorted(query(lake, f"SELECT asset, release FROM ({WALK_BACK})", asset))


def test_a_frozen_signature_walks_back_to_the_files_that_it_was_trained_on_alone(frozen):
    assert walked(frozen, "signature") == [(f"raw/gdc/all@{OLD}", "45.0")]


def test_its_scores_walk_back_to_these_and_to_the_files_of_the_patients_who_are_scored(frozen):
    assert walked(frozen, "risk_scores") == [(f"raw/gdc/all@{OLD}", "45.0"), ("raw/geo/all", "46.0")]


def test_the_refit_that_was_only_compared_has_no_edge_and_is_compared_as_before(frozen):
    edges = lineage.lineage(frozen, ["signature"])
    assert "refit/signature" not in set(edges.upstream_asset[edges.asset == "signature"])
    put(frozen, "refit/signature", pd.DataFrame({"gene": ["C"]}), ("cohorts/one", "patients"))
    assert lineage.outdated(lineage.ancestry(frozen, ["signature"])) == [("signature", "refit/signature")]


def test_every_edge_of_the_frozen_signature_has_the_versions_and_runs_of_its_training(frozen, tmp_path):
    from hnbc_assets.lake.paths import Lake

    alone = Lake(tmp_path / "alone")
    release(alone, "45.0", OLD, published=OLD)
    then = lineage.lineage(alone, REFIT)
    suffix = [f"{name}@{OLD}" for name in then.asset], [f"{name}@{OLD}" for name in then.upstream_asset]
    expected = then.assign(asset=suffix[0], upstream_asset=suffix[1])
    found = query(frozen, f"FROM lineage WHERE asset LIKE '%@{OLD}' ORDER BY ALL")
    assert found == sorted(expected.itertuples(index=False, name=None))
    version = registry.signature_of(frozen, OLD).data_version
    [top] = query(frozen, f"FROM lineage WHERE asset = 'registry/{OLD}'")
    data_version = then.data_version[then.asset == "refit/signature"].iloc[0]
    assert top == (f"registry/{OLD}", f"refit/signature@{OLD}", version, data_version, "training run", "code")
    assert query(frozen, "SELECT asset, upstream_data_version FROM lineage WHERE upstream_asset = ?", top[0]) == [
        ("signature", version)
    ]


def test_if_the_refit_is_published_nothing_refers_to_the_registry(lake):
    release(lake, "45.0", OLD, published=OLD)
    publish(lake, TABLES)
    assert walked(lake, "signature") == [("raw/gdc/all", "45.0")]
    named = query(lake, "SELECT count(*) FROM lineage WHERE upstream_asset LIKE '%@%' OR upstream_asset LIKE 'reg%'")
    assert named == [(0,)]


def test_a_signatures_lineage_is_kept_once_and_never_changed(frozen):
    path = frozen.signatures / f"{OLD}.lineage.json"
    before = path.read_bytes()
    assert signature_lineage.keep(frozen, trained(OLD), REFIT)
    assert path.read_bytes() == before
    assert list(registry.registered(frozen)) == [OLD, NEW], "no lineage is read as a signature"


def test_same_files_distinguishes_the_present_training_from_an_earlier_one(frozen):
    assert signature_lineage.same_files(frozen, NEW, REFIT)
    assert not signature_lineage.same_files(frozen, OLD, REFIT)


def test_a_signature_of_an_older_registry_has_a_lineage_that_is_unknown(frozen):
    """As the previous version kept it, without its lineage, which ends there, without files of another."""
    (frozen.signatures / f"{OLD}.lineage.json").unlink()
    publish(frozen, TABLES)
    assert walked(frozen, "signature") == []
    assert query(frozen, f"SELECT upstream_asset FROM lineage WHERE asset = 'registry/{OLD}'") == [("unknown",)]
    assert signature_lineage.files_of_signatures(frozen).keys() == {NEW}
    assert not signature_lineage.same_files(frozen, OLD, REFIT)


def test_a_signature_of_an_older_registry_gets_the_lineage_of_an_equal_refit_of_the_same_releases(lake):
    release(lake, "45.0", OLD, published=OLD)
    kept = (lake.signatures / f"{OLD}.lineage.json").read_bytes()
    (lake.signatures / f"{OLD}.lineage.json").unlink()
    assert not signature_lineage.keep(lake, replace(trained(OLD), trained_on="other releases"), REFIT)
    assert signature_lineage.find(lake, OLD) is None
    assert signature_lineage.keep(lake, trained(OLD), REFIT)
    assert (lake.signatures / f"{OLD}.lineage.json").read_bytes() == kept


def test_no_lineage_is_kept_of_tables_that_are_older_than_the_files_in_the_lake(lake):
    """The manifest is now that of 46.0; the signature was made from 45.0's."""
    release(lake, "45.0", OLD, published=OLD)
    (lake.signatures / f"{OLD}.lineage.json").unlink()
    genes = pd.DataFrame({"generation": [2]})
    put(lake, "raw/gdc/all", genes)
    assert not signature_lineage.keep(lake, trained(OLD), REFIT)
    assert signature_lineage.find(lake, OLD) is None


def test_what_a_killed_process_kept_before_it_registered_the_signature_is_replaced(lake):
    fill(lake)
    put(lake, "refit/signature", pd.DataFrame({"gene": ["A"]}), ("patients",))
    signature_lineage.keep(lake, trained(OLD), REFIT)
    fill(lake, generation=2, release="46.0")
    put(lake, "refit/signature", pd.DataFrame({"gene": ["A"]}), ("patients",))
    assert signature_lineage.keep(lake, trained(OLD), REFIT)
    assert set(signature_lineage.find(lake, OLD).raw_files.release) == {"46.0"}
