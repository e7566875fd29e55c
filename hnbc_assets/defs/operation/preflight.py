"""What a study says about its own files, compared with them before anything is downloaded.

In scope: whether the files exist and can be read, gene lists have the named sets, and tables the named columns.
Out of scope: settings by themselves (study.py), addresses (sources/addresses_probed), reading the files for an
analysis.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hnbc_assets.defs.upstreams import GDSC, GENE_SETS, upstreams
from hnbc_assets.errors import (
    DamagedDownload,
    DownloadsIncomplete,
    HnbcError,
    StudyError,
    UpstreamRefused,
    UpstreamUnreachable,
)
from hnbc_assets.study import Drugs, Study
from hnbc_assets.study_contradictions import lost_sets, require_sets
from hnbc_assets.study_mistakes import one_of
from hnbc_assets.study_sources import Cohort, LocalOrRemote

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive
    from hnbc_assets.sources.upstream import Upstream
    from hnbc_assets.sources.web.http import Client

Place = tuple[str | int, ...]
Mistake = tuple[Place, HnbcError]


def require_files(study: Study, *, simulated: bool, objects: Collection[str] | None = None) -> None:
    """Refuse a study if one of its own files is missing, cannot be read, or lacks what the study names in it.

    Parameters
    ----------
    simulated : whether gene sets of simulated genes replace some of the study's
    objects : the upstream objects that will be fetched (`table/mine`, `gene_sets`); default all

    Raises
    ------
    StudyError
        All mistakes, one per line: where the setting is, what is wrong, the nearest match, what to write.
    """
    found = [f"  {study.where(*place)}: {error}" for place, error in _mistakes(study, simulated, objects)]
    if found:
        raise StudyError("Files of the study cannot be used as it says:\n" + "\n".join(dict.fromkeys(found)))


def require_archived_sets(study: Study, archive: Archive) -> None:
    """Refuse a study that names sets which its lists in the archive lack; lists not fetched yet are skipped.

    Raises
    ------
    StudyError
        With the line of each missing set, and the nearest existing one.
    """
    from hnbc_assets.sources.gene_sets.files import SOURCE, read_gmt

    kept = archive.manifest(SOURCE)
    for number, genes in enumerate(study.anoikis_genes):
        if genes.gmt is None or not genes.sets:
            continue
        rows = kept[kept["file_id"] == genes.gmt.shown].sort_values("retrieved_at")
        if len(rows) and archive.holds(rows.iloc[-1]):  # a damaged list is fetched again before it is read
            require_sets(study, number, list(read_gmt(archive.locate(rows.iloc[-1]))))


def fetch_sets(study: Study, client: Client, archive: Archive) -> None:
    """Fetch the lists in which the study names sets before anything larger, and check that they have these sets.

    A list that cannot be fetched now is not a mistake of the study: the step that fetches all lists says why.

    Raises
    ------
    StudyError
        As `require_archived_sets`.
    """
    from hnbc_assets.sources.gene_sets import files as gene_sets

    wanted = [genes.gmt.location for genes in study.anoikis_genes if genes.gmt is not None and genes.sets]
    with suppress(UpstreamUnreachable, UpstreamRefused, DamagedDownload, DownloadsIncomplete):
        gene_sets.fetch(client, archive, wanted, folder=study.folder)
    require_archived_sets(study, archive)


def _mistakes(study: Study, simulated: bool, objects: Collection[str] | None) -> Iterator[Mistake]:
    from hnbc_assets.science.cohorts.clinical_named import SLOTS, is_slot

    known = upstreams(study, simulated=simulated)
    for name, cohort in study.cohorts.items():
        wanted = cohort.source.object_name(name)
        if objects is not None and wanted not in objects:
            continue
        for slot in cohort.columns or {}:
            if not is_slot(slot):
                wrong = f"'{slot}' is not a field of a patient; {one_of(slot, SLOTS)}. Write one of them."
                yield ("cohorts", name, "columns", slot), StudyError(wrong)
        yield from _of_own_files(study, name, cohort, known[wanted])
    if objects is None or GENE_SETS in objects:
        yield from _of_lists(study, simulated)
    if study.drugs is not None and (objects is None or GDSC in objects):
        yield from _of_line_expression(study, study.drugs)


def _of_line_expression(study: Study, drugs: Drugs) -> Iterator[Mistake]:
    from hnbc_assets.sources.gdsc.files import OWN_BYTES, OWN_EXPRESSION
    from hnbc_assets.user_files import locate

    if isinstance(drugs.expression, LocalOrRemote) and drugs.expression.file is not None:
        try:
            locate(drugs.expression.file, OWN_EXPRESSION, folder=study.folder, at_most=OWN_BYTES)
        except StudyError as error:
            yield ("drugs", "expression", "file"), error


def _of_own_files(study: Study, name: str, cohort: Cohort, upstream: Upstream) -> Iterator[Mistake]:
    from hnbc_assets.user_files import locate

    place: Place = ("cohorts", name, "source")
    absent = False
    for setting, path in cohort.source.own_files.items():
        try:
            locate(path, f"{setting} table", folder=study.folder)
        except StudyError as error:
            absent = True
            yield (*place, setting), error
    if absent:
        return
    try:
        found = upstream.examined()
    except HnbcError as error:
        yield place, error
        return
    table, known = found or ("", ())
    for slot, column in (cohort.columns or {}).items() if found else ():
        if column not in known:
            wrong = f"{table} has no column '{column}'; {one_of(column, known)}. Write one that it has."
            yield ("cohorts", name, "columns", slot), StudyError(wrong)


def _of_lists(study: Study, simulated: bool) -> Iterator[Mistake]:
    from hnbc_assets.sources.gene_sets.files import read_genecards, read_gmt, read_marker_table

    for name, file in study.gene_sets(simulated).items():
        _, wrong = _list(study, file, read_marker_table if name == "markers" else read_gmt)
        yield from ((("microenvironment", name, "file"), error) for error in wrong)
    for number, genes in enumerate(study.anoikis_genes):
        kind, file = ("gmt", genes.gmt) if genes.gmt is not None else ("genecards", genes.genecards)
        sets, wrong = _list(study, file, read_gmt if kind == "gmt" else read_genecards)
        yield from ((("anoikis_genes", number, kind, "file"), error) for error in wrong)
        if sets is not None:
            yield from ((place, StudyError(lost)) for place, lost in lost_sets(study, number, list(sets)))
    for name, file in study.enrichment.collections.items():
        _, wrong = _list(study, file, read_gmt)
        yield from ((("enrichment", "collections", name, "file"), error) for error in wrong)


def _list(
    study: Study, file: LocalOrRemote | None, read: Callable[[Path], Any]
) -> tuple[Any | None, tuple[HnbcError, ...]]:
    """The content of a list in a file of the study, or what is wrong with it; neither for a list with an address."""
    from hnbc_assets.sources.gene_sets.files import release

    if file is None or file.file is None:
        return None, ()
    try:
        release(None, [file.location], folder=study.folder)  # raises if it is missing, damaged or not text
        return read(study.folder / file.file), ()
    except HnbcError as error:
        return None, (error,)
