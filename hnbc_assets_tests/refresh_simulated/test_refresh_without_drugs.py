"""GDSC cannot be fetched: everything else is made, published and reported, and completed when GDSC is back."""

from __future__ import annotations

import shutil

import pytest

from hnbc_assets_tests.lakes import Lake, small_study
from hnbc_assets_tests.refresh_simulated.content import succeeded

pytestmark = pytest.mark.full
# An address that no longer exists, instead of Sanger's: addresses are not part of a study's identity.
GONE = {"gdsc.expression_rma": ["https://www.cancerrxgene.org/gdsc1000/basalExp.txt.gz"]}
TABLES = ("cell_lines", "drug_models", "drug_sensitivity", "drug_associations")
COUNTS = f"SELECT {', '.join(f'(SELECT count(*) FROM {table}) AS {table}' for table in (*TABLES, 'risk_scores'))}"


def counts(lake: Lake) -> dict[str, int]:
    return lake.ask(COUNTS).iloc[0].to_dict()


def is_without_drugs(lake: Lake, printed: str) -> None:
    """Empty tables with their columns, the reason in the headline, in the checks, in the status."""
    found = counts(lake)
    assert [found[table] for table in TABLES] == [0, 0, 0, 0]
    assert found["risk_scores"] > 0
    assert "ln_ic50_um" in lake.ask("FROM drug_sensitivity").columns
    check = lake.ask("SELECT * FROM check_results WHERE check_name = 'drugs_complete'").iloc[0]
    assert (check.asset, bool(check.passed), check.severity) == ("hnbc_database", False, "ERROR")
    assert "raw/gdsc failed" in check.description
    assert "HTTP status 410" in check.description
    assert "published without the stage drugs" in printed
    status = lake.hnbc("status").stdout
    assert "✗ without the stage drugs: cell_lines, drug_models" in status


@pytest.mark.parametrize("executor", ["in_process", "multiprocess"])
def test_a_first_run_publishes_everything_but_the_drugs_and_a_refresh_completes_it(tmp_path, executor):
    lake = Lake(tmp_path / "lake", small_study(tmp_path, addresses=GONE))
    ended = lake.hnbc("run", "--executor", executor)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    is_without_drugs(lake, ended.stderr)
    assert "drugs        missing: cell_lines" in ended.stdout
    published = lake.ask("FROM publications")
    again = lake.hnbc("refresh")
    assert again.returncode == 1, again.stdout + again.stderr
    assert lake.ask("FROM publications").equals(published), "an unchanged database is not published again"
    small_study(tmp_path)
    succeeded(lake.hnbc("refresh"))
    assert min(counts(lake).values()) > 0
    assert bool(lake.ask("SELECT passed FROM check_results WHERE check_name = 'drugs_complete'").passed[0])
    assert "Everything is current" in succeeded(lake.hnbc("refresh"))


def test_a_lake_that_has_gdsc_keeps_its_drugs_if_the_host_is_unreachable(first, copy):
    """The fetched files are present and match: nothing is missing although the look fails."""
    lake = copy(first, addresses=GONE)
    before = counts(lake)
    ended = lake.hnbc("refresh")
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert counts(lake) == before


def test_a_blocking_failure_elsewhere_still_prevents_the_publication(first, copy):
    lake = copy(first, addresses=GONE | {"geo.annotation": ["https://ftp.ncbi.nlm.nih.gov/none/{file}"]})
    shutil.rmtree(lake.path / "tables" / "raw")
    shutil.rmtree(lake.path / "raw" / "geo")
    lake.database.unlink()
    ended = lake.hnbc("run")
    assert ended.returncode != 0
    assert not lake.database.exists()
