"""The lake with several processes: killed writers, killed publishers, lasting readers, simultaneous publishers."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import time

import duckdb
import numpy as np
import pytest
from invented_lake import TABLES, fill, generations, publish_often, publish_once, read_until, write_matrix

from hnbc_assets.errors import PublicationRefused
from hnbc_assets.lake import parquet
from hnbc_assets.lake.atomic import locked
from hnbc_assets.lake.snapshot import publish


@pytest.fixture(scope="module")
def processes():
    """Starts processes quickly: a server that has imported what they need forks them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["invented_lake", "hnbc_assets.lake.snapshot", "duckdb"])
    return context


def start(processes, target, *arguments):
    ours, theirs = processes.Pipe()
    process = processes.Process(target=target, args=(*arguments, theirs), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def killed_at(processes, seconds, target, *arguments):
    """Run the target in a process and kill it -9 that long after it signalled its start; True if that was too late."""
    process, pipe = start(processes, target, *arguments)
    pipe.recv()
    process.join(seconds)
    finished = process.exitcode is not None
    process.kill()
    process.join()
    return finished


def seconds_needed(processes, target, *arguments):
    process, pipe = start(processes, target, *arguments)
    pipe.recv()
    began = time.perf_counter()
    process.join()
    assert process.exitcode == 0
    return time.perf_counter() - began


def stored_generations(lake):
    with duckdb.connect(str(lake.database), read_only=True) as connection:
        return generations(connection)


def kill_publishers(lake, processes, kills):
    publish(lake, TABLES)
    needed = min(seconds_needed(processes, publish_once, lake.root) for _ in range(3))
    moments, interrupted, last = random.Random(1), 0, {1}
    for generation in range(2, kills + 2):
        fill(lake, generation)
        finished = killed_at(processes, moments.uniform(0, 1.1 * needed), publish_once, lake.root)
        interrupted += not finished
        needed *= 0.8 if finished else 1.0  # measured while the machine was busier
        found = stored_generations(lake)
        assert found in (last, {generation}), f"kill {generation - 1}: {found} after {last}"
        assert not finished or found == {generation}
        last = found
    publish(lake, TABLES, keep=2)
    assert stored_generations(lake) == {kills + 1}
    assert not list(lake.root.rglob("*.part*"))
    for release in lake.databases.iterdir():
        with duckdb.connect(str(release), read_only=True) as connection:
            assert len(generations(connection)) == 1
    return interrupted


def test_a_publisher_killed_at_any_moment_leaves_a_whole_database(filled_lake, processes):
    assert kill_publishers(filled_lake, processes, 15) >= 5


@pytest.mark.full
def test_hundreds_of_killed_publishers_leave_a_whole_database_each_time(filled_lake, processes):
    assert kill_publishers(filled_lake, processes, 400) >= 130


def test_a_writer_killed_at_any_moment_leaves_the_old_table(lake, processes):
    path = lake.table("matrix")
    needed = max(seconds_needed(processes, write_matrix, path, 0) for _ in range(2))
    moments, last, interrupted = random.Random(2), 0.0, 0
    for generation in range(1, 16):
        finished = killed_at(processes, moments.uniform(0, needed), write_matrix, path, generation)
        parquet.verify(path)
        values = np.unique(parquet.read(path).to_numpy())
        assert values.tolist() in ([last], [float(generation)])
        interrupted += values[0] == last
        needed *= 0.8 if finished else 1.0
        assert not finished or values[0] == generation
        last = values[0]
    assert interrupted >= 3


def test_readers_of_the_old_database_are_never_disturbed(filled_lake, processes):
    publish(filled_lake, TABLES)
    enough = processes.Event()
    readers = [start(processes, read_until, filled_lake.database, hold, enough) for hold in (True, False, False)]
    assert [pipe.recv() for _, pipe in readers] == ["reading"] * 3
    for generation in range(2, 7):
        fill(filled_lake, generation)
        publish(filled_lake, TABLES, keep=1)
    enough.set()
    stayed, *returned = [pipe.recv() for _, pipe in readers]
    assert set(map(frozenset, stayed)) == {frozenset({1})}, "an open database keeps its content"
    for seen in returned:
        assert all(len(found) == 1 for found in seen), "no reader sees a mixture"
        order = [next(iter(found)) for found in seen]
        assert order == sorted(order)
        assert order[-1] == 6


def test_two_publishers_at_once_take_turns(filled_lake, processes):
    publishers = [start(processes, publish_often, filled_lake.root, 4) for _ in range(2)]
    shas = [pipe.recv() for _, pipe in publishers]
    assert [len(each) for each in shas] == [4, 4]
    assert stored_generations(filled_lake) == {1}
    assert not list(filled_lake.root.rglob("*.part*"))
    (kept,) = filled_lake.databases.iterdir()
    assert hashlib.sha256(kept.read_bytes()).hexdigest() in {each[-1] for each in shas}, "the last of eight"


def test_who_waits_too_long_for_another_publisher_gets_its_process_id(filled_lake, processes):
    with (
        locked(filled_lake.publishing_lock),
        pytest.raises(PublicationRefused, match=f"Another process is publishing.*process {os.getpid()}"),
    ):
        publish(filled_lake, TABLES, wait_seconds=0.2)
