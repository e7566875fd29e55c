"""Querying the published database: opened read-only, closed to files and network.

In scope: opening it, running a statement, explaining what is wrong with one. Out of scope: publishing it (lake), the
format of an answer (answers).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hnbc_assets.errors import CommandError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from hnbc_assets.lake.paths import Lake


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
        from hnbc_assets.commands.printing import own_name

        raise CommandError(f"{lake.database} does not exist yet. {own_name()} run makes it.")
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
        raise CommandError(say(error)) from error


def answer(database: DuckDBPyConnection, statement: str, form: str, output: Path | None, *, note: str = "") -> None:
    """Run one statement and print its answer. Raises CommandError if the database refuses it."""
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
    """The note below an answer that must not be interpreted as a real one."""
    return "SIMULATED" if lake.upstream() == "simulated" else ""


def say(error: Exception) -> str:
    """DuckDB's message, without advice that applies only to its own shell."""
    text = str(error).strip()
    if "file system operations are disabled" in text or "external extensions is disabled" in text:
        return f"{text}\nSQL reaches no files here. --output writes answers to files."
    if "read-only mode" in text:
        return f"{text}\nThe database contains published results and is only read; hnbc run replaces it as a whole."
    return text
