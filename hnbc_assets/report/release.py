"""The report of a release: what came, what changed, and what it did to signature, patients and figures of merit.

In scope: its sections in their order, what it says in short, what may be read from it. Out of scope: the sections
(release_data, release_results), how they are rendered (release_document), where a report is kept (defs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hnbc_assets.report import release_data, release_results
from hnbc_assets.report.release_document import Block, Document, Paragraph, Section, as_html, as_markdown_text
from hnbc_assets.report.release_wording import Frames, be, count, flags, frame
from hnbc_assets.tables.changes import PerformanceChanges, ReleaseChanges, RiskChanges, SignatureChanges

INVENTED = "Planted effects in invented patients; nothing below is a finding about breast cancer."
READING = (
    "Associations only: treatment was not randomised, so nothing here predicts benefit from a treatment. A score that "
    "moves says that its data, its signature or the patients it is standardised with changed, not that a patient did."
)


@dataclass(frozen=True)
class ReleaseReport:
    """One report, twice: Markdown for Dagster's UI, and HTML as one self-contained file."""

    markdown: str
    html: str


def release_report(frames: Frames, *, title: str, watermark: str | None, cohorts: Mapping[str, str]) -> ReleaseReport:
    """The short report of a release.

    Parameters
    ----------
    frames : by table name, each maybe empty or absent: release_changes, signature_changes, risk_changes,
        performance_changes, signature_challengers, signature (as it is now), accepted_releases; the changes of one
        comparison only. With prognostic_performance, figures are labelled apparent or not independent
    title : above it all
    watermark : SIMULATED, said on top and across the figure; None for real data
    cohorts : role by cohort of the study; the figure names those that it does not draw
    """
    sections = [
        ("", [Paragraph(_in_short(frames), strong=True)]),
        ("What came", release_data.what_came(frames)),
        ("What changed in the records", release_data.what_changed(frames)),
        ("What it did to the signature", release_results.signature(frames)),
        ("What it did to patients", release_results.patients(frames, cohorts, watermark)),
        ("What it did to the figures of merit", release_results.performance(frames)),
        ("Gates", release_results.gates(frames)),
        ("How to read this", [Paragraph(READING)]),
    ]
    document = Document(title, _mark(watermark), tuple(_section(heading, blocks) for heading, blocks in sections))
    return ReleaseReport(as_markdown_text(document), as_html(document))


def _section(heading: str, blocks: list[Block]) -> Section:
    return Section(heading, tuple(blocks))


def _mark(watermark: str | None) -> str | None:
    """What stands on top of everything."""
    return f"{watermark}. {INVENTED}" if watermark == "SIMULATED" else watermark or None


def _in_short(frames: Frames) -> str:
    """A sentence on what came, one on what it did; that nothing changed is said as such."""
    changes, risk = frame(frames, ReleaseChanges), frame(frames, RiskChanges)
    genes, figures = frame(frames, SignatureChanges), frame(frames, PerformanceChanges)
    releases = release_data.releases_that_came(frames)
    came = f"{count(len(releases), 'release')} came"
    if len(changes):
        files, people = release_data.files_touched(changes), release_data.patients_touched(changes)
        came += f", with {count(files, 'file')} and {count(people, 'patient')} that came, went or changed"
    elif releases:
        came += ", with no change of a file or a record"
    if risk.empty and genes.empty and figures.empty:
        did = "Nothing changed in the signature, in patients' scores or in the figures of merit"
    else:
        moved, flipped = int((risk["change"] == "moved").sum()), int(flags(risk["flipped"]).sum())
        stayed = "The signature changed" if len(genes) else "The signature stayed"
        did = (
            f"{stayed}; {count(moved, 'patient')} moved in score or group, {count(flipped, 'patient')} {be(flipped)} "
            f"in the other risk group, {count(release_results.figures_changed(figures), 'figure')} of merit changed"
        )
    return f"{came[:1].upper()}{came[1:]}. {did}."
