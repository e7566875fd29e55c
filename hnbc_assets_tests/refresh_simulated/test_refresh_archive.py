"""A release that was once in use can be used again from the archive alone, while the study keeps it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.archive.views import keep_view, recall, views
from hnbc_assets_tests.lakes import at, small_study
from hnbc_assets_tests.refresh_simulated.content import (
    CHANGE,
    GDC,
    RAW,
    counted,
    downloads,
    succeeded,
    table_of,
    values,
    versions,
)

# What a lake has once, when it goes back and forth: the comparisons and the signatures.
HISTORY = {*CHANGE, "signatures", "archived_signatures", "archived_risk_scores", "signature_challengers"}
PIN_45 = {"pin": {GDC: "45.0"}}


def of_data(found):
    """Without the assets of a lake's history."""
    return {asset: word for asset, word in found.items() if table_of(asset) not in HISTORY}


def asked_gdc(requests):
    return [one for one in requests if "api.gdc.cancer.gov" in one]


@pytest.fixture(scope="module")
def archive():
    return lambda lake: Archive(lake.path / "raw")


@pytest.fixture(scope="module")
def pinned(second, tmp_path_factory, archive):
    """The lake at 46.0, pinned to 45.0 and refreshed, with the requests of that; housekeeping kept house before."""
    folder = tmp_path_factory.mktemp("pinned") / "made"
    shutil.copytree(second.path.parent, folder)
    small_study(folder, releases=PIN_45 | {"keep": 2})
    lake = at(folder)
    add_a_view(lake, archive(lake))
    before = stored(lake)
    with pytest.MonkeyPatch.context() as patch:
        metadata = keep_house(lake, patch)
    assert f"pinned and not in use yet: {GDC} 45.0" in metadata["archive left alone"]
    assert stored(lake) == before
    ended, requests = counted(lake, "refresh")
    succeeded(ended)
    yield lake, requests
    shutil.rmtree(folder)


def test_a_pinned_release_is_made_again_without_gdc_and_released_without_downloads(first, second, pinned, copy):
    lake, requests = copy(pinned[0]), pinned[1]
    assert asked_gdc(requests) == []
    assert of_data(versions(lake)) == of_data(versions(first))
    assert of_data(values(lake)) == of_data(values(first))
    for table in ("patients", "signature", "risk_scores", "prognostic_performance", "drug_associations"):
        assert lake.ask(f"SELECT * FROM {table} ORDER BY ALL").equals(first.ask(f"SELECT * FROM {table} ORDER BY ALL"))
    assert f"{GDC} 45.0" in lake.ask("SELECT arg_max(releases, published_at) AS r FROM publications").r[0]
    edges = lake.ask("SELECT upstream_asset FROM lineage WHERE asset = ?", RAW)
    assert f"views/{GDC}/45.0" in set(edges.upstream_asset), "it was made from the archive"
    gate = lake.ask("SELECT * FROM check_results WHERE asset = ? AND check_name = 'plausible_release'", RAW).iloc[0]
    assert gate.passed
    assert f"The study pins {GDC} to 45.0" in gate.description, "it loses files, and a person wanted that"
    assert "pinned by the study" in lake.hnbc("status").stdout

    ended, requests = counted(lake, "refresh")
    assert "nothing was fetched, nothing made" in succeeded(ended)
    assert asked_gdc(requests) == []

    small_study(lake.path.parent)
    ended, requests = counted(lake, "refresh")
    succeeded(ended)
    assert asked_gdc(requests), "it is followed again"
    assert downloads(requests) == []
    assert of_data(versions(lake)) == of_data(versions(second))
    assert of_data(values(lake)) == of_data(values(second))


def test_a_pin_to_a_release_that_is_not_in_the_archive_lists_those_that_are_and_keeps_the_results(second, copy):
    lake = copy(second, releases={"pin": {GDC: "44.0"}})
    before = lake.database.read_bytes()
    ended, requests = counted(lake, "refresh")
    assert ended.returncode in (1, 2), ended.stdout + ended.stderr
    output = " ".join((ended.stdout + ended.stderr).split())
    assert f"{GDC}: release '44.0' is not in the archive, which has: 45.0, 46.0." in output
    assert "Traceback" not in output
    assert asked_gdc(requests) == []
    assert lake.database.read_bytes() == before
    assert versions(lake) == versions(second)


# -- housekeeping -----------------------------------------------------------------------------------------------------
def add_a_view(lake, archive, release="47.0"):
    """A release as if it had been in use and replaced: the files of 46.0 without three, and one of its own."""
    rows = recall(archive, GDC, "46.0")
    content = f"[{release}]".encode()
    own = archive.store("gdc", release, file_id="index/own", url="u", path="index/own.json", content=content)
    files = rows[rows.path.str.contains("/star/")]
    keep_view(archive, GDC, release, pd.concat([rows.drop(files.index[:3]), own.to_frame().T]).reset_index(drop=True))


def named_by(lake, *releases):
    """The files that views name, read from the views."""
    found = set()
    for release in releases:
        lines = (lake.path / "raw" / "views" / GDC / f"{release}.json").read_text().splitlines()
        found |= {json.loads(line)["path"] for line in lines[1:]}
    return found


def stored(lake):
    """Every data file of the archive, with its sha256."""
    root = lake.path / "raw"
    files = (p for p in root.rglob("*") if p.is_file() and p.name not in (".lock", "manifest.jsonl"))
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if root / "views" not in path.parents
    }


def keep_house(lake, monkeypatch):
    """Execute the job `housekeeping` of this lake's definitions; returns its metadata."""
    from hnbc_assets.defs import build_definitions
    from hnbc_assets.study import load_study

    home = lake.path / "dagster"
    for name, value in (
        ("HNBC_UPSTREAM", lake.upstream),
        ("HNBC_STUDY", str(lake.study)),
        ("HNBC_DATA_LAKE", str(lake.path)),
        ("DAGSTER_HOME", str(home)),
    ):
        monkeypatch.setenv(name, value)
    job = build_definitions(load_study(lake.study)).resolve_job_def("housekeeping")
    with dg.DagsterInstance.from_config(str(home), "terminal.yaml") as instance:
        done = job.execute_in_process(instance=instance)
    assert done.success
    [output] = [event for event in done.all_events if event.event_type == dg.DagsterEventType.STEP_OUTPUT]
    return {name: value.value for name, value in output.event_specific_data.metadata.items()}


def test_housekeeping_removes_what_no_kept_release_needs_and_nothing_else(second, copy, archive, monkeypatch):
    """A kept database and a signature were made from 45.0, so it stays; nothing depends on 47.0."""
    lake = copy(second, releases={"keep": 2})
    for release in ("47.0", "48.0", "49.0"):
        add_a_view(lake, archive(lake), release)
    before = stored(lake)
    only_old = named_by(lake, "47.0") - named_by(lake, "45.0", "46.0", "48.0", "49.0")
    assert only_old == {"gdc/47.0/index/own.json"}

    swept = keep_house(lake, monkeypatch)
    assert swept["archived files damaged"] == "none"
    assert swept["archived files verified"] > 500
    assert swept["releases removed"] == f"{GDC} 47.0"
    assert swept["archived files removed"] == len(only_old)
    after = stored(lake)
    assert before.keys() - after.keys() == only_old
    assert all(before[path] == sha256 for path, sha256 in after.items())
    assert [view.release for view in views(archive(lake), GDC)] == ["45.0", "46.0", "48.0", "49.0"]
    for row in lake.ask("SELECT path, sha256 FROM raw_files").itertuples():
        assert after[row.path] == row.sha256, "the published database can still be traced to its files"

    ended, requests = counted(lake, "refresh")
    assert downloads(requests) == []
    succeeded(ended)
    assert of_data(versions(lake)) == of_data(versions(second))
    assert keep_house(lake, monkeypatch)["archived files removed"] == 0


def test_a_release_in_use_stays_however_old_and_can_be_made_again(pinned, copy, archive, monkeypatch):
    lake = copy(pinned[0])
    before = stored(lake)
    assert keep_house(lake, monkeypatch)["releases removed"] == "none"
    assert stored(lake) == before
    rows = recall(archive(lake), GDC, "46.0")
    archive(lake).verify(rows)
    assert all((Path(lake.path) / "raw" / path).is_file() for path in rows.path)
