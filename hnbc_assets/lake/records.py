"""Records: small facts kept as JSON, one file for each name, or one line for each in a file that only grows.

In scope: writing them whole, reading them back, one error for all that cannot be read. Out of scope: what they mean.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from hnbc_assets.errors import FormatError
from hnbc_assets.lake.atomic import locked, write_bytes

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
WRONG = {"missing": "is missing", "unexpected_keyword_argument": "is not known to this version"}
T = TypeVar("T")


@dataclass(frozen=True)
class Records(Generic[T]):
    """Records of one kind in a folder: that of `gdc/TCGA-BRCA` is the file `gdc/TCGA-BRCA.json`.

    `kind` is what a file contains: a dataclass, or a dictionary of them. `remedy` says what to do about a file that
    cannot be read. `pattern` is the form of names; other files in the folder are no records.
    """

    kind: type[T]
    folder: Path
    remedy: str
    suffix: str = ".json"
    pattern: re.Pattern[str] = NAME

    def path(self, name: str) -> Path:
        """The file of a record. Raises ValueError if the name does not have the form of names."""
        if not self.pattern.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a record in {self.folder}")
        return self.folder / f"{name}{self.suffix}"

    def find(self, name: str) -> T | None:
        """One record; None if there is none.

        Raises
        ------
        FormatError
            If the file is damaged, or was written by a newer version.
        """
        path = self.path(name)
        try:
            return _read(self.kind, path.read_bytes(), path, self.remedy)
        except FileNotFoundError:
            return None

    def all(self) -> dict[str, T]:
        """Every record by its name, sorted. Raises as `find` does."""
        names = sorted(name for name in names_in(self.folder, self.suffix) if self.pattern.fullmatch(name))
        return {name: record for name in names if (record := self.find(name)) is not None}

    def write(self, name: str, record: T) -> None:
        """Keep a record, in place of one of the same name."""
        write_bytes(self.path(name), _as_json(record, indent=1))

    def delete(self, name: str) -> None:
        """Delete a record, if there is one."""
        self.path(name).unlink(missing_ok=True)


@dataclass(frozen=True)
class Journal(Generic[T]):
    """Records of one kind in one file, a line each, oldest first: none is ever changed or deleted."""

    kind: type[T]
    path: Path
    remedy: str

    def all(self) -> list[T]:
        """Every record. Raises FormatError if a line is damaged, or was written by a newer version."""
        lines = enumerate(self._content().splitlines(), start=1)
        return [_read(self.kind, line, f"{self.path}, line {n},", self.remedy) for n, line in lines if line.strip()]

    def add(self, record: T) -> None:
        """Add a record. Raises as `all` does: nothing is added to a damaged file."""
        with locked(self.path.with_name(f".{self.path.stem}.lock"), wait_seconds=60):
            self.all()
            write_bytes(self.path, b"\n".join([*self._content().splitlines(), _as_json(record), b""]))

    def _content(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""


def names_in(folder: Path, suffix: str) -> Iterator[str]:
    """The files under a folder by their names without the suffix; hidden ones are not among them."""
    for path in folder.rglob(f"*{suffix}"):
        if not path.name.startswith("."):
            yield path.relative_to(folder).as_posix().removesuffix(suffix)


@cache
def _form(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _read(kind: type[T], content: bytes, where: Path | str, remedy: str) -> T:
    try:
        return _form(kind).validate_python(json.loads(content), extra="forbid")
    except ValueError as error:
        reason = f"{where} is damaged, or a newer version wrote it ({_in_words(error)})"
        raise FormatError(f"{reason}. {remedy}") from error


def _in_words(error: ValueError) -> str:
    """The first thing that is wrong, in one line."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    what = WRONG.get(first["type"]) or f"is wrong: {first['msg']}"
    return f"{'.'.join(map(str, first['loc'])) or 'it'} {what}"


def _as_json(record: object, indent: int | None = None) -> bytes:
    text = json.dumps(record, default=_plain, ensure_ascii=False, indent=indent)
    return text.encode("utf-8", "surrogatepass")  # a file's name in a message may not be UTF-8


def _plain(value: Any) -> object:
    """What JSON has no form for: a dataclass by its fields, a number of numpy's as Python's."""
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value.item()
