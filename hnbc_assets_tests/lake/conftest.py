"""Fixtures for tests of the lake: an empty one and a filled one, each in a folder of its own."""

from __future__ import annotations

import pytest
from invented_lake import fill

from hnbc_assets.lake.paths import Lake


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


@pytest.fixture
def filled_lake(lake):
    fill(lake)
    return lake
