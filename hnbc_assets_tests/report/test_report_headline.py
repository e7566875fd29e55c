"""The printed headline reports what was found, and what was not."""

from __future__ import annotations

import pandas as pd
import pytest

from hnbc_assets.report.headline.text import headline
from hnbc_assets_tests.report.rows import flat, performance


def test_training_figures_are_apparent_and_followed_by_validation(tables):
    text = flat(headline(tables))
    assert (
        "7f3a91c2 · 2 genes (2 rise in residual disease) · HR per sd tcga PFI 1.42 (1.18–1.71) apparent; "
        "meta OS 1.08 (0.87–1.34); val DRFS 1.21 (1.05–1.58)"
    ) in text
    assert "Harrell's C tcga PFI 0.66 (0.61–0.71) apparent; val DRFS no figure (no event was observed)" in text
    assert "tcga 100 high / 101 low, HR 2.10 (1.50–3.00), log-rank p < 0.001 apparent" in text
    assert "A higher score is associated with a higher hazard in 1 of 2 independent cohorts" in text


def test_every_gene_is_named_with_its_hazard_and_its_direction_in_resistance(tables):
    text = headline(tables)
    assert "B −0.300 protective; higher in residual disease, opposed" in text
    assert "A +0.100 harmful; higher in residual disease, agrees" in text
    assert text.index("B −0.300") < text.index("A +0.100")
    assert "In 1 of 2 genes the hazard agrees with the direction in resistance." in text


def test_without_one_agreeing_gene_the_score_is_called_prognostic_not_a_resistance_signature(tables):
    tables["signature"]["direction_concordant"] = False
    assert "prognostic, not a resistance signature" in flat(headline(tables))


def test_of_a_method_without_coefficients_no_gene_is_called_harmful_and_no_agreement_is_claimed(tables):
    tables["signature"]["coefficient"] = float("nan")
    tables["signature"]["direction_concordant"] = None
    text = flat(headline(tables))
    assert "A higher in residual disease" in text
    assert "harmful" not in text
    assert "No gene has a coefficient, so whether hazards agree with directions in resistance is not known." in text


def test_the_overlap_is_that_of_the_contrast_which_chose_the_candidates(tables):
    text = flat(headline(tables))
    assert "genes that differ at FDR 0.05: 2 of 3, 1 of 3 with ER adjusted · disc: 236 residual disease, 52" in text
    assert (
        "2 of 40 measured anoikis genes are among them (ER-adjusted contrast, 0.8 expected by chance, p < 0.001)"
        in text
    )


@pytest.mark.parametrize("threshold", [0.02, 0.2])
def test_resistance_genes_are_counted_at_the_studys_own_false_discovery_rate(tables, threshold):
    tables["candidate_overlap"]["fdr_threshold"] = threshold
    counts = {0.02: "FDR 0.02: 1 of 3, 1 of 3 with", 0.2: "FDR 0.2: 2 of 3, 1 of 3 with"}
    assert counts[threshold] in flat(headline(tables))


def test_candidates_are_among_the_resistance_genes_only_where_the_overlap_counts_the_same_genes(tables):
    assert "2 of 40 measured anoikis genes are among them" in flat(headline(tables))
    tables["candidate_overlap"]["n_overlap"] = 3
    assert "2 of 40 measured anoikis genes are candidates (ER-adjusted" in flat(headline(tables))


def test_without_a_candidate_the_overlap_is_still_that_of_the_studys_contrast(tables):
    tables["candidate_genes"] = tables["candidate_genes"].iloc[:0]
    tables["candidate_overlap"]["n_overlap"] = 0
    assert "0 of 40 measured anoikis genes are among them (ER-adjusted contrast, 0.8" in flat(headline(tables))


def test_group_sizes_are_those_of_the_patients_whose_survival_was_compared(tables):
    text = flat(headline(tables))
    assert "100 high / 101 low" in text
    assert "150 high" not in text


def test_a_cohort_scaled_together_with_another_is_labelled_and_not_counted_as_independent(tables):
    cohorts = tables["cohorts"].set_index("cohort_id")
    cohorts.loc["val", "scaled_with"] = "disc"
    tables["cohorts"] = cohorts.reset_index()
    text = flat(headline(tables))
    assert "val DRFS 1.21 (1.05–1.58) (values scaled together with disc)" in text
    assert "meta OS 1.08 (0.87–1.34); " in text
    assert "in 0 of 1 independent cohort " in text
    assert (
        "val is not counted, because its values were scaled together with those of disc: a higher score is associated "
        "with a higher hazard there."
    ) in text


def test_the_evidence_of_independence_is_given_for_every_tested_cohort(tables):
    basis = {"meta": "ids; profiles not screened (too few common genes)", "val": "ids; profiles"}
    figures = tables["prognostic_performance"]
    figures["independence_basis"] = figures["cohort_id"].map(basis)
    text = flat(headline(tables))
    assert (
        "meta is independent by ids (profiles could not be compared); val is independent by ids and profiles." in text
    )


def test_what_scores_depend_on_is_stated_once_for_all_cohorts_with_the_same_note(tables):
    tables["score_coverage"] = pd.DataFrame(
        {
            "cohort_id": ["tcga", "val", "meta", "disc"],
            "grouped": [True, True, True, False],
            "note": [None, "z: by case mix", "z: by case mix", "too few genes"],
        }
    )
    text = flat(headline(tables))
    assert "Scores of val and meta: z – by case mix." in text
    assert "too few genes" not in text


def test_a_missing_figure_is_explained_once(tables):
    metrics = ("hazard_ratio_per_sd", "c_index_harrell", "hazard_ratio_high_vs_low")
    why, none = "none of its genes is here", float("nan")
    lost = [("meta", "os", metric, none, none, none, False, True, why) for metric in metrics]
    tables["prognostic_performance"] = performance([("val", "drfs", metrics[0], 1.2, 1.1, 1.3, False, True, ""), *lost])
    assert flat(headline(tables)).count(why) == 1


def test_a_cohort_that_shares_patients_is_not_counted_as_validation(tables):
    tables["prognostic_performance"].loc[1, "independent"] = False
    text = flat(headline(tables))
    assert "val DRFS 1.21 (1.05–1.58) (not independent)" in text
    assert "in 0 of 1 independent cohort " in text


def test_simulated_results_say_so_first_and_real_ones_do_not(tables):
    assert "SIMULATED" not in headline(tables)
    tables["cohorts"]["source"] = "SIMULATED gdc TCGA-BRCA"
    assert headline(tables).startswith("SIMULATED")


def test_a_null_result_is_reported_as_such(tables):
    for name in ("signature", "prognostic_performance", "immune_associations", "drug_associations", "score_coverage"):
        tables[name] = tables[name].iloc[:0]
    tables["signatures"]["note"] = "the LASSO kept no gene at the chosen penalty"
    text = flat(headline(tables))
    assert "signature none: the LASSO kept no gene at the chosen penalty" in text
    assert "A null result: no signature, so no score, no groups and nothing to validate." in text
    assert "no drug was compared: there are no risk groups" in text


def test_a_database_without_any_of_the_tables_still_gets_a_headline():
    assert "A null result" in headline({})


@pytest.mark.parametrize("columns", [119, 100, 80, 60, 45])
def test_in_a_narrower_terminal_lines_break_between_words(tables, columns):
    wide, narrow = headline(tables), headline(tables, columns)
    assert max(len(line) for line in narrow.splitlines()) <= columns
    assert narrow.split() == wide.split()  # every word is whole


def test_no_line_is_wider_than_a_terminal_of_116_columns(tables):
    assert max(len(line) for line in headline(tables).splitlines()) <= 116
