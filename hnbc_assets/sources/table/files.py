"""A user's own cohort: an expression table and a clinical table (csv, tsv or parquet).

In scope: archiving a copy, the orientation of the tables and which rows belong together, reading them with the
user's own values. Out of scope: lines and cells (text.py), what a clinical column means
(science/cohorts/clinical_named), updating symbols (science/cohorts/symbols).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from hnbc_assets.errors import FormatError, StudyError
from hnbc_assets.sources.archive import archived
from hnbc_assets.sources.listing import InHand, Listing, digest
from hnbc_assets.sources.table.grid import Grid, ReadAs, read_grid
from hnbc_assets.sources.table.text import MISSING
from hnbc_assets.user_files import TABLE_BYTES, read_bytes

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive

# The version of what is fetched and recorded in the manifest. Increase it when either changes: only then is everything
# fetched again.
CONTRACT = 1
ENSEMBL = r"^ENSG\d{11}(?:\.\d+)?(?:_PAR_Y)?$"
ID_NAMES = ("patient_id", "patient", "sample_id", "sample", "id")
SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".csv.gz", ".tsv.gz", ".txt.gz")
SHARE_ENSEMBL = 0.5


def release(expression_path: str | Path, clinical_path: str | Path, *, folder: Path | None = None) -> str:
    """A short digest of the present state of both tables: it changes with their content and their paths as given.

    Raises
    ------
    StudyError
        If a file cannot be read.
    """
    return _state(_contents(expression_path, clinical_path, folder))


def listing(
    archive: Archive,
    cohort_id: str,
    expression_path: str | Path,
    clinical_path: str | Path,
    *,
    folder: Path | None = None,
) -> Listing:
    """Both tables as they are now (file ids COHORT/expression and COHORT/clinical).

    Their archived release is the first 12 digits of the sha256 over both: if either changes, it is another release.
    The address is the path as given, so that a study may move with its files.

    Parameters
    ----------
    folder : base of relative paths; by default the working directory

    Raises
    ------
    StudyError
        If a file cannot be read or is not of a supported kind.
    """
    contents = _contents(expression_path, clinical_path, folder)
    version = hashlib.sha256(b"".join(hashlib.sha256(c).digest() for _, c in contents.values())).hexdigest()[:12]
    tables = []
    for kind, (path, content) in contents.items():
        suffix = next((s for s in sorted(SUFFIXES, key=len, reverse=True) if path.name.lower().endswith(s)), None)
        if suffix is None:
            raise StudyError(f"{path} is not a csv, tsv or parquet table; convert it and name it in the study file.")
        name = f"{cohort_id}/{kind}"
        tables.append(InHand(version, name, f"file:{path.as_posix()}", f"{name}{suffix}", content))
    return Listing("table", _state(contents), replies=tuple(tables))


def release_of(manifest: pd.DataFrame) -> str:
    """The release of archived tables, as `release` gave it for their files."""
    return digest(zip(manifest["url"], manifest["sha256"], strict=True))


def read_clinical(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame:
    """The clinical table as text, index patient_id: the column of that name (or patient, sample_id, sample, id),
    otherwise the first. Surrounding spaces are not part of an id.

    Raises
    ------
    FormatError
        If the table cannot be read, a row has no patient, a patient has two rows, or two columns have the same name.
    """
    return _clinical(_archived(archive, manifest, "clinical", "text"))


def read_expression(
    archive: Archive,
    manifest: pd.DataFrame,
    *,
    gene_ids: pd.DataFrame | None = None,
    sample_ids: Sequence[str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The expression table, features × samples (float64), and features[feature_id, symbol].

    Genes may be in rows or in columns: samples are on the side that has the clinical table's patients.

    Parameters
    ----------
    gene_ids : frame with feature_id (Ensembl) and symbol, needed if the table names genes by Ensembl id; versions
        are ignored on both sides
    sample_ids : samples to read, in this order; by default those of the clinical table

    Raises
    ------
    FormatError
        If the tables do not match (see `match`), or a value is not a finite number; with file and line.
    StudyError
        If the genes are Ensembl ids and no `gene_ids` was given.
    """
    grid = _archived(archive, manifest, "expression", "numbers")
    found = _match(_archived(archive, manifest, "clinical", "text"), grid)
    wanted = found.samples if sample_ids is None else list(sample_ids)
    lost = sorted(set(wanted) - set(found.samples))
    if lost:
        raise FormatError(f"{grid.name} lacks {len(lost)} samples, e.g. {lost[:3]}.")
    table = grid.frame()
    frame = (table.T if found.in_rows else table)[wanted]
    empty = frame.columns[frame.isna().all()]
    if len(empty):
        raise FormatError(f"{grid.name} has no value at all for {empty[0]!r}. Delete that sample, or give its values.")
    symbols = pd.Series(frame.index, dtype=object)
    features = pd.DataFrame({"feature_id": _unique(symbols), "symbol": _symbols(symbols, gene_ids).to_numpy()})
    frame.index = pd.Index(features["feature_id"], name="feature_id")
    frame.columns.name = "sample_id"
    return frame, features


def profiled_samples(archive: Archive, manifest: pd.DataFrame) -> list[str]:
    """The clinical table's patients that are in the expression table, in its order."""
    return match(archive, manifest).samples


@dataclass(frozen=True)
class Match:
    """How the two tables of a cohort match.

    Attributes
    ----------
    samples : ids that both have, in the expression table's order
    in_rows : whether samples are the expression table's rows, genes its columns
    trimmed : ids that match only without surrounding spaces, as written
    without_record, without_values : samples without a patient, patients without a sample
    """

    samples: list[str]
    in_rows: bool
    trimmed: tuple[str, ...]
    without_record: tuple[str, ...]
    without_values: tuple[str, ...]


def match(archive: Archive, manifest: pd.DataFrame) -> Match:
    """Which rows of the two archived tables match.

    Raises
    ------
    FormatError
        If a table cannot be read, no patient is in both, a sample occurs twice, or ids agree only without zeros, case
        and punctuation: those would be lost.
    """
    return _match(
        _archived(archive, manifest, "clinical", "text"), _archived(archive, manifest, "expression", "labels")
    )


def examine(
    expression_path: str | Path, clinical_path: str | Path, *, folder: Path | None = None
) -> tuple[Match, tuple[str, ...]]:
    """The user's tables before archiving: which rows belong together, and the clinical columns. Values are not read.

    Raises
    ------
    StudyError, FormatError
        As `listing` and `match`.
    """
    contents = _contents(expression_path, clinical_path, folder)
    path, content = contents["clinical"]
    clinical = read_grid(content, path.as_posix(), "text")
    path, content = contents["expression"]
    columns = tuple(_clinical(clinical).columns)
    return _match(clinical, read_grid(content, path.as_posix(), "labels")), columns


def _archived(archive: Archive, manifest: pd.DataFrame, kind: str, read_as: ReadAs) -> Grid:
    """An archived table, named by the user's path."""
    path = archived.locate(archive, manifest, rf".+/{kind}", f"{kind} table")
    given = manifest.loc[manifest["file_id"].str.fullmatch(rf".+/{kind}"), "url"].iloc[-1]
    return read_grid(path.read_bytes(), str(given).removeprefix("file:"), read_as)


def _clinical(grid: Grid) -> pd.DataFrame:
    twice = _twice(grid.header)
    if twice is not None:
        raise FormatError(f"{grid.name}, line 1: two columns are named {twice!r}. Rename one, or delete it.")
    table, key = grid.text(), _id_column(grid)
    ids = [("" if cell is None else cell.strip()) for cell in table[key]]
    seen: dict[str, int] = {}
    for place, patient in enumerate(ids):
        if not patient:
            raise FormatError(f"{grid.at(place)}: no patient is named (column {key!r}). Name one, or delete the row.")
        if patient in seen:
            raise FormatError(
                f"{grid.at(place)}: a second row for {patient!r} (column {key!r}), after {grid.at(seen[patient])}. "
                "Keep one."
            )
        seen[patient] = place
    table = table.rename(columns={key: "patient_id"}).assign(patient_id=ids)
    return table.set_index("patient_id")


def _id_column(grid: Grid) -> str:
    named = {column.lower(): column for column in grid.header}
    return next((named[name] for name in ID_NAMES if name in named), grid.header[0])


def _match(clinical: Grid, expression: Grid) -> Match:
    table = _clinical(clinical)
    patients = set(table.index)
    labels, columns = [label.strip() for label in expression.labels], [name.strip() for name in expression.header[1:]]
    in_rows = sum(label in patients for label in labels) > sum(name in patients for name in columns)
    samples, written = (labels, expression.labels) if in_rows else (columns, expression.header_as_written[1:])
    _require_alike(clinical, expression, patients, [*labels, *columns] if not set(samples) & patients else samples)
    common = [sample for sample in samples if sample in patients]
    twice = _twice(common)
    if twice is not None:
        raise FormatError(f"{expression.name} has sample {twice!r} twice. Keep one sample per patient.")
    known, unknown = set(common), set(samples) - patients
    headed = [name for name in clinical.header if name in unknown]
    if headed:
        raise FormatError(
            f"{clinical.name}, line 1: {headed[0]!r} is a sample of {expression.name}. The first line must name the "
            "columns: add one above it."
        )
    as_written = [label for label in (*written, *clinical.column(_id_column(clinical))) if label != label.strip()]
    return Match(
        common,
        in_rows,
        tuple(label for label in as_written if label.strip() in known),
        tuple(sample for sample in samples if sample not in patients),
        tuple(sorted(patients - known)),
    )


def _require_alike(clinical: Grid, expression: Grid, patients: set[str], labels: Sequence[str]) -> None:
    """Raise an error if ids differ only in zeros, case or punctuation, or if the tables have no patient in common."""
    unmatched = {_loose(patient): patient for patient in patients.difference(labels)}
    alike = [
        (label, unmatched[_loose(label)]) for label in labels if label not in patients and _loose(label) in unmatched
    ]
    if alike:
        shown = ", ".join(f"{label!r} and {patient!r}" for label, patient in alike[:3])
        raise FormatError(
            f"{len(alike)} of {len(patients)} patients have ids that {expression.name} and {clinical.name} write "
            f"differently (zeros, case, punctuation): {shown}. They would be lost: write them the same way in both. In "
            "a spreadsheet, format the column of ids as text."
        )
    if not patients.intersection(labels):
        columns, rows = list(expression.header[1:4]), list(expression.labels[:3])
        others = [name for name in clinical.header if set(clinical.column(name)) & set(labels)]
        hint = f" Its column {others[0]!r} has some: rename it to patient_id." if others else ""
        raise FormatError(
            f"{expression.name} names none of the patients of {clinical.name}: columns are {columns}, rows {rows}, "
            f"patients {sorted(patients)[:3]}.{hint or ' Use the same ids in both.'}"
        )


def _twice(names: Sequence[str]) -> str | None:
    """The first name that occurs more than once."""
    return next((name for name, times in Counter(names).items() if times > 1), None)


def _loose(label: str) -> str:
    """An id without the parts that programs change: zeros before a number, .0 after one, case, punctuation, R's X."""
    bare = re.sub(r"(?<=\d)\.0+$", "", label.casefold())
    bare = re.sub(r"^x(?=\d)", "", re.sub(r"[\W_]+", "", bare))
    return re.sub(r"(?<!\d)0+(?=\d)", "", bare)


def _symbols(labels: pd.Series, gene_ids: pd.DataFrame | None) -> pd.Series:
    """Symbols of the labels: themselves, or by Ensembl id without version."""
    ensembl = labels.str.match(ENSEMBL).fillna(False).astype(bool)
    if not len(labels) or ensembl.mean() < SHARE_ENSEMBL:
        return labels.where(~labels.isin(MISSING) & ~ensembl, None)
    if gene_ids is None:
        raise StudyError(
            f"The expression table names genes by Ensembl id ({labels[ensembl].iloc[0]}), which needs a translation: "
            "add a GDC cohort to the study, whose files have both, or give gene symbols."
        )
    known = gene_ids.assign(feature_id=gene_ids["feature_id"].str.split(".").str[0]).drop_duplicates("feature_id")
    par_y = labels.str.endswith("_PAR_Y")
    return labels.str.split(".").str[0].map(known.set_index("feature_id")["symbol"]).where(~par_y, None)


def _unique(labels: pd.Series) -> pd.Series:
    """Repeated labels are followed by #2, #3 …"""
    repeat = labels.groupby(labels).cumcount()
    return labels.where(repeat == 0, labels + "#" + (repeat + 1).astype(str))


def _contents(expression: str | Path, clinical: str | Path, folder: Path | None) -> dict[str, tuple[Path, bytes]]:
    """Both tables by kind: the path as given, and the bytes."""
    given = {"expression": Path(expression), "clinical": Path(clinical)}
    return {
        kind: (path, read_bytes(path, f"{kind} table", folder=folder, at_most=TABLE_BYTES))
        for kind, path in given.items()
    }


def _state(contents: Mapping[str, tuple[Path, bytes]]) -> str:
    return digest(
        (f"file:{path.as_posix()}", hashlib.sha256(content).hexdigest()) for path, content in contents.values()
    )
