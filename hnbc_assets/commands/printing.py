"""Formats of times, tables and this command's own name in the terminal.

In scope: ages in words, plain tables, lines printed in addition to an answer, the path of `hnbc`. Out of scope: answers
of the database (answers).
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import click


def age(moment: datetime) -> str:
    """How long ago, in the largest suitable unit."""
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' * (count > 1)} ago"
    return "just now"


def moment(written_at: str) -> datetime:
    """A time as the lake writes it (ISO 8601, UTC); the earliest possible time for an empty one."""
    if not written_at:
        return datetime.fromtimestamp(0, UTC)
    found = datetime.fromisoformat(written_at)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: set[int], err: bool = False) -> None:
    """Print a table without lines; the columns `right` are aligned right. With `err`, on the standard error stream."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    click.echo(err=err)
    for row in (header, *rows):
        cells = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        click.echo("  ".join(cells).rstrip(), err=err)


def say(text: str) -> None:
    """Print a text that is not an answer on the standard error stream; nothing if it is empty."""
    if text:
        click.echo(text, err=True)


def own_name() -> str:
    """How to call this command again from the current folder."""
    called = Path(sys.argv[0])
    if called.name != "hnbc" or shutil.which("hnbc") == str(called.absolute()):
        return "hnbc"
    with suppress(ValueError):
        return str(called.absolute().relative_to(Path.cwd()))
    return str(called)
