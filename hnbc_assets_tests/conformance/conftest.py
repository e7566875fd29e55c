"""Recorded bytes and answers of the real hosts, from which no file of this project was derived; skipped without them.

In scope: where they are, and an archive that contains them. Out of scope: what the readers return.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from hnbc_assets.sources.archive.store import Archive


@pytest.fixture(scope="session")
def evidence(shared: Path) -> Path:
    """The folder of recorded bytes; its README states the evidence for each."""
    place = shared / "real" / "evidence"
    if not place.is_dir():
        pytest.skip("the recorded answers of the hosts are absent")
    return place


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """An empty archive."""
    return Archive(tmp_path)


@pytest.fixture
def archived(archive: Archive) -> Callable[[str, dict[str, bytes]], pd.DataFrame]:
    """Put files into the archive as if a source had fetched them: their manifest rows, by path."""

    def put(source: str, files: dict[str, bytes]) -> pd.DataFrame:
        rows = [
            archive.store(source, "recorded", file_id=path, url=f"https://recorded/{path}", path=path, content=content)
            for path, content in files.items()
        ]
        return pd.DataFrame(rows).reset_index(drop=True)

    return put
