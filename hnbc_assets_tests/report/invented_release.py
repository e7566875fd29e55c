"""An invented release and its effects: frames of every table that its report reads.

In scope: rows and frames. Out of scope: tests.
"""

from __future__ import annotations

import pandas as pd

from hnbc_assets.tables.changes import (
    AcceptedReleases,
    PerformanceChanges,
    ReleaseChanges,
    RiskChanges,
    SignatureChallengers,
    SignatureChanges,
)
from hnbc_assets.tables.signature import Signature

NAN = float("nan")
CAME = "gdc/TCGA-BRCA 45.0 → 46.0"
MARKS = {"previous_published_at": "2026-03-01T06:00:00Z", "releases": CAME}
CHANGES = (ReleaseChanges, SignatureChanges, RiskChanges, PerformanceChanges)
EMPTY = (*CHANGES, SignatureChallengers, Signature, AcceptedReleases)


def release_changes(*rows: tuple) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["kind", "entity", "field", "old_value", "new_value"])
    one = {"source": "gdc", "asset": "raw/gdc/TCGA-BRCA", "from_release": "45.0", "to_release": "46.0"}
    return ReleaseChanges.conform(frame.assign(**one))


def risk_changes(*rows: tuple) -> pd.DataFrame:
    """Rows of cohort, patient, change, old and new score, old and new group."""
    columns = ["cohort_id", "patient_id", "change", "old_score", "new_score", "old_group", "new_group"]
    frame = pd.DataFrame(rows, columns=columns).assign(**MARKS)
    known = frame["old_group"].notna() & frame["new_group"].notna()
    return RiskChanges.conform(frame.assign(flipped=known & (frame["old_group"] != frame["new_group"])))


def performance_changes(*rows: tuple) -> pd.DataFrame:
    columns = [name for name in PerformanceChanges.columns if name not in (*MARKS, "difference")]
    return PerformanceChanges.conform(pd.DataFrame(rows, columns=columns).assign(**MARKS))


def all_frames() -> dict[str, pd.DataFrame]:
    """A release with a bit of everything; its numbers are counted by hand in the tests."""
    genes = [("ENTERS", "entered", NAN, 0.25), ("LEAVES", "left", -0.125, NAN), ("STAYS", "coefficient", 0.5, 0.4375)]
    challenged = {
        "challenger_id": ["ccc"] * 3, "status": "challenger", "published_id": "bbb", "endpoint": "pfi", "method": "m",
        "cohort_id": ["train", "val", "tiny"], "n_patients": [200, 100, 9], "n_events": [80, 40, 1],
        "c_published": [0.70, 0.60, NAN], "c_challenger": [0.72, 0.65, NAN], "difference": [0.02, 0.05, NAN],
        "ci_lower": [0.001, 0.01, NAN], "ci_upper": [0.04, 0.09, NAN], "apparent": [True, False, False],
        "independent": [False, True, True], "reason": [None, None, "1 event; 2 are needed"],
    }  # fmt: skip
    accepted = {
        "source": "gdc/TCGA-BRCA", "release": "46.0", "accepted_by": "M. Rossi", "accepted_at": "2026-03-02T09:14:00Z",
        "evidence": "6 % of files removed, 5 % allowed",
    }  # fmt: skip
    return {
        "release_changes": release_changes(
            ("file_added", "f1", "star", None, None),
            ("file_added", "f2", "star", None, None),
            ("file_added", "f3", "maf", None, None),
            ("file_superseded", "f4", "file_id", "f4", "f5"),
            ("file_superseded", "f4", "md5", "aa", "bb"),
            ("patient_added", "TCGA-01", None, None, None),
            ("value_changed", "TCGA-02", "days_to_death", None, "900"),
            ("value_changed", "TCGA-02", "vital_status", "Alive", "Dead"),
            ("value_changed", "TCGA-03", "vital_status", "Alive", "Dead"),
            ("field_renamed", None, "demographic.sex_at_birth", "gender", "sex_at_birth"),
        ),
        "signature_changes": SignatureChanges.conform(
            pd.DataFrame(genes, columns=["gene", "change", "old_coefficient", "new_coefficient"]).assign(
                from_signature_id="aaa", to_signature_id="bbb", **MARKS
            )
        ),
        "risk_changes": risk_changes(
            ("train", "TCGA-01", "entered", NAN, 0.3, None, "high"),
            ("train", "TCGA-04", "left", 0.2, NAN, "high", None),
            ("train", "TCGA-05", "moved", -0.1, 0.1, "low", "high"),
            ("train", "TCGA-06", "moved", 0.5, 0.75, "high", "high"),
            ("val", "V1", "moved", 1.0, -1.0, "high", "low"),
            ("val", "V2", "moved", 0.4, 0.4, "high", None),
        ),
        "performance_changes": performance_changes(
            ("val", "pfi", "hazard_ratio_per_sd", NAN, 1.5, 1.1, 2.04, 1.25, 0.94, 1.66),
            ("val", "pfi", "c_index_uno", 3000.0, 0.61, 0.5, 0.7, NAN, NAN, NAN),
            ("val", "pfi", "c_index_uno", 3100.0, NAN, NAN, NAN, 0.65, 0.55, 0.75),
            ("val", "pfi", "auc", 365.25, 0.7, 0.6, 0.8, 0.71, 0.6, 0.8),
        ),
        "signature_challengers": SignatureChallengers.conform(pd.DataFrame(challenged)),
        "signature": pd.DataFrame({"signature_id": "bbb", "gene": ["ENTERS", "STAYS"], "coefficient": [0.25, 0.4375]}),
        "accepted_releases": pd.DataFrame([accepted]),
    }
