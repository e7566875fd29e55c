"""A study's files from cBioPortal's hub: verified by their pointers, from the tar, otherwise from the repository."""

from __future__ import annotations

import hashlib
import io
import tarfile
import tracemalloc

import httpx
import pytest

from hnbc_assets.errors import (
    DamagedDownload,
    DownloadsIncomplete,
    UpstreamInconsistent,
    UpstreamRefused,
    UpstreamUnreachable,
)
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.cbioportal import files as cbioportal
from hnbc_assets.sources.kinds import source_of
from hnbc_assets.sources.listing import digest, fetch_listing, size
from hnbc_assets_tests.sources.cbioportal.portal_hub import (
    BATCH,
    FILES,
    MEDIA,
    PATIENTS,
    REPOSITORY,
    STUDY,
    TAR,
    Hub,
    pack,
    pointer,
)

PATIENT_FILE = "data_clinical_patient.txt"
NAMES = list(FILES)


@pytest.fixture
def hub():
    return Hub()


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "raw")


def fetch(hub, archive, **more):
    return fetch_listing(
        hub.client, archive, cbioportal.listing(hub.client, archive, STUDY, profile="profile", mutations=True, **more)
    )


def contents(archive, rows):
    return {row["file_id"].split("/")[1]: archive.locate(row).read_bytes() for row in rows.to_dict("records")}


def leftovers(archive):
    return [path.name for path in archive.root.rglob(".*") if path.is_file() and path.name != ".lock"]


def revised(hub):
    """The repository has a newer patient table; the tar still has the previous one."""
    hub.files = hub.files | {PATIENT_FILE: PATIENTS.replace("P1\t50", "P1\t51").encode()}
    return hub


def test_a_release_is_a_digest_of_the_files_that_are_wanted_and_changes_with_each_of_them(hub):
    first = cbioportal.release(hub.client, STUDY, profile="profile")
    assert first == digest((name, hashlib.sha256(hub.files[name]).hexdigest()) for name in NAMES[:3])
    assert len(first) == 12
    hub.files["data_mutations.txt"] += b"x"
    assert cbioportal.release(hub.client, STUDY, profile="profile") == first
    assert cbioportal.release(revised(hub).client, STUDY, profile="profile") != first


def test_members_are_taken_from_the_tar_in_any_order(hub, archive):
    rows = fetch(hub, archive)
    assert list(rows["file_id"]) == [f"{STUDY}/{name}" for name in NAMES]
    assert contents(archive, rows) == hub.files
    assert set(rows["url"]) == {f"https://{TAR}"}
    assert set(rows["release"]) == {cbioportal.release(hub.client, STUDY, profile="profile", mutations=True)}
    assert hub.bodies() == [TAR]
    assert leftovers(archive) == []
    archive.verify(rows)


def test_the_listing_knows_every_size_and_nothing_is_fetched_when_all_is_kept(hub, archive):
    listing = cbioportal.listing(hub.client, archive, STUDY, profile="profile", mutations=True)
    assert [size(hub.client, listing, one) for one in archive.missing(listing)] == [len(hub.files[n]) for n in NAMES]
    assert hub.bodies() == []
    rows = fetch(hub, archive)
    assert source_of("cbioportal").files.release_of(rows) == listing.release
    hub.asked.clear()
    assert archive.missing(listing) == []
    assert fetch(hub, archive).equals(rows)
    assert hub.bodies() == []


def test_a_file_that_a_newer_release_has_unchanged_is_neither_fetched_nor_stored_again(hub, archive):
    before = fetch(hub, archive)
    hub.packed = hub.members(revised(hub).files)
    listing = cbioportal.listing(hub.client, archive, STUDY, profile="profile", mutations=True)
    assert [one.file_id for one in archive.missing(listing)] == [f"{STUDY}/{PATIENT_FILE}"]
    after = fetch(hub, archive)
    assert contents(archive, after) == hub.files
    assert (before["path"] == after["path"]).tolist() == [False, True, True, True]


def test_an_older_tar_is_not_damage_and_the_new_file_comes_from_the_repository(hub, archive):
    rows = fetch(revised(hub), archive)
    assert contents(archive, rows) == hub.files
    sha256 = hashlib.sha256(hub.files[PATIENT_FILE]).hexdigest()
    assert rows["url"][0] == f"https://objects.example/{sha256}"  # without what was signed in it
    assert set(rows["url"][1:]) == {f"https://{TAR}"}
    assert hub.sent_headers[f"objects.example/{sha256}"]["x-pass"] == "7"
    assert "application/vnd.git-lfs+json" in hub.sent_headers[BATCH]["accept"]


@pytest.mark.parametrize("newer", ["P1\t51", "P1\t510"], ids=["of the same size", "of another size"])
def test_if_the_repository_has_no_file_either_the_error_says_that_the_tar_is_older(hub, archive, newer):
    hub.files = hub.files | {PATIENT_FILE: PATIENTS.replace("P1\t50", newer).encode()}
    hub.answers = {BATCH: httpx.Response(404), MEDIA: httpx.Response(404)}
    with pytest.raises(DownloadsIncomplete, match="not damaged: it has another version") as caught:
        fetch(hub, archive)
    assert {name: type(error) for name, error in caught.value.failures.items()} == {
        f"{STUDY}/{PATIENT_FILE}": UpstreamInconsistent
    }
    assert "1 of 4 files" in str(caught.value)
    assert BATCH in str(caught.value)
    assert leftovers(archive) == []
    assert len(archive.manifest()) == 3  # what the tar had is kept
    hub.answers, hub.packed = {}, hub.members(hub.files)
    assert contents(archive, fetch(hub, archive)) == hub.files


def test_a_member_that_is_itself_a_pointer_is_refused_as_such(hub, archive):
    hub.packed = hub.members({name: pointer(body) for name, body in hub.files.items()})
    hub.answers = {BATCH: httpx.Response(404), MEDIA: httpx.Response(404)}
    with pytest.raises(DownloadsIncomplete, match="is a Git LFS pointer instead of the data"):
        fetch(hub, archive)
    assert archive.manifest().empty
    hub.answers = {}
    assert contents(archive, fetch(hub, archive)) == hub.files


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(403),
        httpx.Response(503),
        httpx.Response(200, text="<html>Just a moment…</html>"),
        httpx.Response(200, content=pack(Hub.members({}))[:90]),
        httpx.Response(200, content=b"no tar at all"),
        httpx.Response(200, content=pack(Hub.members({}))),
    ],
    ids=["refused", "out of order", "a web page", "truncated", "no gzip", "without the members"],
)
def test_without_a_usable_tar_everything_comes_from_the_repository(hub, archive, answer):
    hub.answers = {TAR: answer}
    rows = fetch(hub, archive)
    assert contents(archive, rows) == hub.files
    assert all(url.startswith("https://objects.example/") for url in rows["url"])
    assert leftovers(archive) == []


def test_a_truncated_body_with_a_consistent_length_is_never_accepted_as_whole(hub, archive):
    """This is true of the tar, an object, a pointer and a file at GitHub."""
    whole = pack(hub.packed)
    cut = {TAR: httpx.Response(200, content=whole[: len(whole) // 2])}
    for body in hub.files.values():
        place = f"objects.example/{hashlib.sha256(body).hexdigest()}"
        cut[place] = httpx.Response(200, content=body[: len(body) // 2])
    cut |= {f"{MEDIA}/public/{STUDY}/{n}": httpx.Response(200, content=b[:-1]) for n, b in hub.files.items()}
    hub.answers = cut
    with pytest.raises(DownloadsIncomplete, match="truncated"):
        fetch(hub, archive)
    assert archive.manifest().empty
    for at in (9, 60, 120):
        hub.answers = {f"{REPOSITORY}/public": httpx.Response(200, content=pointer(b"x")[:at])}
        with pytest.raises(DamagedDownload, match="begins like an LFS pointer"):
            cbioportal.release(hub.client, STUDY, profile="profile")


def test_github_s_own_copy_is_the_last_source(hub, archive):
    hub.answers = {TAR: httpx.Response(403), BATCH: httpx.Response(503)}
    rows = fetch(hub, archive)
    assert contents(archive, rows) == hub.files
    assert list(rows["url"]) == [f"https://{MEDIA}/public/{STUDY}/{name}" for name in NAMES]
    order = list(dict.fromkeys(place.split("/")[0] for place in hub.bodies()))
    assert order == [TAR.split("/")[0], MEDIA.split("/")[0]]


def test_links_and_strange_names_in_a_tar_have_no_effect(hub, archive, tmp_path):
    """A link instead of a member is refused; names with `..` are only compared, never written to."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, kind in ((f"{STUDY}/{PATIENT_FILE}", tarfile.SYMTYPE), ("../../outside.txt", tarfile.REGTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, "/etc/passwd", 3 if kind == tarfile.REGTYPE else 0
            tar.addfile(member, io.BytesIO(b"abc"))
    hub.answers = {TAR: httpx.Response(200, content=packed.getvalue()), BATCH: httpx.Response(404)}
    hub.answers[MEDIA] = httpx.Response(404)
    with pytest.raises(DownloadsIncomplete, match="is a link or not a file"):
        fetch(hub, archive)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [".lock"]


def test_a_file_stored_in_git_itself_needs_no_tar(hub, archive):
    hub.not_in_lfs = set(NAMES)
    rows = fetch(hub, archive)
    assert contents(archive, rows) == hub.files
    assert list(rows["url"]) == [f"https://{REPOSITORY}/public/{STUDY}/{name}" for name in NAMES]
    assert hub.bodies() == []
    assert set(rows["release"]) == {cbioportal.release(hub.client, STUDY, profile="profile", mutations=True)}
    hub.files |= {PATIENT_FILE: hub.files[PATIENT_FILE][:-2]}  # its size and checksum are not stated
    with pytest.raises(DamagedDownload, match="last line has no line end, so it may be truncated, twice"):
        fetch(hub, archive)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (httpx.Response(404), UpstreamRefused, "spelled as in the hub"),
        (httpx.Response(503), UpstreamUnreachable, "HTTP status 503"),
        (httpx.Response(200, text="<html>Just a moment…</html>"), DamagedDownload, "it was a web page, twice"),
        (httpx.Response(200), DamagedDownload, "the answer was empty"),
    ],
    ids=["absent", "out of order", "a web page", "empty"],
)
def test_without_pointers_there_is_no_release_and_the_error_names_the_address(hub, answer, error, message):
    hub.answers = {f"{REPOSITORY}/public/{STUDY}/data_profile.txt": answer}
    with pytest.raises(error, match=message) as caught:
        cbioportal.release(hub.client, STUDY, profile="profile")
    assert f"https://{REPOSITORY}/public/{STUDY}/data_profile.txt" in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "stated"),
    [
        (None, "2026-01-05 16:15:29"),
        (httpx.Response(200, json={"importDate": None}), "not stated"),
        (httpx.Response(200, text="<html>"), "not stated"),
        (httpx.Response(200, json=[]), "not stated"),
        (httpx.Response(503), "not stated"),
        (httpx.Response(403), "not stated"),
    ],
)
def test_the_portal_s_import_date_is_a_remark_and_never_a_failure(hub, answer, stated):
    if answer is not None:
        hub.answers = {"www.cbioportal.org": answer}
    assert cbioportal.about(hub.client, STUDY)["importDate"].startswith(stated)
    assert hub.asked.count(f"www.cbioportal.org/api/studies/{STUDY}") == 1


def test_what_a_killed_process_left_of_a_tar_does_not_interfere(hub, archive):
    folder = archive.root / "cbioportal"
    folder.mkdir(parents=True)
    (folder / f".{STUDY}.tar.gz.part").write_bytes(b"whole, once")
    (folder / f"..{STUDY}.tar.gz.part.part").write_bytes(b"begun")
    assert contents(archive, fetch(hub, archive)) == hub.files
    assert leftovers(archive) == []


def test_a_tar_that_unpacks_to_much_is_never_in_memory_whole(hub, archive):
    """An unwanted member of 60 MB and a wanted one of 24 MB, in less than a third of the smaller size."""
    hub.files["data_profile.txt"] = b"Hugo_Symbol\tS1\tS2\n" + b"A\t1.5\t2.5\n" * 2_400_000
    packed = pack([(f"{STUDY}/data_cna.txt", bytes(60_000_000)), *hub.members(hub.files)])
    hub.answers = {TAR: httpx.Response(200, content=packed)}
    tracemalloc.start()
    rows = fetch(hub, archive)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows["size_bytes"].max() == len(hub.files["data_profile.txt"]) > 24e6
    assert peak < 8e6


def test_a_damaged_file_of_a_release_that_the_hub_no_longer_lists_comes_from_lfs_by_its_digest(hub, archive):
    """The row's address is the tar's, and the tar now has the next state."""
    rows = fetch(hub, archive)
    kept = hub.files[PATIENT_FILE]
    archive.place(rows.iloc[0]).write_bytes(kept.replace(b"P1\t50", b"P1\t52"))
    hub.packed, hub.earlier = hub.members(revised(hub).files), [kept]
    mended = archive.mend(hub.client, rows, download=cbioportal.downloader(archive, STUDY))
    assert mended == [rows["path"][0]]
    assert archive.place(rows.iloc[0]).read_bytes() == kept
    archive.verify(rows)
