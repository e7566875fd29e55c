"""`hnbc sql`: answers in four formats, read-only, closed to files; the shell on a terminal."""

import io
import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pandas as pd
import pytest

HNBC = Path(sys.executable).with_name("hnbc")


@pytest.fixture
def published(lake_path):
    """A small database in the lake, with values that are difficult for the formats."""
    lake_path.mkdir()
    with duckdb.connect(str(lake_path / "hnbc.duckdb")) as database:
        database.execute(
            "CREATE TABLE signature AS SELECT * FROM (VALUES "
            "('BCL2', -0.25, true, DATE '2025-01-31', ['a', 'b']), ('ANKRD44', 'nan'::DOUBLE, NULL, NULL, NULL)) "
            "AS t(gene, coefficient, concordant, day, sources)"
        )
        database.execute("COMMENT ON TABLE signature IS 'The genes of the signature'")
        database.execute("COMMENT ON COLUMN signature.gene IS 'HGNC symbol'")
        database.execute("CREATE TABLE numbers AS SELECT range AS n FROM range(100000)")
    (lake_path / "upstream.json").write_text('{"upstream": "simulated"}')
    return lake_path / "hnbc.duckdb"


def test_a_table_is_aligned_and_marked_as_simulated(hnbc, published):
    lines = hnbc("sql", "SELECT gene, coefficient FROM signature").out.splitlines()
    assert lines[0] == "gene     coefficient"
    assert lines[2] == "BCL2           -0.25"
    assert lines[-1] == "2 rows · SIMULATED"


def test_off_a_terminal_a_table_is_whole(hnbc, published):
    assert len(hnbc("sql", "FROM numbers").out.splitlines()) == 100_000 + 3


def test_csv_reads_back_unchanged(hnbc, published):
    read = pd.read_csv(io.StringIO(hnbc("sql", "FROM signature", "--format", "csv").out))
    assert read.gene.tolist() == ["BCL2", "ANKRD44"]
    assert read.coefficient[0] == -0.25
    assert read.day.isna().tolist() == [False, True]


def test_json_is_json_even_if_numbers_are_missing(hnbc, published):
    first, second = json.loads(hnbc("sql", "FROM signature", "--format", "json").out)
    assert first == {
        "gene": "BCL2",
        "coefficient": -0.25,
        "concordant": True,
        "day": "2025-01-31",
        "sources": ["a", "b"],
    }
    assert second["coefficient"] is None


def test_an_empty_answer_is_empty_in_every_format(hnbc, published):
    query = "FROM signature WHERE gene = 'none'"
    assert hnbc("sql", query).out.splitlines()[-1].startswith("0 rows")
    assert json.loads(hnbc("sql", query, "--format", "json").out) == []
    assert len(hnbc("sql", query, "--format", "csv").out.splitlines()) == 1


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_an_output_file_has_the_format_of_its_name(hnbc, published, tmp_path, suffix):
    file = tmp_path / f"answer.{suffix}"
    ended = hnbc("sql", "SELECT gene FROM signature", "--output", str(file))
    assert (ended.status, ended.out) == (0, "")
    read = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}[suffix](file)
    assert read.gene.tolist() == ["BCL2", "ANKRD44"]


def test_an_output_file_is_kept_when_the_query_fails(hnbc, published, tmp_path):
    file = tmp_path / "answer.csv"
    file.write_text("kept")
    assert hnbc("sql", "SELECT error('no') FROM signature", "--output", str(file)).status == 2
    assert file.read_text() == "kept"


@pytest.mark.parametrize("place", ["absent/answer.csv", "a_file/answer.csv"])
def test_an_output_in_a_folder_that_does_not_exist_is_refused_and_no_folder_made(hnbc, published, tmp_path, place):
    (tmp_path / "a_file").write_text("kept")
    ended = hnbc("sql", "SELECT gene FROM signature", "--output", str(tmp_path / place))
    assert ended.status == 2
    assert f"the folder {(tmp_path / place).parent} does not exist. Create it first." in ended.err
    assert not (tmp_path / "absent").exists()


def test_a_database_that_is_open_for_writing_elsewhere_is_reported_in_one_line(hnbc, published):
    code = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(published)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        other.stdout.readline()
        ended = hnbc("sql", "FROM signature")
        other.stdin.close()
    assert ended.status == 2
    (line,) = ended.err.splitlines()
    assert f"process {other.pid}, has {published} open for writing" in line
    assert hnbc("sql", "FROM signature").status == 0


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELEC 1", "SELEC"),
        ("FROM signatur", "signatur"),
        ("SELECT CAST('x' AS INTEGER)", "x"),
        ("DROP TABLE signature", "only read"),
        ("COPY signature TO 'stolen.csv'", "--output"),
        ("SELECT * FROM read_csv('/etc/hostname')", "SQL reaches no files"),
        ("ATTACH 'other.duckdb'", "SQL reaches no files"),
        ("SET enable_external_access = true", "locked"),
        ("/* nothing */", "no SQL statement"),
    ],
)
def test_what_cannot_be_answered_is_reported_in_one_message(hnbc, published, query, message):
    ended = hnbc("sql", query)
    assert ended.status == 2
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_without_a_database_it_says_what_makes_one(hnbc, lake_path):
    ended = hnbc("sql", "SELECT 1")
    assert ended.status == 2
    assert "run makes it" in ended.err
    assert not lake_path.exists()


def test_a_script_on_the_standard_input_runs_statement_by_statement(hnbc, published, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("SELECT 1 AS one; SELECT count(*) AS n\nFROM signature;"))
    out = hnbc("sql", "--format", "csv").out
    assert out == "one\n1\nn\n2\n"


def test_a_closed_pipe_is_not_an_error(published):
    pipe = subprocess.run(
        f"{sys.executable} {HNBC} sql 'FROM numbers' --format csv | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (pipe.stdout, pipe.stderr) == ("n\n", "")


def test_the_shell_takes_statements_over_several_lines(published, tmp_path):
    output = converse(
        ["SELECT gene", "FROM signature", "WHERE coefficient < 0;", ".tables", ".schema signature", ".quit"]
    )
    assert "SIMULATED" in output
    assert "BCL2" in output
    assert "The genes of the signature" in output
    assert "HGNC symbol" in output


def test_the_shell_survives_mistakes_and_queries_the_current_database(published):
    def publish():
        draft = published.with_name("draft")
        with duckdb.connect(str(draft)) as database:
            database.execute("CREATE TABLE signature AS SELECT 'TACSTD2' AS gene")
        os.replace(draft, published)

    output = converse(["SELEC 1;", publish, "SELECT gene FROM signature;", ".quit"])
    assert "syntax error" in output
    assert "published again" in output
    assert "TACSTD2" in output


def converse(lines):
    """Type lines into the shell on its own terminal, each at its prompt; returns what the terminal showed."""
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        [sys.executable, str(HNBC), "sql"], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown = ""
    for line in lines:
        shown += until_prompt(ours)
        if callable(line):
            line()
            line = ""
        os.write(ours, f"{line}\n".encode())
    shown += until_prompt(ours)
    assert shell.wait(timeout=300) == 0
    os.close(ours)
    return shown


def until_prompt(terminal, seconds=300):
    """Read until the shell prompts for more, or has ended."""
    shown, deadline = "", time.monotonic() + seconds
    while not shown.endswith(("hnbc> ", "  ... ")) and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                shown += os.read(terminal, 65536).decode(errors="replace")
            except OSError:
                break
    return shown
