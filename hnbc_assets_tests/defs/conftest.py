"""What tests of more than one file of this folder share: an instance and a place of their own."""

from __future__ import annotations

import dagster as dg
import pytest

from hnbc_assets.study import PACKAGED, Place, load_study
from hnbc_assets_tests.defs.invented_daemon import Daemon


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def instance(home):
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        yield instance


@pytest.fixture
def place(tmp_path):
    return Place("simulated", tmp_path / "lake", PACKAGED)


@pytest.fixture
def study():
    return load_study(PACKAGED)


@pytest.fixture
def daemon(tmp_path):
    """A small study with everything made and published."""
    with dg.DagsterInstance.ephemeral() as instance:
        made = Daemon(tmp_path, instance)
        assert made.make()
        made.publish()
        yield made
