"""The protocol of signature methods: what each declares, and one whose score has no coefficients at all."""

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.discovery import modules_of
from hnbc_assets.errors import StudyError
from hnbc_assets.science.signature import methods
from hnbc_assets.science.signature.analysis_set import AnalysisSet
from hnbc_assets.science.signature.application import apply_signature
from hnbc_assets.science.signature.comparison import signature_changes
from hnbc_assets.science.signature.identity import identified
from hnbc_assets.science.signature.method import Fitted, Method, Training
from hnbc_assets.science.signature.methods import METHODS, method_of
from hnbc_assets.science.signature.training import train
from hnbc_assets.tables import RiskScores, Signature
from hnbc_assets.tables.methods import TABLES
from hnbc_assets.vocabulary import LOG2_SCALES


class Ratio(Method):
    """The log ratio of the first gene that entered to the second."""

    name = "ratio"
    label = "ratio"
    citation = "invented for this test"
    relative = False
    scales = LOG2_SCALES
    refusal = "it compares genes within a patient"

    def fit(self, training):
        return Fitted(pd.DataFrame({"gene": training.entered[:2], "coefficient": np.nan}), n_entered=2)

    def score(self, expression, genes, *, own):
        return expression.iloc[0] - expression.iloc[1] if len(genes) == 2 else np.full(expression.shape[1], np.nan)

    def recompute(self, expression, genes, *, own):
        first, second = genes["gene"]
        return pd.Series({patient: values[first] - values[second] for patient, values in expression.items()})


@pytest.fixture
def ratio(monkeypatch):
    monkeypatch.setitem(METHODS, "ratio", Ratio())
    return METHODS["ratio"]


@pytest.fixture
def cohort(planted):
    x, days, event = planted(3, 80, 20, [0.8, -0.8])
    survival = pd.DataFrame({"time_days": days, "event": event}, index=pd.Index(x.columns, name="patient_id"))
    return AnalysisSet(x, survival)


def trained(method, cohort, scale="log2_tpm"):
    genes, rise = list(cohort.expression.index), pd.Series("up_in_rd", index=cohort.expression.index)
    return train(method, Training(cohort, genes, rise, genes, scale, rule="min", folds=3, repeats=1, seed=1))


def applied(made, cohort, expression, scale="log2_tpm"):
    description = made.description.assign(cohort_id="t").iloc[0]
    return apply_signature(
        AnalysisSet(expression, cohort.survival), raw=expression, cohort_id="c", training=False, scale=scale,
        signature=made.signature, description=description, single_sample=made.single_sample, min_share=0.8,
        min_patients=30,
    )  # fmt: skip


def test_every_method_has_its_module_s_name_and_says_what_it_is():
    assert list(METHODS) == modules_of(methods.__name__)
    assert set(TABLES) <= set(METHODS)
    for method in METHODS.values():
        assert method.label
        assert method.citation
        assert method.fit.__func__ is not Method.fit
        assert method.score.__func__ is not Method.score
        assert method.recompute.__func__ is not Method.recompute


def test_no_two_methods_have_a_rule_in_common():
    rules = [rule for method in METHODS.values() for rule in method.rules or (method.name,)]
    assert len(rules) == len(set(rules))


def test_a_signature_of_lasso_cox_keeps_the_id_that_lakes_have_it_under(ratio):
    """The sha256 of these numbers as text, computed with coreutils."""
    genes = pd.DataFrame({"gene": ["B", "A"], "coefficient": [-0.3, 0.5], "mean": [7.5, 8.0], "sd": [1.8, 2.0]})
    lasso = identified(METHODS["lasso_cox"].identity(genes))
    assert lasso == "03edc9ab249f"
    assert identified(ratio.identity(genes)) != lasso


def test_a_score_without_coefficients_is_trained_published_and_applied(ratio, cohort):
    made = trained(ratio, cohort)
    described = made.description.iloc[0]
    assert method_of(described) is ratio
    published = Signature.conform(made.signature)
    assert Signature.problems(published).empty
    assert published.coefficient.isna().all()
    assert published.direction_concordant.isna().all()
    difference = cohort.expression.iloc[0] - cohort.expression.iloc[1]
    assert described.cutoff == described.single_sample_cutoff == pytest.approx(difference.median(), abs=1e-8)
    few = cohort.expression.iloc[:, :5]
    scored = applied(made, cohort, few)
    assert RiskScores.problems(RiskScores.conform(scored.scores)).empty
    np.testing.assert_allclose(scored.scores.risk_score, difference[few.columns], atol=1e-8)
    assert (scored.scores.risk_score == scored.scores.single_sample_score).all()
    assert (scored.scores.risk_group == scored.scores.single_sample_group).all()
    assert set(scored.scores.form) == {"single_sample"}
    assert scored.coverage.note[0] is None


def test_without_coefficients_every_gene_counts_as_one(ratio, cohort):
    made = trained(ratio, cohort)
    lacking = applied(made, cohort, cohort.expression.drop(index=made.signature.gene[1])).coverage.iloc[0]
    assert lacking.coefficient_share == 0.5
    assert not lacking.grouped


def test_a_scale_that_a_method_does_not_allow_gives_no_signature_and_no_scores(ratio, cohort):
    why = (
        "it compares genes within a patient, which is meaningless where each gene is scaled over the patients (zscore)"
    )
    nothing = trained(ratio, cohort, scale="zscore")
    assert nothing.signature.empty
    assert nothing.description.signature_id[0] == "none"
    assert nothing.description.note[0] == why
    refused = applied(trained(ratio, cohort), cohort, cohort.expression, scale="zscore")
    assert refused.scores.risk_score.isna().all()
    assert refused.coverage.note[0] == why


def test_missing_coefficients_are_no_change(ratio, cohort):
    signature = trained(ratio, cohort).signature
    assert signature_changes(signature, signature).empty
    assert list(signature_changes(signature, signature.iloc[:1]).change) == ["left"]


def test_a_signature_of_a_method_that_is_gone_is_refused_with_the_remedy():
    with pytest.raises(StudyError, match=r"0a1b2c was trained by the method ratio; this version has lasso_cox\. Put"):
        method_of(pd.Series({"signature_id": "0a1b2c", "penalty_rule": "ratio"}))


def test_a_method_that_lacks_a_part_is_refused_where_it_is_declared():
    class Partial(Ratio):
        recompute = Method.recompute

    with pytest.raises(TypeError, match="recompute"):
        Partial()
