"""The raw archive: what is kept is whole, known, and never fetched twice."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import re
import threading

import httpx
import pytest

from hnbc_assets.errors import (
    ChecksumMismatch,
    DamagedDownload,
    DownloadsIncomplete,
    UpstreamChanged,
    UpstreamRefused,
    UpstreamUnreachable,
)
from hnbc_assets.sources.archive import Archive, Wanted
from hnbc_assets.sources.http import connect
from hnbc_assets.sources.manifest import COLUMNS


class Upstream:
    """A host that serves `files` with Range, and keeps a list of what it was asked; `cut` ends bodies early."""

    def __init__(self, files, headers=None):
        self.files, self.headers, self.asked, self.cut = dict(files), headers or {}, [], []
        self.client = connect("simulated", transport=httpx.MockTransport(self.answer), retries=2, backoff_seconds=0.01)

    def answer(self, request):
        name = request.url.path.lstrip("/")
        self.asked.append((name, request.headers.get("range")))
        if name not in self.files:
            return httpx.Response(404)
        content, headers, status = self.files[name], dict(self.headers), 200
        if span := re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", "")):
            offset, whole = int(span[1]), len(content)
            if request.headers.get("if-range") in (None, headers.get("ETag")):
                content, status = content[offset:], 206
                headers["Content-Range"] = f"bytes {offset}-{whole - 1}/{whole}"
        headers["Content-Length"] = str(len(content))
        return httpx.Response(status, headers=headers, stream=Body(content, self.cut.pop(0) if self.cut else None))


class Body(httpx.SyncByteStream):
    def __init__(self, content, cut):
        self.content, self.cut = content, cut

    def __iter__(self):
        yield self.content[: self.cut]
        if self.cut is not None:
            raise httpx.RemoteProtocolError("peer closed connection")


def wanted(name, whole=None, **more):
    stated = {} if whole is None else {"size_bytes": len(whole), "md5": hashlib.md5(whole).hexdigest()}
    return Wanted(name, f"https://upstream.example/{name}", f"files/{name}", **(stated | more))


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path)


FILES = {f"f{i}.txt": f"content {i}\n".encode() * 50 for i in range(12)}


def fetch(archive, upstream, names=FILES, release="1.0", **options):
    return archive.fetch(upstream.client, "host", release, [wanted(n, FILES[n]) for n in names], **options)


def test_rows_come_in_the_order_asked_with_the_checksum_of_the_bytes(archive):
    names = list(FILES)[::-1]
    rows = fetch(archive, Upstream(FILES), names)
    assert tuple(rows.columns) == COLUMNS
    assert list(rows["file_id"]) == names
    for row in rows.to_dict("records"):
        assert archive.locate(row).read_bytes() == FILES[row["file_id"]]
        assert row["sha256"] == hashlib.sha256(FILES[row["file_id"]]).hexdigest()
        assert row["path"] == f"host/1.0/files/{row['file_id']}"
    assert archive.manifest("host", "1.0").sort_values("file_id").equals(archive.manifest().sort_values("file_id"))


def test_a_file_that_is_there_is_not_fetched_again(archive):
    upstream = Upstream(FILES)
    first = fetch(archive, upstream)
    upstream.asked.clear()
    assert fetch(archive, upstream).equals(first)
    assert upstream.asked == []


def test_as_many_files_are_downloaded_at_once_as_the_archive_was_told(tmp_path):
    upstream, at_once, most, lock = Upstream(FILES), 0, 0, threading.Lock()
    answer, second = upstream.answer, threading.Event()

    def slowly(request):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
            if at_once == 3:
                second.set()
        second.wait(0.2)
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


def test_a_cut_download_is_continued_where_it_ended(archive):
    content = os.urandom(100_000)
    upstream = Upstream({"big": content})
    upstream.cut = [30_000, 20_000]
    rows = archive.fetch(upstream.client, "host", "1.0", [wanted("big", content)])
    assert archive.locate(rows.iloc[0]).read_bytes() == content
    assert [span for _, span in upstream.asked] == [None, "bytes=30000-", "bytes=50000-"]


def test_progress_resets_the_count_of_failures(archive):
    content = os.urandom(10_000)
    upstream = Upstream({"big": content})
    upstream.cut = [1000] * 8
    archive.fetch(upstream.client, "host", "1.0", [wanted("big", content)])
    assert len(upstream.asked) == 9


def test_the_next_fetch_continues_a_part_of_the_same_content_only(archive):
    content = os.urandom(50_000)
    upstream = Upstream({"big": content})
    upstream.cut = [20_000, 0, 0]
    with pytest.raises(DownloadsIncomplete) as incomplete:
        archive.fetch(upstream.client, "host", "1.0", [wanted("big", content)])
    assert isinstance(incomplete.value.failures["big"], UpstreamUnreachable)
    upstream.asked.clear()
    archive.fetch(upstream.client, "host", "1.0", [wanted("big", content)])
    assert upstream.asked == [("big", "bytes=20000-")]

    upstream.cut = [20_000, 0, 0]
    with pytest.raises(DownloadsIncomplete):
        archive.fetch(upstream.client, "host", "2.0", [wanted("big", content, md5="0" * 32)])
    upstream.asked.clear()
    archive.fetch(upstream.client, "host", "2.0", [wanted("big", content)])
    assert upstream.asked == []  # release 1.0 has these bytes

    upstream.files["big"] = newer = os.urandom(50_000)
    archive.fetch(upstream.client, "host", "2.0", [wanted("big", newer)])
    assert upstream.asked == [("big", None)]


def test_without_a_checksum_a_part_is_continued_only_if_upstream_says_it_is_the_same(archive):
    content = os.urandom(50_000)
    upstream = Upstream({"big": content}, {"ETag": '"first"'})
    upstream.cut = [20_000, 0, 0]
    with pytest.raises(DownloadsIncomplete):
        archive.fetch(upstream.client, "host", "1.0", [wanted("big")])
    upstream.files["big"] = newer = os.urandom(50_000)
    upstream.headers["ETag"] = '"second"'
    rows = archive.fetch(upstream.client, "host", "1.0", [wanted("big")])
    assert archive.locate(rows.iloc[0]).read_bytes() == newer


def test_a_host_without_range_is_served_from_the_start(archive):
    content = os.urandom(50_000)
    upstream = Upstream({"big": content})
    upstream.cut = [20_000]
    plain = upstream.answer

    def no_range(request):
        request.headers.pop("range", None)
        return plain(request)

    client = connect("simulated", transport=httpx.MockTransport(no_range), retries=2, backoff_seconds=0.01)
    rows = archive.fetch(client, "host", "1.0", [wanted("big", content)])
    assert archive.locate(rows.iloc[0]).read_bytes() == content


@pytest.mark.parametrize(
    ("served", "error", "said"),
    [
        (b"x" * 600, ChecksumMismatch, "md5"),
        (b"x" * 599, ChecksumMismatch, "599 bytes came, upstream states 600"),
        (b"x" * 601, ChecksumMismatch, "more bytes came than the 600"),
        (b"", DamagedDownload, "empty"),
        (b"<!DOCTYPE html>" + b" " * 585, DamagedDownload, "web page"),
    ],
)
def test_damage_is_retried_once_then_named_and_the_others_are_kept(archive, served, error, said):
    content = b"y" * 600
    upstream = Upstream(FILES | {"bad": served})
    batch = [wanted("bad", content), *[wanted(n, c) for n, c in FILES.items()]]
    with pytest.raises(DownloadsIncomplete, match="bad") as incomplete:
        archive.fetch(upstream.client, "host", "1.0", batch)
    assert list(incomplete.value.failures) == ["bad"]
    assert type(incomplete.value.failures["bad"]) is error
    assert said in str(incomplete.value)
    assert [name for name, _ in upstream.asked].count("bad") == 2
    assert sorted(archive.manifest()["file_id"]) == sorted(FILES)
    assert not list(archive.root.rglob("*bad*"))


@pytest.mark.parametrize("content", ["gzip", "zip", "xlsx", "json"])
def test_content_that_is_cut_off_is_known_without_any_checksum(archive, content):
    whole = gzip.compress(os.urandom(5000)) if content == "gzip" else b'{"key": [1, 2, 3]}'
    upstream = Upstream({"file": whole[:-5]})
    with pytest.raises(DownloadsIncomplete, match=f"truncated or not {content}"):
        archive.fetch(upstream.client, "host", "1.0", [wanted("file", content=content)])
    assert archive.manifest().empty


@pytest.mark.parametrize("encode", [bytes.hex, lambda digest: base64.b64encode(digest).decode()])
def test_the_header_checksum_counts_where_the_index_has_none(archive, encode):
    content = b"survival"
    upstream = Upstream({"cdr": content}, {"Content-MD5": encode(hashlib.md5(content).digest())})
    rows = archive.fetch(upstream.client, "host", "1.0", [wanted("cdr")])
    assert rows["md5"][0] == hashlib.md5(content).hexdigest()
    upstream.files["cdr"] = b"SURVIVAL"
    with pytest.raises(DownloadsIncomplete, match="md5"):
        archive.fetch(upstream.client, "host", "2.0", [wanted("cdr")])


def test_a_refused_file_is_named_and_not_asked_for_again(archive):
    upstream = Upstream({})
    with pytest.raises(DownloadsIncomplete, match="404") as incomplete:
        archive.fetch(upstream.client, "host", "1.0", [wanted("gone")])
    assert isinstance(incomplete.value.failures["gone"], UpstreamRefused)
    assert len(upstream.asked) == 1


def test_an_upstream_out_of_reach_is_given_up_before_every_file_was_tried(archive):
    def refuse(request):
        raise httpx.ConnectError("refused")

    client = connect("simulated", transport=httpx.MockTransport(refuse), retries=0)
    many = [wanted(f"f{i}") for i in range(300)]
    with pytest.raises(DownloadsIncomplete, match="were not tried") as incomplete:
        archive.fetch(client, "host", "1.0", many, workers=2)
    assert len(incomplete.value.failures) == 300
    assert sum(isinstance(e, UpstreamUnreachable) for e in incomplete.value.failures.values()) < 30


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


def test_a_manifest_line_cut_off_by_a_crash_costs_that_line_only(archive):
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
