"""The raw archive when downloads end early, are damaged or are refused: continued, named, never accepted as whole."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import threading
import time

import httpx
import pytest

from hnbc_assets.errors import (
    ChecksumMismatch,
    DamagedDownload,
    DownloadsIncomplete,
    UpstreamRefused,
    UpstreamUnreachable,
)
from hnbc_assets.sources.web.batch import Batch, download_all
from hnbc_assets.sources.web.http import connect
from hnbc_assets.sources.web.progress import Silent
from hnbc_assets_tests.sources.upstream import FILES, Upstream, wanted


def test_an_interrupted_download_is_continued_where_it_ended(archive):
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
    content = os.urandom(50_000) + b"\n"
    upstream = Upstream({"big": content}, {"ETag": '"first"'})
    upstream.cut = [20_000, 0, 0]
    with pytest.raises(DownloadsIncomplete):
        archive.fetch(upstream.client, "host", "1.0", [wanted("big")])
    upstream.files["big"] = newer = os.urandom(50_000) + b"\n"
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
    ("served", "error", "message"),
    [
        (b"x" * 600, ChecksumMismatch, "md5"),
        (b"x" * 599, ChecksumMismatch, "599 bytes were received, the upstream states 600"),
        (b"x" * 601, ChecksumMismatch, "more than the index's 600 bytes"),
        (b"", DamagedDownload, "empty"),
        (b"<!DOCTYPE html>" + b" " * 585, DamagedDownload, "web page"),
    ],
)
def test_damage_is_retried_once_then_named_and_the_others_are_kept(archive, served, error, message):
    content = b"y" * 600
    upstream = Upstream(FILES | {"bad": served})
    batch = [wanted("bad", content), *[wanted(n, c) for n, c in FILES.items()]]
    with pytest.raises(DownloadsIncomplete, match="bad") as incomplete:
        archive.fetch(upstream.client, "host", "1.0", batch)
    assert list(incomplete.value.failures) == ["bad"]
    assert type(incomplete.value.failures["bad"]) is error
    assert message in str(incomplete.value)
    assert [name for name, _ in upstream.asked].count("bad") == 2
    assert sorted(archive.manifest()["file_id"]) == sorted(FILES)
    assert not list(archive.root.rglob("*bad*"))


@pytest.mark.parametrize("content", ["gzip", "zip", "xlsx", "json"])
def test_truncated_content_is_detected_without_any_checksum(archive, content):
    whole = gzip.compress(os.urandom(5000)) if content == "gzip" else b'{"key": [1, 2, 3]}'
    upstream = Upstream({"file": whole[:-5]})
    with pytest.raises(DownloadsIncomplete, match=f"truncated or not {content}"):
        archive.fetch(upstream.client, "host", "1.0", [wanted("file", content=content)])
    assert archive.manifest().empty


def test_a_text_whose_last_line_does_not_end_is_not_accepted_as_whole(archive):
    """A truncated body whose stated length agrees: only its end shows it."""
    upstream = Upstream({"set.gmt": b"A\tabout\tTP53\nB\tabout\tERB"})
    with pytest.raises(DownloadsIncomplete, match=r"last line has no line end.*name it as a `file`"):
        archive.fetch(upstream.client, "host", "1.0", [wanted("set.gmt")])
    assert archive.manifest().empty
    upstream.files["set.gmt"] += b"B2\n"
    assert len(archive.fetch(upstream.client, "host", "1.0", [wanted("set.gmt")])) == 1


@pytest.mark.parametrize("encode", [bytes.hex, lambda digest: base64.b64encode(digest).decode()])
def test_the_header_checksum_counts_if_the_index_has_none(archive, encode):
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
    assert list(incomplete.value.failures) == [one.file_id for one in many]  # in the order asked, whoever ended first
    assert sum(isinstance(e, UpstreamUnreachable) for e in incomplete.value.failures.values()) < 30


class Endless(httpx.SyncByteStream):
    """A body that sends bytes for twenty seconds, unless the request is given up."""

    def __init__(self):
        self.begun, self.pieces = threading.Event(), 0

    def __iter__(self):
        while self.pieces < 2000:
            self.pieces += 1
            yield b"x" * 100
            self.begun.set()
            time.sleep(0.01)


def test_ctrl_c_while_downloads_are_being_submitted_ends_those_that_have_begun(tmp_path):
    body = Endless()

    class Targets(dict):
        """Ctrl-C arrives when the first has begun and the second is about to be submitted."""

        def __iter__(self):
            first, *others = super().__iter__()
            yield first
            if body.begun.wait(timeout=10 if self.sized else 0):
                raise KeyboardInterrupt
            self.sized = True
            yield from others

    client = connect("simulated", transport=httpx.MockTransport(lambda request: httpx.Response(200, stream=body)))
    targets = Targets({wanted(name): tmp_path / name for name in ("one", "two")})
    targets.sized = False
    with pytest.raises(KeyboardInterrupt):
        download_all(Batch(client, "host 1.0", targets, lambda one, got: {}, Silent(), 2))
    assert 0 < body.pieces < 2000
