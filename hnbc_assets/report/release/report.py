"""The report of a release: new data, changed records, and their effects on signature, patients and figures of merit.

In scope: the order of its sections, its summary, what may be concluded from it. Out of scope: the sections
(data, results), how they are rendered (document), where a report is kept (defs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hnbc_assets.report.release import data, results
from hnbc_assets.report.release.document import Block, Document, Paragraph, Section, as_html, as_markdown_text
from hnbc_assets.report.release.wording import Frames, count, flags, frame
from hnbc_assets.tables.changes import PerformanceChanges, ReleaseChanges, RiskChanges, SignatureChanges

INVENTED = "Planted effects in invented patients; nothing below is a finding about breast cancer."
READING = (
    "Associations only: treatment was not randomised, so nothing here predicts benefit from a treatment. A moved "
    "score means that its data, its signature or the patients it is standardised with changed, not that a patient did."
)


@dataclass(frozen=True)
class ReleaseReport:
    """One report in two formats: Markdown for Dagster's UI, and HTML as one self-contained file."""

    markdown: str
    html: str


def release_report(frames: Frames, *, title: str, watermark: str | None, cohorts: Mapping[str, str]) -> ReleaseReport:
    """The short report of a release.

    Parameters
    ----------
    frames : by table name, each may be empty or missing: release_changes, signature_changes, risk_changes,
        performance_changes, signature_challengers, signature (the current one), accepted_releases; the changes of one
        comparison only. With prognostic_performance, figures are labelled apparent or not independent
    title : heading of the report
    watermark : SIMULATED, shown at the top and across the figure; None for real data
    cohorts : role by cohort of the study; the figure names those that it does not draw
    """
    sections = [
        ("", [Paragraph(_in_short(frames), strong=True)]),
        ("New data", data.new_data(frames)),
        ("Changes in the records", data.record_changes(frames)),
        ("Effect on the signature", results.signature(frames)),
        ("Effect on patients", results.patients(frames, cohorts, watermark)),
        ("Effect on the figures of merit", results.performance(frames)),
        ("Gates", results.gates(frames)),
        ("How to read this", [Paragraph(READING)]),
    ]
    document = Document(title, _mark(watermark), tuple(_section(heading, blocks) for heading, blocks in sections))
    return ReleaseReport(as_markdown_text(document), as_html(document))


def _section(heading: str, blocks: list[Block]) -> Section:
    return Section(heading, tuple(blocks))


def _mark(watermark: str | None) -> str | None:
    """The mark above everything else."""
    return f"{watermark}. {INVENTED}" if watermark == "SIMULATED" else watermark or None


def _in_short(frames: Frames) -> str:
    """A sentence on the new data and one on their effects, also if nothing changed."""
    changes, risk = frame(frames, ReleaseChanges), frame(frames, RiskChanges)
    genes, figures = frame(frames, SignatureChanges), frame(frames, PerformanceChanges)
    releases = data.new_releases(frames)
    new = count(len(releases), "new release")
    if len(changes):
        files, people = data.files_touched(changes), data.patients_touched(changes)
        new += f", with {count(files, 'file')} and {count(people, 'patient')} added, removed or changed"
    elif releases:
        new += ", with no change of a file or a record"
    if risk.empty and genes.empty and figures.empty:
        effects = "Nothing changed in the signature, in patients' scores or in the figures of merit"
    else:
        moved, flipped = int((risk["change"] == "moved").sum()), int(flags(risk["flipped"]).sum())
        effects = (
            f"The signature {'changed' if len(genes) else 'is unchanged'}; {count(moved, 'patient')} moved in score or "
            f"group, {count(flipped, 'patient')} changed risk group, "
            f"{count(results.figures_changed(figures), 'figure')} of merit changed"
        )
    return f"{new[:1].upper()}{new[1:]}. {effects}."
