"""The raw archive: files in it are whole, recorded, and never fetched twice."""

from __future__ import annotations

import hashlib
import os
import threading

import httpx
import pytest

from hnbc_assets.errors import (
    ChecksumMismatch,
    UpstreamChanged,
)
from hnbc_assets.sources.archive.manifest import COLUMNS
from hnbc_assets.sources.archive.store import Archive, Wanted
from hnbc_assets.sources.web.http import connect
from hnbc_assets_tests.sources.upstream import FILES, Upstream, fetch, wanted


def test_rows_are_in_the_order_requested_with_the_checksum_of_the_bytes(archive):
    names = list(FILES)[::-1]
    rows = fetch(archive, Upstream(FILES), names)
    assert tuple(rows.columns) == COLUMNS
    assert list(rows["file_id"]) == names
    for row in rows.to_dict("records"):
        assert archive.locate(row).read_bytes() == FILES[row["file_id"]]
        assert row["sha256"] == hashlib.sha256(FILES[row["file_id"]]).hexdigest()
        assert row["path"] == f"host/1.0/files/{row['file_id']}"
    assert archive.manifest("host", "1.0").sort_values("file_id").equals(archive.manifest().sort_values("file_id"))


def test_a_file_that_is_present_is_not_fetched_again(archive):
    upstream = Upstream(FILES)
    first = fetch(archive, upstream)
    upstream.asked.clear()
    assert fetch(archive, upstream).equals(first)
    assert upstream.asked == []


def test_as_many_files_are_downloaded_at_once_as_the_archive_allows(tmp_path):
    upstream, at_once, most, lock = Upstream(FILES), 0, 0, threading.Lock()
    answer, second = upstream.answer, threading.Event()

    def slowly(request):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
            if at_once == 3:
                second.set()
        second.wait(60)
        with lock:
            at_once -= 1
        return answer(request)

    upstream.client = connect("simulated", transport=httpx.MockTransport(slowly))
    fetch(Archive(tmp_path, workers=3), upstream)
    assert most == 3


def test_a_file_whose_bytes_changed_on_disk_is_fetched_again(archive):
    upstream = Upstream(FILES)
    rows = fetch(archive, upstream)
    path = archive.locate(rows.iloc[3])
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    os.utime(archive.locate(rows.iloc[5]))
    with pytest.raises(ChecksumMismatch, match=r"f3\.txt"):
        archive.verify(rows)
    upstream.asked.clear()
    archive.verify(fetch(archive, upstream))
    assert [name for name, _ in upstream.asked] == ["f3.txt"]


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a\\..\\x", ".hidden", "", "a/.b", "a\nb"])
def test_a_path_that_could_leave_the_archive_is_refused(archive, path):
    with pytest.raises(UpstreamChanged, match="nothing was written"):
        Wanted("x", "https://upstream.example/x", path)
    with pytest.raises(UpstreamChanged):
        archive.store("host", "1.0", file_id="x", url="https://upstream.example/x", path=path, content=b"x")
    with pytest.raises(UpstreamChanged):
        archive.store("host", path, file_id="x", url="https://upstream.example/x", path="x", content=b"x")


def test_a_reply_is_stored_once_and_replaced_when_it_changes(archive):
    stored = {"file_id": "status", "url": "https://upstream.example/status", "path": "status.json"}
    first = archive.store("host", "1.0", content=b"{}", **stored)
    time_written = archive.locate(first).stat().st_mtime_ns
    again = archive.store("host", "1.0", content=b"{}", **stored)
    assert again.equals(first)
    assert archive.locate(again).stat().st_mtime_ns == time_written
    newer = archive.store("host", "1.0", content=b"[]", **stored)
    assert newer["sha256"] != first["sha256"]
    assert archive.locate(newer).read_bytes() == b"[]"
    assert len(archive.manifest()) == 1


def test_a_later_release_points_to_the_files_that_did_not_change(archive):
    upstream = Upstream(FILES)
    fetch(archive, upstream)
    upstream.asked.clear()
    changed = FILES | {"f4.txt": b"newer"}
    upstream.files = changed
    rows = archive.fetch(upstream.client, "host", "2.0", [wanted(n, c) for n, c in changed.items()])
    assert [name for name, _ in upstream.asked] == ["f4.txt"]
    assert set(rows["release"]) == {"2.0"}
    assert sorted({path.split("/")[1] for path in rows["path"]}) == ["1.0", "2.0"]
    archive.verify(rows)


def test_a_manifest_line_truncated_by_a_crash_loses_only_that_line(archive):
    upstream = Upstream(FILES)
    fetch(archive, upstream)
    path = archive.root / "host/1.0/manifest.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert len(archive.manifest()) == len(FILES) - 1
    upstream.asked.clear()
    fetch(archive, upstream)
    assert upstream.asked == []  # the file had landed: its bytes prove it, and it is recorded again
    assert sorted(archive.manifest()["file_id"]) == sorted(FILES)


def test_two_runs_at_once_fetch_each_file_once(archive):
    upstream = Upstream(FILES)
    threads = [threading.Thread(target=fetch, args=(Archive(archive.root), upstream)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(upstream.asked) == len(FILES)
    archive.verify(archive.manifest())


def test_progress_ends_at_exactly_the_files_and_bytes_of_the_batch(archive):
    class Counter:
        files = bytes = 0

        def start(self, total_files, total_bytes):
            self.total = (total_files, total_bytes)

        def advance(self, files=0, bytes=0):
            with lock:
                self.files += files
                self.bytes += bytes

        def done(self):
            self.ended = True

    lock, counter, upstream = threading.Lock(), Counter(), Upstream(FILES)
    upstream.cut = [100, 200, 300]
    fetch(archive, upstream, progress=counter)
    assert counter.total == (counter.files, counter.bytes) == (len(FILES), sum(map(len, FILES.values())))
    assert counter.ended
