"""Survival data: what every model of this stage requires of times and events.

In scope: validation of times and events. Out of scope: which endpoint of a cohort is used (science/cohorts).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hnbc_assets.errors import TooFewEvents

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def checked_survival(
    time: ArrayLike, event: ArrayLike, n_patients: int | None = None, *, min_events: int = 1
) -> tuple[FloatArray, BoolArray]:
    """Times and events as arrays, or an error that says what is wrong with them.

    Parameters
    ----------
    time : (n_patients,), days, finite and > 0
    event : (n_patients,), True (or 1) where the event was observed, without missing values
    n_patients : the length that both must have, where another array sets it
    min_events : the least number of observed events

    Raises
    ------
    ValueError
        If lengths differ, a time is missing, infinite or not positive, or an event is missing.
    TooFewEvents
        If fewer than `min_events` events were observed.
    """
    days = _as_floats(time)
    status = _as_floats(event)
    expected = len(days) if n_patients is None else n_patients
    if days.shape != (expected,) or status.shape != (expected,):
        raise ValueError(
            f"{expected} patients need as many times and events, not {days.shape} and {status.shape}: align them first."
        )
    wrong = ~np.isfinite(days) | (days <= 0)
    if wrong.any():
        raise ValueError(
            f"{int(wrong.sum())} of {expected} times are missing, infinite or not above 0 (the first at position "
            f"{int(np.flatnonzero(wrong)[0])}): exclude these patients first."
        )
    if not np.isin(status, (0.0, 1.0)).all():
        raise ValueError("An event is neither true nor false: exclude patients whose event is missing first.")
    observed = status == 1.0
    if observed.sum() < min_events:
        raise TooFewEvents(
            f"{int(observed.sum())} events among {expected} patients; this analysis needs at least {min_events}."
        )
    return days, observed


def _as_floats(values: ArrayLike) -> FloatArray:
    if isinstance(values, pd.Series | pd.api.extensions.ExtensionArray):
        return values.to_numpy(dtype=float, na_value=np.nan)
    return np.asarray(values, dtype=float)
