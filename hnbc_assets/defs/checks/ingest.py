"""Ingest checks: whether what was fetched is whole, and like what was fetched before.

In scope: checks of raw files, and of what reading them shows. Out of scope: checks of patients and results (checks).
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from hnbc_assets.defs.checks.in_use import InUse
from hnbc_assets.defs.stage import Outcome
from hnbc_assets.errors import ArchiveDamaged, ChecksumMismatch
from hnbc_assets.lake.paths import Lake
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.kinds import cohort_files
from hnbc_assets.sources.upstream import Upstream
from hnbc_assets.study import Place

SIZE_CHANGE = 0.1
GENES_OF_A_GENOME = 10_000


def files_intact(manifest: pd.DataFrame, archive: Archive) -> Outcome:
    """Every file is in the archive with the size and sha256 of its row, and with the md5 that upstream gave."""
    try:
        archive.verify(manifest)
    except ChecksumMismatch as damage:
        return Outcome(False, f"damage among {len(manifest):,} files", "all intact", str(damage))
    return Outcome(True, f"{len(manifest):,} files", "all intact", "size and sha256 of every file are those of its row")


def previous_release(manifest: pd.DataFrame, lake: Lake, archive: Archive, upstream: Upstream) -> Outcome:
    """Compared with the previous release: files missing without a successor, sizes that changed by more than 10 %."""
    before, allowed = InUse(lake, archive, upstream).before(manifest), "none missing, sizes within 10 %"
    if before is None or before.empty:
        return Outcome(True, "first release", allowed, "there is no release before it to compare with")
    from hnbc_assets.sources.release_changes import file_changes

    both = upstream.files(archive, before), upstream.files(archive, manifest)
    try:
        changes = file_changes(*both)
    except ArchiveDamaged as damage:
        return Outcome(False, "cannot be compared", allowed, str(damage))
    missing = changes.entity[changes.kind == "file_removed"]
    old, new = (files.of_upstream.set_index("file_id").size_bytes.astype(float) for files in both)
    common = old.index.intersection(new.index)
    change = (new[common] / old[common] - 1).abs()
    changed = change[change > SIZE_CHANGE].index
    return Outcome(
        not len(missing) and not len(changed),
        f"{len(missing)} missing, {len(changed)} changed in size",
        allowed,
        f"against {before.release.iloc[0]}: missing {list(missing[:3])}, changed in size {list(changed[:3])}",
    )


def _release_before(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame:
    """The manifest rows of the same upstream object in the release that was fetched last before this one."""
    before = archive.manifest(manifest.source.iloc[0]) if len(manifest) else manifest
    before = before[~before.release.isin(set(manifest.release))]
    before = before[before.file_id.isin(_same_family(before, manifest))]
    if before.empty:
        return before
    return before[before.release == before.groupby("release").retrieved_at.max().idxmax()]


def _same_family(before: pd.DataFrame, manifest: pd.DataFrame) -> pd.Series:
    """Files of the same upstream object: those whose path has the first folder of one of this manifest's paths."""
    folder = before.path.str.split("/").str[2:3].str.join("/")
    return before.file_id[folder.isin(set(manifest.path.str.split("/").str[2:3].str.join("/")))]


def no_upstream_warnings(manifest: pd.DataFrame, archive: Archive, upstream: Upstream) -> Outcome:
    """Every archived reply of the GDC came without warnings: all fields that were asked for are known there."""
    found = upstream.files(archive, manifest).reply_warnings() or {}
    return Outcome(
        not found,
        f"{len(found)} replies with warnings",
        "0",
        "; ".join(f"{k}: {v}" for k, v in found.items()) or "no reply carries a warning",
    )


def gdsc_as_known(manifest: pd.DataFrame, upstream: Upstream) -> Outcome:
    """GDSC's files have the size, and the sha256 if one was recorded, that release 8.5 had in 2026."""
    known = upstream.files.known_bytes
    rows = manifest[manifest.file_id.isin(list(known))]
    other = [
        f"{row.file_id} ({row.size_bytes:,} bytes, sha256 {row.sha256[:12]}, from {row.url})"
        for row in rows.itertuples()
        if not any(row.size_bytes == n and sha256 in (None, row.sha256) for n, sha256 in known[row.file_id])
    ]
    fetched = "; ".join(f"{row.file_id} from {row.url}" for row in rows.itertuples())
    return Outcome(
        not other,
        f"{len(other)} of {len(rows)} files differ",
        "none",
        f"not the recorded bytes: {'; '.join(other)}. Upstream has changed them, or this is another host; they "
        "were read as they are"
        if other
        else f"as recorded: {fetched}",
    )


def gene_model(expression: pd.DataFrame, manifest: pd.DataFrame, archive: Archive) -> Outcome:
    """All expression files name the same gene model and list the same genes (reading them compared the ids)."""
    found = cohort_files(archive, manifest).gene_models() or {}
    return Outcome(
        len(found) == 1,
        "; ".join(f"{model}: {n:,} files" for model, n in found.items()),
        "one model",
        f"{len(expression):,} genes by symbol in all files",
    )


def number_of_genes(expression: pd.DataFrame, manifest: pd.DataFrame, archive: Archive, place: Place) -> Outcome:
    """The files list as many genes as those of the release before, and the cohort has those of a genome."""
    files, before = cohort_files(archive, manifest), _release_before(archive, manifest)
    found = files.n_features()
    try:
        expected = replace(files, manifest=before).n_features()
    except ArchiveDamaged as damage:
        if set(damage.paths) & set(manifest.path):
            raise
        return Outcome(False, f"{found or 0:,}", "cannot be compared", str(damage))
    at_least = 0 if place.simulated else GENES_OF_A_GENOME
    few = len(expression) < at_least
    notes = [f"{found or 0:,} genes in every file, {len(expression):,} by symbol"]
    notes += [f"fewer than the {at_least:,} of a genome: a reduced list"] if few else []
    notes += [f"{before.release.iloc[0]} had {expected:,}"] if expected is not None else ["first release: recorded"]
    return Outcome(
        not few and expected in (None, found),
        f"{found or 0:,}",
        ("recorded" if expected is None else f"{expected:,}")
        + (f", at least {at_least:,} by symbol" if at_least else ""),
        "; ".join(notes),
    )


def ids_as_written(expression: pd.DataFrame, manifest: pd.DataFrame, archive: Archive) -> Outcome:
    """Every sample of the expression table has a clinical record, under exactly the same id."""
    found = cohort_files(archive, manifest).matched()
    assert found is not None, "the check is only for a source that matches a user's ids"
    notes = [f"{expression.shape[1]:,} samples read", f"{len(found.without_values)} patients without a sample"]
    if found.trimmed:
        notes.append(f"ids equal only without surrounding spaces: {list(found.trimmed[:3])}; remove the spaces")
    if found.without_record:
        notes.append(f"samples without a clinical record, left out: {list(found.without_record[:3])}")
    return Outcome(
        not found.trimmed and not found.without_record,
        f"{len(found.trimmed)} ids with spaces, {len(found.without_record)} samples without a record",
        "none",
        "; ".join(notes),
    )
