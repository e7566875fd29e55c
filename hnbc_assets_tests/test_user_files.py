"""Files that a user names: read if they are regular files of bounded size, otherwise refused without being opened."""

from __future__ import annotations

import gzip
import os
import socket

import pytest

from hnbc_assets import user_files
from hnbc_assets.errors import FormatError, StudyError
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.gene_sets import files as gene_sets
from hnbc_assets.sources.listing import fetch_listing
from hnbc_assets.sources.table import files as user_table
from hnbc_assets.study import load_study
from hnbc_assets_tests.fuzz.mutations import read


@pytest.fixture
def folder(tmp_path):
    """A study's folder with a list in it, next to another folder."""
    (tmp_path / "study" / "lists").mkdir(parents=True)
    (tmp_path / "study" / "lists" / "genes.gmt").write_text("SET\tna\tTP53\n")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "genes.gmt").write_text("OTHER\tna\tESR1\n")
    return tmp_path / "study"


def made(folder, kind):
    path = folder / f"a_{kind}"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif kind == "folder":
        path.mkdir()
    elif kind == "circle":
        path.symlink_to(path)
    else:
        path.symlink_to("/dev/zero")
    return path.name


SPECIAL = {
    "pipe": "a named pipe",
    "socket": "a socket",
    "folder": "a folder",
    "device": "a device",
    "circle": "symbolic",
}


@pytest.mark.parametrize(("kind", "words"), SPECIAL.items())
def test_what_is_not_a_file_is_refused_at_once_by_every_reader(folder, kind, words, tmp_path):
    name = made(folder, kind)
    (folder / "c.csv").write_text("patient,age\np1,50\n")
    archive = Archive(tmp_path / "raw")
    readings = [
        lambda: load_study(folder / name),
        lambda: fetch_listing(None, archive, user_table.listing(archive, "mine", name, "c.csv", folder=folder)),
        lambda: fetch_listing(None, archive, user_table.listing(archive, "mine", "c.csv", name, folder=folder)),
        lambda: gene_sets.fetch(None, archive, [f"file:{name}"], folder=folder),
        lambda: gene_sets.release(None, [f"file:{folder / name}"]),
    ]
    for reading in readings:
        error = read(reading, names=[name], done=kind)  # ends by a signal where it would hang
        assert isinstance(error, StudyError)
        assert words in str(error)


def test_relative_paths_stay_in_the_study_and_only_absolute_ones_and_links_lead_out_of_it(folder):
    outside = folder.parent / "elsewhere" / "genes.gmt"
    (folder / "linked.gmt").symlink_to(outside)
    inside = user_files.read_bytes("lists/genes.gmt", "list", folder=folder)
    assert user_files.read_bytes("lists/../lists/genes.gmt", "list", folder=folder) == inside
    assert user_files.read_bytes("linked.gmt", "list", folder=folder) == outside.read_bytes()
    assert user_files.read_bytes(outside, "list", folder=folder) == outside.read_bytes()
    for path in ("../elsewhere/genes.gmt", "lists/../../elsewhere/genes.gmt", ".."):
        with pytest.raises(StudyError, match=r"leads out of the study's folder .* absolute path: /"):
            user_files.read_bytes(path, "list", folder=folder)


def test_a_missing_file_is_reported_with_the_nearest_one(folder):
    with pytest.raises(StudyError, match=r"lists/gene\.gmt \(list\) cannot be read .* nearest .* is genes\.gmt"):
        user_files.read_bytes("lists/gene.gmt", "list", folder=folder)
    with pytest.raises(StudyError, match="its name is not a path"):
        user_files.read_bytes("a\0b", "list", folder=folder)


def test_no_more_is_read_than_the_size_limit_packed_or_not(folder):
    with (folder / "sparse").open("wb") as stream:
        stream.truncate(user_files.TABLE_BYTES + 1)
    with pytest.raises(StudyError, match="larger than the 1024 MB"):
        user_files.read_bytes("sparse", "table", folder=folder)
    bomb = gzip.compress(bytes(5 << 20))
    with pytest.raises(FormatError, match=r"bomb\.csv has more than the 1 MB"):
        user_files.unpacked(bomb, "bomb.csv", at_most=1 << 20, error=FormatError)


def test_a_gene_list_in_latin_1_is_named_as_such(folder):
    (folder / "latin.gmt").write_bytes("SÉT\tna\tTP53\n".encode("latin-1"))
    with pytest.raises(StudyError, match=r"latin\.gmt, line 1: after 'S' comes the byte 0xc9.*Latin-1"):
        gene_sets.release(None, ["file:latin.gmt"], folder=folder)
