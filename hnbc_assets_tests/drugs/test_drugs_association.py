"""Drugs that differ with risk are found; those that only seem to, through general sensitivity or ER, are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.science.drugs.association import associate, associate_compared, general_sensitivity
from hnbc_assets.science.drugs.homogenise import homogenise
from hnbc_assets.science.drugs.ridge import fit_predict

CLASSES = ["planted"] * 10 + ["er"] * 6 + ["null"] * 24
N_FACTORS = 13


def simulate(seed: int, n_lines: int = 300, n_patients: int = 200, n_genes: int = 390):
    """Latent factors in lines and patients: one associated with risk, ER, general sensitivity, and ten programmes.

    In patients ER and general sensitivity go with risk too. Every drug depends on general sensitivity and on a mixture
    of the programmes; "planted" drugs, half in each direction, also on risk's factor, "er" drugs on ER.
    """
    rng = np.random.default_rng(seed)
    risk = rng.standard_normal(n_patients)
    patients = rng.standard_normal((N_FACTORS, n_patients))
    patients[:3] = [0.8 * risk, -0.5 * risk, 0.5 * risk] + np.sqrt([[0.36], [0.75], [0.75]]) * patients[:3]
    lines = rng.standard_normal((N_FACTORS, n_lines))
    loadings = np.zeros((n_genes, N_FACTORS))
    loadings[np.arange(n_genes), np.arange(n_genes) % N_FACTORS] = rng.uniform(0.6, 1, n_genes)
    effects = rng.normal(0, 0.3, (len(CLASSES), N_FACTORS))
    effects[:, :3] = [0, 0, 0.8]
    for i, kind in enumerate(CLASSES):
        if kind in ("planted", "er"):
            effects[i, 0 if kind == "planted" else 1] = 1.0 if i % 2 else -1.0

    def express(factors):
        values = 8 + loadings @ factors + 0.7 * rng.standard_normal((n_genes, factors.shape[1]))
        samples = [f"S{i}" for i in range(factors.shape[1])]
        return pd.DataFrame(values, index=pd.Index([f"G{i}" for i in range(n_genes)], name="gene"), columns=samples)

    lines_x, patients_x = express(lines), express(patients)
    response = (effects @ lines + 0.7 * rng.standard_normal((len(CLASSES), n_lines))).T
    ln_ic50 = pd.DataFrame(response, index=lines_x.columns, columns=[f"D{i:02}" for i in range(len(CLASSES))])
    group = pd.Series(np.where(risk > np.median(risk), "high", "low"), index=patients_x.columns)
    er = pd.DataFrame({"er": patients[1]}, index=patients_x.columns)
    return lines_x, ln_ic50, patients_x, group, er


def test_planted_drugs_are_found_and_drugs_confounded_by_er_or_general_sensitivity_are_not():
    """Over 12 seeds at FDR 0.05, adjusted: at least 80 % of planted drugs are called and the mean false-discovery
    proportion is at most 0.05 within its Monte-Carlo error; unadjusted it is above a half."""
    planted = np.array(CLASSES) == "planted"
    power, false, false_plain = [], [], []
    for seed in range(12):
        lines, ln_ic50, patients, group, er = simulate(seed)
        both = homogenise(lines, patients)
        models = fit_predict(both.lines, ln_ic50, both.patients)
        table = associate(models.predictions, group, er)
        called, called_plain = table["adjusted_fdr"].to_numpy() < 0.05, table["fdr"].to_numpy() < 0.05
        power.append(called[planted].mean())
        false.append(called[~planted].sum() / max(called.sum(), 1))
        false_plain.append(called_plain[~planted].sum() / max(called_plain.sum(), 1))
    assert np.mean(power) >= 0.8
    assert np.mean(false) <= 0.05 + 2 * np.std(false, ddof=1) / np.sqrt(len(false))
    assert np.mean(false_plain) > 0.5


def test_the_direction_is_that_of_resistance():
    predictions = pd.DataFrame(
        [[1.0, 2, 3, 4, 5, 6], [6.0, 5, 4, 3, 2, 1], [1.0, 1, 1, 1, 1, 1]],
        index=["a", "b", "c"],
        columns=list("uvwxyz"),
    )
    group = pd.Series(["low"] * 3 + ["high"] * 3, index=list("uvwxyz"))
    table = associate(predictions, group)
    assert table["drug_id"].tolist() == ["a", "b", "c"]
    assert table["effect"].tolist() == [1.0, -1.0, 0.0]
    assert table["more_sensitive"].tolist() == ["low", "high", None]


def test_general_sensitivity_leaves_out_the_drug_itself():
    rng = np.random.default_rng(3)
    predictions = pd.DataFrame(rng.standard_normal((12, 50)), index=[f"D{i}" for i in range(12)])
    level = general_sensitivity(predictions)
    changed = predictions.copy()
    changed.loc["D0"] = 99 * rng.standard_normal(50)
    again = general_sensitivity(changed)
    np.testing.assert_allclose(again.loc["D0"], level.loc["D0"])
    assert not np.allclose(again.loc["D11"], level.loc["D11"])
    z = (predictions.sub(predictions.mean(axis=1), axis=0)).div(predictions.std(axis=1, ddof=0), axis=0)
    np.testing.assert_allclose(level.loc["D11"], z.iloc[:11].mean())


def test_a_drugs_units_do_not_affect_general_sensitivity():
    rng = np.random.default_rng(3)
    predictions = pd.DataFrame(rng.standard_normal((6, 30)))
    scaled = predictions.mul([1, 10, 100, 1, 1, 1], axis=0) + 5
    np.testing.assert_allclose(general_sensitivity(scaled), general_sensitivity(predictions))


@pytest.mark.parametrize("patients", [[], ["low", "low", "low", "low"]])
def test_without_two_groups_there_is_no_test_and_no_crash(patients):
    predictions = pd.DataFrame(np.random.default_rng(1).standard_normal((3, 4)), columns=list("abcd"))
    group = pd.Series(patients, index=list("abcd")[: len(patients)], dtype=object)
    table = associate(predictions, group)
    assert len(table) == 3
    assert table["fdr"].isna().all()


def test_one_drug_alone_is_compared_without_general_sensitivity():
    predictions = pd.DataFrame(np.arange(20.0)[None], index=["a"])
    table = associate(predictions, pd.Series(["low", "high"] * 10))
    assert table["p_value"].notna().all()
    assert table["adjusted_for"].tolist() == [""]


def published(n_drugs: int, n_patients: int = 40) -> tuple[pd.DataFrame, pd.Series]:
    """Rows of drug_sensitivity in which every drug differs somewhat with risk, and the groups."""
    patients = [f"P{i}" for i in range(n_patients)]
    group = pd.Series(["low", "high"] * (n_patients // 2), index=patients)
    values = np.random.default_rng(9).normal((group == "high") * 0.8, 1, (n_drugs, n_patients))
    wide = pd.DataFrame(values, index=pd.Index([f"D{i:02}" for i in range(n_drugs)], name="drug_id"), columns=patients)
    return wide.rename_axis(columns="patient_id").stack().rename("ln_ic50_um").reset_index(), group


def described(compared: list[bool]) -> pd.DataFrame:
    ids = [f"D{i:02}" for i in range(len(compared))]
    return pd.DataFrame(
        {"drug_id": ids, "drug_name": "Docetaxel", "pathway_name": None, "cv_pearson": 0.4, "compared": compared}
    )


def test_a_drug_whose_model_is_too_poor_does_not_affect_the_others():
    """Rows, false-discovery rates and general sensitivity are the same as if it had never been predicted."""
    predictions, group = published(12)
    good = [i < 8 for i in range(12)]
    table = associate_compared(predictions, described(good), group)
    assert table["drug_id"].tolist() == [f"D{i:02}" for i in range(8)]
    assert (table["drug_name"] == "Docetaxel").all()
    without = predictions[predictions["drug_id"].isin(table["drug_id"])]
    pd.testing.assert_frame_equal(table, associate_compared(without, described(good), group))
    everything = associate_compared(predictions, described([True] * 12), group).head(8)
    np.testing.assert_allclose(everything["p_value"], table["p_value"])
    assert not np.allclose(everything["fdr"], table["fdr"])


def test_when_no_model_is_good_enough_nothing_is_compared():
    predictions, group = published(3)
    assert associate_compared(predictions, described([False] * 3), group).empty
