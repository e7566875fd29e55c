"""The first run on a disk that is too small: one line reports it, whichever file did not fit."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys

import pytest

from hnbc_assets.commands import full_disk
from hnbc_assets_tests.lakes import HNBC, small_study

SMALL_DISK = """
mount -t tmpfs -o size="$1"m none "$2"
"$3" run > "$4/stdout" 2> "$4/stderr"
echo $? > "$4/status"
"""
OTHERS_WORDS = ("sqlalche", "Traceback", "[SQL", "OperationalError", "Unexpected error")


@pytest.mark.parametrize(
    "megabytes", [2, *(pytest.param(size, marks=pytest.mark.full) for size in (1, 3, 5, 8, 13, 20, 30, 40, 50, 60))]
)
def test_a_first_run_on_too_small_a_disk_reports_it_in_one_line(tmp_path, own_mounts, megabytes):
    disk = tmp_path / "disk"
    disk.mkdir()
    study = small_study(tmp_path)
    environment = os.environ | {"HNBC_UPSTREAM": "simulated", "HNBC_STUDY": str(study), "DAGSTER_HOME": ""}
    command = [*own_mounts, "sh", "-c", SMALL_DISK, "sh", str(megabytes), str(disk), str(HNBC), str(tmp_path)]
    subprocess.run(command, env=environment | {"HNBC_DATA_LAKE": str(disk / "lake")}, check=True, timeout=600)
    output = (tmp_path / "stdout").read_text() + (tmp_path / "stderr").read_text()
    assert (tmp_path / "status").read_text().strip() == "1", output
    lines = [line for line in output.splitlines() if "No space left on device" in line]
    assert len(lines) == 1, output
    assert [word for word in OTHERS_WORDS if word in output] == [], output


@pytest.fixture
def free(monkeypatch):
    """Set the free bytes on the lake's disk."""
    return lambda room: monkeypatch.setattr(full_disk, "room", lambda: room)


def caused_by(cause):
    """An error of a library that was raised because of another one."""
    error = RuntimeError("(sqlite3.OperationalError) in another library's words")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "room", "full"),
    [
        pytest.param(OSError(28, "No space left on device"), 1e12, True, id="the system says so"),
        pytest.param(OSError(122, "Disk quota exceeded"), 1e12, True, id="the quota"),
        pytest.param(sqlite3.OperationalError("database or disk is full"), 1e12, True, id="SQLite says so"),
        pytest.param(sqlite3.OperationalError("disk I/O error"), 50_000, True, id="SQLite without room"),
        pytest.param(sqlite3.OperationalError("disk I/O error"), 1e12, False, id="a broken disk"),
        pytest.param(ValueError("shapes"), 1e12, False, id="another error"),
        pytest.param(ValueError("shapes"), 10, True, id="any error without room"),
    ],
)
def test_a_full_disk_is_distinguished_from_other_errors(free, error, room, full):
    free(room)
    assert bool(full_disk.message(error)) is full
    assert bool(full_disk.message(caused_by(error))) is full


@pytest.mark.parametrize(("room", "printed"), [(50_000, False), (1e12, True)])
def test_dagsters_sql_is_left_out_of_the_terminal_when_the_disk_is_full_and_only_then(free, capsys, room, printed):
    free(room)
    with full_disk.unrepeated():
        sys.stderr.write(
            "Exception while writing logger call to event log: (sqlite3.OperationalError) disk I/O error\n"
        )
        print("a line of ours", file=sys.stderr)
    errors = capsys.readouterr().err
    assert "a line of ours" in errors
    assert ("disk I/O error" in errors) is printed


def test_the_message_of_a_full_disk_is_given_once_until_the_next_command_begins():
    full_disk.begin()
    assert full_disk.once().startswith("No space left on device: ")
    assert full_disk.once() == ""
    full_disk.begin()
    assert full_disk.once().startswith("No space left on device: ")
    full_disk.begin()
