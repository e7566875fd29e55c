"""Copies of the package, with files and lines of a newcomer, and scripts that run over them.

In scope: copying, adding, running. Out of scope: what is added, and what is expected of it (the tests).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import hnbc_assets

ROOT = Path(hnbc_assets.__file__).parent.parent


def copied(folder: Path) -> Path:
    """A copy of the package in a folder."""
    shutil.copytree(ROOT / "hnbc_assets", folder / "hnbc_assets", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def add_line(file: Path, after: str, line: str) -> None:
    """Add a line after one that the file has once."""
    text = file.read_text()
    assert text.count(after) == 1
    file.write_text(text.replace(after, after + line))


def ran(folder: Path, script: str, *arguments: str) -> dict[str, str]:
    """What a script printed over the package of a folder, by the first word of each line."""
    ended = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder,  # where Python looks for the package first
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return dict(line.split(" ", 1) for line in ended.stdout.splitlines())
