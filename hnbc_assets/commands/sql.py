"""`hnbc sql`: questions to the published database, read-only.

Belongs here: opening the database, one query or a script, where the answer goes. Does not: how an answer looks
(answers), the shell (shell).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hnbc_assets.errors import CommandError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from hnbc_assets.lake.paths import Lake

FORMATS = ("table", "csv", "json", "parquet")


@click.command(short_help="Ask the published database in SQL.")
@click.argument("query", required=False)
@click.option("--format", "form", type=click.Choice(FORMATS), help="Table by default; or by the output's suffix.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the answer to a file, which is replaced in one step.",
)
def sql(query: str | None, form: str | None, output: Path | None) -> None:
    """Ask the published database in SQL: QUERY, a script on the standard input, or a shell on a terminal.

    \b
    hnbc sql "SELECT gene, coefficient FROM signature"
    hnbc sql "FROM patients WHERE her2_status = 'negative'" --output negative.csv
    hnbc sql < questions.sql

    The database is opened read-only, and SQL reaches no file and no network. What the tables and their columns mean:
    hnbc sql .tables, hnbc sql ".schema signature", or the table column_dictionary.
    """
    from hnbc_assets.commands.home import look

    lake = look().lake
    form = form or _form_of(output)
    if form == "parquet" and output is None:
        raise click.UsageError("--format parquet needs --output FILE.")
    dotted = query is not None and query.startswith(".")
    if dotted or (query is None and sys.stdin.isatty()):
        from hnbc_assets.commands.shell import Shell

        shell = Shell(lake, form)
        shell.obey(query) if dotted else shell.talk()
        return
    with connect(lake) as database:
        statements = parse(database, sys.stdin.read() if query is None else query)
        if not statements:
            raise CommandError("There is no SQL statement in that.")
        if output is not None and len(statements) > 1:
            raise CommandError(f"--output takes the answer of one statement; there are {len(statements)}.")
        for statement in statements:
            answer(database, statement, form, output, note=mark(lake))


def connect(lake: Lake) -> DuckDBPyConnection:
    """The published database, read-only, closed to files and network.

    Raises
    ------
    CommandError
        If it has not been published yet.
    """
    import duckdb

    if not lake.database.exists():
        from hnbc_assets.commands.run import own_name

        raise CommandError(f"{lake.database} is not there yet. {own_name()} run makes it.")
    try:
        database = duckdb.connect(str(lake.database), read_only=True, config={"enable_external_access": "false"})
    except duckdb.Error as error:
        raise CommandError(f"{lake.database} cannot be opened: {error}") from error
    database.execute("SET enable_progress_bar = false")
    database.execute("SET lock_configuration = true")
    return database


def parse(database: DuckDBPyConnection, text: str) -> list[str]:
    """The statements of a script. Raises CommandError at a mistake, before anything is run."""
    import duckdb

    try:
        return [statement.query.strip() for statement in database.extract_statements(text)]
    except duckdb.Error as error:
        raise CommandError(say(error)) from error


def answer(database: DuckDBPyConnection, statement: str, form: str, output: Path | None, *, note: str = "") -> None:
    """Run one statement and give its answer. Raises CommandError if the database refuses it."""
    import duckdb

    from hnbc_assets.commands import answers

    try:
        result = database.execute(statement)
        write: Any = getattr(answers, form)
        if output is None:
            write(result, sys.stdout, **({"note": note} if form == "table" else {}))
        else:
            answers.to_file(result, write, output, binary=form == "parquet")
    except duckdb.Error as error:
        raise CommandError(say(error)) from error
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise CommandError(f"{output} cannot be written: {error.strerror}") from error


def mark(lake: Lake) -> str:
    """What stands below an answer that must not be taken for a real one."""
    return "SIMULATED" if lake.upstream() == "simulated" else ""


def say(error: Exception) -> str:
    """DuckDB's message, without what only its own shell offers."""
    text = str(error).strip()
    if "file system operations are disabled" in text or "external extensions is disabled" in text:
        return f"{text}\nSQL reaches no files here. Answers go to files by --output."
    if "read-only mode" in text:
        return f"{text}\nThe database holds published results and is only read; hnbc run replaces it as a whole."
    return text


def _form_of(output: Path | None) -> str:
    suffix = output.suffix.removeprefix(".") if output is not None else "table"
    if suffix not in FORMATS:
        raise click.UsageError(f"--output {output}: name the format by --format {'|'.join(FORMATS)}.")
    return suffix
