"""Archived files never change: other content is stored next to them, damage is detected, set aside and fetched
again.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace

import pandas as pd
import pytest

from hnbc_assets.errors import ArchiveDamaged, DownloadsIncomplete
from hnbc_assets.sources.archive import intact
from hnbc_assets.sources.archive.intact import DAMAGED
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets_tests.sources.upstream import FILES, Upstream, fetch, wanted


def content_of(root):
    """Every file of the archive except its bookkeeping, by path."""
    files = (p for p in root.rglob("*") if p.is_file() and p.name not in (".lock", "manifest.jsonl"))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def rot(path):
    """Flip one byte as a failing disk may: size and times are unchanged."""
    state, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


@pytest.mark.parametrize("stated", [True, False], ids=["stated checksum", "address alone"])
def test_a_release_that_changes_under_its_name_is_kept_next_to_the_earlier_content(archive, stated):
    """Files from which a table, a signature or a kept database was made are never overwritten."""

    def fetched(content):
        upstream = Upstream({"f": content})
        one = (
            wanted("f", content)
            if stated
            else replace(wanted("f"), url=f"https://upstream.example/f?version={len(content)}")
        )
        return archive.fetch(upstream.client, "host", "1.0", [one]), upstream.asked

    first, _ = fetched(b"first\n")
    other, asked = fetched(b"another\n")
    assert len(asked) == 1
    assert other.path[0] == f"host/1.0/files/f.{hashlib.sha256(b'another' + bytes([10])).hexdigest()[:12]}"
    archive.verify(pd.concat([first, other]))
    assert archive.locate(first.iloc[0]).read_bytes() == b"first\n"
    again, asked = fetched(b"first\n")
    assert (again.path[0], again.sha256[0]) == (first.path[0], first.sha256[0])
    assert len(asked) == (0 if stated else 1), "it is in the manifest's older lines"
    assert sorted(content_of(archive.root).values()) == [b"another\n", b"first\n"]


def test_a_held_release_of_many_files_leaves_every_byte_of_the_one_in_use(archive):
    kept = fetch(archive, Upstream(FILES))
    before = content_of(archive.root)
    poisoned = {name: content[: len(content) // 2] for name, content in FILES.items()}
    archive.fetch(Upstream(poisoned).client, "host", "1.0", [wanted(n, c) for n, c in poisoned.items()])
    after = content_of(archive.root)
    assert {path: after[path] for path in before} == before
    archive.verify(kept)


def test_a_flipped_byte_is_detected_when_the_file_is_read_from(archive):
    rows = fetch(archive, Upstream(FILES))
    rot(archive.place(rows.iloc[3]))
    reopened = Archive(archive.root)
    assert reopened.locate(rows.iloc[2]).read_bytes() == FILES["f2.txt"]
    with pytest.raises(ArchiveDamaged, match=r"1 archived file\(s\) have changed .* host/1\.0/files/f3\.txt") as damage:
        reopened.locate(rows.iloc[3])
    assert damage.value.paths == ("host/1.0/files/f3.txt",)
    assert reopened.damaged(rows) == ["host/1.0/files/f3.txt"]
    assert reopened.touched(rows) == [], "neither size nor time has changed"


def test_an_archive_hashes_a_file_once_until_it_forgets(archive, monkeypatch):
    """A step forgets, reads, and is checked with the same archive: the check does not hash files again."""
    row, hashed = fetch(archive, Upstream(FILES), ["f1.txt"]).iloc[0], []
    one = intact.sha256_of
    monkeypatch.setattr(intact, "sha256_of", lambda path: (hashed.append(path), one(path))[1])
    archive.forget()
    path = archive.locate(row)
    archive.locate(row)
    assert len(hashed) == 1
    rot(path)
    archive.forget()
    with pytest.raises(ArchiveDamaged):
        archive.locate(row)


def test_damage_is_set_aside_and_fetched_again_to_its_place(archive):
    upstream = Upstream(FILES)
    rows = fetch(archive, upstream)
    later = archive.fetch(upstream.client, "host", "2.0", [wanted(n, c) for n, c in FILES.items()])
    rot(archive.place(rows.iloc[3]))
    archive.place(rows.iloc[5]).unlink()
    upstream.asked.clear()
    again = archive.fetch(upstream.client, "host", "2.0", [wanted(n, c) for n, c in FILES.items()])
    assert sorted(name for name, _ in upstream.asked) == ["f3.txt", "f5.txt"]
    assert list(again.path) == list(rows.path)
    for one in (rows, later, again):
        archive.verify(one)
    aside = content_of(archive.root / DAMAGED)
    assert list(aside) == ["host/1.0/files/f3.txt"]
    assert aside["host/1.0/files/f3.txt"] != FILES["f3.txt"]


def test_damage_that_upstream_no_longer_has_is_named_and_newer_content_does_not_replace_it(archive):
    upstream = Upstream({"list": b"first\n"})
    rows = archive.fetch(upstream.client, "host", "1.0", [wanted("list")])
    rot(archive.place(rows.iloc[0]))
    upstream.files = {}
    with pytest.raises(DownloadsIncomplete, match="404"):
        archive.fetch(upstream.client, "host", "1.0", [wanted("list")])
    with pytest.raises(ArchiveDamaged, match="are missing"):
        archive.verify(rows)
    upstream.files = {"list": b"other\n"}
    now = archive.fetch(upstream.client, "host", "1.0", [wanted("list")])
    archive.verify(now)
    assert archive.damaged(rows) == list(rows.path)
    assert now.path[0] != rows.path[0]


def test_rows_of_a_release_that_no_index_lists_any_more_are_repaired_from_their_addresses(archive):
    upstream = Upstream(FILES)
    rows = fetch(archive, upstream)
    rot(archive.place(rows.iloc[3]))
    assert archive.mend(upstream.client, rows) == ["host/1.0/files/f3.txt"]
    archive.verify(rows)
    assert Archive(archive.root).touched(rows) == []
    rot(archive.place(rows.iloc[4]))
    upstream.files["f4.txt"] = b"newer"
    with pytest.raises(ArchiveDamaged, match=r"set aside in .*damaged.*f4\.txt") as damage:
        archive.mend(upstream.client, rows)
    assert damage.value.paths == ("host/1.0/files/f4.txt",)


def test_a_damaged_reply_is_stored_again_where_it_was(archive):
    reply = {"file_id": "page", "url": "https://x.org/page", "path": "page.json", "content": b"[1, 2, 3]"}
    row = archive.store("host", "1.0", **reply)
    rot(archive.place(row))
    again = archive.store("host", "1.0", **reply)
    assert again["path"] == row["path"]
    assert archive.locate(again).read_bytes() == b"[1, 2, 3]"
    assert list(content_of(archive.root / DAMAGED)) == ["host/1.0/page.json"]
