"""Listings: what an upstream has, known without fetching it, and the name of the state that was found."""

from __future__ import annotations

import httpx
import pytest

from hnbc_assets.errors import StudyError, UpstreamRefused, UpstreamUnreachable
from hnbc_assets.sources.archive.store import Archive, Wanted
from hnbc_assets.sources.cbioportal import files as cbioportal
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.gdsc import files as gdsc
from hnbc_assets.sources.gene_sets import files as gene_sets
from hnbc_assets.sources.geo import files as geo
from hnbc_assets.sources.kinds import source_of
from hnbc_assets.sources.listing import fetch_listing, reach, size
from hnbc_assets.sources.simulated import transport
from hnbc_assets.sources.table import files as user_table
from hnbc_assets.sources.web.http import connect

LATEST, VERSIONED = "https://raw.example/lists/main/genes.gmt", "https://x.org/sets/v1.2/b.gmt"
PROFILE = "mrna_illumina_microarray_zscores_ref_diploid_samples"
ASK = {
    "geo": (lambda c, a, f: f(c, a, "GSE25055", "GPL96"), geo, lambda c: geo.release(c, "GSE25055")),
    "cbioportal": (
        lambda c, a, f: f(c, a, "brca_metabric", profile=PROFILE),
        cbioportal,
        lambda c: cbioportal.release(c, "brca_metabric", profile=PROFILE),
    ),
    "gdsc": (lambda c, a, f: f(c, a, "8.5"), gdsc, lambda c: gdsc.release(c, "8.5")),
    "gdc": (lambda c, a, f: f(c, a, "TCGA-BRCA"), gdc, gdc.release),
}


def everything_in(folder):
    return sorted(path for path in folder.rglob("*"))


@pytest.mark.real
@pytest.mark.parametrize("source", list(ASK))
def test_a_listing_has_what_fetch_then_archives_and_writes_nothing(small_replica, tmp_path, source):
    ask, module, look = ASK[source]
    archive, sent = Archive(tmp_path / "raw"), small_replica.control()["bytes"]
    with connect(small_replica.base) as client:
        listing = ask(client, archive, module.listing)
        missing = archive.missing(listing)
        sizes = {one.file_id: size(client, listing, one) for one in missing}
        assert small_replica.control()["bytes"] - sent < 2e6
        assert everything_in(tmp_path) == []
        assert [one.file_id for one in missing] == [one.file_id for _, one in listing.wanted]
        rows = ask(client, archive, gdc.fetch) if source == "gdc" else fetch_listing(client, archive, listing)
        assert look(client) == listing.release == source_of(source).files.release_of(rows)
        assert archive.missing(ask(client, archive, module.listing)) == []
    fetched = rows[~rows["file_id"].isin([reply.file_id for reply in listing.replies])]
    if source == "geo":  # its gateway refuses HEAD
        assert set(sizes.values()) == {None}
    else:
        assert sum(sizes.values()) == fetched["size_bytes"].sum()
    assert len(fetched) == len(missing)


@pytest.mark.real
def test_only_what_a_newer_release_changed_is_missing(small_replica, tmp_path):
    archive = Archive(tmp_path / "raw")
    with connect(small_replica.base) as client:
        gdc.fetch(client, archive, "TCGA-BRCA", mutations=False)
        small_replica.control(release="46.0")
        before = everything_in(tmp_path)
        missing = archive.missing(gdc.listing(client, archive, "TCGA-BRCA", mutations=False))
        assert everything_in(tmp_path) == before
        small_replica.forget()
        gdc.fetch(client, archive, "TCGA-BRCA", mutations=False)
        asked = {path.rpartition("/")[2] for path in small_replica.requests("/data/")}
    assert {one.file_id for one in missing} == asked
    assert len(asked) == 2  # the patient that is new, and the biotab


def test_the_state_of_lists_is_one_digest_that_the_archived_rows_also_have(tmp_path):
    (tmp_path / "a.gmt").write_text("S\tx\tA\n")
    texts = {"genes.gmt": "T\tx\tB\n", "b.gmt": "U\tx\tC\n"}
    asked = []

    def answer(request):
        asked.append(request.url.path)
        return httpx.Response(200, text=texts[request.url.path.rpartition("/")[2]])

    archive, lists = Archive(tmp_path / "raw"), [LATEST, VERSIONED, "file:a.gmt"]
    with connect("simulated", transport=httpx.MockTransport(answer)) as client:
        look = gene_sets.release(client, lists, folder=tmp_path)
        assert asked == ["/lists/main/genes.gmt"]
        listing = gene_sets.listing(client, archive, lists, folder=tmp_path)
        assert [one.file_id for one in archive.missing(listing)] == [VERSIONED]
        rows = gene_sets.fetch(client, archive, lists, folder=tmp_path)
        assert look == listing.release == source_of("gene_sets").files.release_of(rows)
        assert look == gene_sets.release(client, lists[::-1], folder=tmp_path)
        assert archive.missing(listing) == []
        (tmp_path / "a.gmt").write_text("S\tx\tA\tD\n")
        changed = gene_sets.release(client, lists, folder=tmp_path)
        texts["genes.gmt"] = "T\tx\tB\tE\n"
        assert len({look, changed, gene_sets.release(client, lists, folder=tmp_path)}) == 3
    assert len(look) == 12
    assert gene_sets.release(None, []) == source_of("gene_sets").files.release_of(gene_sets.fetch(None, archive, []))


def test_an_unversioned_list_that_is_unreachable_has_no_state(tmp_path):
    with (
        connect("simulated", transport=httpx.MockTransport(lambda r: httpx.Response(503)), retries=0) as client,
        pytest.raises(UpstreamUnreachable, match=r"genes\.gmt"),
    ):
        gene_sets.release(client, [LATEST])


def test_the_state_of_a_users_tables_is_their_content_and_path(tmp_path):
    (tmp_path / "x.csv").write_text("gene,p1\nA,1\n")
    (tmp_path / "c.csv").write_text("patient_id,age\np1,50\n")
    archive = Archive(tmp_path / "raw")
    look = user_table.release("x.csv", "c.csv", folder=tmp_path)
    listing = user_table.listing(archive, "mine", "x.csv", "c.csv", folder=tmp_path)
    assert not (tmp_path / "raw").exists()
    rows = fetch_listing(None, archive, user_table.listing(archive, "mine", "x.csv", "c.csv", folder=tmp_path))
    assert look == listing.release == source_of("table").files.release_of(rows)
    (tmp_path / "c.csv").write_text("patient_id,age\np1,51\n")
    assert user_table.release("x.csv", "c.csv", folder=tmp_path) != look


@pytest.mark.parametrize("gone", ["model_list", "gene_identifiers", "_rma.txt.gz", "GDSC2_fitted"])
def test_a_look_at_gdsc_asks_for_every_file_that_would_be_fetched(gone):
    """A look at one file alone would succeed although the fetch must fail."""
    hosts = transport()

    def answer(request):
        return httpx.Response(410) if gone in request.url.path else hosts.handle_request(request)

    with (
        connect("simulated", transport=httpx.MockTransport(answer)) as client,
        pytest.raises(UpstreamRefused, match=f"{gone}.*410"),
    ):
        gdsc.release(client)


def test_a_host_that_refuses_head_is_queried_for_the_first_byte():
    """403 to HEAD shows nothing, 403 to the file itself does; the look downloads neither."""
    asked = []

    def answer(request):
        asked.append((request.method, request.url.host, request.headers.get("range")))
        refused = request.method == "HEAD" or request.url.host.startswith("cmp")
        return httpx.Response(403 if refused else 206, content=b"P")

    wanted = Wanted("book", "https://cmp.example/book.xlsx", "book.xlsx", others=("https://cog.example/book.xlsx",))
    with connect("simulated", transport=httpx.MockTransport(answer)) as client:
        assert reach(client, wanted) == "https://cog.example/book.xlsx"
    assert asked == [
        (method, host, span)
        for host in ("cmp.example", "cog.example")
        for method, span in (("HEAD", None), ("GET", "bytes=0-0"))
    ]


def test_a_release_of_gdsc_exists_or_not():
    with connect("simulated", transport=transport()) as client:
        assert gdsc.release(client, "8.5") == "8.5"
        with pytest.raises(StudyError, match=r"9\.9"):
            gdsc.release(client, "9.9")
    with (
        connect("simulated", transport=httpx.MockTransport(lambda r: httpx.Response(404))) as client,
        pytest.raises(UpstreamRefused, match="404"),
    ):
        gdsc.release(client, "8.5")


def test_a_series_of_several_platforms_is_sized_and_kept_under_its_other_name(tmp_path):
    matrix = b"\x1f\x8b" + b"0" * 40
    served = {"GSE1-GPL2_series_matrix.txt.gz": matrix, "GPL2.annot.gz": b"annotation"}

    def answer(request):
        name = request.url.path.rpartition("/")[2]
        if name == "acc.cgi":
            text = "!Series_status = Public on Mar 25 2019\n!Series_last_update_date = Mar 25 2019\n"
            return httpx.Response(200, text=text)
        return httpx.Response(200, content=served[name]) if name in served else httpx.Response(404)

    archive = Archive(tmp_path)
    with connect("simulated", transport=httpx.MockTransport(answer)) as client:
        listing = geo.listing(client, archive, "GSE1", "GPL2")
        assert [size(client, listing, one) for one in archive.missing(listing)] == [42, 10]
        path = "GSE1-GPL2_series_matrix.txt.gz"
        archive.store(
            "geo", "2019-03-25", file_id=path, url=listing.instead[plain(listing)].url, path=path, content=b""
        )
        assert [one.file_id for one in archive.missing(listing)] == ["GPL2.annot.gz"]


def plain(listing):
    return listing.wanted[0][1].file_id


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(200, headers={"Content-Length": "1234"}), 1234),
        (httpx.Response(200), None),
        (httpx.Response(200, headers={"Content-Length": "99", "Content-Encoding": "gzip"}), None),
        (httpx.Response(405), None),
    ],
)
def test_a_size_is_what_the_host_states_or_unknown(answer, expected):
    asked = []
    transport = httpx.MockTransport(lambda request: asked.append(request.method) or answer)
    with connect("simulated", transport=transport) as client:
        assert client.size("https://x.org/file") == expected
    assert asked == ["HEAD"]


def test_a_request_for_a_size_is_repeated_like_others():
    answers = [httpx.Response(503), httpx.Response(200, headers={"Content-Length": "7"})]
    transport = httpx.MockTransport(lambda request: answers.pop(0))
    with connect("simulated", transport=transport, backoff_seconds=0.01) as client:
        assert client.size("https://x.org/file") == 7
