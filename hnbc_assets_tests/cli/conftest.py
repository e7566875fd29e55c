"""The command line under test: in this process where that suffices, as its own process where necessary."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hnbc_assets.lake.paths import Lake
from hnbc_assets.study import PACKAGED
from hnbc_assets_tests.cli.ended import Ended

STANDIN = Path(__file__).parent / "standin"
HNBC = Path(sys.executable).with_name("hnbc")


@pytest.fixture
def lake_path(tmp_path, monkeypatch):
    """This test's own lake; every variable that a command exports is restored afterwards."""
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
        output = capsys.readouterr()
        return Ended(ended.value.code or 0, output.out, output.err)

    return call


@pytest.fixture
def standin(monkeypatch):
    """Replace the definitions in this process with the stand-in study; it behaves as named."""
    import dagster

    from hnbc_assets import cli
    from hnbc_assets.commands import execution

    def forget():
        """Clear everything that this package and Dagster keep of one test's definitions before another test."""
        execution.definitions.cache_clear()
        execution.resolved_job.cache_clear()
        if remembered:
            type(remembered[0]).get_definition.cache_clear()

    remembered = []
    build = dagster.build_reconstructable_job
    monkeypatch.setattr(
        dagster, "build_reconstructable_job", lambda *a, **k: remembered.append(build(*a, **k)) or remembered[-1]
    )
    forget()

    def install(way="", release="45.0"):
        forget()  # also those that a command of this test has loaded
        monkeypatch.setenv("STANDIN", way)
        monkeypatch.setenv("STANDIN_RELEASE", release)
        for name, file in (
            ("hnbc_assets.defs", "standin_defs.py"),
            ("hnbc_assets.report.headline.text", "standin_headline.py"),
        ):
            package = [str(Path(cli.__file__).parent / "defs")] if file == "standin_defs.py" else None
            spec = importlib.util.spec_from_file_location(name, STANDIN / file, submodule_search_locations=package)
            module = importlib.util.module_from_spec(spec)
            monkeypatch.setitem(sys.modules, name, module)
            spec.loader.exec_module(module)

    yield install
    forget()


@pytest.fixture
def own_lake(lake_path):
    return Lake(lake_path)


@pytest.fixture(scope="session")
def filled(tmp_path_factory):
    """A lake that a refresh filled at release 45.0."""
    folder = tmp_path_factory.mktemp("filled")
    variables = {"HNBC_DATA_LAKE": str(folder / "lake"), "PYTHONPATH": str(STANDIN), "XDG_STATE_HOME": str(folder)}
    variables |= dict.fromkeys(("HNBC_STUDY", "DAGSTER_HOME", "HNBC_UPSTREAM", "STANDIN"), "")
    subprocess.run([sys.executable, str(HNBC), "refresh"], env=os.environ | variables, cwd=folder, check=True)
    return folder / "lake"


@pytest.fixture
def published(filled, standin, own_lake):
    """A copy of that lake for this test; the stand-in can then be set to behave otherwise."""
    standin()
    shutil.copytree(filled, own_lake.root)
    return own_lake


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Make the following commands use the packaged study with other sections."""

    def name(**sections):
        file = tmp_path / "own.yaml"
        file.write_text(yaml.safe_dump(yaml.safe_load(PACKAGED.read_text()) | sections))
        monkeypatch.setenv("HNBC_STUDY", str(file))

    return name


@pytest.fixture
def start(lake_path, tmp_path):
    """Start the command line as its own process, on the stand-in study; it is killed if it is still running
    after the test.
    """
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
