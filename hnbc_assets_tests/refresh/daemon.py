"""`hnbc ui` on a lake, and what can be observed of its processes and runs from outside.

In scope: starting, waiting, ending. Out of scope: tests.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hnbc_assets_tests.lakes import HNBC
from hnbc_assets_tests.refresh.evidence import Evidence

AN_HOUR = 3600  # seconds


@contextmanager
def ui(lake: Evidence) -> Iterator[subprocess.Popen]:
    """`hnbc ui` on a lake, ready; none of its processes runs afterwards."""
    environment = os.environ | {
        "HNBC_UPSTREAM": lake.upstream,
        "HNBC_STUDY": str(lake.study),
        "HNBC_DATA_LAKE": str(lake.path),
        "DAGSTER_HOME": "",
    }
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [str(HNBC), "ui", "--port", str(port)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert f"http://127.0.0.1:{port}" in process.stdout.readline(), process.stderr.read()
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=600)
        finally:
            end_all(lake)


def processes(lake: Evidence) -> set[int]:
    """The living processes that work for this lake."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            mine = f"HNBC_DATA_LAKE={lake.path}".encode() in (folder / "environ").read_bytes().split(b"\0")
            alive = (folder / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            continue
        if mine and alive:
            found.add(int(folder.name))
    return found - {os.getpid()}


def end_all(lake: Evidence) -> None:
    """SIGKILL to every process that works for this lake."""
    for number in processes(lake):
        try:
            os.kill(number, signal.SIGKILL)
        except ProcessLookupError:
            continue


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Wait until a condition is true; returns its value. An hour: eight runs took a quarter of one on a machine
    at load 34.
    """
    deadline = time.monotonic() + AN_HOUR
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {AN_HOUR} s for {what}"
        time.sleep(1)
    return found


def publications(lake: Evidence) -> int:
    return len(lake.ask("SELECT * FROM publications"))


def looks(lake: Evidence, known: set[str]) -> list[Any]:
    """Finished looks that are not among the known runs."""
    return [run for run in lake.runs() if run.job_name == "look" and run.is_finished and run.run_id not in known]


def making(lake: Evidence, known: set[str]) -> list[Any]:
    """Runs that make assets and are not among the known ones."""
    return [run for run in lake.runs() if run.job_name != "look" and run.run_id not in known]


def ids(lake: Evidence) -> set[str]:
    return {run.run_id for run in lake.runs()}
