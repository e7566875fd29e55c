"""A refresh that is killed, stopped, or runs out of disk at any moment: the database stays readable, and the next
refresh has the same result as an uninterrupted one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import contextmanager

import duckdb
import pytest

from hnbc_assets_tests.lakes import HNBC, at
from hnbc_assets_tests.refresh_simulated.content import archived, differing, environment, succeeded, values, versions

# An asset of each stage of a refresh, in the order in which they are made.
STAGES = ("raw/gdc/TCGA-BRCA", "patients/tcga_brca", "refit/signature", "signature", "risk_changes", "release_reports",
          "hnbc_database")  # fmt: skip
SMALL_DISK = """
set -eu
mount -t tmpfs -o size="$1"k none "$2/small"
cp -a "$2/full/." "$2/small/"
status=0; "$3" refresh > "$2/stdout" 2> "$2/stderr" || status=$?
echo $status > "$2/status"
cp "$2/small/lake/hnbc.duckdb" "$2/after.duckdb"
mount -o remount,size=1g "$2/small"
status=0; "$3" refresh > "$2/stdout.again" 2> "$2/stderr.again" || status=$?
echo $status > "$2/status.again"
cp -a "$2/small/." "$2/enlarged/"
"""


@pytest.fixture
def ready(first, copy):
    """Copies of the lake at 45.0 whose upstream is at 46.0 now."""
    moved = copy(first, "moved")
    succeeded(moved.hnbc("simulate-release", "46.0"))
    return lambda name: copy(moved, name)


def started(lake, command="refresh"):
    """A refresh in its own process (and process group)."""
    return subprocess.Popen(
        [str(HNBC), command],
        env=environment(lake),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until_making(lake, process, asset, timeout=300):
    """Wait until the refresh has begun to make an asset. False if it ended before."""
    deadline = time.monotonic() + timeout
    path = lake.path / "attempts" / f"{asset}.json"
    while time.monotonic() < deadline:
        try:
            if json.loads(path.read_bytes())["run_id"] in runs_under_way(lake):
                return True
        except FileNotFoundError:
            pass
        if process.poll() is not None:
            return False
        time.sleep(0.005)
    raise AssertionError(f"{asset} was not begun in {timeout} s")


def runs_under_way(lake):
    """The ids of the runs that Dagster regards as started."""
    import sqlite3

    index = lake.path / "dagster" / "history" / "runs.db"
    if not index.exists():
        return set()
    with sqlite3.connect(f"file:{index}?mode=ro", uri=True, timeout=30) as index:
        rows = index.execute("SELECT run_id FROM runs WHERE status = 'STARTED'").fetchall()
    return {run_id for (run_id,) in rows}


def killed_while_making(lake, asset, seconds=0.0, command="refresh"):
    """Start a refresh and kill it -9 this number of seconds after it began to make the asset."""
    process = started(lake, command)
    try:
        assert wait_until_making(lake, process, asset), process.stderr.read()
        time.sleep(seconds)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@contextmanager
def read_all_the_time(database):
    """A reader that opens the database again and again; each time it must read one whole publication."""
    over, problems, seen = threading.Event(), [], []

    def read():
        while not over.wait(0.02):
            try:
                with duckdb.connect(str(database), read_only=True) as connection:
                    seen.append(
                        connection.execute(
                            "SELECT (SELECT any_value(signature_id) FROM signature),"
                            " (SELECT any_value(signature_id) FROM risk_scores),"
                            " (SELECT arg_max(signature_id, published_at) FROM publications)"
                        ).fetchone()
                    )
            except duckdb.Error as error:
                problems.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert not problems
    assert len(seen) > 5
    assert all(len(set(ids)) == 1 for ids in seen), "a mixture of two publications"


def publications(path):
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute("SELECT data_version FROM publications ORDER BY published_at").df().data_version


def same_as_uninterrupted(lake, second, twice=False):
    """Tables, archive and database are those of an uninterrupted refresh.

    `twice`: the refresh was killed after the new database was in place; it may have been published again.
    """
    assert versions(lake) == versions(second)
    assert values(lake) == values(second)
    assert archived(lake) == archived(second)
    expected = list(publications(second.database))
    found = list(publications(lake.database))
    assert found in ([expected, [*expected, expected[-1]]] if twice else [expected])
    other = differing(lake.database, second.database)
    assert not other or (twice and set(other) == {"publications"}), other
    assert not list((lake.path / "attempts").rglob("*.json"))
    folders = [path for path in lake.path.iterdir() if path.is_dir() and path.name != "dagster"]
    assert twice or not [path for folder in folders for path in folder.rglob(".*.part*")]


def in_place_already(lake, second):
    """Whether the database of the new release has been put in place."""
    return len(publications(lake.database)) == len(publications(second.database))


@pytest.mark.full
def test_a_refresh_killed_at_every_stage_in_turn_has_the_result_of_an_uninterrupted_one(ready, second):
    """One lake: every refresh continues from what the previous one left, and is killed one stage later."""
    lake = ready("chain")
    with read_all_the_time(lake.database):
        for number, asset in enumerate(STAGES):
            killed_while_making(lake, asset, seconds=0.08 * (number % 3))
        twice = in_place_already(lake, second)
        succeeded(lake.hnbc("refresh"))
    same_as_uninterrupted(lake, second, twice)


@pytest.mark.full
@pytest.mark.parametrize("asset", STAGES)
@pytest.mark.parametrize("seconds", [0.0, 0.15, 0.4, 0.8])
def test_a_refresh_killed_once_anywhere_is_finished_by_the_next(ready, second, asset, seconds):
    lake = ready("killed")
    with read_all_the_time(lake.database):
        killed_while_making(lake, asset, seconds)
        twice = in_place_already(lake, second)
        succeeded(lake.hnbc("refresh"))
    same_as_uninterrupted(lake, second, twice)


@pytest.mark.full
def test_a_refresh_killed_at_moments_spread_over_its_time_is_finished_by_the_next(ready, second):
    whole = ready("whole")
    began = time.monotonic()
    succeeded(whole.hnbc("refresh"))
    needed = time.monotonic() - began
    for number in range(1, 13):
        lake = ready(f"moment{number}")
        process = started(lake)
        time.sleep(needed * number / 13)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        twice = in_place_already(lake, second)
        succeeded(lake.hnbc("refresh"))
        same_as_uninterrupted(lake, second, twice)
        shutil.rmtree(lake.path)


@pytest.mark.full
def test_killed_repeated_and_simultaneous_runs_leave_the_checks_of_one_run(first, copy):
    """The result of a check depends on the data, not on how often a run fetched them."""
    lake = copy(first, "again")
    shutil.rmtree(lake.path)
    killed_while_making(lake, "refit/signature", command="run")
    side_by_side = [started(lake, "run") for _ in range(2)]
    for one in side_by_side:
        one.communicate(timeout=600)
    succeeded(lake.hnbc("run"))
    assert values(lake) == values(first)
    assert set(differing(lake.database, first.database)) <= {"publications"}


@pytest.mark.full
def test_a_refresh_that_is_terminated_says_so_and_the_next_one_continues(ready, second):
    lake = ready("terminated")
    before = lake.database.read_bytes()
    process = started(lake)
    assert wait_until_making(lake, process, "patients/tcga_brca")
    process.send_signal(signal.SIGTERM)
    _, output = process.communicate(timeout=600)
    assert process.returncode == 143, output
    assert "Stopped. What was finished is kept; the next refresh continues from there." in output
    assert "Traceback" not in output
    assert lake.database.read_bytes() == before
    succeeded(lake.hnbc("refresh"))
    same_as_uninterrupted(lake, second)


def test_a_second_refresh_at_the_same_time_steps_back_and_the_first_ends_well(ready, second):
    lake = ready("both")
    one = started(lake)
    assert wait_until_making(lake, one, "raw/gdc/TCGA-BRCA")
    other = lake.hnbc("refresh")
    assert one.poll() is None, "the first ended too soon for the test"
    assert other.returncode == 2, other.stderr
    message = " ".join(other.stderr.split())
    assert "hnbc refresh (process" in message, message
    assert "two at once would make the same" in message
    _, output = one.communicate(timeout=300)
    assert one.returncode == 0, output
    same_as_uninterrupted(lake, second)


# -- a full disk ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "megabytes",
    [
        pytest.param(1, id="while_fetching"),
        pytest.param(6, id="while_computing", marks=pytest.mark.full),
        pytest.param(12, id="before_publishing", marks=pytest.mark.full),
        pytest.param(18, id="while_publishing", marks=pytest.mark.full),
        pytest.param(28, id="while_copying_the_database", marks=pytest.mark.full),
    ],
)
def test_on_a_full_disk_a_refresh_fails_with_a_message_and_with_more_space_the_next_one_completes(
    ready, second, own_mounts, megabytes
):
    full = ready("full")
    folder = full.path.parent.parent
    for name in ("small", "enlarged"):
        (folder / name).mkdir()
    needed = int(subprocess.run(["du", "-sk", full.path.parent], capture_output=True, text=True).stdout.split()[0])
    small = at(folder / "small")
    size = str(needed + 1024 * megabytes)
    command = [*own_mounts, "sh", "-c", SMALL_DISK, "sh", size, str(folder), str(HNBC)]
    ended = subprocess.run(command, env=environment(small), capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 0, ended.stderr
    output = (folder / "stdout").read_text() + (folder / "stderr").read_text()
    print(output)
    assert int((folder / "status").read_text()) not in (0, 130, 143), output
    assert "No space left on device" in output, output
    last = output.strip().splitlines()[-1]
    assert last.startswith("hnbc: No space left on device") or "hnbc status has the reasons" in last, output
    assert differing(folder / "after.duckdb", full.database) == {}

    again = (folder / "stdout.again").read_text() + (folder / "stderr.again").read_text()
    assert (folder / "status.again").read_text().strip() == "0", again
    enlarged = at(folder / "enlarged")
    same_as_uninterrupted(enlarged, second)
    shutil.rmtree(folder / "enlarged")
