"""Which genes cell lines and patients share for a drug model, and how they are made comparable."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.science.drugs.homogenise import homogenise


def expression(n_genes: int, n_samples: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    spread = np.linspace(0.1, 2, n_genes)[:, None]
    values = 7 + shift + spread * rng.standard_normal((n_genes, n_samples))
    return pd.DataFrame(
        values,
        index=pd.Index([f"G{i}" for i in range(n_genes)], name="gene"),
        columns=[f"S{i}" for i in range(n_samples)],
    )


def test_the_fifth_of_genes_with_least_variance_in_the_lines_is_dropped_before_scaling():
    lines, patients = expression(50, 40, 1), expression(50, 30, 2)
    kept = homogenise(lines, patients).genes
    lowest = lines.var(axis=1).nsmallest(10).index
    assert set(kept.loc[~kept["kept"], "gene"]) == set(lowest)
    assert (kept.loc[~kept["kept"], "reason"] == "low variance in lines").all()


def test_variable_genes_do_not_depend_on_the_patients():
    lines, patients = expression(50, 40, 1), expression(50, 30, 2)
    everything = homogenise(lines, patients)
    some = homogenise(lines, patients.iloc[::2] * 5)
    assert some.lines.index.tolist() == [g for g in everything.lines.index if int(g[1:]) % 2 == 0]


@pytest.mark.parametrize("method", ["standardise", "rank"])
def test_a_platforms_shift_and_scale_disappear(method):
    lines, patients = expression(30, 40, 1), expression(30, 200, 2, shift=5)
    moved = homogenise(lines, patients * 3 + 2, method=method).patients
    np.testing.assert_allclose(moved, homogenise(lines, patients, method=method).patients, atol=1e-9)
    np.testing.assert_allclose(moved.mean(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(moved.std(axis=1), 1, atol=0.02)


def test_ranks_limit_heavy_tails():
    lines, patients = expression(30, 40, 1), expression(30, 50, 2)
    patients.iloc[20, 0] = 36_893.0
    assert homogenise(lines, patients, method="rank").patients.max(axis=None) < 3


def test_every_gene_left_out_has_its_reason():
    lines, patients = expression(20, 40, 1), expression(20, 30, 2)
    lines.loc["G10"] = 4.0
    lines.loc["G11", lines.columns[:8]] = np.nan
    patients.loc["G12"] = 1.0
    patients.loc["G13", patients.columns[:8]] = np.nan
    result = homogenise(lines, patients.drop(index="G14"), drop_low_variance=0, among=set(lines.index) - {"G15"})
    reasons = result.genes.set_index("gene")["reason"].dropna().to_dict()
    assert reasons == {
        "G10": "constant in lines",
        "G11": "missing in lines",
        "G12": "constant in patients",
        "G13": "missing in patients",
        "G14": "not measured in patients",
        "G15": "not among the requested genes",
    }
    assert result.lines.index.equals(result.patients.index)
    assert not set(reasons) & set(result.lines.index)


@pytest.mark.parametrize("method", ["standardise", "rank"])
def test_a_few_missing_values_become_the_genes_mean(method):
    lines, patients = expression(20, 40, 1), expression(20, 30, 2)
    patients.iloc[15, 3] = np.nan
    result = homogenise(lines, patients, method=method)
    assert result.patients.loc["G15", "S3"] == 0
    assert result.patients.notna().all(axis=None)


def test_a_repeated_gene_and_unshared_genes_are_refused():
    lines, patients = expression(20, 40, 1), expression(20, 30, 2)
    with pytest.raises(ValueError, match="patients: gene 'G0' occurs twice"):
        homogenise(lines, pd.concat([patients, patients]))
    with pytest.raises(ValueError, match="share no gene"):
        homogenise(lines, patients.rename(index="ENSG{}".format))
