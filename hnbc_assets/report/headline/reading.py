"""The headline's last passage: what may be concluded from the figures above it, and what may not.

In scope: validation, the evidence of its independence, what scores depend on, direction, treatment. Out of scope: the
figures themselves (text, differences).
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from hnbc_assets.report.headline.wording import Tables, performance, rows
from hnbc_assets.report.standing import independent_by
from hnbc_assets.report.wording import known, listed


def reading(tables: Tables) -> Iterator[str]:
    """One or two sentences per line, from the published tables alone."""
    genes = rows(tables, "signature", "coefficient", "direction_concordant")
    if genes.empty:
        yield "A null result: no signature, so no score, no groups and nothing to validate."
        return
    yield from _validation(tables)
    yield from _notes(tables)
    yield _agreement(genes)
    yield "Associations only: treatment was not randomised, so nothing here predicts benefit from a treatment."


def _agreement(genes: pd.DataFrame) -> str:
    """In how many genes the hazard agrees with the direction in resistance, and what that means."""
    if genes["coefficient"].isna().all():
        return "No gene has a coefficient, so whether hazards agree with directions in resistance is not known."
    agree = genes["direction_concordant"].fillna(False).astype(bool)
    if agree.any():
        return f"In {int(agree.sum())} of {len(genes)} genes the hazard agrees with the direction in resistance."
    return (
        "The score is prognostic, not a resistance signature: no gene's hazard agrees with its direction in resistance."
    )


def _validation(tables: Tables) -> Iterator[str]:
    """Independent cohorts scaled separately; then those scaled together with another; then the evidence."""
    tests = performance(tables, "hazard_ratio_per_sd")
    judged = tests[~tests["apparent"] & tests["independent"] & tests["estimate"].notna()]
    together = judged["scaled_with"].notna()
    alone = judged[~together]
    if judged.empty:
        yield "No independent cohort could test the score; the figures above only describe its fit."
        return
    if alone.empty:
        yield "No independent cohort whose values were scaled separately could test the score."
    else:
        word = f"independent cohort{'s' if len(alone) != 1 else ''}"
        found = f"{_harmful(alone)} of {len(alone)} {word}{_inverse(alone)}"
        yield f"A higher score is associated with a higher hazard in {found}"
    for _, row in judged[together].iterrows():
        association = "is not associated with a higher hazard there (95 % CI includes 1)"
        association = "is associated with a higher hazard there" if row["ci_lower"] > 1 else association
        association = "is associated with a lower hazard there" if row["ci_upper"] < 1 else association
        yield (
            f"{row['cohort_id']} is not counted, because its values were scaled together with those of "
            f"{row['scaled_with']}: a higher score {association}."
        )
    yield from _basis(judged)


def _harmful(judged: pd.DataFrame) -> int:
    return int((judged["ci_lower"] > 1).sum())


def _inverse(judged: pd.DataFrame) -> str:
    """How the sentence on validation ends."""
    n = int((judged["ci_upper"] < 1).sum())
    return " (95 % CI above 1)" + (f", with a lower one in {n}." if n else ".")


def _basis(judged: pd.DataFrame) -> Iterator[str]:
    """The evidence of independence, cohorts with the same evidence together."""
    if "independence_basis" not in judged:
        return
    known_basis = judged.dropna(subset=["independence_basis"])
    clauses = [
        f"{listed(list(of_basis['cohort_id']))} {'is' if len(of_basis) == 1 else 'are'} {basis}"
        for basis, of_basis in known_basis.groupby(known_basis["independence_basis"].map(independent_by), sort=False)
    ]
    if clauses:
        yield "; ".join(clauses) + "."


def _notes(tables: Tables) -> Iterator[str]:
    """What the scores of each cohort depend on, cohorts with the same note together."""
    coverage = rows(tables, "score_coverage", "cohort_id", "note")
    if "note" not in coverage or "grouped" not in coverage:
        return
    used = coverage[coverage["grouped"].fillna(False).astype(bool) & coverage["note"].map(known).astype(bool)]
    for note, of_note in used.groupby("note", sort=False):
        yield f"Scores of {listed(list(of_note['cohort_id']))}: {str(note).replace(': ', ' – ')}."
