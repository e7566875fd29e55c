"""`hnbc sql`: queries to the published database, read-only.

In scope: the command; opening the database, closed to files and network; running a statement and explaining what is
wrong with one; the shell on a terminal. Out of scope: publishing the database (lake), the format of an answer
(printing).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hnbc_assets.commands import printing
from hnbc_assets.errors import CommandError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from hnbc_assets.lake.paths import Lake

HELP = """\
A statement ends with ; and may take several lines.
.tables          tables, with their rows and descriptions
.schema TABLE    a table's columns, with units and descriptions
.quit            ends the shell, as Ctrl-D does"""
TABLES = """
SELECT table_name AS "table", estimated_size AS "rows", coalesce(comment, '') AS "description"
FROM duckdb_tables() WHERE NOT temporary ORDER BY table_name"""
SCHEMA = """
SELECT column_name AS "column", data_type AS "type", coalesce(comment, '') AS "description"
FROM duckdb_columns() WHERE table_name = '{}' AND NOT internal ORDER BY column_index"""


@click.command(short_help="Query the published database in SQL.")
@click.argument("query", required=False)
@click.option(
    "--format", "form", type=click.Choice(printing.FORMATS), help="Table by default; or by the output's suffix."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the answer to a file, which is replaced in one step; its folder must exist.",
)
def sql(query: str | None, form: str | None, output: Path | None) -> None:
    """Query the published database in SQL: QUERY, a script on the standard input, or a shell on a terminal.

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
    if output is not None and not output.absolute().parent.is_dir():
        raise CommandError(f"--output {output}: the folder {output.absolute().parent} does not exist. Create it first.")
    dotted = query is not None and query.startswith(".")
    if dotted or (query is None and sys.stdin.isatty()):
        shell = Shell(lake, form)
        shell.obey(query) if dotted else shell.talk()
        return
    with connect(lake) as database:
        statements = parse(database, sys.stdin.read() if query is None else query)
        if not statements:
            raise CommandError("The query contains no SQL statement.")
        if output is not None and len(statements) > 1:
            raise CommandError(f"--output takes the answer of one statement; there are {len(statements)}.")
        for statement in statements:
            answer(database, statement, form, output, note=mark(lake))


def _form_of(output: Path | None) -> str:
    suffix = output.suffix.removeprefix(".") if output is not None else "table"
    if suffix not in printing.FORMATS:
        raise click.UsageError(f"--output {output}: give the format with --format {'|'.join(printing.FORMATS)}.")
    return suffix


def connect(lake: Lake) -> DuckDBPyConnection:
    """The published database, read-only, closed to files and network.

    Raises
    ------
    CommandError
        If it has not been published yet, or another program has it open for writing.
    """
    import duckdb

    from hnbc_assets.lake.publications import not_opened

    if not lake.database.exists():
        raise CommandError(f"{lake.database} does not exist yet. {printing.own_name()} run makes it.")
    try:
        database = duckdb.connect(str(lake.database), read_only=True, config={"enable_external_access": "false"})
    except duckdb.Error as error:
        raise CommandError(not_opened(lake, error)) from error
    database.execute("SET enable_progress_bar = false")
    database.execute("SET lock_configuration = true")
    return database


def parse(database: DuckDBPyConnection, text: str) -> list[str]:
    """The statements of a script. Raises CommandError for a mistake, before anything is run."""
    import duckdb

    try:
        return [statement.query.strip() for statement in database.extract_statements(text)]
    except duckdb.Error as error:
        raise CommandError(_explained(error)) from error


def answer(database: DuckDBPyConnection, statement: str, form: str, output: Path | None, *, note: str = "") -> None:
    """Run one statement and print its answer. Raises CommandError if the database refuses it."""
    import duckdb

    try:
        result = database.execute(statement)
        write: Any = printing.FORMATS[form]
        if output is None:
            write(result, sys.stdout, **({"note": note} if form == "table" else {}))
        else:
            printing.to_file(result, write, output, binary=form == "parquet")
    except duckdb.Error as error:
        raise CommandError(_explained(error)) from error
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise CommandError(f"{output} cannot be written: {error.strerror}") from error


def mark(lake: Lake) -> str:
    """The note below an answer that must not be interpreted as a real one."""
    from hnbc_assets.lake.origin import origin

    return "SIMULATED" if origin(lake).upstream == "simulated" else ""


def _explained(error: Exception) -> str:
    """DuckDB's message, without advice that applies only to its own shell."""
    text = str(error).strip()
    if "file system operations are disabled" in text or "external extensions is disabled" in text:
        return f"{text}\nSQL reaches no files here. --output writes answers to files."
    if "read-only mode" in text:
        return f"{text}\nThe database contains published results and is only read; hnbc run replaces it as a whole."
    return text


class Shell:
    """An interactive session with the database; after a new publication, the next statement queries the new one."""

    def __init__(self, lake: Lake, form: str = "table") -> None:
        self._lake, self._form = lake, form
        self._database = connect(lake)
        self._seen = self._edition()

    def talk(self) -> None:
        """Read statements until the end."""
        self._greet()
        history = _history()
        lines: list[str] = []
        while True:
            try:
                lines.append(input("hnbc> " if not lines else "  ... "))
            except KeyboardInterrupt:
                click.echo()
                lines = []
                continue
            except EOFError:
                click.echo()
                break
            text = "\n".join(lines).strip()
            if len(lines) == 1 and text.startswith("."):
                lines = []
                if not self.obey(text):
                    break
            elif text.endswith(";"):
                lines = []
                self._run(text)
            elif not text:
                lines = []
        history()

    def _greet(self) -> None:
        from hnbc_assets.lake.origin import origin

        upstream = origin(self._lake).upstream or "unknown upstream"
        upstream = "SIMULATED" if upstream == "simulated" else upstream
        when = datetime.fromtimestamp(self._lake.database.stat().st_mtime).isoformat(" ", "minutes")
        click.echo(f"{self._lake.database} · {upstream} · published {when} · read-only · .help")

    def _run(self, text: str) -> None:
        try:
            self._renew()
            for statement in parse(self._database, text):
                answer(self._database, statement, self._form, None, note=mark(self._lake))
        except CommandError as error:
            click.echo(str(error))
        except KeyboardInterrupt:
            click.echo("interrupted")

    def obey(self, text: str) -> bool:
        """Run a command that begins with a dot; False ends the shell."""
        word, _, rest = text.rstrip("; ").partition(" ")
        match word:
            case ".quit" | ".exit":
                return False
            case ".help":
                click.echo(HELP)
            case ".tables":
                self._run(TABLES)
            case ".schema" if rest.strip().isidentifier():
                self._run(SCHEMA.format(rest.strip()))
            case _:
                click.echo(HELP)
        return True

    def _edition(self) -> tuple[int, int]:
        status = self._lake.database.stat()
        return status.st_ino, status.st_mtime_ns

    def _renew(self) -> None:
        try:
            edition = self._edition()
        except FileNotFoundError:
            return
        if edition != self._seen:
            click.echo("The database was published again; from now on the new one answers.")
            self._database.close()
            self._database, self._seen = connect(self._lake), edition


def _history() -> Callable[[], None]:
    """Editing and history where the system has readline; the returned function saves the history."""
    try:
        import readline
    except ImportError:
        return lambda: None
    kept = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "hnbc" / "sql_history"
    with suppress(OSError):
        readline.read_history_file(kept)

    def keep() -> None:
        with suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            readline.set_history_length(1000)
            readline.write_history_file(kept)

    return keep
