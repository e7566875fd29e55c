"""A refresh under test: `hnbc` as started by a user, on copies of a lake that was run on the older release.

The effects of a refresh are read from outside: the replica's counters, hashes of files, the footers of parquet files,
the database, Dagster's event log.
"""

from typing import Any

import pytest

from hnbc_assets_tests.refresh.evidence import Evidence, cut_down


@pytest.fixture(scope="session")
def small_run(_small_replica, tmp_path_factory):
    """The cut-down study, run once on release 45.0 of the small replica; tests take copies."""
    _small_replica.reset()
    folder = tmp_path_factory.mktemp("small")
    lake = Evidence(folder / "lake", cut_down(folder), _small_replica.base)
    ended = lake.hnbc("run")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return lake


@pytest.fixture
def small(small_run, small_replica, tmp_path):
    """Make a copy of the small lake for this test, the replica at the older release; `sections` change the study."""

    def copy(**sections: Any) -> Evidence:
        lake = small_run.copy(tmp_path, cut_down(tmp_path, **sections))
        small_replica.forget()
        return lake

    return copy
