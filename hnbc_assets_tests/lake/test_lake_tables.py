"""Tables on disk: what is written is read back, hashes depend on values alone, provenance is in the file."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.errors import FormatError, NotInLake
from hnbc_assets.lake import atomic
from hnbc_assets.lake.hashing import content_hash
from hnbc_assets.lake.parquet import Provenance, read, read_provenance, read_stored, verify, write


def every_type():
    return pd.DataFrame(
        {
            "text": ["é", None, ""],
            "number": [0.1, np.nan, -np.inf],
            "count": [1, 2, 3],
            "count_or_null": pd.array([2**60 + 1, None, 3], dtype="Int64"),
            "flag": [True, False, True],
            "flag_or_null": pd.array([True, None, False], dtype="boolean"),
            "time": pd.to_datetime(["2020-01-01", None, "2021-02-03T04:05:06.789"], format="ISO8601"),
            "nothing": [None, None, None],
            "several": [[1, 2], [], [3]],
            "small": np.array([1, 2, 3], dtype="int8"),
        }
    )


def expression():
    values = np.random.default_rng(1).normal(size=(30, 5))
    values[3, 2] = np.nan
    genes = pd.Index([f"G{i}" for i in range(30)], name="gene")
    return pd.DataFrame(values, index=genes, columns=pd.Index([f"p{i}" for i in range(5)], name="patient_id"))


@pytest.mark.parametrize("frame", [every_type(), every_type().iloc[:0], expression()], ids=["types", "empty", "matrix"])
def test_what_is_written_is_read_again(tmp_path, frame):
    write(tmp_path / "t.parquet", frame, Provenance("t", "1"))
    again = read(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(again, frame)
    assert content_hash(again) == content_hash(frame)
    verify(tmp_path / "t.parquet")


def test_the_hash_is_the_same_in_every_process():
    """Also with another hash seed, and as when this test was written."""
    code = "import pandas as pd; from hnbc_assets.lake.hashing import content_hash as h;"
    code += "print(h(pd.DataFrame({'gene': ['A', None], 'effect': [0.5, float('nan')], 'n': [1, 2]})))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {content_hash(pd.DataFrame({"gene": ["A", None], "effect": [0.5, np.nan], "n": [1, 2]}))}
    assert found == {"168cee5829e4348feb2f4ff75f618360"}


def changed(frame, change):
    copy = frame.copy()
    change(copy)
    return copy


def swap_text(frame):
    frame.loc[[0, 2], "text"] = frame.loc[[2, 0], "text"].to_numpy()


CHANGES = {
    "a value": lambda f: f.__setitem__("number", [0.1, np.nan, np.nextafter(0.1, 1)]),
    "a missing value": lambda f: f.__setitem__("number", [0.1, 0.0, -np.inf]),
    "a missing text": lambda f: f.__setitem__("text", ["é", "", ""]),
    "where one text ends": swap_text,
    "a name": lambda f: f.rename(columns={"text": "word"}, inplace=True),
    "a type": lambda f: f.__setitem__("count", f["count"].astype(float)),
    "column order": lambda f: f.insert(0, "number", f.pop("number")),
    "a large integer": lambda f: f.__setitem__("count_or_null", pd.array([2**60, None, 3], dtype="Int64")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_hash_changes_with(change):
    assert content_hash(changed(every_type(), CHANGES[change])) != content_hash(every_type())


def test_the_hash_changes_with_the_order_of_rows():
    assert content_hash(every_type().iloc[::-1]) != content_hash(every_type())


def test_the_hash_does_not_change_with_how_values_are_stored():
    frame = pd.DataFrame({"x": [0.0, np.nan], "t": ["a", None]})
    same = pd.DataFrame({"x": [-0.0, np.float64("nan")], "t": pd.Categorical(["a", np.nan])}, index=[7, 3])
    assert content_hash(frame) == content_hash(same)
    assert content_hash(frame) == content_hash(frame.astype({"t": "string"}))
    assert content_hash(frame) == content_hash(pd.concat([frame, frame]).iloc[2:])


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"x": [1]}, index=["a"]), "index has labels but no name"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), "columns occur twice"),
        (pd.DataFrame({1: [1]}), "column names are strings"),
        (pd.DataFrame({"x": ["a", 1]}), "mixes types"),
    ],
)
def test_a_frame_that_would_lose_something_is_refused_and_nothing_is_written(tmp_path, frame, message):
    with pytest.raises((ValueError, TypeError), match=message):
        write(tmp_path / "t.parquet", frame, Provenance("t", "1"))
    assert not list(tmp_path.iterdir())


def test_the_provenance_is_stored_in_the_file(tmp_path):
    columns = [{"name": "x", "type": "BIGINT", "unit": "days", "description": "“it”"}]
    given = Provenance("t", "1", "c", "r", "s", "simulated", "now", {"raw/gdc/all": "0"}, "A table.", columns)
    written = write(tmp_path / "t.parquet", pd.DataFrame({"x": [1]}), given)
    assert written.content_hash == content_hash(pd.DataFrame({"x": [1]}))
    assert read_provenance(tmp_path / "t.parquet") == written
    assert read_stored(tmp_path / "t.parquet").provenance == written


def test_a_missing_foreign_or_truncated_file_is_named(tmp_path):
    with pytest.raises(NotInLake, match=r"t\.parquet is not in the lake"):
        read(tmp_path / "t.parquet")
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(FormatError, match=r"t\.parquet has no provenance"):
        read(tmp_path / "t.parquet")
    (tmp_path / "t.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:-9])
    with pytest.raises(FormatError, match=r"t\.parquet is not a readable parquet file"):
        read(tmp_path / "t.parquet")


def test_a_full_disk_leaves_the_old_table_and_no_other_file(tmp_path):
    path = tmp_path / "t.parquet"
    write(path, pd.DataFrame({"x": [1]}), Provenance("t", "1"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write(path, pd.DataFrame({"x": np.random.default_rng(1).normal(size=100_000)}), Provenance("t", "2"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert read_provenance(path).data_version == "1"
    assert list(tmp_path.iterdir()) == [path]


def test_a_sweep_deletes_abandoned_files_and_keeps_those_being_written(tmp_path):
    (tmp_path / ".old.parquet.00.part").write_bytes(b"half")
    with atomic.replacing(tmp_path / "new.parquet") as file:
        file.write(b"whole")
        assert [path.name for path in atomic.sweep(tmp_path)] == [".old.parquet.00.part"]
    assert [path.name for path in tmp_path.iterdir()] == ["new.parquet"]


def test_a_sweep_that_is_not_deep_leaves_the_folders_below(tmp_path):
    (tmp_path / "raw").mkdir()
    for folder in (tmp_path, tmp_path / "raw"):
        (folder / ".old.json.00.part").write_bytes(b"half")
    assert atomic.sweep(tmp_path, deep=False) == [tmp_path / ".old.json.00.part"]
    assert (tmp_path / "raw" / ".old.json.00.part").exists()
