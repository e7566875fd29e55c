"""The main line under test: `hnbc run` as a user starts it, in its own process and with its own lake."""

import pytest

from hnbc_assets_tests.lakes import Lake, small_study


@pytest.fixture
def small_lake(tmp_path):
    """Make a lake of the small simulated study, with changes."""

    def make(**changes: object) -> Lake:
        return Lake(tmp_path / "lake", small_study(tmp_path, **changes))

    return make
