"""A release's report, first half: new data from upstream, and changes in the records.

In scope: files, patients and fields, from release_changes. Out of scope: effects on results (results).
"""

from __future__ import annotations

import pandas as pd

from hnbc_assets.report.release.document import Block, Grid, Items, Paragraph
from hnbc_assets.report.release.wording import Frames, be, count, frame, text
from hnbc_assets.report.wording import known, listed
from hnbc_assets.tables.changes import PerformanceChanges, ReleaseChanges, RiskChanges, SignatureChanges

FILE_KINDS = {"file_added": "added", "file_removed": "removed", "file_superseded": "superseded"}
NAMED_PATIENTS, NAMED_FIELDS, VALUES_A_PATIENT = 10, 12, 4


def new_releases(frames: Frames) -> list[str]:
    """ "gdc/TCGA-BRCA 45.0 → 46.0", each once: from the changes, and from the comparisons."""
    changes = frame(frames, ReleaseChanges)
    pairs = changes[["asset", "from_release", "to_release"]].drop_duplicates()
    found = [f"{_object(row.asset)} {row.from_release} → {row.to_release}" for row in pairs.itertuples()]
    for table in (SignatureChanges, RiskChanges, PerformanceChanges):
        for releases in frame(frames, table)["releases"].dropna().unique():
            found += [part.strip() for part in str(releases).split(";") if part.strip()]
    return sorted(set(found))


def new_data(frames: Frames) -> list[Block]:
    """New releases; files and patients that were added, removed or replaced."""
    changes, releases = frame(frames, ReleaseChanges), new_releases(frames)
    if not releases:
        return [Paragraph("No new upstream release. All differences below are due to code or settings.")]
    blocks: list[Block] = [Items(tuple(releases))]
    if changes.empty:
        return [*blocks, Paragraph("No change of a file, a patient or a value is recorded for them.")]
    rows = []
    for asset, of_asset in changes.groupby("asset", sort=True):
        entities = of_asset.groupby("kind")["entity"].nunique(dropna=False)
        counts = [int(entities.get(kind, 0)) for kind in (*FILE_KINDS, "patient_added", "patient_removed")]
        rows.append((_object(str(asset)), *(f"{n:,}" for n in counts)))
    headings = ("from", *(f"files {word}" for word in FILE_KINDS.values()), "patients added", "patients removed")
    blocks.append(Grid("", headings, tuple(rows)))
    kinds = _files_by_kind(changes)
    return [*blocks, Paragraph(kinds)] if kinds else blocks


def record_changes(frames: Frames) -> list[Block]:
    """Patients with a changed value, fields with counts, renamed fields; the first patients by name."""
    changes = frame(frames, ReleaseChanges)
    values, renamed = (changes[changes["kind"] == kind] for kind in ("value_changed", "field_renamed"))
    blocks: list[Block] = []
    if values.empty:
        blocks.append(Paragraph("No value of a clinical record changed."))
    else:
        patients = values.drop_duplicates(["asset", "entity"])
        n = len(patients)
        blocks.append(Paragraph(f"{count(n, 'patient')} {'has' if n == 1 else 'have'} changed values."))
        blocks += [_fields(values), _patients(values)]
    if len(renamed):
        names = tuple(sorted({_renamed(row) for _, row in renamed.iterrows()}))
        blocks.append(
            Paragraph(f"{count(len(names), 'field')} {be(len(names))} renamed; this is not a change of values:")
        )
        blocks.append(Items(names))
    return blocks


def patients_touched(changes: pd.DataFrame) -> int:
    """Patients who were added, removed or have a changed value."""
    kinds = ("patient_added", "patient_removed", "value_changed")
    return len(changes[changes["kind"].isin(kinds)].drop_duplicates(["asset", "entity"]))


def files_touched(changes: pd.DataFrame) -> int:
    """Files that were added, removed or replaced."""
    return len(changes[changes["kind"].isin(list(FILE_KINDS))].drop_duplicates(["asset", "kind", "entity"]))


def _object(asset: str) -> str:
    """The upstream object of a raw asset."""
    return asset.removeprefix("raw/")


def _files_by_kind(changes: pd.DataFrame) -> str:
    """ "Files added: 9 star, 1 clinical." For a superseded file only the ids are recorded, not its kind."""
    sentences = []
    for kind in ("file_added", "file_removed"):
        of_kind = changes[(changes["kind"] == kind) & changes["field"].notna()]
        counts = of_kind.groupby("field")["entity"].nunique()
        if len(counts):
            sentences.append(f"Files {FILE_KINDS[kind]}: {listed([f'{n:,} {name}' for name, n in counts.items()])}.")
    return " ".join(sentences)


def _fields(values: pd.DataFrame) -> Grid:
    counts = values.groupby("field")["entity"].nunique().sort_values(ascending=False, kind="stable")
    shown = counts.iloc[:NAMED_FIELDS]
    caption = f"The {NAMED_FIELDS} fields that changed most, of {len(counts)}" if len(counts) > len(shown) else ""
    rows = tuple((str(field), f"{n:,}") for field, n in shown.items())
    return Grid(caption or "Fields whose values changed", ("field", "patients"), rows)


def _patients(values: pd.DataFrame) -> Grid:
    """The first patients by name, one row per value; for a patient with many, the first ones."""
    ordered = values.sort_values(["entity", "field"], kind="stable")
    names = ordered["entity"].drop_duplicates()
    rows = []
    for name in names.iloc[:NAMED_PATIENTS]:
        own = ordered[ordered["entity"] == name]
        for i, row in enumerate(own.iloc[:VALUES_A_PATIENT].itertuples()):
            rows.append((str(name) if i == 0 else "", str(row.field), text(row.old_value), text(row.new_value)))
        if len(own) > VALUES_A_PATIENT:
            rows.append(("", f"and {len(own) - VALUES_A_PATIENT} more", "", ""))
    which = f"The first {NAMED_PATIENTS} of {len(names):,} patients" if len(names) > NAMED_PATIENTS else "The patients"
    more = "; release_changes has all" if len(names) > NAMED_PATIENTS else ""
    return Grid(which + ", by name" + more, ("patient", "field", "before", "after"), tuple(rows), numbers_from=4)


def _renamed(row: pd.Series) -> str:
    new = row["new_value"] if known(row["new_value"]) else row["field"]
    return f"{text(row['old_value'])} → {text(new)} ({_object(str(row['asset']))})"
