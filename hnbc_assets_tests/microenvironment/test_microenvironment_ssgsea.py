"""ssGSEA: equal to GSVA, equal to the walk that defines it, and independent of other patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.science.microenvironment.methods.ssgsea import ssgsea

REFERENCE = Path(__file__).parent.parent / "reference" / "ssgsea"
CASES = {
    "distinct": ("distinct", {}),
    "tied": ("tied", {}),
    "tied_alpha_0": ("tied", {"alpha": 0.0}),
    "tied_alpha_1": ("tied", {"alpha": 1.0}),
    "tied_normalised": ("tied", {"normalise": True}),
    "missing": ("missing", {}),
}


def reference_sets() -> dict[str, list[str]]:
    lines = (REFERENCE / "sets.gmt").read_text().splitlines()
    return {line.split("\t")[0]: line.split("\t")[2:] for line in lines}


def reference_expression(name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE / f"{name}.tsv", sep="\t", index_col="gene")


@pytest.mark.parametrize("case", CASES)
def test_ssgsea_equals_gsva(case):
    """Scores equal GSVA 1.46.0's to 1e-10: distinct values, ties, missing values, three alphas, normalised or not.

    Expected values: reference/ssgsea/, made by its make.R. Missing values: GSVA was given the observed genes.
    """
    data, options = CASES[case]
    sets = reference_sets()
    ours = ssgsea(reference_expression(data), sets, **options)
    expected = pd.read_csv(REFERENCE / "expected.tsv", sep="\t")
    expected = expected[expected["case"] == case].pivot(index="set", columns="patient", values="score")
    np.testing.assert_allclose(ours, expected.loc[list(sets), ours.columns], rtol=0, atol=1e-10)


def walk(values: np.ndarray, inside: np.ndarray, alpha: float) -> float:
    """The definition, step by step: from the highest gene down, the summed difference of the two distributions."""
    order = np.argsort(-values)
    rank = np.empty(len(values))
    rank[order] = np.arange(len(values), 0, -1)
    weight = np.where(inside, rank**alpha, 0)[order]
    within = np.cumsum(weight) / weight.sum()
    outside = np.cumsum(~inside[order]) / (~inside).sum()
    return float((within - outside).sum())


def test_the_closed_form_is_the_walk():
    """200 random patients and sets of distinct values, to 1e-10."""
    rng = np.random.default_rng(20250101)
    for _ in range(200):
        n_genes = int(rng.integers(5, 80))
        values = rng.normal(size=n_genes)
        inside = np.zeros(n_genes, dtype=bool)
        inside[rng.choice(n_genes, int(rng.integers(1, n_genes)), replace=False)] = True
        genes = [f"g{n}" for n in range(n_genes)]
        expression = pd.DataFrame({"p": values}, index=genes)
        members = [gene for gene, is_in in zip(genes, inside, strict=True) if is_in]
        ours = ssgsea(expression, {"set": members}, alpha=0.25).loc["set", "p"]
        assert ours == pytest.approx(walk(values, inside, 0.25), rel=0, abs=1e-10)


def test_a_score_does_not_depend_on_other_patients_or_threads():
    """A patient alone, among others, and with one or four threads has bitwise the same score."""
    expression, sets = reference_expression("missing"), reference_sets()
    together = ssgsea(expression, sets, workers=4)
    pd.testing.assert_frame_equal(together, ssgsea(expression, sets, workers=1), check_exact=True)
    alone = ssgsea(expression[["p03"]], sets)
    np.testing.assert_allclose(alone["p03"], together["p03"], rtol=1e-14)


def test_more_patients_than_one_block_are_in_order():
    rng = np.random.default_rng(1)
    expression = pd.DataFrame(rng.normal(size=(50, 100)), index=[f"g{n}" for n in range(50)])
    sets = {"a": ["g1", "g2", "g3"], "b": ["g9", "g30"]}
    scores = ssgsea(expression, sets)
    assert list(scores.index) == ["a", "b"]
    backwards = ssgsea(expression.iloc[:, ::-1], sets)
    pd.testing.assert_frame_equal(scores, backwards.iloc[:, ::-1])


def test_repeated_and_unmeasured_symbols_do_not_count():
    expression, sets = reference_expression("tied"), {"set": ["g001", "g002", "g003"]}
    padded = {"set": ["g003", "g001", "g001", "g002", "elsewhere", "g003"]}
    pd.testing.assert_frame_equal(ssgsea(expression, sets), ssgsea(expression, padded))


def test_a_set_with_none_or_all_of_the_genes_has_no_score():
    expression = reference_expression("distinct")
    scores = ssgsea(expression, {"none": ["elsewhere"], "all": list(expression.index), "some": ["g001"]})
    assert scores.loc[["none", "all"]].isna().all(axis=None)
    assert scores.loc["some"].notna().all()


def test_a_patient_without_any_value_has_no_score():
    expression = reference_expression("distinct")
    expression["p05"] = np.nan
    scores = ssgsea(expression, reference_sets())
    assert scores["p05"].isna().all()
    assert scores.drop(columns="p05").notna().all(axis=None)


def test_a_gene_that_occurs_twice_is_refused():
    expression = reference_expression("distinct")
    with pytest.raises(ValueError, match="g001 occurs twice"):
        ssgsea(pd.concat([expression, expression.iloc[:1]]), reference_sets())
