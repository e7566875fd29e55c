"""Refreshes of the small simulated study: the lake at release 46.0, made once, and the content of lakes.

In scope: lakes to start from, processes of `hnbc` with a modification, the content of a lake as plain
values. Out of scope: the expected results of a refresh (the tests).

The lakes `first` and `second` are shared by the tests, and by the processes that run them in parallel: tests work on
copies.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hnbc_assets_tests.lakes import Lake, at, made_once, small_study
from hnbc_assets_tests.refresh_simulated.content import counted, succeeded


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory, first: Lake) -> Lake:
    """The same after one refresh to release 46.0; its output is in output.txt, its dry run's forecast in
    foreseen.txt.
    """

    def make(folder: Path) -> None:
        shutil.copytree(first.path.parent, folder, dirs_exist_ok=True)
        (folder / "made").unlink()
        succeeded(at(folder).hnbc("simulate-release", "46.0"))
        (folder / "foreseen.txt").write_text(succeeded(at(folder).hnbc("refresh", "--dry-run")))
        ended, requests = counted(at(folder), "refresh")
        (folder / "output.txt").write_text(succeeded(ended))
        (folder / "asked.txt").write_text("\n".join(requests))

    return at(made_once(tmp_path_factory, "second", make))


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Callable[..., Lake]]:
    """Copies a lake with its study, for modification; `changes` are merged into the study's sections."""
    made = []

    def of(lake: Lake, name: str = "copy", **changes: object) -> Lake:
        folder = tmp_path / name
        shutil.copytree(lake.path.parent, folder)
        made.append(folder)
        if changes:
            small_study(folder, **changes)
        return at(folder)

    yield of
    for folder in made:
        shutil.rmtree(folder)
