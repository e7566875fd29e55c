"""Records that cannot be read: damaged, or written by a newer version. One error for all names file and remedy."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from hnbc_assets.errors import FormatError
from hnbc_assets.lake import (
    attempts,
    checks,
    decisions,
    observations,
    origin,
    publications,
    registry,
    signature_lineage,
)
from hnbc_assets.lake.checks import CheckOutcome
from hnbc_assets.lake.decisions import Decision
from hnbc_assets.lake.records import Journal, Records
from hnbc_assets.lake.registry import Adoption, Registered

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SIGNATURE = Registered("0a1b2c", [], [], {}, "gdc/TCGA-BRCA 45.0", NOW.isoformat(), "code", "run")


def publication(lake):
    lake.database.touch()
    publications.remember(lake, "data", "code", {"patients": "1"}, NOW)


KINDS = {
    "attempts/cohorts/one.json": (
        lambda lake: attempts.begin(lake, "cohorts/one", "basis", "run", NOW.isoformat()),
        attempts.unsuccessful,
        "Delete it: the asset is then made again",
    ),
    "observations/gdc/one.json": (
        lambda lake: observations.record_release(lake, "gdc/one", "45.0", NOW.isoformat()),
        observations.all_observed,
        "Delete it: the next look writes it again",
    ),
    "tables/cohorts/one.checks.json": (
        lambda lake: checks.record(lake, CheckOutcome("cohorts/one", "schema", True)),
        checks.outcomes,
        "Delete it and materialise its asset again: hnbc run --select",
    ),
    "decisions.jsonl": (
        lambda lake: decisions.decide(lake, Decision("accept", "gdc", "46.0", "ada@lab", NOW.isoformat())),
        decisions.decisions,
        "Put back a copy of the file, or delete this line",
    ),
    "publication.json": (publication, publications.remembered, "Delete it: the database is then published again"),
    "upstream.json": (
        lambda lake: origin.claim(lake, "simulated"),
        origin.origin,
        "Put back a copy, or delete it and set HNBC_UPSTREAM",
    ),
    "signatures/0a1b2c.json": (
        lambda lake: registry.register(lake, SIGNATURE),
        registry.registered,
        "Put back a copy, or delete it: the signature is then unknown",
    ),
    "signatures/0a1b2c.lineage.json": (
        lambda lake: signature_lineage.keep(lake, SIGNATURE, []),
        lambda lake: signature_lineage.find(lake, "0a1b2c"),
        "Put back a copy, or delete it: what the signature was made from is then unknown",
    ),
    "signatures/adopted.jsonl": (
        lambda lake: registry.adopt(lake, Adoption("0a1b2c", NOW.isoformat())),
        registry.adoptions,
        "Put back a copy of the file, or delete this line",
    ),
}


def cut_off(text):
    return text[: len(text) // 2]


def of_a_newer_version(text):
    """Every object has a field that this version does not know."""

    def with_more(value):
        if isinstance(value, dict) and value and all(isinstance(one, dict) for one in value.values()):
            return {name: with_more(one) for name, one in value.items()}
        return value | {"later": 1}

    return json.dumps(with_more(json.loads(text)))


def of_another_kind(text):
    return json.dumps([text])


def not_text(text):
    return b"\xff" + text.encode()


@pytest.fixture(params=KINDS)
def kept(request, lake):
    """A lake with one record, the record's file, how it is read, and what to do about a damaged one."""
    lake.root.mkdir()
    keep, read, remedy = KINDS[request.param]
    keep(lake)
    read(lake)
    return lake, lake.root / request.param, read, remedy


@pytest.mark.parametrize("damage", [cut_off, of_a_newer_version, of_another_kind, not_text])
def test_a_record_that_cannot_be_read_is_named_with_the_remedy(kept, damage):
    lake, path, read, remedy = kept
    damaged = damage(path.read_text())
    path.write_bytes(damaged if isinstance(damaged, bytes) else damaged.encode())
    with pytest.raises(FormatError) as raised:
        read(lake)
    message = str(raised.value)
    assert message.startswith(f"{path}")
    assert "is damaged, or a newer version wrote it (" in message
    assert remedy in message
    assert "\n" not in message


def test_the_field_that_is_wrong_is_named(lake):
    path = lake.root / "attempts" / "patients.json"
    attempts.begin(lake, "patients", "basis", "run", NOW.isoformat())
    known = json.loads(path.read_text())
    for fields, words in (
        (known | {"later": 1}, "(later is not known to this version)"),
        ({"asset": "patients"}, "(basis is missing)"),
        (known | {"tries": "often"}, "(tries is wrong: Input should be a valid integer"),
    ):
        path.write_text(json.dumps(fields))
        with pytest.raises(FormatError) as raised:
            attempts.latest(lake, "patients")
        assert words in str(raised.value)


def test_the_line_that_is_damaged_is_named_and_nothing_is_added_to_it(tmp_path):
    journal = Journal(Adoption, tmp_path / "adopted.jsonl", "Delete this line.")
    journal.add(Adoption("0a1b2c", "2026"))
    journal.path.write_bytes(journal.path.read_bytes() + b'{"signature_id": "abc')
    before = journal.path.read_bytes()
    with pytest.raises(FormatError, match=r"adopted\.jsonl, line 2, is damaged.*Delete this line"):
        journal.add(Adoption("d4e5f6", "2026"))
    assert journal.path.read_bytes() == before


def test_a_line_that_an_editor_left_without_an_end_is_not_joined_to_the_next(tmp_path):
    journal = Journal(Adoption, tmp_path / "adopted.jsonl", "")
    journal.path.write_text('{"signature_id": "0a1b2c", "at": "2026"}')
    journal.add(Adoption("d4e5f6", "2026", "ada\u2028@lab"))
    assert journal.all() == [Adoption("0a1b2c", "2026"), Adoption("d4e5f6", "2026", "ada\u2028@lab")]


def test_other_files_in_the_folder_are_no_records(tmp_path):
    records = Records(Adoption, tmp_path, "")
    records.write("one/two", Adoption("0a1b2c", "2026"))
    for stray in (".one.json.part", ".hidden.json", "a copy.json", "notes.txt"):
        (tmp_path / stray).write_text("no record")
    assert records.all() == {"one/two": Adoption("0a1b2c", "2026")}
    records.delete("one/two")
    assert records.find("one/two") is None


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x", "a//b", ".hidden", "a b"])
def test_a_name_that_would_point_outside_the_folder_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="not the name of a record"):
        Records(Adoption, tmp_path, "").find(name)


def test_a_message_with_a_file_name_that_is_not_text_is_kept(lake):
    attempts.begin(lake, "patients", "basis", "run", NOW.isoformat())
    attempts.fail(lake, "patients", "no file \udcff")
    assert attempts.latest(lake, "patients").reason == "no file \udcff"
