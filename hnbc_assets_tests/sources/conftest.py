"""A host of the archive's own tests, which serves given files and records its requests."""

from __future__ import annotations

import pytest

from hnbc_assets.sources.archive.store import Archive


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path)
