"""A user's own cohorts, added to the study's: tables keyed by Ensembl id, from files to the database.

The patients are drawn from the study's simulated world with another seed, so that they have the same planted effects.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.sources.simulated import Simulation
from hnbc_assets.sources.simulated.roster import draw_roster
from hnbc_assets.sources.simulated.world import draw_cohort
from hnbc_assets_tests.lakes import SMALL, Lake, small_study

N = 90
MINE = {"role": "validation", "expression_scale": "log2_tpm", "endpoint": "os"}
INVENTED = {"kind": "table", "simulated": True}
LINEAR = INVENTED | {"expression": "mine/hospital_a.csv", "clinical": "mine/hospital_a_patients.csv"}
LOG2 = INVENTED | {"expression": "mine/hospital_b.parquet", "clinical": "mine/hospital_b_patients.tsv"}
COHORTS = {
    "hospital_a": MINE | {"source": LINEAR},
    "hospital_b": MINE | {"source": LOG2 | {"values": "log2"}, "columns": {"os_days": "days_followed"}},
}


def patients(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """log2(TPM + 1), genes (Ensembl ids of another annotation's versions) × patients, and the patients' records."""
    simulation = Simulation(**SMALL, n_drugs=20)
    roster = draw_roster(simulation)
    drawn = draw_cohort(replace(simulation, seed=seed), roster, "metabric", N)
    ids = roster.genes["ensembl_id"].str.split(".").str[0] + ".99"
    names = [f"H{seed}-{i:03d}" for i in range(N)]
    tpm = np.exp2(drawn.expression.astype(float))
    values = pd.DataFrame(
        np.log2(tpm * (1e6 / tpm.sum(axis=0)) + 1), index=pd.Index(ids, name="gene_id"), columns=names
    )
    table = drawn.patients
    clinical = pd.DataFrame({
        "patient_id": names,
        "age": table["age_years"].round(1).to_numpy(),
        "er_status": np.where(table["er"], "positive", "negative"),
        "her2_status": np.where(table["her2"], "positive", "negative"),
        "os_days": np.ceil(table["os_years"] * 365.25).to_numpy(),
        "os_event": table["os_event"].astype(int).to_numpy(),
    })  # fmt: skip
    return values, clinical


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Two hospitals' tables next to a study file: linear csv, genes in rows; log2 parquet, genes in columns."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "mine").mkdir()
    values, clinical = patients(7)
    (np.exp2(values) - 1).round(5).to_csv(folder / LINEAR["expression"])
    clinical.to_csv(folder / LINEAR["clinical"], index=False)
    values, clinical = patients(8)
    values.T.rename_axis("patient").to_parquet(folder / LOG2["expression"])
    clinical.rename(columns={"os_days": "days_followed"}).to_csv(folder / LOG2["clinical"], sep="\t", index=False)
    return folder


@pytest.fixture(scope="module")
def lake(tables):
    lake = Lake(tables / "lake", small_study(tables, cohorts=COHORTS))
    ended = lake.hnbc("run")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return lake


@pytest.mark.parametrize(("name", "seed"), [("hospital_a", 7), ("hospital_b", 8)])
def test_a_users_values_are_in_the_database_by_symbol_as_log2_tpm(lake, name, seed):
    values, _ = patients(seed)
    roster = draw_roster(Simulation(**SMALL, n_drugs=20))
    expected = values.set_axis(pd.Index(roster.genes.index, name="gene"))
    found = pd.read_parquet(lake.path / f"tables/cohorts/{name}.parquet").set_index("gene")
    common = found.index.intersection(expected.index)
    assert len(common) > 0.99 * len(found)
    np.testing.assert_allclose(found.loc[common, expected.columns], expected.loc[common], atol=1e-4)


def test_users_patients_are_counted_and_scored(lake):
    cohorts = lake.ask("SELECT * FROM cohorts WHERE cohort_id LIKE 'hospital%'").set_index("cohort_id")
    scored = lake.ask("SELECT cohort_id, count(*) AS n FROM risk_scores WHERE risk_score IS NOT NULL GROUP BY ALL")
    for name, seed in (("hospital_a", 7), ("hospital_b", 8)):
        _, clinical = patients(seed)
        negative = clinical[clinical.her2_status == "negative"]
        assert cohorts.n_included[name] == len(negative)
        assert cohorts.n_events[name] == negative.os_event.sum()
        assert scored.set_index("cohort_id").n[name] == len(negative)
    assert cohorts.time_origin.isna().all()
    assert cohorts.source.tolist() == ["SIMULATED table hospital_a.csv", "SIMULATED table hospital_b.parquet"]


def test_a_check_compares_the_patients_of_a_users_tables(lake):
    checks = lake.ask("SELECT asset, passed, description FROM check_results WHERE check_name = 'ids_as_written'")
    assert sorted(checks.asset) == ["cohorts/hospital_a", "cohorts/hospital_b"]
    assert checks.passed.all()
    assert checks.description.str.contains(f"{N} samples read").all()


def test_the_signature_is_evaluated_in_users_cohorts_as_independent_ones(lake):
    judged = lake.ask("""
        SELECT cohort_id, independent, estimate FROM prognostic_performance
        WHERE metric = 'hazard_ratio_per_sd' AND cohort_id LIKE 'hospital%'""")
    assert judged.independent.all()
    assert (judged.estimate > 1).all()


def test_users_files_are_named_by_their_path_in_the_study_and_never_by_a_machine_path(lake, tables):
    files = lake.ask("SELECT * FROM raw_files WHERE source = 'table' ORDER BY file_id")
    assert files.url.tolist() == [f"file:{s[k]}" for s in (LINEAR, LOG2) for k in ("clinical", "expression")]
    named = lake.ask(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE data_type = 'VARCHAR' AND NOT internal"
    )
    for column in named.itertuples():
        found = lake.ask(
            f'SELECT count(*) AS n FROM "{column.table_name}" WHERE contains("{column.column_name}", ?)', str(tables)
        )
        assert found.n[0] == 0, column


@pytest.mark.full
def test_logarithms_given_for_linear_values_stop_the_run_and_name_the_setting(tables, tmp_path):
    study = small_study(tmp_path, cohorts={"mine": MINE | {"source": LOG2 | {"values": "linear"}}})
    (tmp_path / "mine").symlink_to(tables / "mine")
    made_together = ("+cohorts/mine", "samples/mine", "patients/mine", "gene_mappings/mine")
    ended = Lake(tmp_path / "lake", study).hnbc("run", *(word for key in made_together for word in ("--select", key)))
    assert ended.returncode != 0
    assert "values: log2" in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("upstream", "simulated", "remedy"),
    [("simulated", False, "write simulated: true in the source"), ("live", True, "set HNBC_UPSTREAM=simulated")],
)
def test_real_and_invented_patients_are_never_mixed_and_no_lake_is_made(tmp_path, upstream, simulated, remedy):
    study = small_study(tmp_path, cohorts={"mine": MINE | {"source": LINEAR | {"simulated": simulated}}})
    lake = Lake(tmp_path / "lake", study, upstream)
    for command in (["run"], ["refresh"], ["run", "--select", "cohorts"], ["refresh", "--dry-run"]):
        ended = lake.hnbc(*command)
        assert ended.returncode == 2
        assert re.search(r"study\.yaml, line \d+, cohorts\.mine\.source", ended.stderr)
        assert remedy in ended.stderr
    assert not lake.path.exists()
