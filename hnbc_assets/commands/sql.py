"""`hnbc sql`: queries to the published database, read-only.

In scope: the command's arguments: a query, a script or a shell, and where the answer goes. Out of scope: querying
(database), the format of an answer (answers), the shell (shell).
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hnbc_assets.commands.database import answer, connect, mark, parse
from hnbc_assets.errors import CommandError

FORMATS = ("table", "csv", "json", "parquet")


@click.command(short_help="Query the published database in SQL.")
@click.argument("query", required=False)
@click.option("--format", "form", type=click.Choice(FORMATS), help="Table by default; or by the output's suffix.")
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
        from hnbc_assets.commands.shell import Shell

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
    if suffix not in FORMATS:
        raise click.UsageError(f"--output {output}: give the format with --format {'|'.join(FORMATS)}.")
    return suffix
