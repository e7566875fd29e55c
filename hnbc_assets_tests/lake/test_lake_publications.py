"""Publications: what was published before is read back, whatever version of the project published it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from invented_lake import TABLES, fill

from hnbc_assets.errors import FormatError
from hnbc_assets.lake import lineage, publications
from hnbc_assets.lake.parquet import Provenance
from hnbc_assets.lake.snapshot import publish


@pytest.fixture
def of_an_older_version(filled_lake):
    """A database published by a version that kept no record of publications."""
    publish(filled_lake, TABLES)
    filled_lake.publication.unlink()
    with duckdb.connect(str(filled_lake.database)) as database:
        database.execute("DROP TABLE publications")
    return filled_lake


def test_nothing_is_read_if_nothing_was_published(lake):
    assert publications.read_published(lake, ["signature"]) == {}
    assert publications.latest(lake) is None
    assert publications.remembered(lake) is None


def test_existing_tables_are_read_and_others_left_out(filled_lake):
    publish(filled_lake, TABLES)
    found = publications.read_published(filled_lake, ["signature", "risk_changes", "patients"])
    assert set(found) == {"signature", "patients"}
    assert list(found["signature"].gene) == ["A", "B"]


def test_a_file_that_is_not_a_database_is_named_with_the_remedy(lake):
    lake.root.mkdir()
    lake.database.write_bytes(b"not a database" * 1000)
    with pytest.raises(FormatError, match=r"hnbc\.duckdb cannot be opened: .*databases"):
        publications.read_published(lake, ["signature"])


def test_a_database_that_is_open_for_writing_elsewhere_is_not_replaced_and_the_message_names_who_has_it(filled_lake):
    first = publish(filled_lake, TABLES)
    fill(filled_lake, 2)
    code = "import duckdb, sys; connection = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(filled_lake.database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        other.stdout.readline()
        with pytest.raises(FormatError, match=rf"process {other.pid}, has .* open for writing") as refused:
            publish(filled_lake, TABLES)
        other.stdin.close()
    assert "\n" not in str(refused.value)
    assert publications.latest(filled_lake)["data_version"] == first.data_version
    assert publish(filled_lake, TABLES).data_version != first.data_version


def test_every_publication_is_kept_in_the_next(filled_lake):
    versions = []
    for generation in (1, 2, 3):
        fill(filled_lake, generation)
        versions.append(publish(filled_lake, TABLES, study_hash=f"study{generation}").data_version)
    table = publications.read_published(filled_lake, ["publications"])["publications"]
    assert list(table.data_version) == versions
    assert list(table.study_hash) == ["study1", "study2", "study3"]
    assert table.published_at.is_monotonic_increasing
    assert table.signature_id.eq("0a1b2c").all()
    assert publications.latest(filled_lake)["data_version"] == versions[-1]


def test_a_publication_names_the_releases_that_it_depends_on():
    known = {
        "raw/gdc/TCGA-BRCA": Provenance("raw/gdc/TCGA-BRCA", "1", observed={"gdc_release": "45.0"}),
        "raw/gene_sets": Provenance("raw/gene_sets", "1", observed={"gene_set_releases": "c5.go.bp v2023.2 1a2b"}),
        "raw/gdsc": None,
        "cohorts/one": Provenance("cohorts/one", "1"),
    }
    assert publications.releases(known) == {"gdc/TCGA-BRCA": "45.0", "gene_sets": "c5.go.bp v2023.2 1a2b"}


@pytest.mark.parametrize(
    "objects",
    [
        {},
        {"gdc/TCGA-BRCA": "45.0"},
        {"gdc/TCGA-BRCA": "45.0", "geo/GSE25055": "2022-11-02", "gdsc": "8.5"},
        {"gene_sets": "markers 2026-03-02 and others", "table/ours": "2026-03-02T10-00-00"},
    ],
)
def test_releases_survive_conversion_to_text(objects):
    text = publications.as_text(objects)
    assert publications.as_releases(text) == objects


def test_releases_are_written_in_the_order_of_names():
    assert publications.as_text({"geo/GSE1": "2", "gdc/A": "1"}) == "gdc/A 1; geo/GSE1 2"


def test_a_database_of_an_older_version_has_its_age_and_no_releases(of_an_older_version):
    then = datetime.now(UTC) - timedelta(days=3)
    os.utime(of_an_older_version.database, (0, then.timestamp()))
    found = publications.latest(of_an_older_version)
    assert datetime.fromisoformat(found["published_at"]) - then < timedelta(seconds=1)
    assert (found["releases"], found["signature_id"]) == ("", None)
    assert publications.remembered(of_an_older_version) is None


def test_the_record_begins_with_the_first_publication_that_keeps_one(of_an_older_version):
    publish(of_an_older_version, TABLES)
    assert len(publications.read_published(of_an_older_version, ["publications"])["publications"]) == 1


def test_what_the_database_was_made_from_is_recorded_with_it_and_not_without_it(filled_lake):
    published = publish(filled_lake, TABLES, code_version="c1")
    found = publications.remembered(filled_lake)
    assert (found.data_version, found.code_version) == (published.data_version, "c1")
    made = lineage.ancestry(filled_lake, TABLES.values())
    assert found.inputs == {asset: one.data_version for asset, one in made.items()}
    assert asdict(found) == json.loads(filled_lake.publication.read_bytes())
    filled_lake.database.unlink()
    assert publications.remembered(filled_lake) is None
