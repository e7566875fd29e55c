"""A release's report: other signatures compared with the published one on the same patients.

In scope: wording of signature_challengers. Out of scope: the comparison (science/signature/challenge), changes of the
published signature itself (results).
"""

from __future__ import annotations

import pandas as pd

from hnbc_assets.report.release.document import Block, Grid, Paragraph
from hnbc_assets.report.release.wording import Frames, count, difference, flags, frame, number
from hnbc_assets.report.wording import known, listed
from hnbc_assets.tables.changes import SignatureChallengers

STATUS = {
    "challenger": "a refit on the current data",
    "retired": "published before",
    "passed_over": "a refit that was passed over",
}
HEADINGS = ("signature", "cohort", "patients are", "n / events", "published", "other", "difference")


def challengers(frames: Frames) -> list[Block]:
    """Harrell's C of each other signature and of the published one, with the difference and its 95 % limits."""
    rows = frame(frames, SignatureChallengers)
    if rows.empty:
        return [Paragraph("No other signature was compared with it.")]
    rows = rows.assign(status=rows["status"].fillna("challenger"))
    ids = rows[["challenger_id", "status"]].drop_duplicates("challenger_id")
    others = [f"{name} ({STATUS.get(status, status)})" for name, status in ids.itertuples(index=False)]
    lead = (
        f"It is compared with {listed(others)} on the same patients. The difference is the other signature minus the "
        "published one."
    )
    verdicts = [_verdict(name, rows[rows["challenger_id"] == name]) for name in ids["challenger_id"]]
    caption = (
        "Harrell's C of both, difference with 95 % limits; apparent: the patients trained both, so both are optimistic"
    )
    grid = Grid(caption, HEADINGS, tuple(_cells(rows)), numbers_from=3)
    missing = [
        f"{row.challenger_id} in {row.cohort_id}: {row.reason}" for row in rows.itertuples() if known(row.reason)
    ]
    notes = [Paragraph(f"No comparison of {'; '.join(missing)}.")] if missing else []
    return [Paragraph(lead), Paragraph(" ".join(verdicts)), grid, *notes]


def _cells(rows: pd.DataFrame) -> list[tuple[str, ...]]:
    apparent, independent = flags(rows["apparent"]), flags(rows["independent"])
    cells, previous = [], None
    for row in rows.itertuples():
        name = "" if row.challenger_id == previous else str(row.challenger_id)
        previous = row.challenger_id
        status = "apparent" if apparent[row.Index] else "independent" if independent[row.Index] else "not independent"
        cells.append(
            (
                name,
                f"{row.cohort_id} {str(row.endpoint).upper()}",
                status,
                f"{int(row.n_patients):,} / {int(row.n_events):,}",
                number(row.c_published, 3),
                number(row.c_challenger, 3),
                difference(row.difference, row.ci_lower, row.ci_upper),
            )
        )
    return cells


def _verdict(name: str, rows: pd.DataFrame) -> str:
    """In how many independent cohorts the interval excludes 0."""
    judged = rows[flags(rows["independent"]) & ~flags(rows["apparent"]) & rows["ci_lower"].notna()]
    if judged.empty:
        return f"No independent cohort could compare {name}."
    better, worse = int((judged["ci_lower"] > 0).sum()), int((judged["ci_upper"] < 0).sum())
    of = f"of {count(len(judged), 'independent cohort')}"
    return f"{name} orders patients better in {better} {of}, worse in {worse} (95 % interval excludes 0)."
