"""Mistakes in a study file: each with its line, its setting, the nearest existing one, and what to write.

In scope: turning validation errors into sentences. Out of scope: validation itself (study.py, study_sources.py,
study_operation.py), YAML (study_reading.py).
"""

from __future__ import annotations

import difflib
import re
import types
import typing
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from hnbc_assets.study_reading import Node, Place, Written, spelled

MANY = 12  # longer lists of names are not shown
LONGEST_SHOWN = 60


@dataclass(frozen=True)
class Wanted:
    """What is allowed at a place: a type, and the field with the bounds, pattern and examples for it."""

    kind: Any
    field: FieldInfo | None = None


def explain(error: ValidationError, written: Written, whole: type[BaseModel]) -> str:
    """All mistakes that validation found, one line each, in the order of the file."""
    found: list[tuple[Place, str]] = []
    errors = error.errors(include_url=False)
    misspelt = {(*e["loc"][:-1], _meant(e, written, whole)) for e in errors if e["type"] == "extra_forbidden"}
    for mistake in errors:
        if mistake["type"] == "missing" and mistake["loc"] in misspelt:
            continue  # reported once, for the misspelt key
        place, wanted, section = _locate(mistake["loc"], written, whole)
        if mistake["type"].startswith("union_tag"):
            kinds = tuple(_choices(wanted.kind))
            place, wanted = (*place, "kind"), Wanted(Literal[kinds])  # type: ignore[valid-type]
        found.append((place, _sentence(mistake, place, wanted, section, written, whole)))
    return report(written, [*found, *misread(written, whole)])


def _meant(mistake: Any, written: Written, whole: type[BaseModel]) -> str | None:
    """The setting that was probably meant by an unknown one."""
    _, _, section = _locate(mistake["loc"], written, whole)
    return nearest(str(mistake["loc"][-1]), section.model_fields) if section else None


def misread(written: Written, whole: type[BaseModel]) -> Iterator[tuple[Place, str]]:
    """Places with true or false instead of a number, which a validator would interpret as 1 or 0."""
    for place, node in _scalars(written.root, ()):
        if isinstance(node.value, bool):
            _, wanted, _ = _locate(place, written, whole)
            if _takes(wanted.kind, int, float) and not _takes(wanted.kind, bool):
                yield place, f"'{node.text}' is read as {_called(node.value)}. Write {_needed(wanted)}."


def report(written: Written, mistakes: Iterable[tuple[Place, str]]) -> str:
    """Mistakes, one line each, in the order of the file."""
    found = {(written.line(place), f"{spelled(place)}: {what}") for place, what in mistakes}
    return "\n".join(f"  line {line}, {what}" for line, what in sorted(found))


def _scalars(node: Node, place: Place) -> Iterator[tuple[Place, Node]]:
    if isinstance(node.value, (dict, list)):
        inner = node.value.items() if isinstance(node.value, dict) else enumerate(node.value)
        for part, below in inner:
            yield from _scalars(below, (*place, part))
    else:
        yield place, node


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The most similar of the names; case makes no difference, and hyphens are the same as underscores."""
    plain = {_plain(known): known for known in names}
    close = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=0.55)
    return plain[close[0]] if close else None


def plain_name(name: str) -> str:
    """A name in plain letters, as similar as possible: größe becomes grosse."""
    letters = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9]+", "_", letters).strip("_")[:50]
    return plain if re.match("[a-z]", plain) else f"cohort_{plain}".rstrip("_")


def one_of(name: str, names: Iterable[str]) -> str:
    """`nearest: x; there are x, y, z` for a name that is not one of them."""
    names = list(dict.fromkeys(names))
    near = nearest(name, names)
    parts = [f"nearest: {near}"] if near else []
    if len(names) <= MANY or not near:
        parts.append(f"there {'is' if len(names) == 1 else 'are'} {_listed(names)}" if names else "there are none")
    return "; ".join(parts)


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def _listed(names: list[str]) -> str:
    shown = names[: 3 * MANY]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")


def _expected(mistake: Any) -> list[str]:
    """The values that a mistake's message lists: 'os', 'dss' or 'pfi'."""
    return re.findall(r"'([^']*)'", mistake["ctx"]["expected"])


def _sentence(
    mistake: Any,
    place: Place,
    wanted: Wanted,
    section: type[BaseModel] | None,
    written: Written,
    whole: type[BaseModel],
) -> str:
    kind, node = mistake["type"], written.node(place)
    if mistake["loc"][-1:] == ("[key]",) and kind == "enum":
        return f"is not one of its keys: {one_of(str(place[-1]), _expected(mistake))}. Write one of these."
    if mistake["loc"][-1:] == ("[key]",):
        plain = plain_name(str(place[-1]))
        return (
            f"a name here may contain only a to z, digits and underscores, and begins with a letter. Write {plain}, or "
            "another."
        )
    if kind == "extra_forbidden":
        return _unknown(str(place[-1]), section, whole)
    if node is None:
        return f"is needed and missing. Write {_needed(wanted)}."
    if kind == "value_error":
        return mistake["msg"].removeprefix("Value error, ").rstrip(".") + "."
    shown = _shown(node)
    choices = _choices(wanted.kind)
    if choices and isinstance(node.value, str):
        return f"{shown} is not one of its values: {one_of(node.value, choices)}. Write one of these."
    if isinstance(node.value, (bool, int, float)) and _takes(wanted.kind, str, Path):
        return f'{shown} is read as {_called(node.value)}, where text is needed. Write it in quotes: "{node.text}".'
    return f"{shown} cannot be used. Write {_needed(wanted)}."


def _unknown(name: str, section: type[BaseModel] | None, whole: type[BaseModel]) -> str:
    names = list(section.model_fields) if section else []
    near = nearest(name, names)
    known = [(path, model) for path, model in _settings(whole) if path.split(".")[-1] == name]
    kinds = [kind for _, model in known if section and _tag(section) and (kind := _tag(model))]
    if kinds and section:
        return f"is a setting of kind {' and '.join(kinds)}; a {_tag(section)} source has {_listed(names)}. Remove it."
    elsewhere = list(dict.fromkeys(path for path, _ in known))
    if near is None and elsewhere:
        return f"is not a setting here, but {' and '.join(elsewhere[:3])} is one. Write it there."
    wrong = f"is not a setting here; {one_of(name, names)}."
    return f"{wrong} Write {near}." if near else f"{wrong} Remove it, or write one of these."


def _locate(loc: tuple[str | int, ...], written: Written, whole: type[BaseModel]) -> tuple[Place, Wanted, Any]:
    """A validator's place as a place in the file, what is allowed there, and the section that it is in.

    A validator's place also names the kind of source that was chosen, which is not part of the file.
    """
    place: list[str | int] = []
    wanted, section = Wanted(whole), None
    for part in loc:
        options = list(_options(wanted.kind))
        models = [option for option in options if _is_model(option)]
        tagged = [model for model in models if len(models) > 1 and _tag(model) == part]
        if tagged:
            wanted = Wanted(tagged[0])
            continue
        if part == "[key]":
            continue
        place.append(part)
        holders = [model for model in models if part in model.model_fields]
        section = (holders or models or [None])[0]
        if holders:
            found = holders[0].model_fields[str(part)]
            wanted = Wanted(found.annotation, found)
        else:
            inner = next((typing.get_args(o) for o in options if typing.get_origin(o) in (dict, list, tuple)), ())
            wanted = Wanted([kind for kind in inner if kind is not ...][-1] if inner else Any)
    return tuple(place), wanted, section


def _options(kind: Any) -> Iterator[Any]:
    """A type, or the members of a union, without their annotations."""
    if typing.get_origin(kind) is typing.Annotated:
        yield from _options(typing.get_args(kind)[0])
    elif typing.get_origin(kind) in (typing.Union, types.UnionType):
        for one in typing.get_args(kind):
            yield from _options(one)
    else:
        yield kind


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    yield from (option for option in _options(kind) if _is_model(option))


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _tag(model: type[BaseModel]) -> str | None:
    """The kind of source that a model is for."""
    found = model.model_fields.get("kind")
    return typing.get_args(found.annotation)[0] if found else None


def _takes(kind: Any, *types_: type) -> bool:
    return any(option in types_ for option in _options(kind))


def _choices(kind: Any) -> list[str]:
    """The allowed words, where only certain words are allowed."""
    found = [word for option in _options(kind) for word in _words(option)]
    if not found and len(tags := list(filter(None, map(_tag, _models(kind))))) > 1:
        return tags
    return [str(word) for word in found]


def _words(option: Any) -> Iterable[Any]:
    if typing.get_origin(option) is Literal:
        return typing.get_args(option)
    return option if isinstance(option, type) and issubclass(option, Enum) else ()


def _needed(wanted: Wanted) -> str:
    """A description of what may be written at a place."""
    options = [option for option in _options(wanted.kind) if option is not type(None)]
    optional = " (or null)" if any(option is type(None) for option in _options(wanted.kind)) else ""
    if len(tags := _choices(wanted.kind)) > 1 and len(list(_models(wanted.kind))) > 1:
        return f"settings with a kind, one of {_listed(tags)}"
    return (_of_type(options[0], wanted.field) if options else "a value") + optional


def _of_type(kind: Any, given: FieldInfo | None) -> str:
    examples = [str(example) for example in (given.examples if given and given.examples else [])]
    such_as = f", such as {examples[0]}" if examples else ""
    if choices := _choices(kind):
        return f"{'one of ' if len(choices) > 1 else ''}{_listed(choices)}"
    if _is_model(kind):
        return (
            f"settings, each on a line of its own or in braces: {{{_listed([f'{n}: …' for n in kind.model_fields])}}}"
        )
    origin, inner = typing.get_origin(kind), [one for one in typing.get_args(kind) if one is not ...]
    if origin is dict:
        return f"names with {_plural(inner[-1])}: {{NAME: …}}{such_as}"
    if origin in (list, tuple):
        return f"a list of {_plural(inner[-1])}{_atleast(given)}: […]{such_as}"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "the path of a file"}
    return words.get(kind, "a value") + _bounds(given) + such_as


def _plural(kind: Any) -> str:
    if _is_model(kind) or len(list(_models(kind))) > 1:
        return "settings"
    return {str: "words", Path: "paths", int: "whole numbers", float: "numbers"}.get(kind, "values")


def _atleast(given: FieldInfo | None) -> str:
    least = next((m.min_length for m in (given.metadata if given else []) if hasattr(m, "min_length")), None)
    return f", at least {least}" if least else ""


def _bounds(given: FieldInfo | None) -> str:
    words = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
    found = [
        f"{word} {getattr(rule, name):g}"
        for rule in (given.metadata if given else [])
        for name, word in words.items()
        if getattr(rule, name, None) is not None
    ]
    return f", {' and '.join(found)}" if found else ""


def _shown(node: Node) -> str:
    """What is written at a place, shortened."""
    if node.value is None:
        return "nothing (an empty value)"
    if isinstance(node.value, dict):
        return f"a mapping ({', '.join(list(node.value)[:3])} …)" if node.value else "an empty mapping"
    if isinstance(node.value, list):
        return f"a list of {len(node.value)}"
    text = node.text if len(node.text) <= LONGEST_SHOWN else node.text[:LONGEST_SHOWN] + "…"
    return f"'{text}'"


def _called(value: object) -> str:
    if isinstance(value, bool):
        return f"{'true' if value else 'false'} (yes, no, on, off, true and false are that in YAML)"
    return "a number"


def _settings(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Every setting below a section, with the section that has it: `resistance.fdr`, `cohorts.NAME.source.series`."""
    for name, found in model.model_fields.items():
        yield prefix + name, model
        for option in _options(found.annotation):
            inner, below = option, prefix + name
            if typing.get_origin(option) in (dict, list, tuple):
                inner = [one for one in typing.get_args(option) if one is not ...][-1]
                below += ".NAME" if typing.get_origin(option) is dict else "[]"
            for section in _models(inner):
                yield from _settings(section, f"{below}.")
