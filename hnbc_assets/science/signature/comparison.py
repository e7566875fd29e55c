"""Comparison: differences between two publications of a signature, its scores and their performance.

In scope: rows that entered, left or changed between two frames of a table. Out of scope: what an upstream changed
(sources), which of two signatures orders patients better (challenge), when publications are compared (defs).

Each function takes the previous and the current table, either of which may be empty, and returns the columns of its
table of changes, to which callers add the compared publications. Unchanged rows are left out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

NO_SIGNATURE = "none"
SCORE_TOLERANCE = 1e-9
RELATIVE_TOLERANCE = 1e-12
FIGURE_KEY = ["cohort_id", "endpoint", "metric", "time_days"]
FIGURES = ["estimate", "ci_lower", "ci_upper"]

SIGNATURE_CHANGES = {
    "from_signature_id": object,
    "to_signature_id": object,
    "gene": object,
    "change": object,
    "old_coefficient": float,
    "new_coefficient": float,
}
RISK_CHANGES = {
    "cohort_id": object,
    "patient_id": object,
    "from_signature_id": object,
    "to_signature_id": object,
    "change": object,
    "old_score": float,
    "new_score": float,
    "old_group": object,
    "new_group": object,
    "flipped": "boolean",
}
PERFORMANCE_CHANGES = {
    "cohort_id": object,
    "endpoint": object,
    "metric": object,
    "time_days": float,
    **{f"{side}_{figure}": float for side in ("old", "new") for figure in FIGURES},
    "difference": float,
}


def signature_changes(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Genes that entered or left a signature, or whose coefficient differs, even in the last digit.

    Parameters
    ----------
    before, after : signature_id, gene, coefficient (of LASSO-Cox the log hazard ratio per training sd; null if the
        method has none), one row per gene; may be empty

    Returns
    -------
    from_signature_id, to_signature_id ('none' for an empty frame), gene, change (entered, left, coefficient),
    old_coefficient, new_coefficient; by gene. Signatures that differ in means or sds alone give no row.

    Raises
    ------
    ValueError
        If a frame has more than one signature, or a gene twice.
    """
    both = _joined(before, after, ["gene"], ["coefficient"])
    given = both[["old_coefficient", "new_coefficient"]].notna().any(axis=1)
    differs = given & (both["old_coefficient"] != both["new_coefficient"])
    both["change"] = _change(both, "coefficient")
    both["from_signature_id"], both["to_signature_id"] = _signature_id(before), _signature_id(after)
    return _typed(both[differs | (both["found_in"] != "both")], SIGNATURE_CHANGES)


def risk_changes(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Patients whose row of scores is new or missing, or whose score or group changed.

    `risk_score` and `risk_group` are always of the form that defines the groups: where a cohort is scored by ranks
    within each patient (form single_sample), they are that score and its group; the group is null where too few genes
    are present (`single_sample_group` would give one).

    A patient moved when the score differs by more than 1e-9, when the group differs, or when just one of the two
    scores (or groups) is null. A patient is flipped when both groups are known and differ.

    Parameters
    ----------
    before, after : cohort_id, patient_id, signature_id, risk_score (log hazard ratio), risk_group; one row per patient

    Returns
    -------
    cohort_id, patient_id, from_signature_id, to_signature_id, change (entered, left, moved), old_score, new_score,
    old_group, new_group, flipped; by cohort and patient. A score that is the same under another signature_id, for
    example when only the training means and sds changed, gives no row.

    Raises
    ------
    ValueError
        If a patient of a cohort has more than one row in a frame.
    """
    both = _joined(before, after, ["cohort_id", "patient_id"], ["signature_id", "risk_score", "risk_group"])
    names = {f"{side}_risk_{what}": f"{side}_{what}" for side in ("old", "new") for what in ("score", "group")}
    names |= {"old_signature_id": "from_signature_id", "new_signature_id": "to_signature_id"}
    both = both.rename(columns=names)
    score_moved = (both["new_score"] - both["old_score"]).abs() > SCORE_TOLERANCE
    one_score = both["old_score"].isna() != both["new_score"].isna()
    one_group = both["old_group"].isna() != both["new_group"].isna()
    both_groups = both["old_group"].notna() & both["new_group"].notna()
    both["flipped"] = both_groups & (both["old_group"] != both["new_group"])
    both["change"] = _change(both, "moved")
    differs = score_moved | one_score | one_group | both["flipped"] | (both["found_in"] != "both")
    return _typed(both[differs], RISK_CHANGES)


def performance_changes(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Figures of merit whose estimate or 95 % limit changed by more than 1e-12 of itself, appeared or disappeared.

    A figure is identified by cohort, endpoint, metric and time; null times are equal. A figure at another time is
    another figure: when the time of Uno's C changes with the follow-up, one row disappears and another appears.

    Parameters
    ----------
    before, after : cohort_id, endpoint, metric, time_days, estimate, ci_lower, ci_upper; one row per figure

    Returns
    -------
    The key, old_estimate, old_ci_lower, old_ci_upper, new_estimate, new_ci_lower, new_ci_upper, and difference of the
    estimates (after minus before, null unless both exist); by the key. A figure that is null throughout, before
    and after, gives no row.

    Raises
    ------
    ValueError
        If a frame has a figure twice.
    """
    before, after = (frame.astype({"time_days": float}) for frame in (before, after))
    both = _joined(before, after, FIGURE_KEY, FIGURES)
    differs = pd.Series(False, index=both.index)
    for figure in FIGURES:
        old, new = both[f"old_{figure}"], both[f"new_{figure}"]
        larger = np.maximum(old.abs(), new.abs())
        differs |= ((new - old).abs() > RELATIVE_TOLERANCE * larger) | (old.isna() != new.isna())
    both["difference"] = both["new_estimate"] - both["old_estimate"]
    return _typed(both[differs], PERFORMANCE_CHANGES)


def _joined(before: pd.DataFrame, after: pd.DataFrame, key: list[str], values: list[str]) -> pd.DataFrame:
    """Both frames joined by key, null keys being equal: old_… and new_… of each value, and where the row was found."""
    sides = []
    for frame, side in ((before, "old"), (after, "new")):
        if frame.duplicated(key).any():
            twice = frame.loc[frame.duplicated(key), key].iloc[0].to_dict()
            raise ValueError(f"The table {side} has {twice} more than once: compare one publication with one other.")
        one = frame[[*key, *values]].rename(columns={value: f"{side}_{value}" for value in values})
        # An empty frame may carry any types; both sides are given the same.
        names = {"time_days": float, **{f"{side}_{value}": float for value in values if _is_number(value)}}
        sides.append(one.astype({name: names.get(name, object) for name in one.columns}))
    joined = sides[0].merge(sides[1], on=key, how="outer", indicator="found_in", sort=False)
    return joined.sort_values(key, kind="stable", ignore_index=True)


def _is_number(value: str) -> bool:
    return value in (*FIGURES, "coefficient", "risk_score")


def _change(both: pd.DataFrame, otherwise: str) -> pd.Series:
    return both["found_in"].astype(object).map({"left_only": "left", "right_only": "entered", "both": otherwise})


def _signature_id(frame: pd.DataFrame) -> str:
    names = frame["signature_id"].unique() if len(frame) else [NO_SIGNATURE]
    if len(names) > 1:
        raise ValueError(f"Signatures {sorted(names)} in one frame: compare one signature with one other.")
    return str(names[0])


def _typed(changes: pd.DataFrame, types: dict[str, object]) -> pd.DataFrame:
    """The given columns, in their order and types; a missing text is None."""
    out = changes[list(types)].astype(types).reset_index(drop=True)
    for name, kind in types.items():
        if kind is object:
            out[name] = out[name].where(out[name].notna(), None)
    return out
