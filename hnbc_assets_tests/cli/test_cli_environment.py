"""The environment that `make` makes: from nothing, with uv or with pip, and its message where neither can."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TOOLS = ("sh", "env", "dirname", "cmp", "cp", "rm", "touch", "sed", "grep", "bash", "make", "git")


@pytest.fixture
def tools(tmp_path):
    """A folder for the PATH with the basic tools only: no Python, no uv."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(shutil.which(name))
    return folder


@pytest.fixture
def copy(tmp_path):
    """What git would clone, with the files as they are now."""
    folder = tmp_path / "clone"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)
    return folder


def make(folder, path, *arguments):
    """Call make with this PATH only."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PATH", "PYTHON", "VIRTUAL_ENV")}
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=kept | {"PATH": path, "CI": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def a_python(folder, name, answer):
    """Put a program in the folder that acts as a Python: `answer` is a shell line that gets its arguments."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)


def test_without_python_it_says_what_to_install(copy, tools):
    made = make(copy, str(tools), "environment")
    assert made.returncode != 0
    assert "install Python 3.11 or 3.12 with venv" in made.stderr
    assert not (copy / ".venv").exists()


def test_a_python_without_venv_is_named_as_such(copy, tools):
    """As Debian's python3 is, until python3-venv is installed."""
    a_python(tools, "python3", f'case "$2" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"')
    made = make(copy, str(tools), "environment")
    assert made.returncode != 0
    assert "add venv to the python3 that is here" in made.stderr


def test_a_python_of_another_version_is_skipped(copy, tools):
    a_python(tools, "python3", "exit 1")
    assert "install Python 3.11 or 3.12 with venv" in make(copy, str(tools), "environment").stderr


def test_nothing_is_made_twice(copy, tools):
    """A finished environment is not changed until the lock or pyproject.toml is newer."""
    (copy / ".venv").mkdir()
    (copy / ".venv" / ".made").touch()
    assert make(copy, str(tools), "--question", "environment").returncode == 0
    later = (copy / ".venv" / ".made").stat().st_mtime + 10
    os.utime(copy / "requirements.lock", (later, later))
    assert make(copy, str(tools), "--question", "environment").returncode == 1


def test_the_lock_names_no_address():
    assert "://" not in (REPOSITORY / "requirements.lock").read_text()


@pytest.mark.full
@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_fresh_clone_gets_a_working_environment(copy, tools, installer):
    """Made with uv in seconds, with pip in a minute or two; then the command answers without being activated."""
    a_python(tools, "python3", f'exec {getattr(sys, "_base_executable", sys.executable)} "$@"')
    if installer == "uv":
        if not shutil.which("uv"):
            pytest.skip("uv is not on this machine")
        (tools / "uv").symlink_to(shutil.which("uv"))
    made = make(copy, f"{tools}:/usr/bin:/bin", "environment")
    assert made.returncode == 0, made.stderr
    output = subprocess.run([copy / ".venv" / "bin" / "hnbc", "--version"], capture_output=True, text=True, check=True)
    assert output.stdout.startswith("hnbc ")
