"""Which method may be used where, with the reason of every refusal, and the results of all methods."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.science.microenvironment.applicability import judge
from hnbc_assets.science.microenvironment.infiltration import infiltrate
from hnbc_assets.science.microenvironment.methods import METHODS

GENES = [f"g{n}" for n in range(40)]
SETS = {
    "T cells": GENES[:8],
    "B lineage": [*GENES[8:12], "x1", "x2"],
    "Rare": [*GENES[12:18], *"abcdefgh"],
    "One": ["g30"],
}
SCALED = ("zscore", "probe_scaled", "rank_normal")


@pytest.fixture(name="expression")
def an_expression():
    rng = np.random.default_rng(20250101)
    return pd.DataFrame(rng.normal(6, 1, (40, 12)), index=GENES, columns=[f"p{n}" for n in range(12)])


@pytest.mark.parametrize("scale", SCALED)
@pytest.mark.parametrize("method", ["ssgsea", "mcp_counter"])
def test_gene_wise_scaled_values_allow_no_comparison_within_a_patient(method, scale):
    verdict = judge(method, scale, GENES, SETS)
    assert not verdict["usable"].any()
    assert verdict["reason"].str.contains(scale).all()


@pytest.mark.parametrize("scale", [*SCALED, "log2_tpm", "log2_cpm", "log2_intensity"])
def test_mean_z_runs_on_every_scale(scale):
    assert judge("mean_z", scale, GENES, SETS).set_index("cell_type").loc["T cells", "usable"]


def test_a_set_needs_five_genes_and_half_of_itself():
    verdict = judge("ssgsea", "log2_tpm", GENES, SETS).set_index("cell_type")
    assert list(verdict["n_found"]) == [8, 4, 6, 1]
    assert list(verdict["n_genes"]) == [8, 6, 14, 1]
    assert list(verdict["usable"]) == [True, False, False, False]
    assert verdict.loc["B lineage", "reason"] == "4 of its 6 genes measured, at least 5 needed"
    assert verdict.loc["Rare", "reason"] == "6 of its 14 genes measured, at least 50% needed"
    assert verdict.loc["T cells", "reason"] is None


def test_mcp_counter_accepts_a_population_with_one_marker():
    verdict = judge("mcp_counter", "log2_tpm", GENES, SETS).set_index("cell_type")
    assert list(verdict["usable"]) == [True, True, False, True]


def test_unknown_methods_and_scales_are_named():
    with pytest.raises(ValueError, match="there are ssgsea, mcp_counter, mean_z"):
        judge("cibersort", "log2_tpm", GENES, SETS)
    with pytest.raises(ValueError, match="unknown expression scale 'fpkm'"):
        judge("ssgsea", "fpkm", GENES, SETS)


def test_every_method_appears_with_scores_or_with_its_reason(expression):
    scores, reasons = infiltrate(expression, SETS, {"T cells": GENES[20:22]}, "log2_tpm")
    assert list(reasons["method"].unique()) == list(METHODS)
    scored = set(zip(scores["method"], scores["cell_type"], strict=True))
    usable = reasons[reasons["usable"]]
    assert scored == set(zip(usable["method"], usable["cell_type"], strict=True))
    assert (scores.groupby(["method", "cell_type"]).size() == 12).all()
    assert set(scores.loc[scores["relative_only"], "method"]) == {"mean_z"}
    mcp = scores[scores["method"] == "mcp_counter"].set_index("patient_id")["score"]
    pd.testing.assert_series_equal(mcp, expression.loc[GENES[20:22]].mean(), check_names=False)


def test_a_scaled_cohort_has_only_relative_scores(expression):
    scores, reasons = infiltrate(expression, SETS, SETS, "zscore")
    assert set(scores["method"]) == {"mean_z"}
    assert scores["relative_only"].all()
    assert reasons.loc[reasons["method"] != "mean_z", "reason"].notna().all()


def test_without_gene_sets_the_markers_serve_all_methods(expression):
    scores, _ = infiltrate(expression, {}, {"T cells": GENES[:8]}, "log2_tpm")
    assert set(scores["method"]) == set(METHODS)


def test_nothing_usable_is_a_table_without_rows(expression):
    scores, reasons = infiltrate(expression, {}, {"Absent": ["x", "y", "z", "v", "w"]}, "zscore")
    assert scores.empty
    assert list(scores.columns) == ["patient_id", "method", "cell_type", "score", "relative_only"]
    assert len(reasons) == 3
