"""Losses: what a cohort would lose if one state of its clinical records replaced another.

In scope: counting patients, follow-up and events that are lost. Out of scope: how much loss is allowed (the study).
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from hnbc_assets.vocabulary import Endpoint


def losses(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Patients, follow-up times and events of `before` that are missing in `after`.

    Parameters
    ----------
    before, after : patient_id and, for each endpoint, its _days and _event (missing where unknown)

    Returns
    -------
    what ("patients", "follow-up times", "events"), endpoint (empty for patients), n_before, n_lost, example (a patient
    id, empty when none is lost); one row for patients, and for each endpoint of `before` one for its times and one for
    its events, if it has any.
    """
    columns = ["what", "endpoint", "n_before", "n_lost", "example"]
    return pd.DataFrame(list(_rows(before.set_index("patient_id"), after.set_index("patient_id"))), columns=columns)


def _rows(before: pd.DataFrame, after: pd.DataFrame) -> Iterator[tuple[str, str, int, int, str]]:
    yield _row("patients", "", before.index, after.index)
    for endpoint in Endpoint:
        days, event = f"{endpoint}_days", f"{endpoint}_event"
        had, have = before.index[before[days].notna()], after.index[after[days].notna()]
        if len(had):
            yield _row("follow-up times", endpoint, had, have)
        died, dead = (frame.index[frame[event].eq(True).fillna(False).astype(bool)] for frame in (before, after))
        if len(died):
            yield _row("events", endpoint, died, dead)


def _row(what: str, endpoint: str, had: pd.Index, have: pd.Index) -> tuple[str, str, int, int, str]:
    lost = had.difference(have)
    return what, endpoint, len(had), len(lost), str(lost[0]) if len(lost) else ""
