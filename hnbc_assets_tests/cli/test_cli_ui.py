"""`hnbc ui`: it answers, and ends with nothing left running."""

import json
import os
import signal
import socket
import subprocess
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

LOCATIONS = "{ repositoriesOrError { ... on RepositoryConnection { nodes { origin { id repositoryLocationName } } } } }"
RUNS = """{ runsOrError { ... on Runs { results {
    runId pipelineName tags { key value } repositoryOrigin { id repositoryLocationName } } } } }"""
RUNS_OF_JOB = """{ pipelineOrError(params: {
    pipelineName: "study", repositoryName: "__repository__", repositoryLocationName: "hnbc_assets"
}) { ... on Pipeline { runs { runId } } } }"""

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")


@pytest.fixture
def port():
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.full)]
)
def test_the_ui_answers_and_leaves_no_process_running(start, port, lake_path, hnbc, standin, number, status):
    """Webserver, daemon and the code servers that each of them starts: four processes, all ended.

    A run of the terminal belongs to the code location that the UI shows, as a run that was launched there does.
    """
    standin()
    assert hnbc("run", "--select", "raw/gdc/one").status == 0
    process = start("ui", "--port", str(port))
    assert f"http://127.0.0.1:{port}" in process.stdout.readline()
    wait_for(lambda: ask(port, LOCATIONS)["repositoriesOrError"]["nodes"])
    (shown,) = ask(port, LOCATIONS)["repositoriesOrError"]["nodes"]
    (run,) = ask(port, RUNS)["runsOrError"]["results"]
    assert run["repositoryOrigin"] == shown["origin"]
    assert run["pipelineName"] == "study"
    assert {"key": "hnbc/command", "value": "hnbc run --select raw/gdc/one"} in run["tags"]
    (of_repository,) = ask(port, RUNS_OF_JOB)["pipelineOrError"]["runs"]
    assert of_repository["runId"] == run["runId"]
    wait_for(lambda: len(of_lake(lake_path) - {process.pid}) >= 4)
    os.kill(process.pid, number)
    _, output = process.communicate(timeout=600)
    assert process.returncode == status
    assert "nothing is left running" in output
    assert of_lake(lake_path) == set()
    assert (lake_path / "dagster" / "hnbc_logs" / "webserver.log").exists()


@pytest.mark.full
def test_a_killed_ui_takes_its_programs_with_it(start, port, lake_path):
    process = start("ui", "--port", str(port))
    process.stdout.readline()
    process.kill()
    process.wait()
    wait_for(lambda: of_lake(lake_path) == set())


def test_a_port_in_use_is_reported_at_once(hnbc, lake_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = hnbc("ui", "--port", str(port))
    assert ended.status == 2
    assert f"Port {port}" in ended.err
    assert "--port" in ended.err


def test_a_program_that_ends_by_itself_ends_the_ui_with_the_end_of_its_log(start, port, lake_path):
    (lake_path / "dagster").mkdir(parents=True)
    (lake_path / "dagster" / "dagster.yaml").write_text("no_such_setting: true\n")
    process = start("ui", "--port", str(port))
    _, output = process.communicate(timeout=600)
    assert process.returncode == 1
    assert "no_such_setting" in output
    assert of_lake(lake_path) == set()


def test_a_group_that_ignores_sigterm_is_killed_with_its_grandchildren(tmp_path):
    from hnbc_assets.commands.ui import Program, stop

    stubborn = "trap '' TERM; (trap '' TERM; sleep 300) & echo ready; sleep 300"
    program = Program("stubborn", ["sh", "-c", stubborn], tmp_path / "log")
    wait_for(lambda: "ready" in program.last_words())
    group = os.getpgid(program._process.pid)
    stop([program], grace_seconds=0.3)
    assert subprocess.run(["pgrep", "-g", str(group), "-r", "R,S,D"], capture_output=True).stdout == b""


def ask(port, query):
    """What the webserver answers to a GraphQL query."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/graphql", json.dumps({"query": query}), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200
    output = json.load(answer)["data"]
    connection.close()
    return output


def of_lake(lake_path):
    """The numbers of the living processes that work for this lake."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            mine = f"HNBC_DATA_LAKE={lake_path}".encode() in (folder / "environ").read_bytes().split(b"\0")
            alive = (folder / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            continue
        if mine and alive and int(folder.name) != os.getpid():
            found.add(int(folder.name))
    return found


def wait_for(condition, seconds=600):
    """Wait until a condition is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
