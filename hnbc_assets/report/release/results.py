"""A release's report, second half: effects on the signature, on patients and on figures of merit.

In scope: wording of the comparisons, accepted releases. Out of scope: new data (data), other signatures
(challengers), comparing anything (science/signature).
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from hnbc_assets.report.release.challengers import challengers
from hnbc_assets.report.release.document import Block, Grid, Paragraph, Picture
from hnbc_assets.report.release.figure import scores_before_after
from hnbc_assets.report.release.wording import ABSENT, Frames, count, difference, flags, frame, text, with_interval
from hnbc_assets.report.wording import known, listed, signed
from hnbc_assets.tables.changes import (
    AcceptedReleases,
    PerformanceChanges,
    RiskChanges,
    SignatureChanges,
)
from hnbc_assets.tables.signature import PrognosticPerformance, Signature

CHANGES = {"entered": "entered", "left": "left", "coefficient": "changed coefficient"}
METRICS = {
    "hazard_ratio_per_sd": "hazard ratio per sd",
    "c_index_uno": "Uno's C",
    "c_index_harrell": "Harrell's C",
}
LARGEST_MOVES = 5
SCORE_TOLERANCE = 1e-9  # below which a score did not move: then its group did


def signature(frames: Frames) -> list[Block]:
    """Genes that entered or left and changed coefficients, or that the signature is unchanged; other signatures."""
    changes, now = frame(frames, SignatureChanges), frame(frames, Signature)
    blocks: list[Block] = [Paragraph(_signature_in_words(changes, now))]
    if len(changes):
        rows = tuple(
            (row.gene, CHANGES[row.change], signed(row.old_coefficient, 4), signed(row.new_coefficient, 4))
            for row in changes.sort_values(["change", "gene"], key=_order_of_changes, kind="stable").itertuples()
        )
        caption = "Coefficients, log hazard ratio per training sd"
        blocks.append(Grid(caption, ("gene", "change", "before", "after"), rows, numbers_from=2))
    return [*blocks, *challengers(frames)]


def _order_of_changes(column: pd.Series) -> pd.Series:
    return column.map({name: i for i, name in enumerate(CHANGES)}) if column.name == "change" else column


def _signature_in_words(changes: pd.DataFrame, now: pd.DataFrame) -> str:
    name = f"{now['signature_id'].iloc[0]}, {count(len(now), 'gene')}" if len(now) else None
    if changes.empty:
        return f"The signature is unchanged: {name}." if name else "No signature is published, as before."
    before, after = changes["from_signature_id"].iloc[0], changes["to_signature_id"].iloc[0]
    if before == "none":
        return f"A signature is published; before there was none: {name or after}."
    if after == "none":
        return f"No signature is published any more; the previous one was {before}."
    n = changes["change"].value_counts()
    parts = [
        f"{count(int(n.get(kind, 0)), 'gene')} {word}"
        for kind, word in (("entered", "entered"), ("left", "left"), ("coefficient", "changed coefficient"))
    ]
    return f"Another signature is published: {name or after}; the previous one was {before}. {_upper(listed(parts))}."


def patients(frames: Frames, cohorts: Mapping[str, str], watermark: str | None) -> list[Block]:
    """By cohort: newly scored, no longer scored, moved, flipped; the largest moves; the figure."""
    changes = frame(frames, RiskChanges)
    if changes.empty:
        return [Paragraph("No patient's score or risk group changed.")]
    had, has = changes["old_score"].notna(), changes["new_score"].notna()
    size = (changes["new_score"] - changes["old_score"]).abs()
    facts = pd.DataFrame(
        {
            "cohort": changes["cohort_id"],
            "newly": ~had & has,
            "no longer": had & ~has,
            "moved": size > SCORE_TOLERANCE,
            "flipped": flags(changes["flipped"]),
            "size": size,
        }
    )
    facts["higher"] = facts["moved"] & (changes["new_score"] > changes["old_score"])
    by = facts.groupby("cohort", sort=True)[["newly", "no longer", "moved", "higher", "flipped"]].sum()
    median = facts[facts["moved"]].groupby("cohort")["size"].median()
    rows = tuple(
        (str(name), *(f"{int(n):,}" for n in of_cohort), with_interval(median.get(name), None, None, 3))
        for name, of_cohort in by.iterrows()
    )
    headings = ("cohort", "newly scored", "no longer scored", "moved", "of these up", "flipped", "median move")
    n, flipped = int(facts["moved"].sum()), int(facts["flipped"].sum())
    lead = f"{_upper(count(n, 'score'))} moved; {count(flipped, 'patient')} changed risk group."
    blocks: list[Block] = [Paragraph(lead), Grid("Patients", headings, rows), *_lost_groups(changes)]
    moved = changes[facts["moved"]]
    if len(moved):
        blocks.append(_largest(moved.loc[facts["size"][moved.index].sort_values(ascending=False, kind="stable").index]))
    alt = f"Risk scores after against before, one panel per cohort; {count(flipped, 'patient')} flipped"
    measured = frame(frames, PrognosticPerformance)
    return [*blocks, Picture(scores_before_after(changes, measured, cohorts=cohorts, watermark=watermark), alt)]


def _lost_groups(changes: pd.DataFrame) -> list[Block]:
    """Patients who kept a score but lost or gained a group: now too few, or enough, genes are measured."""
    scored = changes["old_score"].notna() & changes["new_score"].notna()
    had, has = changes["old_group"].notna(), changes["new_group"].notna()
    lost, gained = int((scored & had & ~has).sum()), int((scored & ~had & has).sum())
    clauses = [
        f"{count(n, 'patient')} with a score {verb} a risk group"
        for n, verb in ((lost, "lost"), (gained, "gained"))
        if n
    ]
    return [Paragraph(f"{_upper(listed(clauses))}.")] if clauses else []


def _largest(moved: pd.DataFrame) -> Grid:
    rows = tuple(
        (
            str(row.patient_id),
            str(row.cohort_id),
            f"{signed(row.old_score, 3)} → {signed(row.new_score, 3)}",
            signed(row.new_score - row.old_score, 3),
            text(row.new_group) if row.old_group == row.new_group else f"{text(row.old_group)} → {text(row.new_group)}",
        )
        for row in moved.iloc[:LARGEST_MOVES].itertuples()
    )
    return Grid("The largest moves", ("patient", "cohort", "score", "move", "risk group"), rows, numbers_from=5)


def performance(frames: Frames) -> list[Block]:
    """Hazard ratio per sd and both concordances, before and after; how many other figures changed."""
    changes = frame(frames, PerformanceChanges)
    if changes.empty:
        return [Paragraph("No figure of merit changed.")]
    labels = _labels(frames)
    main = changes[changes["metric"].isin(list(METRICS))]
    rows: list[tuple[str, ...]] = []
    tau_moved, previous = False, ""
    order = {name: i for i, name in enumerate(METRICS)}
    keyed = main.assign(rank=main["metric"].map(order))
    for (cohort, endpoint, _, metric), own in keyed.groupby(["cohort_id", "endpoint", "rank", "metric"], sort=True):
        old, new = own[own["old_estimate"].notna()], own[own["new_estimate"].notna()]
        tau_moved |= len(own) > 1
        moved = new["new_estimate"].iloc[0] - old["old_estimate"].iloc[0] if len(old) and len(new) else None
        label = f"{cohort} {str(endpoint).upper()}{labels.get((cohort, endpoint), '')}"
        shown = "" if rows and previous == label else label
        previous = label
        figure = METRICS[str(metric)] + _times(old, new)
        rows.append((shown, figure, _figure(old, "old"), _figure(new, "new"), difference(moved)))
    blocks: list[Block] = []
    if rows:
        caption = "Figures with 95 % limits; those of a training cohort are apparent"
        blocks.append(Grid(caption, ("cohort", "figure", "before", "after", "difference"), tuple(rows), numbers_from=2))
    else:
        blocks.append(Paragraph("No hazard ratio per sd and no concordance changed."))
    if tau_moved:
        blocks.append(
            Paragraph("The time limit of Uno's C depends on the follow-up; where it changed, both times are given.")
        )
    n = len(changes) - len(main)
    if n:
        blocks.append(Paragraph(f"{_upper(count(n, 'other figure'))} changed; performance_changes lists them all."))
    return blocks


def figures_changed(changes: pd.DataFrame) -> int:
    """How many figures changed; Uno's C counts once if its time changed, although it then has two rows."""
    time = changes["time_days"].mask(changes["metric"] == "c_index_uno")
    return len(changes.assign(time_days=time).drop_duplicates(["cohort_id", "endpoint", "metric", "time_days"]))


def _figure(rows: pd.DataFrame, prefix: str) -> str:
    """The figure of one side with its limits."""
    if rows.empty:
        return "no figure"
    return with_interval(*(rows[f"{prefix}_{name}"].iloc[0] for name in ("estimate", "ci_lower", "ci_upper")))


def _times(old: pd.DataFrame, new: pd.DataFrame) -> str:
    """ ", day 3,161 → 3,201" where the time of a figure changed."""
    if old.empty or new.empty or old.index[0] == new.index[0]:
        return ""
    times = [side["time_days"].iloc[0] for side in (old, new)]
    return f", day {' → '.join(f'{time:,.0f}' if known(time) else ABSENT for time in times)}"


def _labels(frames: Frames) -> dict[tuple[object, object], str]:
    """Why a cohort's figures are not a validation, if the published figures were given."""
    rows = frame(frames, PrognosticPerformance).drop_duplicates(["cohort_id", "endpoint"])
    if rows.empty:
        return {}
    labels = pd.Series("", index=rows.index)
    labels = labels.mask(~flags(rows["independent"]), " (not independent)").mask(flags(rows["apparent"]), " (apparent)")
    return dict(zip(zip(rows["cohort_id"], rows["endpoint"], strict=True), labels, strict=True))


def gates(frames: Frames) -> list[Block]:
    """Releases that a gate held and a person accepted."""
    rows = frame(frames, AcceptedReleases)
    if rows.empty:
        return [Paragraph("No release held by a gate was accepted for these results.")]
    cells = tuple(
        (f"{row.source} {row.release}", text(row.accepted_by), text(row.accepted_at), text(row.evidence))
        for row in rows.itertuples()
    )
    caption = f"{_upper(count(len(rows), 'release'))} held by a gate and accepted by a person"
    return [Grid(caption, ("release", "accepted by", "when (UTC)", "why the gate held"), cells, numbers_from=4)]


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]
