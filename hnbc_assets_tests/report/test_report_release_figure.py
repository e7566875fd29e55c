"""Scores before and after: moved, flipped, added and removed patients are counted, and an empty figure says why."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.report.figures import canvas
from hnbc_assets.report.release.figure import scores_before_after
from hnbc_assets.tables.changes import RiskChanges

NAN = float("nan")


def risk_changes(*rows: tuple) -> pd.DataFrame:
    """Rows of cohort, patient, change, old and new score, old and new group."""
    columns = ["cohort_id", "patient_id", "change", "old_score", "new_score", "old_group", "new_group"]
    frame = pd.DataFrame(rows, columns=columns).assign(previous_published_at="2026-03-01T06:00:00Z")
    known = frame["old_group"].notna() & frame["new_group"].notna()
    return RiskChanges.conform(frame.assign(flipped=known & (frame["old_group"] != frame["new_group"])))


CHANGED = risk_changes(
    ("train", "TCGA-01", "entered", NAN, 0.3, None, "high"),
    ("train", "TCGA-04", "left", 0.2, NAN, "high", None),
    ("train", "TCGA-05", "moved", -0.1, 0.1, "low", "high"),
    ("train", "TCGA-06", "moved", 0.5, 0.75, "high", "high"),
    ("val", "V1", "moved", 1.0, -1.0, "high", "low"),
    ("val", "V2", "moved", 0.4, 0.4, "high", None),
)


@pytest.fixture
def written(monkeypatch):
    """All texts of the figure last drawn, joined."""
    texts: list[str] = []
    original = canvas.finish

    def finish(figure, *rest):
        from matplotlib.text import Text

        png = original(figure, *rest)
        texts[:] = [t.get_text() for t in figure.findobj(Text) if t.get_text()]
        return png

    monkeypatch.setattr(canvas, "finish", finish)
    return lambda: "\n".join(texts)


def test_the_figure_counts_flipped_added_and_removed_patients(written):
    png = scores_before_after(CHANGED, cohorts={})
    assert png.startswith(b"\x89PNG\r\n")
    for text in (
        "train · 4 changed, 1 flipped", "val · 2 changed, 1 flipped", "flipped to high (1)", "flipped to low (1)",
        "newly scored (1)", "no longer scored (1)", "moved, same group (1)",
    ):  # fmt: skip
        assert text in written()


def test_the_figure_is_no_wider_than_a_dialog_and_draws_six_cohorts_at_most(written):
    rng = np.random.default_rng(20250101)
    rows = [(f"c{i}", f"P{j}", "moved", *rng.normal(size=2), "high", "high") for i in range(8) for j in range(i + 2)]
    png = scores_before_after(risk_changes(*rows), cohorts={}, watermark="SIMULATED")
    assert int.from_bytes(png[16:20], "big") <= canvas.WIDEST_PIXELS
    assert "not drawn: c0, c1 (fewer changes)" in written()
    assert "c2 · 4 changed, none flipped" in written()
    assert "c1 ·" not in written()


@pytest.mark.parametrize("changes", [RiskChanges.empty(), risk_changes(("a", "P", "entered", NAN, NAN, None, None))])
def test_a_figure_of_nothing_says_so(changes, written):
    assert scores_before_after(changes, cohorts={}, watermark="SIMULATED").startswith(b"\x89PNG\r\n")
    assert "No patient's score or risk group changed." in written()
    assert "SIMULATED" in written()


def test_one_patient_alone_can_be_drawn(written):
    scores_before_after(risk_changes(("a", "P", "left", 0.0, NAN, "low", None)), cohorts={})
    assert "no longer scored (1)" in written()


def performance(*rows: tuple) -> pd.DataFrame:
    """Rows of cohort, apparent, independent, basis, as prognostic_performance has them."""
    columns = ["cohort_id", "apparent", "independent", "independence_basis"]
    return pd.DataFrame(rows, columns=columns).assign(metric="hazard_ratio_per_sd", reason=None)


def test_every_panel_says_whether_it_is_independent_and_cohorts_without_one_are_named(written):
    measured = performance(
        ("train", True, False, "it fitted the score"),
        ("val", False, True, "ids; profiles"),
        ("small", False, True, "ids"),
    )
    chosen = risk_changes(("disc", "D1", "moved", 0.1, 0.2, "low", "low"))
    changes = pd.concat([CHANGED, chosen], ignore_index=True)
    roles = {
        "train": "training",
        "disc": "discovery",
        "val": "validation",
        "small": "validation",
        "still": "descriptive",
    }
    scores_before_after(changes, measured, cohorts=roles)
    for text in (
        "apparent: trained on these patients", "independent by ids and profiles",
        "not independent: it chose the genes",  # it has no endpoint, and so no row of prognostic_performance
        "not drawn: small, still (no score changed)",
    ):  # fmt: skip
        assert text in written()
    assert "not known" not in written()
    scores_before_after(CHANGED, cohorts={})
    assert written().count("independence not known") == 2


def test_marks_are_explained_where_a_panel_has_some(written):
    note = "marks on an axis: patients with only one of the two scores"
    scores_before_after(CHANGED, cohorts={})
    assert note in written()
    both = [(f"c{i}", f"P{j}", "moved", 0.1, 0.2, "high", "high") for i in range(1, 7) for j in range(3)]
    scores_before_after(risk_changes(*both, ("c0", "P", "left", 0.0, NAN, "low", None)), cohorts={})
    assert "not drawn: c0 (fewer changes)" in written()
    assert note not in written()


def test_a_figure_of_nothing_names_the_cohorts(written):
    scores_before_after(RiskChanges.empty(), cohorts={"train": "training", "val": "validation"})
    assert "not drawn: train, val (no score changed)" in written()


@pytest.mark.parametrize("changes", [CHANGED, CHANGED[CHANGED.cohort_id == "train"]], ids=["two", "one"])
def test_heading_and_footnotes_fit_the_figure(changes, monkeypatch):
    drawn, original = [], canvas.finish

    def finish(figure, *rest):
        drawn.append(figure)
        return original(figure, *rest)

    monkeypatch.setattr(canvas, "finish", finish)
    names = [f"a_cohort_with_a_long_name_{i}" for i in range(9)]
    scores_before_after(changes, cohorts=dict.fromkeys(names, "validation"))
    [figure] = drawn
    assert max(text.get_window_extent().x1 for text in figure.texts) <= figure.bbox.width
