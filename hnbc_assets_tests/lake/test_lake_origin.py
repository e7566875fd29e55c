"""Which upstream a lake belongs to."""

from __future__ import annotations

import json

import pytest

from hnbc_assets.errors import LakeBelongsElsewhere, StudyError
from hnbc_assets.lake.origin import Origin, claim, origin, simulate_release
from hnbc_assets.lake.paths import Lake


def test_a_lake_belongs_to_the_upstream_that_first_filled_it(lake):
    claim(lake, "simulated")
    claim(lake, "simulated")
    assert origin(lake).upstream == "simulated"
    with pytest.raises(LakeBelongsElsewhere, match=r"upstream 'simulated'.*'live'.*HNBC_DATA_LAKE") as refused:
        claim(lake, "live")
    assert refused.value.exit_status == 2
    assert origin(lake).upstream == "simulated"


def test_a_mirrors_address_is_the_same_with_and_without_a_last_slash(lake):
    claim(lake, "http://localhost:8080/")
    claim(lake, "http://localhost:8080")


def test_a_lake_that_cannot_be_made_is_a_study_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="data lake cannot be kept there"):
        claim(Lake(tmp_path / "file" / "lake"), "simulated")


def test_a_lake_contains_one_simulation(lake):
    claim(lake, "simulated", "settings")
    claim(lake, "simulated")
    with pytest.raises(LakeBelongsElsewhere, match="another simulation"):
        claim(lake, "simulated", "other settings")


def test_a_simulation_that_was_moved_is_the_same_one(lake):
    claim(lake, "simulated", "settings")
    simulate_release(lake, "46.0")
    claim(lake, "simulated", "settings")
    assert origin(lake) == Origin("simulated", "settings", "46.0")


def test_the_record_of_an_older_version_is_completed(lake):
    """It had no keys where nothing was known."""
    lake.root.mkdir()
    (lake.root / "upstream.json").write_text(json.dumps({"upstream": "simulated"}))
    claim(lake, "simulated", "settings")
    assert origin(lake) == Origin("simulated", "settings")
