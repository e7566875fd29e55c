"""Checks of the drugs stage: whether the screen and the expression are of the same cell lines.

In scope: checks of the joined cell lines. Out of scope: checks of the files as they were fetched
(ingest_checks.py), joining them (sources/gdsc/files.py).
"""

from __future__ import annotations

import pandas as pd

from hnbc_assets.defs.stage import Outcome

LEAST_LINES_MATCHED = 0.5


def lines_matched(cell_lines: pd.DataFrame) -> Outcome:
    """At least half of the screened cell lines have expression; says how many lines are not used, and why."""
    screened = cell_lines[cell_lines.n_drugs > 0]
    used = int(screened.used.sum())
    left = cell_lines.reason.dropna().value_counts()
    names = screened.cell_line_name[~screened.used.astype(bool)].dropna()
    unused = "; ".join(f"{n} lines: {reason}" for reason, n in left.items()) or "every line is in both"
    return Outcome(
        used >= LEAST_LINES_MATCHED * len(screened),
        f"{used:,} of {len(screened):,}",
        f"at least {LEAST_LINES_MATCHED:.0%}",
        unused
        + (f". Screened lines without expression: {', '.join(names[:5])}" if len(names) else "")
        + (" …" if len(names) > 5 else ""),
    )
