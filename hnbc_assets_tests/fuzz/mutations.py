"""Fuzz: files damaged as in practice, and the outcomes allowed for a reader.

A test takes a file that a reader accepts, changes it by one seeded mutation, and reads it. It may
end in one of three ways: the project's own error, which names the file and says what to do; the same result as from the
unchanged file, if the change has no meaning; or a result that differs where the file differs. Never another
library's error, never a hang, never a patient, gene or value lost without a message. `make test` runs a few mutations
of each file, `make test-full` thousands; a number in a failing test's name is the seed of its mutation.

In scope: the mutations, by kind of file, and the oracle that all fuzzers share. Out of scope: a format's original
file, and what its result must contain (the test files).
"""

from __future__ import annotations

import gzip
import random
import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import pytest

from hnbc_assets.errors import HnbcError

Result = TypeVar("Result")
LONGEST_SECONDS = 120  # a reading that takes longer is regarded as hanging; a few milliseconds are usual
# Words from the libraries that read files, which no message may contain.
FOREIGN = re.compile(
    r"Traceback|Error tokenizing|codec can't|invalid literal|could not convert|Input should|Extra inputs|Field required"
    r"|pydantic|KeyError|NoneType|unhashable|ArrowInvalid|C error|recursion depth|object has no|list index|ufunc"
)
CELLS = (
    *("", " ", "NA", "nan", "NULL", "-", "?", "inf", "-inf", "1e308", "1e-320", "1e999", "-1", "0", "1", "2", "9"),
    *(
        "1,5",
        "1.234,5",
        "1_000",
        "0x1F",
        "True",
        "=A1+B1",
        "#REF!",
        "ä",
        "große",
        "\u00a0",
        "\u200b",
        "\ufeff",
        "x" * 300,
    ),
    *('"', '"a', 'a"b', "'", "\\", "[1, 2]", "{}", "2025-01-01", "001", "1.0", "١٢", "½", "--", "1 2"),
)
TABS = b"\t"


@dataclass(frozen=True)
class Mutated:
    """A changed file: a description of the change, and its bytes."""

    done: str
    content: bytes


def seeds(quick: int, full: int) -> list:
    """Seeds as a test's parameters: the first `quick` for every run, up to `full` with the long tests."""
    return [*range(quick), *(pytest.param(seed, marks=pytest.mark.full) for seed in range(quick, full))]


def read(reading: Callable[[], Result], *, names: Sequence[str] = (), done: str = "") -> Result | HnbcError:
    """The result of a reading, or the project's own error, whose message is checked first.

    Parameters
    ----------
    names : words of which a message must have one, such as the file's name; empty if any message will do
    done : the mutation, named when something is wrong
    """
    try:
        with _time_limit():
            return reading()
    except HnbcError as error:
        message = str(error)
        assert not FOREIGN.search(message), f"{done}: another library's words: {message}"
        assert not names or any(name in message for name in names), f"{done}: {message!r} names none of {list(names)}"
        assert len(message) < 4000, f"{done}: a message of {len(message)} characters: {message[:300]}"
        return error
    except Exception as error:
        raise AssertionError(f"{done}: {type(error).__name__}: {error}") from error


class Hangs(BaseException):
    """A reading took too long; no reader may catch this."""


@contextmanager
def _time_limit() -> Iterator[None]:
    """End a reading that hangs, by a signal, which is possible in the main thread, where tests run."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise Hangs(f"still reading after {LONGEST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def mutate_bytes(content: bytes, chance: random.Random) -> Mutated:
    """Damage independent of the format: truncated, flipped, doubled, packed, in another encoding."""
    at = chance.randrange(len(content) + 1)
    length = chance.choice((1, 7, 100, 5000))
    text = content.decode("utf-8", errors="replace")
    ways: dict[str, Callable[[], bytes]] = {
        f"cut after {at} bytes": lambda: content[:at],
        "empty": lambda: b"",
        f"a byte flipped at {at}": lambda: (
            content[:at] + bytes(b ^ 0x80 for b in content[at : at + 1]) + content[at + 1 :]
        ),
        f"{length} bytes lost at {at}": lambda: content[:at] + content[at + length :],
        f"{length} bytes twice at {at}": lambda: content[:at] + content[at : at + length] + content[at:],
        f"{length} zero bytes at {at}": lambda: content[:at] + bytes(length) + content[at + length :],
        f"{length} random bytes at {at}": lambda: content[:at] + chance.randbytes(length) + content[at + length :],
        f"a quotation mark at {at}": lambda: content[:at] + b'"' + content[at:],
        f"ü in Latin-1 at {at}": lambda: content[:at] + b"\xfc" + content[at:],
        "UTF-16": lambda: text.encode("utf-16"),
        "UTF-16 without mark": lambda: text.encode("utf-16-le"),
        "a byte order mark": lambda: b"\xef\xbb\xbf" + content,
        "two byte order marks": lambda: b"\xef\xbb\xbf" * 2 + content,
        "lines end in CR LF": lambda: content.replace(b"\n", b"\r\n"),
        "lines end in CR": lambda: content.replace(b"\n", b"\r"),
        "no line end at the end": lambda: content.rstrip(b"\n"),
        "blank lines at the end": lambda: content + b"\n\n  \n",
        "twice": lambda: content + content,
        "packed": lambda: gzip.compress(content, mtime=0),
        "packed and truncated": lambda: gzip.compress(content, mtime=0)[: -chance.randrange(1, 40)],
        "packed and damaged": lambda: _flipped(gzip.compress(content, mtime=0), chance),
        "a web page": lambda: b"<!DOCTYPE html><html><body>503 Service Unavailable</body></html>\n",
        "a workbook": lambda: b"PK\x03\x04" + chance.randbytes(200),
        "random": lambda: chance.randbytes(len(content) or 1),
    }
    done = chance.choice(list(ways))
    return Mutated(done, ways[done]())


def mutate_table(content: bytes, chance: random.Random, separator: bytes | None = None, *, header: int = 0) -> Mutated:
    """Damage to a delimited text file: its lines, columns and cells, as by spreadsheets and scripts.

    Parameters
    ----------
    separator : of the cells; the most frequent of tab, comma and semicolon if none is given
    header : the line that has the columns' names, from 0; changes of columns do not affect lines before it
    """
    separator = separator or max((b"\t", b",", b";"), key=content.count)
    rows = [line.split(separator) for line in content.rstrip(b"\n").split(b"\n")]
    line, below = chance.randrange(len(rows)), chance.randrange(min(header + 1, len(rows) - 1), len(rows))
    column = chance.randrange(min(len(rows[below]), len(rows[header])) if header < len(rows) else 1)
    cell = chance.choice(CELLS).encode()
    old = rows[below][column]

    def joined(changed: list[list[bytes]]) -> bytes:
        return b"\n".join(separator.join(row) for row in changed) + b"\n"

    def with_row(number: int, row: list[bytes]) -> bytes:
        return joined([*rows[:number], row, *rows[number + 1 :]])

    def with_cell(number: int, place: int, value: bytes) -> bytes:
        return with_row(number, [*rows[number][:place], value, *rows[number][place + 1 :]])

    def by_column(change: Callable[[list[bytes]], list[bytes]]) -> bytes:
        return joined([row if number < header else change(row) for number, row in enumerate(rows)])

    here = f"line {below + 1}, column {column + 1}"
    first = min(header + 1, len(rows) - 1)
    ways: dict[str, Callable[[], bytes]] = {
        f"line {line + 1} lost": lambda: joined(rows[:line] + rows[line + 1 :]),
        f"line {line + 1} twice": lambda: joined(rows[: line + 1] + rows[line:]),
        f"line {line + 1} blank": lambda: with_row(line, [b""]),
        f"line {line + 1} of separators alone": lambda: with_row(line, [b""] * len(rows[line])),
        f"line {below + 1} a cell short": lambda: with_row(below, rows[below][:-1]),
        f"line {below + 1} a cell long": lambda: with_row(below, [*rows[below], b"1"]),
        f"line {below + 1} broken in two": lambda: joined(
            [*rows[:below], rows[below][:column], rows[below][column:], *rows[below + 1 :]]
        ),
        "only the header": lambda: joined(rows[: header + 1]),
        "without header": lambda: joined(rows[:header] + rows[header + 1 :]),
        "the header a cell short": lambda: with_row(header, rows[header][1:]),
        f"header: column {column + 1} renamed": lambda: with_cell(header, column, cell),
        f"header: column {column + 1} as its neighbour": lambda: with_cell(header, column, rows[header][column - 1]),
        f"header: column {column + 1} in spaces": lambda: with_cell(header, column, b" " + rows[header][column] + b" "),
        f"column {column + 1} lost": lambda: by_column(lambda row: row[:column] + row[column + 1 :]),
        f"column {column + 1} twice": lambda: by_column(lambda row: row[: column + 1] + row[column:]),
        "columns turned round": lambda: by_column(lambda row: row[::-1]),
        "rows turned round": lambda: joined(rows[: header + 1] + rows[header + 1 :][::-1]),
        f"{here}: {old!r} becomes {cell[:20]!r}": lambda: with_cell(below, column, cell),
        f"{here}: in spaces": lambda: with_cell(below, column, b" " + old + b"  "),
        f"{here}: in quotes": lambda: with_cell(below, column, b'"' + old + b'"'),
        f"{here}: an odd quotation mark": lambda: with_cell(below, column, b'"' + old),
        f"{here}: a zero before": lambda: with_cell(below, column, b"00" + old),
        f"{here}: as in line {first + 1}": lambda: with_cell(below, column, (rows[first] * 99)[column]),
        f"column {column + 1}: all {cell[:20]!r}": lambda: by_column(
            lambda row: row if row is rows[header] else [*row[:column], cell, *row[column + 1 :]]
        ),
        "another separator": lambda: joined(rows).replace(separator, b";" if separator != b";" else TABS),
        "decimal commas": lambda: re.sub(rb"(?<=\d)\.(?=\d)", b",", content),
        "quoted throughout": lambda: joined([[b'"' + value + b'"' for value in row] for row in rows]),
        "a remark above": lambda: b"# exported by hand\n" + content,
    }  # fmt: skip
    done = chance.choice(list(ways))
    return Mutated(done, ways[done]())


def mutate(content: bytes, seed: int, *, separator: bytes | None = None, header: int = 0) -> Mutated:
    """One mutation of a table by its seed: in two of three cases of its lines and cells, otherwise of its bytes."""
    chance = random.Random(seed)
    if chance.random() < 1 / 3 or content.count(b"\n") < 2:
        return mutate_bytes(content, chance)
    return mutate_table(content, chance, separator, header=header)


def _flipped(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(2, len(content))
    return content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :]
