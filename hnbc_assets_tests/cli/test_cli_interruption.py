"""An early Ctrl-C: a command that is stopped while its modules are being loaded says so in one line."""

from __future__ import annotations

import pytest

SIGNALLING = """
import os, signal, sys

# What a shell starts in the background ignores Ctrl-C; a terminal's own command does not.
signal.signal(signal.SIGINT, signal.default_int_handler)

class Signalling:
    '''Sends this process a signal when a module is about to be imported.'''

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == os.environ["AT_MODULE"]:
            os.environ["AT_MODULE"] = ""
            os.kill(os.getpid(), int(os.environ["SIGNAL"]))

sys.meta_path.insert(0, Signalling)
"""


@pytest.fixture
def stopped_at(start, tmp_path):
    """Start a command that gets a signal when it imports a module: its status and its messages."""

    def stop(module, *arguments, number=2):
        (tmp_path / "signalling").mkdir()
        (tmp_path / "signalling" / "sitecustomize.py").write_text(SIGNALLING)
        variables = {"AT_MODULE": module, "SIGNAL": str(number), "PYTHONPATH": str(tmp_path / "signalling")}
        process = start(*arguments, **variables)
        _, output = process.communicate(timeout=600)
        return process.returncode, output

    return stop


@pytest.mark.parametrize(
    ("module", "number", "status"),
    [
        ("click", 2, 130),  # of the command line itself
        ("hnbc_assets.lake.paths", 15, 143),  # while the lake's settings are written
        ("dagster", 2, 130),
        ("pandas", 2, 130),  # deep in the definitions
    ],
)
def test_a_run_that_is_stopped_before_it_begins_says_so_in_one_line(stopped_at, lake_path, module, number, status):
    ended, output = stopped_at(module, "run", number=number)
    assert ended == status
    assert output.splitlines()[-1] == "Stopped. Nothing had been started."
    assert "Traceback" not in output
    assert not list(lake_path.rglob("*.part"))
    assert not (lake_path / "unfinished_run.json").exists()


@pytest.mark.parametrize("command", [["status"], ["sql", "SELECT 1"]])
def test_other_commands_end_without_a_traceback_too(stopped_at, command):
    ended, output = stopped_at("hnbc_assets.lake.paths", *command)
    assert (ended, output.strip()) == (130, "")
