"""Comparison: rows that entered, left or changed, on hand-computed frames, and properties of any frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.science.signature.comparison import performance_changes, risk_changes, signature_changes
from hnbc_assets.tables.changes import PerformanceChanges, RiskChanges, SignatureChanges
from hnbc_assets.tables.signature import PrognosticPerformance, RiskScores, Signature

ADDED_BY_CALLERS = ("previous_published_at", "releases")
PERFORMANCE = ["cohort_id", "endpoint", "metric", "time_days", "estimate", "ci_lower", "ci_upper"]
NAN = float("nan")
CASES = [(signature_changes, Signature), (risk_changes, RiskScores), (performance_changes, PrognosticPerformance)]


def signature(name: str, **coefficients: float) -> pd.DataFrame:
    return pd.DataFrame({"signature_id": name, "gene": list(coefficients), "coefficient": list(coefficients.values())})


def scores(rows: list[tuple], name: str = "s1") -> pd.DataFrame:
    """Rows of cohort, patient, score and group."""
    frame = pd.DataFrame(rows, columns=["cohort_id", "patient_id", "risk_score", "risk_group"])
    alone = pd.DataFrame({"single_sample_score": np.zeros(len(frame)), "single_sample_group": "low"})
    return frame.assign(signature_id=name, form="within_cohort", **alone)


def figures(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=PERFORMANCE)


def many(seed: int) -> dict:
    """A frame of each table, at random: other patients, genes and figures for each seed, values often missing."""
    rng = np.random.default_rng(seed)
    genes = rng.choice([f"G{i}" for i in range(30)], 12, replace=False)
    patients = rng.choice(400, 300, replace=False)
    score = np.where(rng.random(300) < 0.1, NAN, rng.normal(size=300).round(1))
    group = np.where(rng.random(300) < 0.1, None, np.where(score > 0, "high", "low"))
    metrics = rng.choice(20, 12, replace=False)
    estimate = np.where(rng.random(12) < 0.2, NAN, rng.random(12).round(1))
    return {
        signature_changes: signature(f"s{seed}", **dict(zip(genes, rng.normal(size=12).round(1), strict=True))),
        risk_changes: scores(
            [("abc"[p % 3], f"P{p:03d}", s, g) for p, s, g in zip(patients, score, group, strict=True)], f"s{seed}"
        ),
        performance_changes: figures(
            [
                ("a", "os", f"m{m}", NAN if m % 2 else 365.25, e, e - 0.1, e + 0.1)
                for m, e in zip(metrics, estimate, strict=True)
            ]
        ),
    }


def as_tuples(frame: pd.DataFrame, *columns: str) -> list[tuple]:
    return [tuple(None if pd.isna(v) else v for v in row) for row in frame[list(columns)].itertuples(index=False)]


def test_a_gene_enters_leaves_or_changes_its_coefficient():
    before = signature("s1", A=0.5, B=-0.2, C=0.1)
    after = signature("s2", C=np.nextafter(0.1, 1), D=0.3, A=0.5)
    found = signature_changes(before, after)
    assert as_tuples(found, "gene", "change", "old_coefficient", "new_coefficient") == [
        ("B", "left", -0.2, None),
        ("C", "coefficient", 0.1, np.nextafter(0.1, 1)),
        ("D", "entered", None, 0.3),
    ]
    assert set(found["from_signature_id"]) == {"s1"}
    assert set(found["to_signature_id"]) == {"s2"}


def test_a_new_or_withdrawn_signature_is_none_on_the_other_side():
    genes = signature("s1", A=0.5)
    begun, ended = signature_changes(Signature.empty(), genes), signature_changes(genes, pd.DataFrame(genes.iloc[:0]))
    assert as_tuples(begun, "from_signature_id", "to_signature_id", "change") == [("none", "s1", "entered")]
    assert as_tuples(ended, "from_signature_id", "to_signature_id", "change") == [("s1", "none", "left")]


def test_two_signatures_in_one_frame_are_refused():
    two = pd.concat([signature("s1", A=0.5), signature("s2", B=0.5)])
    with pytest.raises(ValueError, match=r"s1.*s2.*in one frame"):
        signature_changes(two, signature("s1", A=0.5))


def test_patients_enter_leave_move_and_flip():
    before = scores(
        [
            ("a", "stays", 1.0, "high"),
            ("a", "moves", 1.0, "high"),
            ("a", "flips", 0.1, "high"),
            ("a", "leaves", 2.0, "high"),
            ("a", "regrouped", 0.3, "high"),
            ("a", "ungrouped", 0.3, "high"),
            ("a", "unscored", 0.3, "low"),
            ("a", "still_unscored", NAN, None),
            ("a", "rounds", 1.0, "high"),
        ]
    )
    after = scores(
        [
            ("b", "stays", 1.0, "high"),
            ("a", "stays", 1.0, "high"),
            ("a", "moves", 1.5, "high"),
            ("a", "flips", -0.1, "low"),
            ("a", "regrouped", 0.3, "low"),
            ("a", "ungrouped", 0.3, None),
            ("a", "unscored", NAN, None),
            ("a", "still_unscored", NAN, None),
            ("a", "rounds", 1.0 + 9e-10, "high"),
        ],
        "s2",
    )
    found = risk_changes(before, after)
    columns = ("cohort_id", "patient_id", "change", "old_score", "new_score", "old_group", "new_group", "flipped")
    assert as_tuples(found, *columns) == [
        ("a", "flips", "moved", 0.1, -0.1, "high", "low", True),
        ("a", "leaves", "left", 2.0, None, "high", None, False),
        ("a", "moves", "moved", 1.0, 1.5, "high", "high", False),
        ("a", "regrouped", "moved", 0.3, 0.3, "high", "low", True),
        ("a", "ungrouped", "moved", 0.3, 0.3, "high", None, False),
        ("a", "unscored", "moved", 0.3, None, "low", None, False),
        ("b", "stays", "entered", None, 1.0, None, "high", False),
    ]
    ids = {row.change: (row.from_signature_id, row.to_signature_id) for row in found.itertuples()}
    assert ids == {"moved": ("s1", "s2"), "left": ("s1", None), "entered": (None, "s2")}


def test_the_compared_score_is_the_one_that_defines_the_groups(planted):
    """risk_score is the single-sample score where a cohort is scored in that form, as by `apply_signature`."""
    from hnbc_assets.science.signature.analysis_set import AnalysisSet
    from hnbc_assets.science.signature.application import apply_signature

    x, _, _ = planted(5, 12, 60)
    genes = list(x.index)
    rows = pd.DataFrame({"single_sample_id": "r", "gene": genes, "coefficient": np.nan, "mean": 0.0, "sd": 1.0})
    rows.loc[:2, "coefficient"] = [0.5, -0.4, 0.3]
    frozen = signature("s", **dict(zip(genes[:3], [0.5, -0.4, 0.3], strict=True))).assign(mean=0.0, sd=1.0)
    description = pd.Series(
        {"signature_id": "s", "cutoff": 9.0, "single_sample_cutoff": 0.0, "penalty_rule": "lambda.min"}
    )
    scored = apply_signature(
        AnalysisSet(x, pd.DataFrame()),
        raw=x,
        cohort_id="a",
        training=False,
        scale="log2_tpm",
        signature=frozen,
        description=description,
        single_sample=rows,
        min_share=0.8,
        min_patients=100,
    ).scores
    assert set(scored["form"]) == {"single_sample"}
    assert scored["risk_score"].notna().all()
    assert (scored["risk_score"] == scored["single_sample_score"]).all()
    assert (scored["risk_group"] == scored["single_sample_group"]).all()


def test_a_patient_twice_in_one_frame_is_refused():
    twice = scores([("a", "p", 1.0, "high"), ("a", "p", 2.0, "high")])
    with pytest.raises(ValueError, match=r"'patient_id': 'p'.*more than once"):
        risk_changes(twice, scores([]))


def test_figures_change_appear_and_disappear_and_null_times_are_equal():
    before = figures(
        [
            ("a", "os", "c", NAN, 0.7, 0.6, 0.8),
            ("a", "os", "hr", NAN, 1.5, 1.1, 2.0),
            ("a", "os", "auc", 365.25, 0.7, 0.6, 0.8),
            ("a", "os", "uno", 3000.0, 0.6, 0.5, 0.7),
            ("a", "os", "limit", NAN, 0.6, 0.5, 0.7),
            ("a", "os", "withheld", NAN, NAN, NAN, NAN),
            ("a", "os", "rounds", NAN, 0.6, NAN, NAN),
        ]
    )
    after = figures(
        [
            ("a", "os", "c", NAN, 0.7, 0.6, 0.8),
            ("a", "os", "hr", NAN, 1.25, 1.0, 1.5),
            ("a", "os", "auc", 365.25, NAN, NAN, NAN),
            ("a", "os", "uno", 3100.0, 0.6, 0.5, 0.7),
            ("a", "os", "limit", NAN, 0.6, 0.5, 0.75),
            ("b", "os", "withheld", NAN, NAN, NAN, NAN),
            ("a", "os", "rounds", NAN, 0.6 * (1 + 4e-13), NAN, NAN),
        ]
    )
    found = performance_changes(before, after)
    columns = ("metric", "time_days", "old_estimate", "new_estimate", "old_ci_upper", "new_ci_upper", "difference")
    assert as_tuples(found, *columns) == [
        ("auc", 365.25, 0.7, None, 0.8, None, None),
        ("hr", None, 1.5, 1.25, 2.0, 1.5, -0.25),
        ("limit", None, 0.6, 0.6, 0.7, 0.75, 0.0),
        ("uno", 3000.0, 0.6, None, 0.7, None, None),
        ("uno", 3100.0, None, 0.6, None, 0.7, None),
    ]


@pytest.mark.parametrize(("changes", "table"), CASES)
@pytest.mark.parametrize("seed", [1, 2])
def test_no_change_gives_no_row(changes, table, seed):
    frame = many(seed)[changes]
    assert changes(frame, frame.sample(frac=1, random_state=1)).empty
    assert changes(table.empty(), table.empty()).empty


@pytest.mark.parametrize(("changes", "table"), CASES)
def test_exchanging_before_and_after_mirrors_every_change(changes, table):
    """Swapping before and after swaps old and new, entered and left, and the sign of a difference; nothing else."""
    one, other = many(3)[changes], many(4)[changes]
    there, back = changes(one, other), changes(other, one)
    assert len(there) > 5
    names = {c: c.replace(a, b) for a, b in (("old_", "new_"), ("new_", "old_")) for c in there if c.startswith(a)}
    names |= {"from_signature_id": "to_signature_id", "to_signature_id": "from_signature_id"}
    mirrored = back.rename(columns=names)[list(there)]
    if "change" in mirrored:
        mirrored["change"] = mirrored["change"].replace({"entered": "left", "left": "entered"})
    if "difference" in mirrored:
        mirrored["difference"] *= -1
    pd.testing.assert_frame_equal(mirrored, there, check_exact=True)
    everything, nothing = changes(one, table.empty()), changes(table.empty(), one)
    assert len(everything) == len(nothing) > 5


@pytest.mark.parametrize(
    ("changes", "published"),
    [
        (signature_changes, SignatureChanges),
        (risk_changes, RiskChanges),
        (performance_changes, PerformanceChanges),
    ],
)
def test_changes_conform_to_the_published_table(changes, published):
    found = changes(many(5)[changes], many(6)[changes])
    assert list(found) == [name for name in published.columns if name not in ADDED_BY_CALLERS]
    whole = published.conform(found.assign(previous_published_at="2026-01-01T00:00:00Z", releases=None))
    assert len(whole) > 5
    assert published.problems(whole).empty
