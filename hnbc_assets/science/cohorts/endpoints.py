"""Endpoints: time in days and event; impossible ones are set to missing with a reason.

In scope: units, what makes an endpoint impossible or implausible, the exclusion of stage IV from progression,
follow-up. Out of scope: where times come from (clinical_*.py), models of survival (science/signature).

A plausible time is between half a day (which rounds to a day, the shortest time that hosts give) and a hundred years
(nobody is followed from adulthood for longer). All times of a column together show whether its unit is right: if the
longest follow-up is below 50 "days", the times are in a larger unit, and if many times are over a hundred years, they
are in a smaller one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from hnbc_assets.science.cohorts.clinical_words import text
from hnbc_assets.vocabulary import Endpoint

PROGRESSION = (Endpoint.PFI, Endpoint.DRFS)
DAYS_PER = {"days": 1.0, "months": 365.25 / 12, "years": 365.25}
FATAL = (Endpoint.OS, Endpoint.DSS)
LEAST_DAYS, MOST_DAYS = 0.5, 36525.0
LEAST_LONGEST_DAYS = 50.0  # every cohort's longest follow-up is over 50 days and under 50 years
MANY_TIMES, SHARE_BEYOND = 10, 0.1


def in_days(time: pd.Series, unit: str) -> pd.Series:
    """A time in days: months are 365.25/12, years 365.25 days.

    Parameters
    ----------
    time : numbers or text that can be read as numbers; anything else becomes missing
    unit : days, months or years
    """
    return pd.to_numeric(time.map(text), errors="coerce").astype(float) * DAYS_PER[unit]


def unreadable(time: pd.Series) -> pd.Series:
    """Why a time that is given, but is not a number, cannot be used; missing elsewhere."""
    given = time.map(text)
    strange = given.notna() & pd.to_numeric(given, errors="coerce").isna()
    return ("time is not a number (" + given.astype(str) + ")").where(strange, None)


def suspect_unit(days: pd.Series) -> str | None:
    """Why an endpoint's times cannot be in the unit that they were read in; None if they can.

    Parameters
    ----------
    days : all times of a cohort, in days; fewer than ten are not tested
    """
    known = days[days > 0]
    if len(known) < MANY_TIMES:
        return None
    beyond = int((known > MOST_DAYS).sum())
    if beyond > SHARE_BEYOND * len(known):
        return f"{beyond} of {len(known)} times are over 100 years"
    if known.max() < LEAST_LONGEST_DAYS:
        return f"the longest of {len(known)} times is {known.max():.4g} days"
    return None


def harmonise(
    given: Mapping[str, tuple[pd.Series, pd.Series]],
    *,
    vital_status: pd.Series | None = None,
    stage: pd.Series | None = None,
    exclude_stage_iv_from_progression: bool = True,
    unread: Mapping[str, pd.Series] | None = None,
    index: pd.Index,
) -> pd.DataFrame:
    """Each endpoint's days and event, both missing where they cannot be used, and the reason.

    Parameters
    ----------
    given : endpoint -> (days, event); event 1 or 0; endpoints that are absent become missing columns
    vital_status : alive or dead, to find deaths of patients who are recorded alive
    stage : I … IV with subdivisions
    unread : endpoint -> the result of `unreadable` for its times

    Returns
    -------
    {endpoint}_days (float, > 0), {endpoint}_event (boolean, nullable) and endpoint_exclusions: text such as
    `os: time is zero; pfi: stage IV`, missing where nothing was excluded.
    """
    columns: dict[str, pd.Series] = {}
    reasons = pd.Series("", index=index, dtype=object)
    for endpoint in Endpoint:
        days, event = given.get(endpoint, (pd.Series(np.nan, index=index), pd.Series(np.nan, index=index)))
        days, event = days.reindex(index).astype(float), pd.to_numeric(event.reindex(index), errors="coerce")
        why = impossible(days, event, fatal=endpoint in FATAL, vital_status=vital_status)
        if unread and endpoint in unread:
            strange = unread[endpoint].reindex(index)
            why = why.mask(strange.notna() & days.isna(), strange)
        if exclude_stage_iv_from_progression and endpoint in PROGRESSION and stage is not None:
            usable = why.isna() & days.notna()
            why = why.mask(usable & stage.map(lambda value: str(value).startswith("IV")), "stage IV")
        drop = why.notna() | days.isna() | event.isna()
        columns[f"{endpoint}_days"] = days.mask(drop)
        columns[f"{endpoint}_event"] = event.astype("Float64").mask(drop).astype("boolean")
        reason = (f"{endpoint}: " + why.fillna("")).where(why.notna(), "")
        reasons = reasons.where(reason == "", reasons.where(reasons == "", reasons + "; ") + reason)
    frame = pd.DataFrame(columns, index=index)
    frame["endpoint_exclusions"] = reasons.mask(reasons == "", None)
    return frame


def impossible(days: pd.Series, event: pd.Series, *, fatal: bool, vital_status: pd.Series | None = None) -> pd.Series:
    """Why an endpoint cannot be used, missing where it can or where nothing was recorded.

    Time zero (nothing was observed), a negative time, one under half a day or over a hundred years, an event without
    time, a status without time, a time without status, and, when `fatal`, an event of a patient recorded alive.
    """
    why = pd.Series(None, index=days.index, dtype=object)
    why = why.mask(days.eq(0), "time is zero").mask(days.lt(0), "time is negative")
    why = why.mask(days.gt(0) & days.lt(LEAST_DAYS), "time is under half a day")
    why = why.mask(days.gt(MOST_DAYS), "time is over 100 years")
    why = why.mask(days.isna() & event.eq(1), "death without time" if fatal else "event without time")
    why = why.mask(days.isna() & event.eq(0), "status without time")
    why = why.mask(why.isna() & days.gt(0) & event.isna(), "time without status")
    if fatal and vital_status is not None:
        alive = vital_status.reindex(days.index).eq("alive")
        why = why.mask(why.isna() & event.eq(1) & alive, "death while recorded alive")
    return why


def median_follow_up(days: pd.Series, event: pd.Series) -> float:
    """Median follow-up in days by the reverse Kaplan–Meier method; NaN when the curve does not reach one half.

    Censoring is the event and the event censors (Schemper & Smith 1996, 10.1016/0197-2456(96)00075-X).
    """
    usable = days.notna() & event.notna()
    time = days[usable].to_numpy(float)
    censored = ~event[usable].astype(bool).to_numpy()
    surviving = 1.0
    for at in np.unique(time[censored]):
        surviving *= 1 - np.sum((time == at) & censored) / np.sum(time >= at)
        if surviving <= 0.5 + 1e-12:
            return float(at)
    return float("nan")
