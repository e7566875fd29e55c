"""Faults over real sockets: an ingest recovers or reports what failed, and the next one completes from the kept
files.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socketserver
import subprocess
import sys
import threading
import time

import pytest

from hnbc_assets.errors import (
    ChecksumMismatch,
    DamagedDownload,
    DownloadsIncomplete,
    UpstreamInconsistent,
    UpstreamRefused,
    UpstreamUnreachable,
)
from hnbc_assets.sources.archive.store import Archive, Wanted
from hnbc_assets.sources.cbioportal import files as cbioportal
from hnbc_assets.sources.cbioportal import hub as cbioportal_hub
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.listing import fetch_listing
from hnbc_assets.sources.web.http import connect

METABRIC_PROFILE = "mrna_illumina_microarray_zscores_ref_diploid_samples"
SERIES = "https://ftp.ncbi.nlm.nih.gov/geo/series/GSE25nnn/GSE25055/matrix/GSE25055_series_matrix.txt.gz"


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "raw")


def client_of(replica, **options):
    return connect(replica.base, **({"retries": 4, "backoff_seconds": 0.02} | options))


def ingest(replica, archive, **options):
    with client_of(replica, **options) as client:
        return gdc.fetch(client, archive, "TCGA-BRCA")


def fetch_series(replica, archive, **options):
    with client_of(replica, **options) as client:
        wanted = Wanted("matrix", SERIES, "matrix.txt.gz", content="gzip")
        return archive.fetch(client, "geo", "2019-03-25", [wanted])


@pytest.mark.real
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "code": 503, "every": 3},
        {"kind": "status", "code": 429, "every": 3},
        {"kind": "truncate", "every": 3},
        {"kind": "reset", "every": 3},
    ],
    ids=["503", "429", "truncate", "reset"],
)
def test_an_ingest_recovers_from_requests_that_fail(small_replica, archive, fault):
    small_replica.control(fault=[fault | {"path": "api.gdc.cancer.gov/data/", "times": 15}])
    assert_whole(archive, ingest(small_replica, archive, retries=8))


@pytest.mark.real
@pytest.mark.parametrize("kind", ["corrupt", "short", "html"])
def test_an_ingest_recovers_from_files_that_arrive_damaged_once(small_replica, archive, kind):
    with client_of(small_replica) as client:
        files = gdc.fetch(client, Archive(archive.root.parent / "other"), "TCGA-BRCA")["file_id"].iloc[-40::4]
    small_replica.control(fault=[{"kind": kind, "path": f"/data/{file_id}", "times": 1} for file_id in files])
    assert_whole(archive, ingest(small_replica, archive))


def assert_whole(archive, rows):
    """Every file of the index is present, with the md5 of the index."""
    index = gdc.read_index(archive, rows).set_index("file_id")
    files = rows[rows["file_id"].isin(index.index)]
    assert len(files) == len(index) > 40
    for row in files.to_dict("records"):
        assert hashlib.md5(archive.locate(row).read_bytes()).hexdigest() == index.loc[row["file_id"], "md5"]
    assert len(gdc.read_clinical(archive, rows)) == 29


@pytest.mark.real
@pytest.mark.parametrize(
    "kind", ["status", "truncate", "reset", "html", "short"], ids=["503", "truncate", "reset", "html", "short"]
)
def test_the_api_itself_may_fail_for_a_while(small_replica, archive, kind):
    times = 1 if kind in ("html", "short") else 3
    small_replica.control(
        fault=[{"kind": kind, "code": 503, "path": path, "times": times} for path in ("/cases", "/files")]
    )
    assert len(gdc.read_clinical(archive, ingest(small_replica, archive))) == 29


@pytest.mark.real
@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ({"kind": "corrupt"}, ChecksumMismatch, "md5"),
        ({"kind": "short"}, ChecksumMismatch, "upstream states"),
        ({"kind": "html"}, DamagedDownload, "a web page"),
        ({"kind": "status", "code": 503}, UpstreamUnreachable, "HTTP status 503"),
        ({"kind": "status", "code": 403}, UpstreamRefused, "HTTP status 403"),
    ],
    ids=["corrupt", "short", "html", "503", "403"],
)
def test_a_file_that_stays_damaged_is_named_and_the_next_ingest_fetches_it_alone(
    small_replica, archive, fault, error, message
):
    with client_of(small_replica) as client:
        whole = gdc.fetch(client, Archive(archive.root.parent / "other"), "TCGA-BRCA")
    files = whole[whole["path"].str.contains("/star/|/maf/|/biotab/")]["file_id"]
    bad = files.iloc[7]
    small_replica.control(fault=[fault | {"path": f"/data/{bad}"}])
    with pytest.raises(DownloadsIncomplete, match=bad) as incomplete:
        ingest(small_replica, archive, retries=2)
    assert list(incomplete.value.failures) == [bad]
    assert type(incomplete.value.failures[bad]) is error
    assert message in str(incomplete.value)
    assert len(archive.manifest()) == len(whole) - 1

    small_replica.reset()
    archive.verify(ingest(small_replica, archive))
    assert small_replica.requests("/data/") == {f"/api.gdc.cancer.gov/data/{bad}": 1}
    small_replica.forget()
    ingest(small_replica, archive)
    assert small_replica.requests("/data/") == {}


@pytest.mark.real
def test_a_slow_host_counts_as_failed_and_is_asked_again(small_replica, archive):
    small_replica.control(fault=[{"kind": "slow", "seconds": 12, "path": "ftp.ncbi", "times": 1}])
    rows = fetch_series(small_replica, archive, timeout=4)
    archive.verify(rows)
    assert sum(small_replica.requests("ftp.ncbi").values()) == 2


@pytest.mark.real
@pytest.mark.parametrize("kind", ["truncate", "reset"])
def test_a_file_without_any_checksum_is_continued_and_whole(small_replica, archive, kind):
    small_replica.control(fault=[{"kind": kind, "path": "ftp.ncbi", "times": 3}])
    row = fetch_series(small_replica, archive).iloc[0]
    with client_of(small_replica) as client:
        assert archive.locate(row).read_bytes() == client.get(SERIES).content


@pytest.mark.real
@pytest.mark.parametrize(("kind", "message"), [("short", "truncated"), ("corrupt", "not gzip"), ("html", "a web page")])
def test_a_file_without_any_checksum_is_never_accepted_as_whole_when_damaged(small_replica, archive, kind, message):
    small_replica.control(fault=[{"kind": kind, "path": "ftp.ncbi"}])
    with pytest.raises(DownloadsIncomplete, match=message):
        fetch_series(small_replica, archive)
    assert archive.manifest().empty
    assert not list(archive.root.rglob("matrix*"))
    assert sum(small_replica.requests("ftp.ncbi").values()) == 2


HUB_TAR = "datahub.assets.cbioportal.org/brca_metabric.tar.gz"


def fetch_study(replica, archive, **options):
    with client_of(replica, **options) as client:
        return fetch_listing(
            client, archive, cbioportal.listing(client, archive, "brca_metabric", profile=METABRIC_PROFILE)
        )


def assert_study_whole(replica, archive, rows):
    """Every file is the one that its pointer names, and there is no other file."""
    with client_of(replica) as client:
        for file_id, sha256 in zip(rows["file_id"], rows["sha256"], strict=True):
            assert cbioportal_hub.stated(client, *file_id.split("/")).sha256 == sha256
    archive.verify(rows)
    assert len(cbioportal.read_clinical(archive, rows)) == 2509
    assert [path for path in archive.root.rglob(".*") if path.is_file() and path.name != ".lock"] == []


@pytest.mark.real
@pytest.mark.parametrize("kind", ["truncate", "reset", "status"], ids=["truncate", "reset", "503"])
def test_a_study_s_tar_that_breaks_off_is_continued(small_replica, archive, kind):
    small_replica.control(fault=[{"kind": kind, "code": 503, "path": HUB_TAR, "times": 3}])
    rows = fetch_study(small_replica, archive)
    assert_study_whole(small_replica, archive, rows)
    assert set(rows["url"]) == {f"https://{HUB_TAR}"}
    assert small_replica.requests("tar.gz") == {f"/{HUB_TAR}": 4}


@pytest.mark.real
@pytest.mark.parametrize("kind", ["short", "corrupt", "html", "status"])
@pytest.mark.parametrize("where", [HUB_TAR, "lfs-objects.example", "objects/batch", "media.githubusercontent.com"])
def test_a_study_is_whole_whichever_of_its_sources_has_damaged_bodies(small_replica, archive, kind, where):
    """The tar and one more source have damaged bodies; files from the others are verified by the pointers."""
    faults = [{"kind": kind, "code": 403, "path": path} for path in dict.fromkeys((HUB_TAR, where))]
    small_replica.control(fault=faults)
    assert_study_whole(small_replica, archive, fetch_study(small_replica, archive, retries=1))


@pytest.mark.real
def test_a_truncated_study_with_a_consistent_length_is_never_accepted_as_whole(small_replica, archive):
    everywhere = (HUB_TAR, "lfs-objects.example", "media.githubusercontent.com")
    small_replica.control(fault=[{"kind": "short", "path": path, "at": 0.9} for path in everywhere])
    with pytest.raises(DownloadsIncomplete, match="truncated or not gzip") as incomplete:
        fetch_study(small_replica, archive, retries=1)
    assert len(incomplete.value.failures) == 3
    assert archive.manifest().empty
    small_replica.reset()
    assert_study_whole(small_replica, archive, fetch_study(small_replica, archive))


@pytest.mark.real
@pytest.mark.parametrize(
    ("tar", "message"), [("lagging", "older than the repository"), ("pointers", "is a Git LFS pointer")]
)
def test_a_tar_of_another_state_is_not_damage_and_the_repository_has_the_rest(small_replica, archive, tar, message):
    small_replica.control(revise=["brca_metabric"], tar=tar, fault=[{"kind": "status", "code": 404, "path": "batch"}])
    with pytest.raises(DownloadsIncomplete, match=message) as incomplete:
        fetch_study(small_replica, archive, retries=1)
    # Without the repository's server there is no other copy of the new file; GitHub has copies of the old ones.
    assert list(incomplete.value.failures) == ["brca_metabric/data_clinical_patient.txt"]
    assert isinstance(*incomplete.value.failures.values(), UpstreamInconsistent)
    small_replica.control(fault=None)
    rows = fetch_study(small_replica, archive)
    assert_study_whole(small_replica, archive, rows)
    from_tar = int((rows["url"] == f"https://{HUB_TAR}").sum())
    assert from_tar == {"lagging": 2, "pointers": 0}[tar]


def test_a_host_that_does_not_exist_is_unreachable():
    with socketserver.TCPServer(("127.0.0.1", 0), None) as server:
        port = server.server_address[1]
    client = connect(f"http://127.0.0.1:{port}", retries=1, backoff_seconds=0.01)
    with pytest.raises(UpstreamUnreachable, match=r"api\.gdc\.cancer\.gov/status: no connection"):
        gdc.release(client)


class Dripping(socketserver.StreamRequestHandler):
    """Serves one body with Range, up to `stop_at` at once and then in drops, so that a process can be killed there."""

    content = os.urandom(400_000)
    offsets: list[int] = []  # noqa: RUF012
    stop_at = len(content)
    over = threading.Event()

    def handle(self):
        offset = 0
        while (line := self.rfile.readline()).strip():
            if line.lower().startswith(b"range: bytes="):
                offset = int(line.split(b"=")[1].split(b"-")[0])
        self.offsets.append(offset)
        rest, total = self.content[offset:], len(self.content)
        status = f"206 Partial Content\r\nContent-Range: bytes {offset}-{total - 1}/{total}" if offset else "200 OK"
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(rest)}\r\nConnection: close\r\n\r\n"
        try:
            self.wfile.write(head.encode())
            self.wfile.write(self.content[offset : self.stop_at])
            self.wfile.flush()
            at = max(offset, self.stop_at)
            while at < total and not self.over.wait(0.05):
                self.wfile.write(self.content[at : at + 10])
                self.wfile.flush()
                at += 10
        except OSError:
            pass


@pytest.fixture
def dripping(tmp_path):
    """A host that drips, and a function that starts a process that fetches from it."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dripping)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    program = (
        "import signal, sys; from pathlib import Path\n"
        # What a shell starts in the background ignores Ctrl-C; a terminal's own command does not.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from hnbc_assets.sources.archive.store import Archive, Wanted\n"
        "from hnbc_assets.sources.web.http import connect\n"
        "base, root, size, md5 = sys.argv[1:]\n"
        "wanted = Wanted('big', 'https://upstream.example/big', 'big.bin', int(size), md5)\n"
        "Archive(Path(root)).fetch(connect(base), 'host', '1.0', [wanted])\n"
    )
    md5, size = hashlib.md5(Dripping.content).hexdigest(), len(Dripping.content)
    base = f"http://127.0.0.1:{server.server_address[1]}"
    Dripping.stop_at, Dripping.offsets = len(Dripping.content), []
    Dripping.over.clear()
    command = [sys.executable, "-c", program, base, str(tmp_path), str(size), md5]
    yield lambda: subprocess.Popen(command, stderr=subprocess.PIPE)
    Dripping.over.set()
    server.shutdown()
    server.server_close()


def wait_for_bytes(part, n_bytes):
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size >= n_bytes) and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_killed_process_leaves_no_file_and_the_next_continues_its_part(dripping, tmp_path):
    target, part = tmp_path / "host/1.0/big.bin", tmp_path / "host/1.0/.big.bin.part"
    for kept, Dripping.stop_at in ((60_000, 140_000), (160_000, 300_000)):
        process = dripping()
        wait_for_bytes(part, kept)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert part.stat().st_size >= kept
        assert not target.exists()
        assert Archive(tmp_path).manifest().empty
    Dripping.stop_at = len(Dripping.content)
    process = dripping()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert target.read_bytes() == Dripping.content
    assert not part.exists()
    assert Dripping.offsets[0] == 0 < 60_000 <= Dripping.offsets[1] < 160_000 <= Dripping.offsets[2]
    Archive(tmp_path).verify(Archive(tmp_path).manifest())


def test_ctrl_c_ends_a_batch_at_once_and_keeps_its_part(dripping, tmp_path):
    Dripping.stop_at = 200_000
    part = tmp_path / "host/1.0/.big.bin.part"
    process = dripping()
    wait_for_bytes(part, 20_000)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in process.communicate(timeout=60)[1]
    assert time.monotonic() - began < 50
    assert part.stat().st_size >= 20_000
