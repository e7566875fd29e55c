"""`hnbc status`: the state of the lake."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from hnbc_assets.lake import attempts
from hnbc_assets.lake.checks import CheckOutcome, record
from hnbc_assets.lake.observations import record_problem
from hnbc_assets.lake.origin import claim
from hnbc_assets.lake.parquet import Provenance, read_provenance, write
from hnbc_assets.lake.paths import Lake
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.study import load_study


@pytest.fixture
def lake(lake_path):
    """A lake with raw files, a cohort and a signature that was made from an earlier version of that cohort."""
    lake = Lake(lake_path)
    claim(lake, "simulated")
    written = datetime.now(UTC) - timedelta(hours=3, minutes=5)

    def keep(asset, frame, version, **inputs):
        provenance = Provenance(
            asset=asset,
            data_version=version,
            study_hash=load_study().hash,
            written_at=written.isoformat(timespec="seconds"),
            inputs={name.replace("__", "/"): value for name, value in inputs.items()},
        )
        write(lake.table(asset), frame, provenance)

    files = pd.DataFrame(
        {
            "source": "gdc",
            "release": "45.0",
            "path": ["a.tsv", "b.tsv"],
            "size_bytes": [1_500_000, 500_000],
            "retrieved_at": "2026-01-31T10:00:00+00:00",
        }
    )
    keep("raw/gdc/one", files, "raw1")
    keep("patients", pd.DataFrame({"patient_id": ["a", "b", "c"]}), "new", raw__gdc__one="raw1")
    keep("signature", pd.DataFrame({"gene": ["BCL2"]}), "sig1", patients="old")
    record(lake, CheckOutcome("patients", "schema", True, blocking=True))
    record(lake, CheckOutcome("signature", "stability", False, severity="WARN", description="2 of 5 genes below 50 %"))
    return lake


def line_of(output, word):
    """The line that begins with a word."""
    return next(line for line in output.splitlines() if line.strip().startswith(word))


def test_each_asset_has_its_rows_age_and_version(hnbc, lake):
    output = hnbc("status").out
    assert line_of(output, "patients").split()[:6] == ["patients", "3", "3", "hours", "ago", "new"]


def test_a_stale_asset_is_named_with_the_reason_that_refresh_prints(hnbc, published, standin):
    assert line_of(hnbc("status").out, "stale:") == "stale: none of 4 assets"
    made = read_provenance(published.table("cohorts/one"))
    write(published.table("cohorts/one"), pd.DataFrame({"value": [2]}), replace(made, data_version="new"))
    output = hnbc("status").out
    assert line_of(output, "signature").endswith("stale: cohorts/one changed")
    assert "stale" not in line_of(output, "cohorts/one")
    assert line_of(output, "stale:") == "stale: 1 of 4 assets, and what depends on them: hnbc refresh makes them"
    assert "signature: cohorts/one changed" in hnbc("refresh").err
    assert line_of(hnbc("status").out, "stale:") == "stale: none of 4 assets"


def test_another_title_makes_nothing_stale(hnbc, published, settings):
    settings(title="Another title")
    assert line_of(hnbc("status").out, "stale:") == "stale: none of 4 assets"
    assert "Everything is current" in hnbc("refresh").out


def test_an_asset_that_the_study_does_not_have_and_one_that_is_not_made(hnbc, published):
    write(published.table("of_a_former_study"), pd.DataFrame({"value": [1]}), Provenance("of_a_former_study", "1"))
    published.table("signature").unlink()
    output = hnbc("status").out
    assert line_of(output, "of_a_former_study").endswith("not part of this study")
    assert line_of(output, "stale:").endswith("; not in the table above: signature, hnbc_database")


def test_what_is_stale_is_not_known_while_the_study_cannot_be_used(hnbc, lake, tmp_path, monkeypatch):
    (tmp_path / "study.yaml").write_text("cohorts: [")
    monkeypatch.setenv("HNBC_STUDY", str(tmp_path / "study.yaml"))
    ended = hnbc("status")
    assert ended.status == 2
    assert line_of(ended.out, "stale:") == "stale: not known: the study cannot be used"


def test_releases_are_counted_per_source(hnbc, lake):
    assert line_of(hnbc("status").out, "gdc").split()[:4] == ["gdc", "45.0", "2", "2.0"]


def test_failing_checks_are_named(hnbc, lake):
    output = hnbc("status").out
    assert "checks: 1 passed, 1 failed" in output
    assert "! signature: stability: 2 of 5 genes below 50 %" in output


def test_the_database_s_age_and_what_is_newer_than_it(hnbc, lake):
    import os

    assert "not published yet" in hnbc("status").out
    lake.database.write_bytes(b"")
    os.utime(lake.database, (0, (datetime.now() - timedelta(days=2)).timestamp()))
    output = hnbc("status").out
    assert "published 2 days ago" in output
    assert "3 assets are newer than it" in output


def test_an_empty_folder_is_left_empty(hnbc, lake_path):
    ended = hnbc("status")
    assert ended.status == 0
    assert "hnbc run" in ended.out
    assert not lake_path.exists()


@pytest.mark.parametrize("command", [["status"], ["sql", "FROM cohorts"], ["run"], ["refresh", "--dry-run"]])
def test_a_lake_below_a_file_is_reported_in_one_line(hnbc, tmp_path, monkeypatch, command):
    (tmp_path / "notes.txt").write_text("kept")
    monkeypatch.setenv("HNBC_DATA_LAKE", str(tmp_path / "notes.txt" / "lake"))
    ended = hnbc(*command)
    assert ended.status == 2
    (line,) = ended.err.splitlines()
    assert f"a data lake cannot be kept there, as {tmp_path / 'notes.txt'} is a file" in line
    assert not ended.out


# --- the exit status --------------------------------------------------------------------------------------------------


def failed(lake, asset, **more):
    """Record an attempt at an asset that failed."""
    attempts.begin(lake, asset, "basis", "0123456789", "2026-03-01T06:00:00+00:00")
    attempts.fail(lake, asset, "why it failed", **more)


STATES = {
    "a failed attempt": lambda lake: failed(lake, "signature"),
    "a stopped attempt": lambda lake: attempts.begin(lake, "patients", "basis", "0123456789", "2026-03-01T06:00:00Z"),
    "a blocking check": lambda lake: record(lake, CheckOutcome("patients", "schema", False, blocking=True)),
    "another check": lambda lake: record(lake, CheckOutcome("patients", "sizes", False, severity="WARN")),
    "a gate": lambda lake: failed(lake, "raw/gdc/one", held=True),
    "an upstream": lambda lake: record_problem(lake, "gdc/one", "no answer", "2026-03-01T06:00:00+00:00"),
}


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ("", 0),
        ("another check, a stopped attempt", 0),
        ("a failed attempt", 1),
        ("a blocking check", 1),
        ("a gate", 4),
        ("an upstream", 3),
        ("a gate, an upstream", 4),
        ("a gate, an upstream, a failed attempt", 1),
        ("a gate, an upstream, a blocking check", 1),
    ],
)
def test_the_exit_status_says_what_is_wrong_in_the_lake(hnbc, lake, states, status):
    for state in filter(None, states.split(", ")):
        STATES[state](lake)
    assert hnbc("status").status == status


@pytest.mark.parametrize(("state", "status"), [("a failed attempt", 1), ("a gate", 4), ("an upstream", 3)])
def test_a_lake_in_which_nothing_has_been_made_says_what_is_wrong_too(hnbc, own_lake, state, status):
    STATES[state](own_lake)
    ended = hnbc("status")
    assert ended.status == status
    assert "Nothing has been made here yet: hnbc run" in ended.out
    assert ("no answer" if state == "an upstream" else "why it failed") in ended.out


def test_a_study_that_cannot_be_used_has_its_exit_status_unless_something_failed(hnbc, lake, settings):
    settings(seed="yes")
    ended = hnbc("status")
    assert (ended.status, "seed: 'yes' cannot be used" in ended.out) == (2, True)
    STATES["a gate"](lake)
    assert hnbc("status").status == 2
    STATES["a failed attempt"](lake)
    assert hnbc("status").status == 1


def test_verify_counts_a_damaged_archived_file_as_a_failure(hnbc, own_lake):
    archive = Archive(own_lake.raw)
    rows = pd.DataFrame([archive.store("gdc", "45.0", file_id="a", url="https://x.org/a", path="a.tsv", content=b"as")])
    write(own_lake.table("raw/gdc/one"), rows, Provenance("raw/gdc/one", "raw1"))
    ended = hnbc("status", "--verify")
    assert (ended.status, "all as recorded" in ended.out) == (0, True)
    own_lake.database.write_bytes(b"no database")
    ended = hnbc("status", "--verify")
    assert (ended.status, "Files that only it names were not read" in ended.out) == (0, True)
    own_lake.database.unlink()
    (stored,) = own_lake.raw.rglob("*.tsv")
    stored.chmod(0o600)
    stored.write_bytes(b"is")
    assert hnbc("status").status == 0, "damage is not searched for"
    ended = hnbc("status", "--verify")
    assert ended.status == 1
    assert "a.tsv: changed; used by raw/gdc/one and 0 tables made from it" in ended.out
    assert "hnbc run --select raw/gdc/one sets them aside" in ended.out
