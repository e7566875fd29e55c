"""Fixtures for tests of every stage: where the real data are, and a replica of the upstream hosts over real sockets.

In scope: fixtures that more than one stage uses. Out of scope: anything that only one test file needs.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hnbc_assets_tests.replica import Replica, find_shared

if TYPE_CHECKING:
    from hnbc_assets_tests.lakes import Lake
    from hnbc_assets_tests.refresh.evidence import Evidence

# The files that take longest, the longest first: otherwise one of them would still run when all others have ended.
LONGEST = (
    "test_refresh_gates.py",
    "test_refresh_daemon.py",
    "test_main_line_real.py",
    "test_refresh_real.py",
    "test_main_line_simulated.py",
    "test_refresh_archive.py",
    "test_refresh_policy.py",
    "test_refresh_interrupted.py",
    "test_readme.py",
    "test_cli_run.py",
    "test_main_line_user_cohort.py",
    "test_cli_refresh.py",
    "test_defs_retention.py",
)
# Files whose tests share a lake of real patients, which belongs to the replica of one test process.
TOGETHER = {
    "test_refresh_daemon.py": "small",
    "test_refresh_gates.py": "small",
    "test_main_line_real.py": "whole",
    "test_refresh_real.py": "whole",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files in the order in which they start: the longest first, then all others in their own order."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile`: a file's tests run in one process, and so do files that share a lake."""
    from xdist.scheduler import LoadFileScheduling

    class Sharing(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            folder, _, name = super()._split_scope(nodeid).rpartition("/")
            return TOGETHER.get(name, f"{folder}/{name}")

    return Sharing(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared real data; a test that requests it is skipped where it is absent."""
    place = find_shared()
    if place is None:
        pytest.skip("the shared real data is absent (set HNBC_SHARED, or put it in ../shared)")
    return place


@pytest.fixture(scope="session")
def _whole_replica(shared: Path) -> Iterator[Replica]:
    replica = Replica(shared)
    yield replica
    replica.stop()


@pytest.fixture(scope="session")
def _small_replica(shared: Path) -> Iterator[Replica]:
    replica = Replica(shared, limit=30)
    yield replica
    replica.stop()


@pytest.fixture
def replica(_whole_replica: Replica) -> Iterator[Replica]:
    """The whole replica at release 45.0, without faults, counters at zero."""
    _whole_replica.reset()
    yield _whole_replica
    _whole_replica.reset()


@pytest.fixture
def small_replica(_small_replica: Replica) -> Iterator[Replica]:
    """The replica with the first 30 GDC cases only: for faults and other tests that need few files."""
    _small_replica.reset()
    yield _small_replica
    _small_replica.reset()


@pytest.fixture(scope="session")
def own_mounts() -> list[str]:
    """The command that gives a process its own mounts; skipped where the system does not allow that."""
    for command in (["unshare", "-m"], ["unshare", "-Urm"]):
        tried = [*command, "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"]
        if shutil.which("unshare") and subprocess.run(tried, capture_output=True, check=False).returncode == 0:
            return command
    pytest.skip("no file system can be mounted here (unshare -m): a full disk cannot be tested")


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The small simulated study at release 45.0, run once for all test processes: tests work on copies."""
    from hnbc_assets_tests.lakes import at, made_once, small_study

    def make(folder: Path) -> None:
        small_study(folder)
        ended = at(folder).hnbc("run")
        assert ended.returncode == 0, ended.stdout + ended.stderr

    return at(made_once(tmp_path_factory, "first", make))


@pytest.fixture(scope="session")
def real_lake(_whole_replica: Replica, tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """The study on real patients, run once on release 45.0 of the whole replica; tests that change it take copies."""
    from hnbc_assets_tests.refresh.evidence import REAL, Evidence

    _whole_replica.reset()
    lake = Evidence(tmp_path_factory.mktemp("real") / "lake", REAL, _whole_replica.base)
    ended = lake.hnbc("run")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (lake.path.parent / "output.txt").write_text(ended.stdout)
    return lake
