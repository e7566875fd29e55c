"""Ridge models of drug response: exact, equal to R, with no skill where nothing can be predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.science.drugs.ridge import fit, fit_predict

REFERENCE = Path(__file__).resolve().parents[1] / "reference" / "ridge"


def at_penalty(lines: pd.DataFrame, ln_ic50: pd.DataFrame, penalty: float):
    """Fit with the grid reduced to one penalty on the scale of λ itself."""
    x = lines.to_numpy() - lines.to_numpy().mean(axis=1, keepdims=True)
    return fit(lines, ln_ic50, relative_penalties=np.array([penalty * x.shape[1] / (x**2).sum()]), min_lines=10)


def simulated(n_lines=60, n_genes=150, n_drugs=9, signal=0.1, missing=0.0, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n_genes, n_lines))
    y = x.T @ rng.normal(0, signal, (n_genes, n_drugs)) + rng.standard_normal((n_lines, n_drugs))
    y[rng.random(y.shape) < missing] = np.nan
    ids = [f"line{i}" for i in range(n_lines)]
    genes = pd.Index([f"G{i}" for i in range(n_genes)], name="gene")
    drugs = [f"drug{i}" for i in range(n_drugs)]
    return pd.DataFrame(x, index=genes, columns=ids), pd.DataFrame(y, index=ids, columns=drugs)


def by_the_primal_form(x, y, penalty):
    """Slopes and intercept from the genes × genes normal equations."""
    centre = x.mean(axis=0)
    w = np.linalg.solve((x - centre).T @ (x - centre) + penalty * np.eye(x.shape[1]), (x - centre).T @ (y - y.mean()))
    return w, y.mean() - centre @ w


def test_predictions_and_leave_one_out_match_r():
    """Equal to base R's closed form (and MASS::lm.ridge) and to refitting in R without each line, to 1e-9.

    Expected values: reference/ridge/, made by make.R; a drug screened in all lines, in most, and in few.
    """
    read = lambda name: pd.read_csv(REFERENCE / name, index_col=0)  # noqa: E731
    expected = pd.read_csv(REFERENCE / "expected.csv").pivot(index="drug", columns="item", values="value")
    models = at_penalty(read("lines.csv"), read("ln_ic50.csv"), 25.0)
    predicted = models.predict(read("patients.csv"))
    np.testing.assert_allclose(predicted, expected.loc[predicted.index, predicted.columns], rtol=1e-9)
    quality = models.table.set_index("drug_id")[["cv_r2", "cv_pearson"]]
    np.testing.assert_allclose(quality, expected.loc[quality.index, quality.columns], rtol=1e-9)


@pytest.mark.parametrize("missing", [0.0, 0.2, 0.7])
def test_the_dual_form_equals_the_primal_whatever_lines_are_missing(missing):
    lines, ln_ic50 = simulated(missing=missing)
    models = fit(lines, ln_ic50, min_lines=5)
    for drug, penalty in zip(models.table["drug_id"], models.table["penalty"], strict=True):
        known = ln_ic50[drug].notna()
        w, b = by_the_primal_form(lines.loc[:, known].to_numpy().T, ln_ic50.loc[known, drug].to_numpy(), penalty)
        np.testing.assert_allclose(models.weights[drug], w, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(models.intercepts[drug] - models.centre @ models.weights[drug], b, rtol=1e-8)


def test_the_chosen_penalty_has_the_least_leave_one_out_error():
    lines, ln_ic50 = simulated(n_drugs=2, missing=0.1)
    grid = np.logspace(2, -2, 7)
    chosen = fit(lines, ln_ic50, relative_penalties=grid).table
    alone = [fit(lines, ln_ic50, relative_penalties=np.array([value])).table for value in grid]
    assert (chosen["cv_r2"] == np.max([table["cv_r2"] for table in alone], axis=0)).all()


def test_a_drug_unrelated_to_expression_has_no_cross_validated_correlation():
    """Over 300 unrelated drugs the mean r stays within 0.02 of zero and the mean R² below 0.01, although λ was chosen
    on the same errors: the bias of that choice is small."""
    lines, _ = simulated(n_lines=120, n_genes=400)
    noise = np.random.default_rng(7).standard_normal((120, 300))
    table = fit(lines, pd.DataFrame(noise, index=lines.columns)).table
    assert abs(table["cv_pearson"].mean()) < 0.02
    assert table["cv_r2"].mean() < 0.01


def test_a_drug_driven_by_expression_is_predicted_in_new_samples_as_in_cross_validation():
    lines, ln_ic50 = simulated(n_lines=400, n_genes=100, n_drugs=20, signal=0.15)
    known, new = lines.columns[:200], lines.columns[200:]
    models = fit_predict(lines[known], ln_ic50.loc[known], lines[new])
    observed = ln_ic50.loc[new].corrwith(models.predictions.T)
    assert observed.mean() > 0.5
    assert abs(observed.mean() - models.table["cv_pearson"].mean()) < 0.05


def test_a_drug_with_too_few_lines_or_a_constant_response_gets_a_reason_and_no_model():
    lines, ln_ic50 = simulated(n_drugs=3)
    ln_ic50.iloc[5:, 0] = np.nan
    ln_ic50.iloc[:, 1] = 2.0
    models = fit(lines, ln_ic50)
    reasons = models.table.set_index("drug_id")["reason"]
    assert reasons["drug0"] == "screened in 5 lines with expression, fewer than 20"
    assert reasons["drug1"] == "the response does not vary"
    assert models.table["penalty"].notna().tolist() == [False, False, True]
    assert models.predict(lines).index.tolist() == ["drug2"]


def test_no_usable_drug_gives_an_empty_prediction():
    lines, ln_ic50 = simulated(n_drugs=2)
    models = fit_predict(lines, ln_ic50 * 0, lines)
    assert models.predictions.shape == (0, lines.shape[1])
    assert models.table["reason"].notna().all()


def test_the_result_does_not_depend_on_the_order_of_lines_or_on_other_drugs():
    lines, ln_ic50 = simulated(missing=0.2)
    everything = fit(lines, ln_ic50).weights["drug3"]
    shuffled = fit(lines[lines.columns[::-1]], ln_ic50[["drug3"]]).weights["drug3"]
    np.testing.assert_allclose(everything, shuffled, rtol=1e-9, atol=1e-13)


def test_patients_with_other_genes_are_refused():
    lines, ln_ic50 = simulated()
    with pytest.raises(ValueError, match="different genes"):
        fit(lines, ln_ic50).predict(lines.iloc[::-1])


def test_lines_without_expression_are_ignored_and_no_shared_line_is_an_error():
    lines, ln_ic50 = simulated()
    assert (fit(lines.iloc[:, :50], ln_ic50).table["n_lines"] == 50).all()
    with pytest.raises(ValueError, match="both expression and drug response"):
        fit(lines, ln_ic50.rename(index="other {}".format))


def test_the_number_of_cores_does_not_change_a_digit():
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(11)
    lines = pd.DataFrame(rng.standard_normal((700, 150)), columns=[str(i) for i in range(150)])
    response = pd.DataFrame(rng.standard_normal((150, 6)), index=lines.columns)
    patients = pd.DataFrame(rng.standard_normal((700, 80)))
    made = []
    for cores in (1, 2):
        with threadpool_limits(cores, user_api="blas"):
            made.append(fit(lines, response).predict(patients))
    pd.testing.assert_frame_equal(*made, check_exact=True)
