"""Views: an old release is restored exactly as fetched, and files that only old releases need are deleted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hnbc_assets.errors import ChecksumMismatch, StudyError, UpstreamChanged
from hnbc_assets.sources.archive import views as archive_views
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.archive.views import keep_view, prune, recall, views
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.web.http import connect
from hnbc_assets_tests.sources.upstream import Upstream, wanted

NAME = "host/study"


def take(archive, release, files, name=NAME):
    """Fetch files (name to content) as a release and keep the view of it."""
    rows = archive.fetch(Upstream(files).client, "host", release, [wanted(n, c) for n, c in files.items()])
    if name:
        keep_view(archive, name, release, rows)
    return rows


def three_releases(archive):
    """`same` never changes, `often` changes every time, `once` with the third release."""
    made = {}
    for number in (1, 2, 3):
        files = {"same": b"S" * 70, "often": b"%d" % number * 50, "once": b"A" * 30 if number < 3 else b"B" * 30}
        made[f"{number}.0"] = take(archive, f"{number}.0", files)
    return made


def stored(archive):
    return {path.relative_to(archive.root).as_posix() for path in archive.root.rglob("files/*")}


@pytest.mark.real
def test_a_release_of_gdc_is_recalled_offline_as_it_was_fetched(small_replica, tmp_path):
    archive, name = Archive(tmp_path), "gdc/TCGA-BRCA"
    with connect(small_replica.base, retries=0) as client:
        older = gdc.fetch(client, archive, "TCGA-BRCA", mutations=False)
        keep_view(archive, name, "45.0", older)
        clinical = gdc.read_clinical(archive, older)
        small_replica.control(release="46.0")
        newer = gdc.fetch(client, archive, "TCGA-BRCA", mutations=False, previous=older)
        keep_view(archive, name, "46.0", newer)
    small_replica.control(fault={"kind": "status", "code": 503})
    small_replica.forget()
    again = recall(Archive(tmp_path), name, "45.0")
    assert again.equals(older)
    assert (again.dtypes == older.dtypes).all()
    assert gdc.read_clinical(archive, again).equals(clinical)
    archive.verify(again)
    assert recall(archive, name, "46.0").equals(newer)
    assert [view.release for view in views(archive, name)] == ["45.0", "46.0"]
    assert small_replica.requests() == {}


def test_views_are_in_the_order_of_archiving(archive):
    made = three_releases(archive)
    assert [view.release for view in views(archive, NAME)] == ["1.0", "2.0", "3.0"]
    keep_view(archive, NAME, "2.0", made["2.0"].iloc[::-1].reset_index(drop=True))
    assert [view.release for view in views(archive, NAME)] == ["1.0", "2.0", "3.0"]
    assert recall(archive, NAME, "2.0")["file_id"].tolist() == ["once", "often", "same"]
    assert views(archive, "host/other") == []


def test_equal_rows_write_nothing(archive):
    made = three_releases(archive)
    path = archive.root / "views/host/study/2.0.json"
    before = path.stat()
    keep_view(archive, NAME, "2.0", made["2.0"])
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_views_are_not_manifests(archive):
    three_releases(archive)
    count = len(archive.manifest())
    keep_view(archive, "table/manifest.jsonl", "9", archive.manifest())
    assert len(archive.manifest()) == count == 9
    with pytest.raises(UpstreamChanged, match="views"):
        archive.fetch(Upstream({}).client, "views", "1.0", [])


@pytest.mark.parametrize("release", ["../1", "a/b", ".hidden", "x\n", ""])
def test_a_release_that_is_not_a_file_name_is_refused(archive, release):
    with pytest.raises(UpstreamChanged):
        keep_view(archive, NAME, release, archive.manifest())
    assert not (archive.root / "views").exists()


def test_a_release_that_is_missing_is_reported_with_those_that_exist(archive):
    three_releases(archive)
    with pytest.raises(StudyError, match=r"'4\.0' is not in the archive, which has: 1\.0, 2\.0, 3\.0\."):
        recall(archive, NAME, "4.0")


def test_missing_or_changed_files_are_named(archive):
    made = three_releases(archive)
    path = archive.locate(made["1.0"].iloc[1])
    path.write_bytes(b"9" * 50)
    with pytest.raises(ChecksumMismatch, match=r"host/1\.0/files/often"):
        recall(archive, NAME, "1.0")
    path.unlink()
    with pytest.raises(ChecksumMismatch, match=r"host/1\.0/files/often"):
        recall(archive, NAME, "1.0")
    assert len(recall(archive, NAME, "2.0")) == 3


def test_a_reply_that_changes_within_a_release_leaves_the_earlier_file(archive):
    """A release that the upstream corrects under the same name: files already kept are unchanged."""

    def store(content):
        return archive.store("host", "1.0", file_id="page", url="https://x.org/page", path="page.json", content=content)

    first = store(b"first")
    kept = archive.manifest()
    keep_view(archive, NAME, "1.0", kept)
    other = store(b"other")
    assert archive.manifest()["path"].tolist() == [other["path"]]
    assert archive.locate(other).read_bytes() == b"other"
    assert recall(archive, NAME, "1.0").equals(kept)
    assert archive.locate(first).read_bytes() == b"first"
    back = store(b"first")
    assert (back["path"], store(b"other")["path"]) == (first["path"], other["path"])
    keep_view(archive, NAME, "1.0", archive.manifest())
    take(archive, "2.0", {"same": b"S"})
    prune(archive, 1, {})
    assert not list((archive.root / "host/1.0").glob("*.json"))


def test_pruning_keeps_the_last_views_and_what_they_share_with_older_ones(archive):
    made = three_releases(archive)
    assert prune(archive, 3, {}) == archive_views.Pruned((), 0, 0)
    pruned = prune(archive, 2, {NAME: "3.0"})
    assert pruned == archive_views.Pruned(("host/study 1.0",), 1, 50)
    assert stored(archive) == {f"host/{p}" for p in ("1.0/files/same", "1.0/files/once", "2.0/files/often",
                                                     "3.0/files/often", "3.0/files/once")}  # fmt: skip
    assert set(archive.manifest()["release"]) == {"2.0", "3.0"}
    for release in ("2.0", "3.0"):
        assert recall(archive, NAME, release).equals(made[release])
        archive.verify(made[release])
    assert prune(archive, 1, {}) == archive_views.Pruned(("host/study 2.0",), 2, 80)
    archive.verify(recall(archive, NAME, "3.0"))


def test_the_view_in_use_stays_however_old(archive):
    made = three_releases(archive)
    assert prune(archive, 1, {NAME: "1.0"}).releases == ("host/study 2.0",)
    assert recall(archive, NAME, "1.0").equals(made["1.0"])
    assert [view.release for view in views(archive, NAME)] == ["1.0", "3.0"]


def test_releases_without_a_view_and_other_objects_stay(archive):
    three_releases(archive)
    held = take(archive, "4.0", {"same": b"S" * 70, "often": b"4" * 50, "once": b"B" * 30}, name=None)
    other = archive.fetch(Upstream({"o": b"other"}).client, "host", "1.0", [wanted("o", b"other")])
    keep_view(archive, "host/other", "1.0", other)
    prune(archive, 1, {})
    archive.verify(held)
    assert sorted(archive.manifest("host", "4.0")["path"]) == sorted(held["path"])
    archive.verify(recall(archive, "host/other", "1.0"))
    assert archive.manifest("host", "1.0")["file_id"].tolist() == ["o"]


def test_rows_that_an_old_release_has_besides_its_view_are_deleted_with_it(archive):
    take(archive, "1.0", {"stray": b"stray"}, name=None)
    made = three_releases(archive)
    manifest = archive.root / "host/1.0/manifest.jsonl"
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    manifest.write_text("".join(json.dumps(row | {"retrieved_at": "2020-01-01T00:00:00+00:00"}) + "\n" for row in rows))
    prune(archive, 2, {})
    assert "host/1.0/files/stray" not in stored(archive)
    assert not manifest.exists()
    assert recall(archive, NAME, "2.0").equals(made["2.0"])


class Killed(BaseException):
    """The process was killed."""


def test_a_prune_killed_anywhere_loses_nothing_needed_and_is_finished_by_the_next(tmp_path, monkeypatch):
    """Each step that changes the disk is the last one in one case."""
    whole = Archive(tmp_path / "whole")
    three_releases(whole)
    prune(whole, 1, {})
    steps = 0
    while True:
        archive, left = Archive(tmp_path / str(steps)), [steps]
        made = three_releases(archive)

        def step(original, left=left):
            def run(*args, **kwargs):
                if left[0] == 0:
                    raise Killed
                left[0] -= 1
                return original(*args, **kwargs)

            return run

        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", step(os.replace))
            patched.setattr(Path, "unlink", step(Path.unlink))
            patched.setattr(Path, "rmdir", step(Path.rmdir))
            try:
                prune(archive, 1, {})
                break
            except Killed:
                steps += 1
        last = recall(archive, NAME, "3.0")
        assert last.equals(made["3.0"])
        archive.verify(last)
        prune(archive, 1, {})
        assert stored(archive) == stored(whole)
        assert sorted(p.name for p in archive.root.rglob("*.json*")) == sorted(
            p.name for p in whole.root.rglob("*.json*")
        )
    assert steps >= 8
