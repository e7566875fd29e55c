"""Resistance genes: the right patients, on the right scale, adjusted where requested."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.errors import CohortUnusable
from hnbc_assets.science.genes.resistance import resistance_genes

N = 200
PATIENTS = [f"p{n}" for n in range(N)]


@pytest.fixture(name="cohort")
def a_cohort():
    """200 patients; gene g0 higher in RD, g1 higher in pCR, g2 and g3 only through ER; g4 to g199 neither."""
    rng = np.random.default_rng(20250101)
    er = rng.random(N) < 0.6
    resistant = rng.random(N) < np.where(er, 0.9, 0.45)
    x = rng.normal(8, 1, (200, N)) + rng.normal(0, 2, (200, 1))
    x[0] += 1.2 * resistant
    x[1] -= 1.2 * resistant
    x[2:4] += 2.0 * er
    expression = pd.DataFrame(x, index=[f"g{n}" for n in range(200)], columns=PATIENTS)
    response = pd.Series(np.where(resistant, "RD", "pCR"), index=PATIENTS)
    return expression, response, pd.Series(np.where(er, "positive", "negative"), index=PATIENTS)


def test_genes_higher_in_residual_disease_are_up_in_rd(cohort):
    expression, response, _ = cohort
    table = resistance_genes(expression, response, scale="log2_intensity").set_index("gene")
    assert table.loc["g0", "direction"] == "up_in_rd"
    assert table.loc["g1", "direction"] == "up_in_pcr"
    resistant = response == "RD"
    difference = expression.loc["g0", resistant].mean() - expression.loc["g0", ~resistant].mean()
    assert table.loc["g0", "effect"] == pytest.approx(difference)
    assert (table["effect_unit"] == "log2").all()
    assert table.index[0] in ("g0", "g1")


def test_differences_due_to_er_vanish_when_adjusted_for_it(cohort):
    expression, response, er = cohort
    plain = resistance_genes(expression, response, scale="log2_intensity").set_index("gene")["fdr"]
    adjusted = resistance_genes(expression, response, er, scale="log2_intensity", contrast="er_adjusted")
    assert (adjusted["contrast"] == "er_adjusted").all()
    adjusted = adjusted.set_index("gene")["fdr"]
    assert (plain[["g0", "g1", "g2", "g3"]] < 0.05).all()
    assert (adjusted[["g0", "g1"]] < 0.05).all()
    assert (adjusted[["g2", "g3"]] > 0.05).all()


def test_on_a_scaled_cohort_effects_are_in_sd_and_the_unit_of_a_gene_does_not_matter(cohort):
    """Stretching each gene by its own factor changes neither effects nor p values, with or without trend."""
    expression, response, _ = cohort
    stretched = expression.mul(np.linspace(0.1, 40, 200), axis=0)
    once = resistance_genes(expression, response, scale="probe_scaled")
    again = resistance_genes(stretched, response, scale="probe_scaled", trend=True)
    assert (once["effect_unit"] == "sd").all()
    assert list(again["gene"]) == list(once["gene"])
    np.testing.assert_allclose(again["effect"], once["effect"], rtol=1e-9)
    np.testing.assert_allclose(again["p_value"], once["p_value"], rtol=1e-9)


def test_patients_without_response_or_expression_are_left_out(cohort):
    expression, response, _ = cohort
    unknown = response.copy()
    unknown.iloc[:20] = None
    unknown["not_measured"] = "RD"
    pd.testing.assert_frame_equal(
        resistance_genes(expression, unknown, scale="log2_tpm"),
        resistance_genes(expression[PATIENTS[20:]], response.iloc[20:], scale="log2_tpm"),
    )


def test_the_adjusted_contrast_leaves_out_patients_without_er_status(cohort):
    expression, response, er = cohort
    unknown = er.copy()
    unknown.iloc[:20] = None
    kept = PATIENTS[20:]
    pd.testing.assert_frame_equal(
        resistance_genes(expression, response, unknown, scale="log2_tpm", contrast="er_adjusted"),
        resistance_genes(expression[kept], response[kept], er[kept], scale="log2_tpm", contrast="er_adjusted"),
    )


def test_a_gene_that_cannot_be_tested_has_no_row(cohort):
    expression, response, _ = cohort
    expression = expression.copy()
    expression.loc["g5"] = 4.2
    expression.loc["g6", response == "pCR"] = np.nan
    tested = set(resistance_genes(expression, response, scale="zscore")["gene"])
    assert {"g5", "g6"}.isdisjoint(tested)
    assert len(tested) == 198


def test_a_missing_value_costs_its_gene_one_patient(cohort):
    """For each gene, the result on a scaled cohort is that of the observed patients."""
    expression, response, _ = cohort
    holed = expression.copy()
    holed.iloc[0, :5] = np.nan
    table = resistance_genes(holed, response, scale="zscore").set_index("gene")
    observed = expression.iloc[0, 5:]
    z = (observed - observed.mean()) / observed.std()
    resistant = response.iloc[5:] == "RD"
    assert table.loc["g0", "effect"] == pytest.approx(z[resistant].mean() - z[~resistant].mean())


def test_too_few_of_either_response_are_refused(cohort):
    expression, response, _ = cohort
    with pytest.raises(CohortUnusable, match="0 with pathological complete response"):
        resistance_genes(expression, response[response == "RD"], scale="log2_tpm")


def test_an_adjustment_that_cannot_be_made_is_refused(cohort):
    expression, response, er = cohort
    same = response.map({"RD": "positive", "pCR": "negative"})
    for status, message in ((None, "needs the patients' ER"), (er.mask(er.notna(), "positive"), "nothing to adjust")):
        with pytest.raises(CohortUnusable, match=message):
            resistance_genes(expression, response, status, scale="log2_tpm", contrast="er_adjusted")
    with pytest.raises(CohortUnusable, match="same division"):
        resistance_genes(expression, response, same, scale="log2_tpm", contrast="er_adjusted")


def test_unknown_words_are_named(cohort):
    expression, response, _ = cohort
    with pytest.raises(ValueError, match="PCR"):
        resistance_genes(expression, response.replace("pCR", "PCR"), scale="log2_tpm")
