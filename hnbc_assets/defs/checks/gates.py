"""Gates: changes that are too large to be true stop before what is there is replaced, until a person accepts them.

In scope: comparing a release that was fetched with the one in use, against what the study allows. Out of scope: the
comparison of files and records (sources), of patients (science), who accepted what (lake/decisions.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from hnbc_assets.defs.checks.in_use import InUse
from hnbc_assets.defs.stage import Outcome
from hnbc_assets.defs.stages.cohorts import harmonised
from hnbc_assets.errors import ArchiveDamaged
from hnbc_assets.lake.decisions import Decision, as_read, decisions
from hnbc_assets.lake.paths import Lake
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.reading import CohortFiles, offers
from hnbc_assets.sources.upstream import Upstream
from hnbc_assets.study import Study

KEPT, NONE_YET = "The release in use is kept.", "Nothing is made from it until then."


def plausible_release(
    manifest: pd.DataFrame, study: Study, lake: Lake, archive: Archive, upstream: Upstream
) -> Outcome:
    """The release loses no more files, patients, follow-up and events than the study allows; model and fields stay.
    No more living patients of a GDC cohort lack a follow-up time than it allows, in the first release too.

    A release that is held is accepted by name: hnbc refresh --accept. Until then the previous one stays in use.
    One that the study pins was chosen by a person.
    """
    in_use = InUse(lake, archive, upstream)
    before, release = in_use.before(manifest), upstream.files.release_of(manifest)
    allowed, first = _allowed(study, upstream), before is None or before.empty
    try:
        found = [] if first else list(_losses(study, archive, upstream, before, manifest))
    except ArchiveDamaged as damage:
        if set(damage.paths) & set(manifest.path):
            raise
        found = [f"nothing can be compared; in the release before, {damage}"]
    if offers(upstream.files, "unfollowed"):
        found += _unfollowed(study, upstream.files(archive, manifest))
    if not found and first:
        return Outcome(True, "first release", allowed, "there is no release before it to compare with")
    if not found:
        return Outcome(True, "within the study's limits", allowed, f"{release} compared with the previous release")
    compared = "" if first else f" compared with {upstream.files.release_of(before)}"
    summary = f"{upstream.kind} {release} ({upstream.name}){compared}: {'; '.join(found)}."
    if study.releases.pinned(upstream.name):
        return Outcome(True, "; ".join(found), allowed, f"{summary} The study pins {upstream.name} to {release}.")
    decided = _acceptance(lake, upstream, release)
    if decided:
        who = f"Accepted by {decided.by} at {decided.at}."
        return Outcome(True, "; ".join(found), allowed, f"{summary} {who}", as_read([decided]))
    if in_use.is_this(manifest):  # it passed under wider limits: a release in use is not held
        return Outcome(True, "; ".join(found), allowed, f"{summary} It is in use.")
    way_out = f"To accept it: hnbc refresh --accept {upstream.kind} {release}"
    held = f"{summary} {NONE_YET if first else KEPT} {way_out}"
    return Outcome(False, "; ".join(found), allowed, held)


def evidence(reason: str) -> str:
    """Why a gate held, from its message: the findings without the consequences."""
    return reason.partition(KEPT)[0].partition(NONE_YET)[0].strip()


def _acceptance(lake: Lake, upstream: Upstream, release: str) -> Decision | None:
    """The last decision that accepted a release; None without one."""
    names = (upstream.kind, upstream.name)
    made = [d for d in decisions(lake, "accept") if d.subject in names and d.choice == release]
    return made[-1] if made else None


def _allowed(study: Study, upstream: Upstream) -> str:
    limits = study.gates
    allowed = (
        f"at most {limits.files_removed:.0%} of files removed, {limits.patients_lost:.0%} of patients, "
        f"{limits.survival_lost:.0%} of follow-up times and {limits.events_lost:.0%} of events lost"
    )
    unfollowed = f", {limits.living_unfollowed:.0%} of the living without follow-up time"
    return allowed + (unfollowed if offers(upstream.files, "unfollowed") else "")


def _losses(
    study: Study, archive: Archive, upstream: Upstream, before: pd.DataFrame, after: pd.DataFrame
) -> Iterator[str]:
    """What the release loses beyond the study's limits, in words."""
    from hnbc_assets.sources.release_changes import field_changes, file_changes

    limits = study.gates
    lost = archive.touched(before)
    if lost:
        yield f"nothing can be compared: {len(lost):,} archived files of the release in use are missing: {lost[0]} …"
        return
    old, new = upstream.files(archive, before), upstream.files(archive, after)
    removed, files = int((file_changes(old, new).kind == "file_removed").sum()), len(old.of_upstream)
    if removed > limits.files_removed * files:
        yield f"{removed:,} of {files:,} files are missing ({removed / files:.0%}, allowed {limits.files_removed:.0%})"
    if limits.fields:
        vanished = field_changes(old, new).vanished
        if vanished:
            yield f"clinical fields are missing: {', '.join(vanished)}"
    if limits.gene_model and offers(upstream.files, "gene_models"):
        yield from _another_gene_model(old, new)
    for cohort in upstream.cohorts:
        yield from _lost_patients(study, archive, cohort, before, after)


def _another_gene_model(before: CohortFiles, after: CohortFiles) -> Iterator[str]:
    old, new = (sorted(files.gene_models() or ()) for files in (before, after))
    if new and old != new:
        yield f"the gene model is {', '.join(new)}, it was {', '.join(old)}"


def _lost_patients(
    study: Study, archive: Archive, cohort: str, before: pd.DataFrame, after: pd.DataFrame
) -> Iterator[str]:
    from hnbc_assets.science.cohorts.losses import losses

    limits = study.gates
    allowed = {
        "patients": limits.patients_lost,
        "follow-up times": limits.survival_lost,
        "events": limits.events_lost,
    }
    lost = losses(_patients(study, archive, cohort, before), _patients(study, archive, cohort, after))
    for row in lost.itertuples():
        if row.n_lost > allowed[row.what] * row.n_before:
            share = f"{row.n_lost / row.n_before:.0%}, allowed {allowed[row.what]:.0%}"
            of = f" ({row.endpoint})" if row.endpoint else ""
            yield f"{cohort} loses {row.n_lost:,} of {row.n_before:,} {row.what}{of} ({share}), as {row.example}"


def _unfollowed(study: Study, files: CohortFiles) -> Iterator[str]:
    """A message if more living patients of a GDC project lack a follow-up time than the study allows."""
    allowed, without = study.gates.living_unfollowed, files.unfollowed()
    if without is not None and without.sum() > allowed * len(without):
        share = f"{without.mean():.0%}, allowed {allowed:.0%}"
        count = f"{without.sum():,} of {len(without):,} living patients have no follow-up time"
        yield f"{count} ({share}), as {without.idxmax()}"


def _patients(study: Study, archive: Archive, name: str, manifest: pd.DataFrame) -> pd.DataFrame:
    """A cohort's patients as the study would read them from these files."""
    from hnbc_assets.sources.kinds import cohort_files

    files = cohort_files(archive, manifest, study.cohorts[name].source)
    return harmonised(study, name, files).patients
