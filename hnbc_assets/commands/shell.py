"""The SQL shell of `hnbc sql` on a terminal.

In scope: reading statements over several lines, the few commands that begin with a dot, history. Out of scope: running
SQL (database), the format of an answer (answers).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hnbc_assets.commands.database import answer, connect, mark, parse
from hnbc_assets.errors import CommandError

if TYPE_CHECKING:
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
        upstream = self._lake.upstream() or "unknown upstream"
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
