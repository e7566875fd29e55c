"""Releases: the files of every upstream that the study names, fetched into the archive; one asset an upstream object.

In scope: the `raw/…` assets, whose table is the manifest of what was fetched, and what changed between releases.
Out of scope: formats and network (sources), which objects there are (upstreams.py), what holds a release up (gates.py).
"""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pandas as pd

from hnbc_assets.defs.checks import gates
from hnbc_assets.defs.checks import ingest as ingest_checks
from hnbc_assets.defs.checks.in_use import VERSIONED_ON, InUse, version_of
from hnbc_assets.defs.operation import preflight
from hnbc_assets.defs.resources import open_client
from hnbc_assets.defs.rows import Frames, stacked
from hnbc_assets.defs.stage import Build, Check, Described, Output, Stage, upstream_objects
from hnbc_assets.defs.upstreams import upstreams
from hnbc_assets.errors import ArchiveDamaged, DownloadsIncomplete, HnbcError
from hnbc_assets.lake.damage import dependents, note
from hnbc_assets.lake.paths import Lake
from hnbc_assets.sources.archive.intact import DAMAGED
from hnbc_assets.sources.reading import offers
from hnbc_assets.sources.upstream import Upstream
from hnbc_assets.study import Place, Study
from hnbc_assets.tables import Manifest, ReleaseChanges

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive

GENE_SETS = "raw/gene_sets"
GDSC = "raw/gdsc"

stage = Stage("releases")


def _guarded(build: Build) -> bool:
    return build.upstream.guarded


def _settings(build: Build) -> list[Any]:
    return [build.upstream.decided_by, build.study.releases.pinned(build.upstream.name)]


@stage.asset(
    Described("raw/{upstream}", Manifest, lambda build: build.upstream.description),
    each=upstream_objects,
    settings=_settings,
    # Bytes are verified everywhere; where patients come from, too large a change is held up.
    checks=(
        Check(ingest_checks.files_intact, blocking=True),
        Check(
            ingest_checks.no_upstream_warnings,
            blocking=True,
            when=lambda build: offers(build.upstream.files, "reply_warnings"),
        ),
        Check(
            ingest_checks.gdsc_as_known,
            when=lambda build: build.upstream.files.known_bytes and not build.place.simulated,
        ),
        Check(ingest_checks.previous_release, when=_guarded),
        Check(gates.plausible_release, gate=True, when=_guarded),
    ),
    kinds=("file",),
)
def raw(study: Study, place: Place, lake: Lake, archive: Archive, upstream: Upstream) -> Output:
    """The files of one upstream object, fetched into the archive; the table is their manifest."""
    from hnbc_assets.sources.archive.views import keep_view, recall
    from hnbc_assets.sources.web.progress import ConsoleProgress

    pin = study.releases.pinned(upstream.name)
    if upstream.raw != GENE_SETS:  # report a misspelt set before gigabytes are fetched
        preflight.require_archived_sets(study, archive)
    in_use = InUse(lake, archive, upstream)
    previous = in_use.manifest()
    if previous is not None and len(previous):
        keep_view(archive, upstream.name, upstream.files.release_of(previous), previous)
    about: dict[str, str] = {}
    try:
        if pin:
            manifest = recall(archive, upstream.name, pin, damaged=True)
            _mend(study, place, upstream, archive, manifest)
        else:
            with open_client(place, study) as client:
                progress = ConsoleProgress(upstream.raw)
                manifest = upstream.fetch(client, archive, progress=progress, previous=previous)
                about = upstream.about(client)
            with suppress(ArchiveDamaged):  # only the previous release is damaged: the gate says so
                _mend(study, place, upstream, archive, previous)
            if upstream.raw == GENE_SETS:
                preflight.require_archived_sets(study, archive)
    except (ArchiveDamaged, DownloadsIncomplete) as error:
        raise _with_dependents(lake, upstream, archive, previous, error) from error
    release = upstream.files.release_of(manifest)
    size = int(manifest.size_bytes.sum())
    return Output(
        manifest,
        versioned_on=tuple(VERSIONED_ON),
        release=release,
        replaces=in_use.replaced_by(manifest),
        metadata={"files": len(manifest), "archived_bytes": size, "release": release} | about,
        read=_view(upstream.name, release, manifest) if pin else {},
    )


def _view(name: str, release: str, manifest: pd.DataFrame) -> dict[str, str]:
    """An archived release as lineage names it, with its content's version."""
    return {f"views/{name}/{release}": version_of(manifest)}


def _mend(study: Study, place: Place, upstream: Upstream, archive: Archive, manifest: pd.DataFrame | None) -> None:
    """Fetch the damaged files of a release; its index may no longer list them."""
    rows = [] if manifest is None else manifest.to_dict("records")
    if any(not archive.holds(row) for row in rows):
        with open_client(place, study) as client:
            archive.mend(client, manifest, download=upstream.download(archive))


def _with_dependents(
    lake: Lake,
    upstream: Upstream,
    archive: Archive,
    previous: pd.DataFrame | None,
    error: ArchiveDamaged | DownloadsIncomplete,
) -> HnbcError:
    """The error, with what depends on damaged files that cannot be fetched again, if there are any."""
    lost = [] if previous is None else archive.damaged(previous)
    if not lost:
        return error
    note(lake, {upstream.raw: previous}, lost)
    tables = dependents(lake, [upstream.raw])
    return ArchiveDamaged(
        f"{error} {len(lost)} archived file(s) of the release in use are damaged or missing: {', '.join(lost[:5])}; "
        f"damaged ones are set aside in {archive.root / DAMAGED}. {len(tables)} tables depend on {upstream.raw}: "
        f"{', '.join(tables[:5])}{' …' if len(tables) > 5 else ''}. Restore the files from a backup, or continue "
        "with what the upstream has.",
        tuple(lost),
    )


@stage.asset(
    ReleaseChanges,
    inputs={"manifests": lambda build: {one.upstream.name: one.upstream.raw for one in upstream_objects(build)}},
    spared=lambda build: [one.upstream.raw for one in upstream_objects(build) if one.upstream.optional],
    reads=lambda build: list(dict.fromkeys(one.upstream.files for one in upstream_objects(build))),
)
def release_changes(study: Study, place: Place, archive: Archive, manifests: Frames) -> Output:
    """What each release changed from the previous one: files, patients and values of their clinical records.

    Releases are those in the archive, up to the one in use, in the order in which they came into use here.
    """
    from hnbc_assets.sources.archive.views import keep_view, recall, views
    from hnbc_assets.sources.release_changes import release_changes as compare

    known, found = upstreams(study, simulated=place.simulated), []
    counted: dict[str, int | str] = {}
    read: dict[str, str] = {}
    for name, manifest in manifests.items():
        files = known[name].files
        release = files.release_of(manifest)
        keep_view(archive, name, release, manifest)
        order = [view.release for view in views(archive, name)]
        order = order[: order.index(release) + 1]
        for before, after in pairwise(order):
            step = f"{name} {before} → {after}"
            try:
                both = recall(archive, name, before), recall(archive, name, after)
                rows = compare(*(files(archive, one) for one in both))
            except ArchiveDamaged as damage:
                if set(damage.paths) & set(manifest.path):
                    raise
                counted[step] = f"cannot be compared any more: {damage}"  # in an earlier release only
                continue
            for earlier, manifest_then in zip((before, after), both, strict=True):
                if earlier != release:  # that one is among the inputs
                    read |= _view(name, earlier, manifest_then)
            rows = rows.assign(asset=known[name].raw, from_release=before, to_release=after)
            found.append(rows)
            counted[step] = len(rows)
    return Output(stacked(found, ReleaseChanges), metadata=counted, read=read)
