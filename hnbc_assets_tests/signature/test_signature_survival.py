"""Curves, log-rank tests, follow-up and the multivariable model: equal to R, with reasons when empty."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.science.signature.refit import multivariable, proportional_hazards
from hnbc_assets.science.signature.survival import CURVE_COLUMNS, kaplan_meier, log_rank

GENES = ["A", "B", "C", "D"]


@pytest.fixture
def patients(reference):
    return reference("survival", "patients")


def test_curves_match_r_survfit(reference, patients):
    """Survival, log-log intervals and numbers at risk equal R survival 3.5-3's survfit to 1e-9.

    survfit has a row for each group's distinct time and none for time 0, where ours begins.
    """
    expected = reference("survival", "curves")
    curves = kaplan_meier(patients.time, patients.event, patients.group)
    assert list(curves.columns) == CURVE_COLUMNS
    beginning = curves[curves.time_days == 0]
    assert (beginning.survival == 1).all()
    assert beginning.at_risk.tolist() == patients.group.value_counts().sort_index().tolist()
    curves = curves[curves.time_days > 0]
    assert curves.risk_group.tolist() == expected.group.tolist()
    assert curves.at_risk.tolist() == expected.at_risk.tolist()
    np.testing.assert_allclose(curves.survival, expected.survival, atol=1e-9)
    fallen = (expected.survival > 0) & (expected.survival < 1)
    for bound in ("ci_lower", "ci_upper"):
        np.testing.assert_allclose(curves[bound][fallen.to_numpy()], expected[bound][fallen], atol=1e-9)


def test_log_rank_matches_r_survdiff(reference, patients):
    expected = reference("survival", "tests").iloc[0]
    test = log_rank(patients.time, patients.event, patients.group)
    assert test.statistic == pytest.approx(expected.log_rank, rel=1e-9)
    assert test.p_value == pytest.approx(expected.log_rank_p, rel=1e-9)
    assert sum(test.sizes.values()) == 150


def test_patients_without_a_group_are_left_out(patients):
    some = patients.group.where(patients.index >= 20)
    rest = patients[patients.index >= 20]
    pd.testing.assert_frame_equal(
        kaplan_meier(patients.time, patients.event, some), kaplan_meier(rest.time, rest.event, rest.group)
    )
    assert log_rank(patients.time, patients.event, some) == log_rank(rest.time, rest.event, rest.group)


def test_one_group_or_no_event_gives_no_test_but_a_reason(patients):
    alone = log_rank(patients.time, patients.event, ["high"] * 150)
    assert np.isnan(alone.p_value)
    assert alone.reason == "1 group(s) with patients; two are needed"
    assert log_rank(patients.time, np.zeros(150), patients.group).reason == "no event was observed"
    assert kaplan_meier(patients.time, patients.event, [None] * 150).empty


def test_multivariable_model_matches_r_coxph(reference, patients):
    """Coefficients, standard errors, p values and intervals equal R's coxph(ties="efron") to 1e-6."""
    expected = reference("survival", "multivariable")
    fit = multivariable(patients[GENES], patients.time, patients.event)
    assert fit.gene.tolist() == GENES
    assert fit.reason.isna().all()
    columns = ["coefficient", "standard_error", "p_value", "ci_lower", "ci_upper"]
    np.testing.assert_allclose(
        fit[columns], expected[["coef", "se.coef.", "Pr...z..", "lower..95", "upper..95"]], rtol=1e-6
    )


def test_proportional_hazards_match_r_cox_zph(reference, patients):
    """Chi-squared and p by gene and for all together equal R survival 3.5-3's cox.zph(transform="km") to 1e-6."""
    expected = reference("survival", "proportional_hazards")
    test = proportional_hazards(patients[GENES], patients.time, patients.event)
    assert test.gene.tolist() == expected.gene.tolist()
    assert test.degrees_of_freedom.tolist() == expected.df.tolist()
    np.testing.assert_allclose(test[["statistic", "p_value"]], expected[["chisq", "p"]], rtol=1e-6)


def test_a_crossing_hazard_is_detected():
    """A gene that protects at first and harms later fails the test; a constant effect passes it."""
    rng = np.random.default_rng(31)
    steady, crossing = rng.normal(size=(2, 600))
    early = rng.exponential(np.exp(-0.5 * steady + 1.2 * crossing))
    late = 0.7 + rng.exponential(np.exp(-0.5 * steady - 1.2 * crossing))
    days = 1000 * np.where(early < 0.7, early, late)
    test = proportional_hazards(np.column_stack([steady, crossing]), days, np.ones(600), ["steady", "crossing"])
    p_values = test.set_index("gene").p_value
    assert p_values["crossing"] < 1e-6
    assert p_values["GLOBAL"] < 1e-6
    assert p_values["steady"] > 0.01


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda x: x.assign(D=x.A + x.B), "the genes are linearly dependent"),
        (lambda x: x.assign(C=3.0), "C has no variance"),
    ],
)
def test_a_model_without_estimate_gives_the_reason(patients, spoil, reason):
    x = spoil(patients[GENES])
    fit = multivariable(x, patients.time, patients.event)
    assert (fit.reason == reason).all()
    assert fit[["coefficient", "hazard_ratio", "p_value"]].isna().all(axis=None)
    assert (proportional_hazards(x, patients.time, patients.event).reason == reason).all()


def test_complete_separation_has_no_estimate(patients):
    separating = (patients.event == 1).astype(float)
    fit = multivariable(patients[["A"]].assign(S=separating), patients.time, patients.event)
    assert (fit.reason == "the model has no finite estimate").all()


def test_more_genes_than_events_is_not_fitted(patients):
    event = np.arange(150) < 4
    fit = multivariable(patients[GENES], patients.time, event)
    assert (fit.reason == "4 events are too few for 4 genes in one model").all()


def test_no_gene_gives_no_row(patients):
    assert multivariable(patients[[]], patients.time, patients.event).empty
    assert proportional_hazards(patients[[]], patients.time, patients.event).empty
