"""Settings of a study that are each valid but do not fit together.

In scope: settings that refer to others: names of cohorts, upstreams and lists; sets that a list does not have.
Out of scope: a setting by itself (study.py, study_sources.py, study_operation.py), reading files
(defs/operation/preflight.py).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from hnbc_assets.discovery import modules_of
from hnbc_assets.errors import StudyError
from hnbc_assets.study_mistakes import one_of
from hnbc_assets.study_reading import Place

if TYPE_CHECKING:
    from hnbc_assets.study import Study

METHODS = "hnbc_assets.science.signature.methods"


def contradictions(study: Study) -> Iterator[tuple[Place, str]]:
    """Each contradiction: the setting to change, and what to write."""
    yield from _other_cohorts(study)
    yield from _pins(study)
    yield from _same_object(study)
    yield from _same_names(study)
    yield from _methods(study)


def objects(study: Study) -> list[str]:
    """Every upstream object that the study fetches, by the names that a pin may use."""
    found = [cohort.source.object_name(name) for name, cohort in study.cohorts.items()]
    return [*dict.fromkeys(found), "gene_sets", *(["gdsc"] if study.drugs else [])]


def require_sets(study: Study, number: int, known: Collection[str]) -> None:
    """Refuse a gene list if one of its sets is not in its file.

    Parameters
    ----------
    number : of the list in anoikis_genes, from 0
    known : the names of the sets in its file

    Raises
    ------
    StudyError
        With the line of each set that is missing, and the nearest that exists.
    """
    lost = [f"{study.where(*place)}: {message}" for place, message in lost_sets(study, number, known)]
    if lost:
        raise StudyError("\n".join(lost))


def lost_sets(study: Study, number: int, known: Collection[str]) -> Iterator[tuple[Place, str]]:
    """The sets of a gene list that its file lacks; `known` are the sets of the file."""
    given = study.anoikis_genes[number]
    for place, name in enumerate(given.sets):
        if name not in known and given.gmt is not None:
            message = f"{given.gmt.location} has no set '{name}'; of {len(known):,} sets, {_nearest_set(name, known)}"
            yield ("anoikis_genes", number, "sets", place), f"{message}. Write one that it has."


def _nearest_set(name: str, known: Collection[str]) -> str:
    """The nearest of possibly thousands of sets: among those that have a word in common, if there are any."""
    words = _words(name)
    return one_of(name, [one for one in known if words & _words(one)] or list(known)[:20])


def _words(name: str) -> set[str]:
    return {word for word in re.split(r"\W+|_", name.lower()) if len(word) > 3 and word != "gobp"}


def _other_cohorts(study: Study) -> Iterator[tuple[Place, str]]:
    for name, cohort in study.cohorts.items():
        others = [other for other in study.cohorts if other != name]
        if cohort.scaled_with is not None and cohort.scaled_with not in others:
            wrong = f"'{cohort.scaled_with}' is not another cohort of this study; {one_of(cohort.scaled_with, others)}"
            yield ("cohorts", name, "scaled_with"), f"{wrong}. Write one of them, or remove scaled_with."


def _pins(study: Study) -> Iterator[tuple[Place, str]]:
    names = objects(study)
    kinds = list(dict.fromkeys(name.split("/")[0] for name in names))
    for name, release in study.releases.pin.items():
        place = ("releases", "pin", name)
        if name not in names and name not in kinds:
            yield place, f"not an upstream of this study; {one_of(name, [*names, *kinds])}. Write one of them."
        elif not release.strip():
            yield place, f'a pin names a release. Write it in quotes: {name}: "45.0"'


def _same_object(study: Study) -> Iterator[tuple[Place, str]]:
    """Cohorts that come from one object are read from the same files."""
    first: dict[str, str] = {}
    for name, cohort in study.cohorts.items():
        wanted = cohort.source.object_name(name)
        other = first.setdefault(wanted, name)
        for setting in cohort.source.decides_files:
            mine, theirs = (getattr(study.cohorts[one].source, setting) for one in (name, other))
            if mine != theirs:
                yield (
                    ("cohorts", name, "source", setting),
                    f"{mine} here and {theirs} in cohort {other}, which is read from the same {wanted}. "
                    "Write the same in both.",
                )


def _same_names(study: Study) -> Iterator[tuple[Place, str]]:
    """Gene lists are distinguished by name, and a set counts once."""
    seen: dict[str, int] = {}
    for number, genes in enumerate(study.anoikis_genes):
        if genes.name in seen:
            yield (
                ("anoikis_genes", number, "name"),
                f"'{genes.name}' is also the name of list {seen[genes.name] + 1}. Give each list a name of its own.",
            )
        seen.setdefault(genes.name, number)
        for place, one in enumerate(genes.sets):
            if one in genes.sets[:place]:
                yield ("anoikis_genes", number, "sets", place), f"'{one}' is named twice. Remove one."


def _methods(study: Study) -> Iterator[tuple[Place, str]]:
    """Signature methods are modules of one folder, each used once."""
    known, used = modules_of(METHODS), list[str]()
    named: list[tuple[Place, str]] = [(("signature", "method"), study.signature.method)]
    named += [(("challengers", "methods", number), name) for number, name in enumerate(study.challengers.methods)]
    for place, name in named:
        if name not in known:
            yield place, f"'{name}' is not a signature method; {one_of(name, known)}. Write one of them."
        elif name in used:
            yield place, f"'{name}' is named before, as signature.method or as a challenger. Remove one."
        used.append(name)
