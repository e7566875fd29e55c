"""A study file's text, read into settings that remember their lines.

In scope: YAML as far as a study uses it, its limits, errors of the text itself. Out of scope: which settings
there are (study.py, study_sources.py, study_operation.py), how a wrong one is explained (study_mistakes.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hnbc_assets.errors import StudyError
from hnbc_assets.user_files import STUDY_BYTES, decode, read_bytes

if TYPE_CHECKING:
    from yaml import Event

Place = tuple[str | int, ...]

DEEPEST = 20  # levels of nested settings; the study's own go six deep
MOST_VALUES = 20_000  # with aliases expanded
STRING_TAGS = (None, "!", "tag:yaml.org,2002:str")
NOTHING = re.compile(r"|~|null|Null|NULL")
YES = re.compile(r"yes|Yes|YES|true|True|TRUE|on|On|ON")
NO = re.compile(r"no|No|NO|false|False|FALSE|off|Off|OFF")
WHOLE = re.compile(r"[-+]?(?:0|[1-9]\d{0,17})")
DECIMAL = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d{1,3})?|[-+]?\d+[eE][-+]?\d{1,3}")
NO_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# Messages of the YAML parser, and what they mean to the author of a study.
MEANINGS = (
    (r"'\\t'|tab", "there is a tab where lines are indented; indent with spaces"),
    (r"mapping values are not allowed", "a second ': ' in one value, or a line that is indented too far; put text with "
     "': ' in quotes"),
    (r"could not find expected ':'", "a key without ': ' after it; write key: value"),
    (r"expected <block end>|expected <document start>", "the line is not indented like the lines that it belongs to, "
     "or a quotation mark or bracket before it is not closed"),
    (r"end of stream", "a bracket or quotation mark is not closed before the file ends"),
    (r"expected ',' or '[]}]'", "a comma is missing, or a bracket is not closed"),
    (r"cannot start any token", "a value begins with a character that YAML reserves; put the value in quotes"),
    (r"undefined alias|found unknown escape|expected escape", None),
)  # fmt: skip


@dataclass
class Node:
    """A value of the file (a scalar, or nodes by key or position), with its line and its text."""

    value: Any
    line: int
    text: str = ""
    key_lines: dict[str, int] = field(default_factory=dict)
    weight: int = 1

    @property
    def plain(self) -> Any:
        """The value in Python's own dictionaries and lists."""
        if isinstance(self.value, dict):
            return {key: node.plain for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain for node in self.value]
        return self.value


@dataclass(frozen=True)
class Written:
    """A study file as written: `root` holds its settings, `path` is the file."""

    path: Path = field(compare=False)
    root: Node = field(compare=False)

    def node(self, place: Place) -> Node | None:
        """The node at a place, such as ("cohorts", "mine", "role"); None if there is none."""
        node = self.root
        for part in place:
            try:
                node = node.value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return node

    def line(self, place: Place) -> int:
        """The line of a setting's key; if it is not written, the line of the setting that it belongs in."""
        for end in range(len(place), 0, -1):
            parent, node = self.node(place[: end - 1]), self.node(place[:end])
            if node is not None and parent is not None:
                return parent.key_lines.get(str(place[end - 1]), node.line)
        return self.root.line


def spelled(place: Place) -> str:
    """A place as users write it: `anoikis_genes[0].sets`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "study"


def read(path: Path) -> Written:
    """Read a study file, at most 256 kB of UTF-8.

    Keys are text as written, so that `no` and `1` are names like any other. Dates and numbers with a special meaning
    in YAML (octal, sexagesimal) are text too. An alias is replaced by its value, and `<<` merges settings.

    Raises
    ------
    StudyError
        If the file cannot be read, is not UTF-8, not YAML or not one mapping, or gives a key twice; names the line.
    """
    try:
        content = read_bytes(path.absolute(), "the study file", at_most=STUDY_BYTES)
    except StudyError as error:
        raise StudyError(f"{error} Set HNBC_STUDY to the study file.") from error
    builder = _Builder(path)
    for event in _events(decode(content, str(path)), path):
        builder.take(event)
    if builder.root is None or builder.root.value is None:
        raise StudyError(f"{path} is empty: there is no study in it. README.md shows one under 'A study of your own'.")
    if not isinstance(builder.root.value, dict):
        raise StudyError(f"{path}, line {builder.root.line}: a study is settings, each written as `key: value`.")
    if builder.twice:
        raise StudyError(f"{path}: the study cannot be used:\n" + "\n".join(f"  {what}" for what in builder.twice))
    return Written(path, builder.root)


def _events(text: str, path: Path) -> Iterator[Event]:
    """The YAML parser's events, one after the other; its errors become ours."""
    import yaml

    try:
        yield from yaml.parse(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = f"{error.context or ''} {error.problem or ''}"
        meaning = next((meant for pattern, meant in MEANINGS if re.search(pattern, problem)), None) or error.problem
        begun = error.context_mark.line + 1 if error.context_mark else line
        since = f" (begun in line {begun})" if begun != line else ""
        raise StudyError(f"{path}, line {line}: not valid YAML: {meaning}{since}.") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise StudyError(
            f"{path}, line {line}: a character that is not text ({error.character!r}). Delete it."
        ) from error
    except (ValueError, OverflowError, RecursionError) as error:  # an escape such as "\U00110000"
        raise StudyError(f"{path}: not valid YAML: an escape or a number that cannot be read.") from error


class _Builder:
    """Builds nodes from events, without recursion, and counts the values with aliases expanded."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root: Node | None = None
        self.twice: list[str] = []
        self._open: list[tuple[Node, str | None]] = []  # each with the anchor that names it once it is closed
        self._keys: list[tuple[str, int] | None] = []  # for each open node, the key that waits for its value
        self._anchors: dict[str, Node | None] = {}

    def take(self, event: Event) -> None:
        import yaml

        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            if self.root is not None:
                raise self._wrong(line, "a second document begins; a study is one document, without '---'")
        elif isinstance(event, yaml.AliasEvent):
            node = self._anchors.get(event.anchor)
            if node is None:
                raise self._wrong(line, f"*{event.anchor} refers to nothing: no &{event.anchor} ends before it")
            self._put(node, line)
        elif isinstance(event, yaml.ScalarEvent):
            node = Node(self._scalar(event, line), line, event.value)
            self._name(event.anchor, node)
            self._put(node, line)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._begin(event, line)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            node, anchor = self._open.pop()
            self._keys.pop()
            self._name(anchor, node)
            self._put(node, node.line)

    def _begin(self, event: Any, line: int) -> None:
        import yaml

        mapping = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, "!", f"tag:yaml.org,2002:{'map' if mapping else 'seq'}"):
            raise self._wrong(line, f"the tag {event.tag} is not understood; write the plain value")
        if len(self._open) >= DEEPEST:
            raise self._wrong(line, f"settings are nested more than {DEEPEST} deep; no study needs that")
        if self._open and isinstance(self._open[-1][0].value, dict) and self._keys[-1] is None:
            raise self._wrong(line, "there is a list or mapping where a key is expected; a key is a word")
        self._open.append((Node({} if mapping else [], line), event.anchor))
        self._keys.append(None)
        if event.anchor:
            self._anchors[event.anchor] = None  # until it ends, so that no value can contain itself

    def _name(self, anchor: str | None, node: Node) -> None:
        if anchor:
            self._anchors[anchor] = node

    def _put(self, node: Node, line: int) -> None:
        """Put a finished node into its parent."""
        if not self._open:
            self.root = node
            return
        parent = self._open[-1][0]
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif self._keys[-1] is None:
            if isinstance(node.value, (dict, list)):
                raise self._wrong(line, "there is a list or mapping where a key is expected; a key is a word")
            self._keys[-1] = (node.text, line)
            return
        else:
            key, key_line = self._keys[-1]
            self._keys[-1] = None
            self._set(parent, key, key_line, node)
        parent.weight += node.weight
        if parent.weight > MOST_VALUES:
            raise self._wrong(line, f"with its aliases written out the study has more than {MOST_VALUES:,} values")

    def _set(self, parent: Node, key: str, line: int, node: Node) -> None:
        if key == "<<":
            taken = node.value if isinstance(node.value, list) else [node]
            if not all(isinstance(one.value, dict) for one in taken):
                raise self._wrong(line, "<< needs a mapping whose settings it merges, such as *name")
            for one in taken:
                for name, value in one.value.items():
                    parent.value.setdefault(name, value)
            return
        if key in parent.key_lines:
            here = spelled((*self._place(), key))
            self.twice.append(
                f"line {line}, {here}: given a second time, which would replace the first (line "
                f"{parent.key_lines[key]}). Write it once, or give one of the two another name."
            )
        parent.key_lines[key] = line
        parent.value[key] = node

    def _place(self) -> Place:
        """Where the innermost open node is."""
        found: list[str | int] = []
        for (node, _), waiting in zip(self._open[:-1], self._keys[:-1], strict=True):
            found.append(waiting[0] if waiting else len(node.value))
        return tuple(found)

    def _scalar(self, event: Any, line: int) -> Any:
        text = event.value
        if strange := NO_TEXT.search(text):
            raise self._wrong(line, f"a character that is not text ({strange.group(0)!r}); delete it")
        if event.tag not in STRING_TAGS:
            raise self._wrong(line, f"the tag {event.tag} is not understood; write the plain value")
        if not event.implicit[0] or event.style or event.tag is not None:
            return text
        if NOTHING.fullmatch(text):
            return None
        if YES.fullmatch(text) or NO.fullmatch(text):
            return YES.fullmatch(text) is not None
        if WHOLE.fullmatch(text):
            return int(text)
        return float(text) if DECIMAL.fullmatch(text) else text

    def _wrong(self, line: int, what: str) -> StudyError:
        return StudyError(f"{self.path}, line {line}: {what}.")
