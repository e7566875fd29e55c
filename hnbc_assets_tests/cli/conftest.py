"""The command line under test: in this process where that suffices, as a process of its own where it must be one."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

STANDIN = Path(__file__).parent / "standin"
HNBC = Path(sys.executable).with_name("hnbc")


@dataclass
class Ended:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


@pytest.fixture
def lake_path(tmp_path, monkeypatch):
    """A lake of this test's own; every variable that a command exports is put back afterwards."""
    for variable in ("HNBC_STUDY", "DAGSTER_HOME", "HNBC_UPSTREAM"):
        monkeypatch.setenv(variable, "")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HNBC_DATA_LAKE", str(tmp_path / "lake"))
    return tmp_path / "lake"


@pytest.fixture
def hnbc(lake_path, monkeypatch, capsys):
    """Call the command line in this process."""
    from hnbc_assets import cli

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", [str(HNBC), *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return Ended(ended.value.code or 0, said.out, said.err)

    return call


@pytest.fixture
def standin(monkeypatch):
    """Put the stand-in study in place of the definitions in this process; it behaves in the way that is named."""
    import dagster

    from hnbc_assets.commands import job

    def forget():
        """Nothing made from one test's definitions meets another test: neither what is kept here nor by Dagster."""
        job.definitions.cache_clear()
        job.resolved_job.cache_clear()
        if remembered:
            type(remembered[0]).get_definition.cache_clear()

    remembered = []
    build = dagster.build_reconstructable_job
    monkeypatch.setattr(
        dagster, "build_reconstructable_job", lambda *a, **k: remembered.append(build(*a, **k)) or remembered[-1]
    )
    forget()

    def install(way=""):
        monkeypatch.setenv("STANDIN", way)
        for name, file in (
            ("hnbc_assets.defs", "standin_defs.py"),
            ("hnbc_assets.report.headline", "standin_headline.py"),
        ):
            spec = importlib.util.spec_from_file_location(name, STANDIN / file)
            module = importlib.util.module_from_spec(spec)
            monkeypatch.setitem(sys.modules, name, module)
            spec.loader.exec_module(module)

    yield install
    forget()


@pytest.fixture
def start(lake_path, tmp_path):
    """Start the command line as a process of its own, on the stand-in study; it is killed if the test leaves it."""
    started = []

    def begin(*arguments, way="", **variables):
        environment = os.environ | {"PYTHONPATH": str(STANDIN), "STANDIN": way} | variables
        process = subprocess.Popen(
            [sys.executable, str(HNBC), *arguments],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
