"""Changes: the current results compared with those of the published database, and a report of each release.

In scope: comparing with the last publication, keeping what earlier comparisons found. Out of scope: how two tables
are compared (science/signature/comparison.py), how a report looks (report/release), what a release brought
(releases.py).

These tables are a history: each comparison adds rows under the time of the publication that it compares with. Made
again before the next publication, a comparison takes its own place.
"""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg
import pandas as pd

from hnbc_assets.defs.rows import stacked
from hnbc_assets.defs.stage import Output, Stage
from hnbc_assets.defs.upstreams import upstreams
from hnbc_assets.lake import parquet, publications
from hnbc_assets.lake.atomic import write_bytes
from hnbc_assets.lake.decisions import Decision, accepted_releases, as_read, decisions
from hnbc_assets.lake.paths import Lake
from hnbc_assets.study import Place, Study
from hnbc_assets.tables import PerformanceChanges, ReleaseReports, RiskChanges, SignatureChanges, Table

HISTORIES: dict[str, type[Table]] = {
    "signature_changes": SignatureChanges,
    "risk_changes": RiskChanges,
    "performance_changes": PerformanceChanges,
}
COMPARED = ("signature", "risk_scores", "prognostic_performance")

stage = Stage("changes")


@dataclass(frozen=True)
class Baseline:
    """The publication that is compared with: its time, its tables, and the releases that differ from the present.

    `read` is what was read for this, with versions, as lineage names it.
    """

    published_at: str
    tables: dict[str, pd.DataFrame]
    moved: dict[str, tuple[str, str]]
    read: dict[str, str]

    @property
    def releases(self) -> str | None:
        """The releases that differ, as `gdc/TCGA-BRCA 45.0 → 46.0`."""
        return "; ".join(f"{name} {old} → {new}" for name, (old, new) in sorted(self.moved.items())) or None

    def mark(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows of a comparison, under this publication."""
        return rows.assign(previous_published_at=self.published_at, releases=self.releases)


def baseline(study: Study, place: Place, lake: Lake) -> Baseline | None:
    """What is published now; None before the first publication."""
    last = publications.latest(lake)
    if last is None:
        return None
    objects = upstreams(study, simulated=place.simulated).values()
    raw = {u.raw: parquet.read_provenance(lake.table(u.raw)) for u in objects}
    old, new = publications.as_releases(last["releases"] or ""), publications.releases(raw)
    moved = {name: (old[name], new[name]) for name in old.keys() & new.keys() if old[name] != new[name]}
    tables = publications.read_published(lake, [*COMPARED, *HISTORIES, "release_reports"])
    read = publications.as_read(last) | {u.raw: raw[u.raw].data_version for u in objects if u.name in moved}
    return Baseline(str(last["published_at"]), tables, moved, read)


@stage.assets(*HISTORIES.values(), name="compare_with_published")
def compare_with_published(
    study: Study,
    place: Place,
    lake: Lake,
    signature: pd.DataFrame,
    risk_scores: pd.DataFrame,
    prognostic_performance: pd.DataFrame,
) -> dict[str, Output]:
    """The signature, the patients' scores and the figures of merit compared with the published database."""
    from hnbc_assets.science.signature import comparison

    before = baseline(study, place, lake)
    if before is None or not set(COMPARED) <= set(before.tables):
        read = before.read if before else {}
        return {name: Output(table.empty(), read=read) for name, table in HISTORIES.items()}
    old = before.tables
    found = {
        "signature_changes": comparison.signature_changes(old["signature"], signature),
        "risk_changes": comparison.risk_changes(old["risk_scores"], risk_scores),
        "performance_changes": comparison.performance_changes(old["prognostic_performance"], prognostic_performance),
    }
    return {
        name: Output(
            _history(old.get(name), before.mark(rows), HISTORIES[name]),
            metadata={"changes": len(rows)},
            read=before.read,
        )
        for name, rows in found.items()
    }


@stage.asset(ReleaseReports)
def release_reports(
    study: Study,
    place: Place,
    lake: Lake,
    release_changes: pd.DataFrame,
    signature_changes: pd.DataFrame,
    risk_changes: pd.DataFrame,
    performance_changes: pd.DataFrame,
    signature_challengers: pd.DataFrame,
    signature: pd.DataFrame,
    prognostic_performance: pd.DataFrame,
) -> Output:
    """What each release brought and what it did: a report in Markdown here, in HTML on disk."""
    before = baseline(study, place, lake)
    if before is None:
        return Output(ReleaseReports.empty())
    from hnbc_assets.report.release.report import release_report

    now = {
        "signature_changes": signature_changes,
        "risk_changes": risk_changes,
        "performance_changes": performance_changes,
    }
    now = {name: frame[frame.previous_published_at == before.published_at] for name, frame in now.items()}
    brought = _brought(release_changes, before)
    known = before.tables.get("release_reports")
    if not before.moved and not any(map(len, now.values())):
        return Output(_history(known, pd.DataFrame(), ReleaseReports), read=before.read)
    accepted = _accepted(lake, before)
    report = release_report(
        {
            **now,
            "release_changes": brought,
            "signature_challengers": signature_challengers,
            "signature": signature,
            "prognostic_performance": prognostic_performance,
            "accepted_releases": accepted_releases(accepted),
        },
        title=f"{study.title}: {before.releases or 'the same releases, other code or settings'}",
        watermark=place.watermark,
        cohorts={name: cohort.role for name, cohort in study.cohorts.items()},
    )
    path = lake.reports / f"{_slug(before)}.html"
    write_bytes(path, report.html.encode())
    row = _summary(brought, now) | {"path": path.relative_to(lake.root).as_posix()}
    table = _history(known, before.mark(pd.DataFrame([row])), ReleaseReports)
    metadata = {"report": dg.MetadataValue.md(report.markdown), "html": str(path)}
    return Output(table, metadata=metadata, read=before.read | as_read(accepted))


def _history(known: pd.DataFrame | None, added: pd.DataFrame, table: type[Table]) -> pd.DataFrame:
    """What was found before, and what was found now."""
    return stacked([frame for frame in (known, added) if frame is not None], table)


def _brought(release_changes: pd.DataFrame, before: Baseline) -> pd.DataFrame:
    """The changes between the releases that differ."""
    wanted = {(f"raw/{name}", new) for name, (_, new) in before.moved.items()}
    reached = pd.Series(
        zip(release_changes.asset, release_changes.to_release, strict=True), index=release_changes.index
    )
    return release_changes[reached.isin(wanted)]


def _summary(brought: pd.DataFrame, now: dict[str, pd.DataFrame]) -> dict[str, object]:
    files = brought.kind.str.startswith("file_")
    patients = brought.kind.isin(["patient_added", "patient_removed", "value_changed"])
    genes, scores = now["signature_changes"], now["risk_changes"]
    return {
        "n_file_changes": brought[files].drop_duplicates(["asset", "entity"]).shape[0],
        "n_patients_changed": brought[patients].drop_duplicates(["asset", "entity"]).shape[0],
        "signature_changed": bool(len(genes)),
        "n_scores_moved": int(((scores.change == "moved") & scores.old_score.notna() & scores.new_score.notna()).sum()),
        "n_flipped": int(scores.flipped.astype(bool).sum()),
    }


def _accepted(lake: Lake, before: Baseline) -> list[Decision]:
    """The decisions that accepted a release among these, which a gate held."""
    new = {(name, release) for name, (_, release) in before.moved.items()}
    new |= {(name.split("/")[0], release) for name, release in new}
    return [d for d in decisions(lake, "accept") if (d.subject, d.choice) in new]


def _slug(before: Baseline) -> str:
    """A file name for a report: when what it compares with was published, and the releases that came."""
    moved = "_".join(f"{name}-{new}" for name, (_, new) in sorted(before.moved.items())) or "results"
    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in f"{before.published_at[:19]}_{moved}")
    return safe[:120]
