"""Publishing: what is in the database, when it is refused, and what is kept if it fails."""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from invented_lake import COLUMNS, TABLES, WALK_BACK, fill, manifest, put, raw_bytes

from hnbc_assets.errors import PublicationRefused
from hnbc_assets.lake import checks, parquet
from hnbc_assets.lake.checks import CheckOutcome
from hnbc_assets.lake.parquet import Provenance
from hnbc_assets.lake.snapshot import publish
from hnbc_assets.tables import Table, column


def query(lake, sql, *parameters):
    with duckdb.connect(str(lake.database), read_only=True) as connection:
        return connection.execute(sql, list(parameters)).fetchall()


def test_the_database_has_real_tables_with_their_values(filled_lake):
    published = publish(filled_lake, TABLES)
    kinds = dict(query(filled_lake, "SELECT table_name, table_type FROM information_schema.tables"))
    assert set(kinds) == {*TABLES, "lineage", "raw_files", "check_results", "column_dictionary", "publications"}
    assert set(kinds.values()) == {"BASE TABLE"}
    assert published.n_tables == len(kinds)
    assert published.n_rows == sum(query(filled_lake, f"SELECT count(*) FROM {t}")[0][0] for t in kinds)
    with duckdb.connect(str(filled_lake.database), read_only=True) as connection:
        stored = connection.execute("FROM risk_scores").df()
    pd.testing.assert_frame_equal(stored, parquet.read(filled_lake.table("risk_scores")), check_dtype=False)


def test_tables_and_columns_say_what_they_mean_and_that_they_are_simulated(filled_lake):
    publish(filled_lake, TABLES, comment="SIMULATED")
    comments = dict(query(filled_lake, "SELECT table_name, comment FROM duckdb_tables()"))
    assert comments["risk_scores"] == "SIMULATED · The risk_scores of an invented study's patients."
    assert all(comment.startswith("SIMULATED · ") for comment in comments.values())
    sql = "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'risk_scores' AND comment IS NOT NULL"
    assert dict(query(filled_lake, sql)) == {
        "cohort_id": "cohort",
        "patient_id": "the cohort's own id",
        "risk_score": "the patient's score [training sd]",
    }


def test_the_dictionary_has_every_column_of_every_table_with_its_type_in_the_database(filled_lake):
    publish(filled_lake, TABLES)
    sql = "SELECT table_name, column_name, {} FROM {} ORDER BY ALL"
    actual = query(filled_lake, sql.format("data_type", "duckdb_columns() WHERE NOT internal"))
    assert query(filled_lake, sql.format("type", "column_dictionary")) == actual
    sql = "SELECT unit, description FROM column_dictionary WHERE table_name = 'risk_scores' AND column_name = ?"
    assert query(filled_lake, sql, "risk_score") == [("training sd", COLUMNS["risk_scores"][2]["description"])]


class RiskScores(Table):
    """Scores, in the current description."""

    patient_id: str = column("the patient, in the current description")
    risk_score: float = column("the score, in the current description", unit="sd")
    not_yet_made: str = column("a column that the next run adds", nullable=True)


def test_comments_are_the_current_ones_and_the_stored_ones_where_these_are_missing(filled_lake):
    publish(filled_lake, TABLES, described={"risk_scores": RiskScores})
    sql = "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = ? AND comment IS NOT NULL"
    comments = dict(query(filled_lake, sql, "risk_scores"))
    stored = {column["name"]: column["description"] for column in COLUMNS["risk_scores"]}
    assert comments["risk_score"].startswith("the score, in the current description")
    assert comments["patient_id"] == "the patient, in the current description"
    assert comments["cohort_id"] == stored["cohort_id"]
    assert "not_yet_made" not in comments
    tables = dict(query(filled_lake, "SELECT table_name, comment FROM duckdb_tables()"))
    assert tables["risk_scores"] == "Scores, in the current description."
    assert tables["patients"] == "The patients of an invented study's patients."
    sql = "SELECT unit FROM column_dictionary WHERE table_name = 'risk_scores' AND column_name = 'risk_score'"
    assert query(filled_lake, sql) == [("sd",)]


def test_the_dictionary_has_allowed_values_keys_and_nullability(filled_lake):
    publish(filled_lake, TABLES)
    sql = (
        "SELECT column_name, allowed_values, key_position, nullable FROM column_dictionary "
        "WHERE table_name = 'check_results' AND column_name IN ('asset', 'check_name', 'passed', 'severity', 'value')"
    )
    assert query(filled_lake, sql) == [
        ("asset", None, 1, False),
        ("check_name", None, 2, False),
        ("passed", "true, false", None, False),
        ("severity", "ERROR, WARN", None, False),
        ("value", None, None, True),
    ]


def test_a_risk_score_can_be_walked_back_to_the_checksums_of_its_raw_files(filled_lake):
    publish(filled_lake, TABLES)
    walk = f"SELECT source, sha256 FROM ({WALK_BACK})"
    found = query(filled_lake, walk, "risk_scores")
    assert dict(found) == {source: hashlib.sha256(raw_bytes(source)).hexdigest() for source in ("gdc", "geo")}
    assert [source for source, _ in query(filled_lake, f"SELECT source, sha256 FROM ({WALK_BACK})", "patients")] == [
        "gdc"
    ]


def test_every_edge_of_the_lineage_leads_to_the_version_that_is_published(filled_lake):
    publish(filled_lake, TABLES)
    edges = query(filled_lake, "SELECT asset, upstream_asset, upstream_data_version FROM lineage")
    assert ("risk_scores", "cohorts/two") in {edge[:2] for edge in edges}
    for _, upstream, version in edges:
        assert parquet.read_provenance(filled_lake.table(upstream)).data_version == version


def test_check_results_are_those_of_everything_the_tables_depend_on(filled_lake):
    put(filled_lake, "left_over", pd.DataFrame({"x": [1]}), passed=False)
    publish(filled_lake, TABLES)
    sql = "SELECT asset, passed, severity, value FROM check_results ORDER BY asset"
    assets = ["cohorts/one", "cohorts/two", "patients", "raw/gdc/all", "raw/geo/all", "risk_scores", "signature"]
    assert query(filled_lake, sql) == [(asset, True, "ERROR", "0.5") for asset in assets]


def test_a_further_table_can_be_published_in_addition_to_those_of_the_lake(filled_lake):
    described = Provenance("truth", "1", table_description="What was planted.")
    publish(filled_lake, TABLES, {"truth": (pd.DataFrame({"gene": ['it\'s "A"']}), described)})
    assert query(filled_lake, "FROM truth") == [('it\'s "A"',)]


def test_the_file_has_the_format_that_every_client_from_1_2_on_can_read(filled_lake):
    """What DuckDB says about the file, and the number in its header: 1.2 and 1.3 write 65, 1.4 writes 67, 1.5 68."""
    publish(filled_lake, TABLES)
    sql = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE path = ?"
    assert query(filled_lake, sql, str(filled_lake.database)) == [("v1.2.0+",)]
    header = filled_lake.database.read_bytes()[:20]
    assert (header[8:12], int.from_bytes(header[12:20], "little")) == (b"DUCK", 65)


def test_older_clients_read_every_value(filled_lake):
    """HNBC_DUCKDB_CLIENTS names Pythons that have an older duckdb, separated by `:`."""
    clients = os.environ.get("HNBC_DUCKDB_CLIENTS", "").split(":")
    if clients == [""]:
        pytest.skip("no Python with an older duckdb is named in HNBC_DUCKDB_CLIENTS")
    publish(filled_lake, TABLES)
    code = (
        "import duckdb, sys; database = duckdb.connect(sys.argv[1], read_only=True); "
        "print({name: database.execute(f'FROM {name}').fetchall() for name in sys.argv[2:]})"
    )
    tables = sorted(name for (name,) in query(filled_lake, "SELECT table_name FROM duckdb_tables()"))
    values = {name: query(filled_lake, f"FROM {name}") for name in tables}
    for client in clients:
        read = subprocess.run(
            [client, "-c", code, str(filled_lake.database), *tables], capture_output=True, text=True, check=True
        )
        assert read.stdout.strip() == str(values), client


@pytest.mark.parametrize("name", ["Risk", "risk-scores", 'x"; DROP TABLE y', "", "1st", "lineage"])
def test_an_invalid_table_name_never_reaches_sql(filled_lake, name):
    with pytest.raises(ValueError, match="table"):
        publish(filled_lake, {name: "patients"})


def kept(lake):
    """The checksums of the kept publications, the oldest first."""
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(lake.databases.iterdir())]


def test_only_the_last_publications_are_kept(filled_lake):
    shas = []
    for generation in range(1, 6):
        fill(filled_lake, generation)
        shas.append(publish(filled_lake, TABLES, keep=3).sha256)
    assert kept(filled_lake) == shas[-3:]
    assert sorted(filled_lake.databases.iterdir())[-1].read_bytes() == filled_lake.database.read_bytes()
    publish(filled_lake, TABLES, keep=0)
    assert kept(filled_lake) == shas[-3:]


def test_publishing_the_same_again_deletes_no_older_database(filled_lake):
    older = []
    for generation in (1, 2):
        fill(filled_lake, generation)
        older.append(publish(filled_lake, TABLES, keep=3).sha256)
    fill(filled_lake, 3)
    again = [publish(filled_lake, TABLES, keep=3).sha256 for _ in range(4)]
    assert kept(filled_lake) == [*older, again[-1]]
    fill(filled_lake, 1)
    other = publish(filled_lake, TABLES, keep=3).sha256
    assert kept(filled_lake) == [older[1], again[-1], other], "an equal one was published before, but not last"


def test_equal_tables_from_other_raw_files_are_another_publication(filled_lake):
    first = publish(filled_lake, TABLES)
    fill(filled_lake, release="46.0")
    second = publish(filled_lake, TABLES)
    assert first.data_version == second.data_version
    assert kept(filled_lake) == [first.sha256, second.sha256]


def test_a_timeout_while_publishing_is_not_interpreted_as_another_publisher(filled_lake, monkeypatch):
    def late(_):
        raise TimeoutError("the disk does not answer")

    monkeypatch.setattr(checks, "outcomes", late)
    with pytest.raises(TimeoutError, match="the disk does not answer"):
        publish(filled_lake, TABLES)


def test_equal_tables_give_an_equal_data_version(filled_lake):
    first = publish(filled_lake, TABLES).data_version
    fill(filled_lake, 1)
    assert publish(filled_lake, TABLES).data_version == first
    fill(filled_lake, 2)
    assert publish(filled_lake, TABLES).data_version != first


def refused(lake, match, **options):
    before = lake.database.read_bytes() if lake.database.exists() else None
    with pytest.raises(PublicationRefused, match=match):
        publish(lake, TABLES, **options)
    assert (lake.database.read_bytes() if lake.database.exists() else None) == before
    assert not [path for path in lake.root.iterdir() if path.name.startswith(".hnbc.duckdb")]


def test_it_is_refused_while_an_input_is_missing(filled_lake):
    filled_lake.table("cohorts/two").unlink()
    refused(filled_lake, "cohorts/two is not in the lake.*hnbc run --select cohorts/two")


def test_it_is_refused_when_a_blocking_check_of_an_input_failed_even_far_upstream(filled_lake):
    publish(filled_lake, TABLES)
    put(filled_lake, "raw/geo/all", manifest("geo"), passed=False)
    refused(filled_lake, "blocking check schema of raw/geo/all failed")


def test_it_is_refused_when_a_blocking_check_belongs_to_other_data(filled_lake):
    publish(filled_lake, TABLES)
    checks.record(filled_lake, CheckOutcome("signature", "schema", True, blocking=True, data_version="older"))
    refused(filled_lake, "schema of signature was last run on other data")


def test_a_failed_check_that_does_not_block_does_not_block_it_and_is_published(filled_lake):
    version = parquet.read_provenance(filled_lake.table("signature")).data_version
    checks.record(filled_lake, CheckOutcome("signature", "stability", False, severity="WARN", data_version=version))
    publish(filled_lake, TABLES)
    assert query(filled_lake, "SELECT check_name FROM check_results WHERE NOT passed") == [("stability",)]


def test_it_is_refused_when_a_table_was_made_from_other_versions_than_those_in_the_lake(filled_lake):
    """Otherwise its lineage would end at raw files that it was not made from."""
    publish(filled_lake, TABLES)
    put(filled_lake, "patients", pd.DataFrame({"patient_id": ["p1"], "generation": 2}), ("raw/gdc/all",))
    refused(filled_lake, "signature was made from another version of patients")


def test_it_is_refused_when_a_tables_values_are_not_those_that_were_written(filled_lake):
    publish(filled_lake, TABLES)
    path = filled_lake.table("risk_scores")
    table = pq.read_table(path)
    column = table.column_names.index("risk_score")
    pq.write_table(table.set_column(column, "risk_score", pa.array([9.0] * table.num_rows)), path)
    refused(filled_lake, "its values are not those that risk_scores wrote")


def test_a_full_disk_leaves_the_old_database_and_no_other_file(filled_lake):
    publish(filled_lake, TABLES)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        refused(filled_lake, "could not be written; the old one is kept")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    publish(filled_lake, TABLES)


def test_what_killed_publishers_left_is_swept(filled_lake):
    leftovers = [filled_lake.root / f".hnbc.duckdb.00ff.part{suffix}" for suffix in ("", ".wal")]
    leftovers += [
        filled_lake.tables / ".patients.parquet.00ff.part",
        filled_lake.tables / "cohorts" / ".one.parquet.0.part",
    ]
    for path in leftovers:
        path.write_bytes(b"half")
    (filled_lake.root / ".hnbc.duckdb.00ff.part.spill").mkdir()
    publish(filled_lake, TABLES)
    assert not list(filled_lake.root.rglob("*.part*"))


def test_a_log_left_by_someone_who_wrote_to_the_database_does_not_damage_the_next(filled_lake):
    publish(filled_lake, TABLES)
    code = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute('SET checkpoint_threshold = ''1GB''');"
        "c.execute('CREATE TABLE mine AS SELECT 1'); os._exit(0)"
    ).replace("''1GB''", "\\'1GB\\'")
    subprocess.run([sys.executable, "-c", code, str(filled_lake.database)], check=True)
    assert filled_lake.database.with_name("hnbc.duckdb.wal").exists()
    fill(filled_lake, 2)
    publish(filled_lake, TABLES)
    assert query(filled_lake, "SELECT DISTINCT generation FROM patients") == [(2,)]
