"""Old databases in a lake of an older version, which kept them in `releases`."""

from __future__ import annotations

import pytest
from invented_lake import TABLES, fill

from hnbc_assets.lake import old_databases
from hnbc_assets.lake.snapshot import publish


@pytest.fixture
def older(filled_lake):
    """A lake with two publications, as an older version left it; and their names."""
    publish(filled_lake, TABLES)
    fill(filled_lake, 2)
    publish(filled_lake, TABLES)
    names = sorted(path.name for path in filled_lake.databases.iterdir())
    filled_lake.databases.rename(filled_lake.root / "releases")
    return filled_lake, names


def test_they_are_moved_when_they_are_first_used(older):
    lake, names = older
    assert [path.name for path in old_databases.kept(lake)] == names
    assert sorted(path.name for path in lake.databases.iterdir()) == names
    assert not (lake.root / "releases").exists()
    assert [path.name for path in old_databases.kept(lake)] == names


def test_a_publication_counts_them_and_replaces_the_equal_one(older):
    lake, (first, _) = older
    publish(lake, TABLES, keep=2)
    kept, again = old_databases.kept(lake)
    assert (kept.name, again.read_bytes()) == (first, lake.database.read_bytes())
    fill(lake, 3)
    publish(lake, TABLES, keep=2)
    kept, last = old_databases.kept(lake)
    assert (kept, last.read_bytes()) == (again, lake.database.read_bytes())


def test_what_people_put_there_stays(older):
    lake, names = older
    (lake.root / "releases" / "notes.txt").write_text("mine")
    assert len(old_databases.kept(lake)) == len(names)
    assert [path.name for path in (lake.root / "releases").iterdir()] == ["notes.txt"]


def test_a_lake_without_any_has_none(lake):
    assert old_databases.kept(lake) == []
    assert not lake.root.exists()
