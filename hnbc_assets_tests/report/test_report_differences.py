"""The headline's immune and drug lines: what differs with risk, and what remains after adjustment."""

from __future__ import annotations

import pandas as pd

from hnbc_assets.report.headline.text import headline
from hnbc_assets_tests.report.rows import comparison, flat


def test_mean_z_is_named_only_where_no_other_method_ran(tables):
    every = tables["immune_associations"]
    tables["immune_associations"] = pd.concat([every, every.assign(method="mean_z")])
    assert "mean z" not in headline(tables)
    tables["immune_associations"] = every.assign(method="mean_z")
    assert "mean z, tcga" in headline(tables)


def test_differences_that_vanish_on_adjustment_are_not_named(tables):
    text = flat(headline(tables))
    assert (
        "ssGSEA, tcga: 2 of 3 differ with risk at FDR 0.05, 1 of them the same way also adjusted for ER and general "
        "sensitivity;"
    ) in text
    assert "lower in high risk: T cells (−0.36)" in text
    assert "B cells" not in text
    assert "Docetaxel" not in text


def test_differences_count_elsewhere_only_in_the_same_direction(tables):
    here = tables["immune_associations"]
    opposed = here.assign(cohort_id="meta", effect=-here["effect"], adjusted_effect=-here["adjusted_effect"])
    tables["immune_associations"] = pd.concat([here, here.assign(cohort_id="val"), opposed])
    assert "the same way in val 1, meta 0 of the 1" in flat(headline(tables))


def test_a_difference_that_adjustment_reverses_is_not_named(tables):
    drugs = comparison(
        drug_id=["1", "2", "3"],
        drug_name=["Lasting", "Turned", "Gone"],
        effect=[0.2, 0.6, 0.4],
        p_value=0.001,
        fdr=0.003,
        adjusted_effect=[0.3, -0.7, 0.0],
        adjusted_p_value=[0.001, 0.001, 0.9],
        adjusted_fdr=[0.003, 0.003, 0.9],
    )
    there = drugs.assign(cohort_id="val", adjusted_effect=-drugs["adjusted_effect"])
    tables["drug_associations"] = pd.concat([drugs, there])
    text = flat(headline(tables))
    assert (
        "tcga: 3 of 3 differ with risk at FDR 0.05, 1 of them the same way also adjusted for ER and general "
        "sensitivity, 1 reversed by it; less sensitive in high risk: Lasting (+0.20); the same way in val 0 of the 1"
    ) in text
    assert "Turned" not in text


def test_drugs_of_one_name_are_distinguished_and_matched_across_cohorts_by_identifier(tables):
    drugs = comparison(
        drug_id=["1007", "1819"],
        drug_name="Docetaxel",
        effect=[0.4, 0.3],
        p_value=0.001,
        fdr=0.003,
        adjusted_effect=[0.5, 0.4],
        adjusted_p_value=0.001,
        adjusted_fdr=0.003,
    )
    elsewhere = drugs.assign(cohort_id="val", effect=[0.4, -0.3], adjusted_effect=[0.5, -0.4])
    tables["drug_associations"] = pd.concat([drugs, elsewhere])
    text = flat(headline(tables))
    assert "Docetaxel [1007] (+0.40), Docetaxel [1819] (+0.30)" in text
    assert "the same way in val 1 of the 2" in text


def models(cv_pearson: list[float]) -> pd.DataFrame:
    n = len(cv_pearson)
    return pd.DataFrame(
        {
            "cohort_id": "tcga",
            "drug_id": [str(i) for i in range(n)],
            "penalty": 1.0,
            "cv_pearson": cv_pearson,
            "min_cv_pearson": 0.1,
            "compared": [r >= 0.1 for r in cv_pearson],
        }
    )


def test_models_too_poor_to_compare_are_counted(tables):
    tables["drug_models"] = models([0.4, -0.2, 0.05])
    assert "; 2 of 3 models left out, their cross-validated r below 0.1 (predicted from GDSC" in flat(headline(tables))


def test_without_drugs_the_headline_reports_what_is_missing_and_why(tables):
    why = "drug_models is empty: raw/gdsc failed: no answer."
    rows = [("signature", "schema", True, ""), ("hnbc_database", "drugs_complete", False, why)]
    tables["check_results"] = pd.DataFrame(rows, columns=["asset", "check_name", "passed", "description"])
    assert f"drugs missing: {why}" in flat(headline(tables))


def test_when_every_model_is_too_poor_the_drugs_line_says_so(tables):
    tables["drug_models"] = models([-0.2, 0.05])
    tables["drug_associations"] = tables["drug_associations"].iloc[:0]
    assert "no drug was compared: no model predicts left-out cell lines well enough" in flat(headline(tables))


def test_predictions_are_called_relative(tables):
    assert "relative within each cohort" in flat(headline(tables))
