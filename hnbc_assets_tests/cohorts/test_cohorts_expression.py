"""Expression: scales, symbols, the collapse of features to genes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.errors import CohortUnusable, StudyError
from hnbc_assets.science.cohorts import symbols
from hnbc_assets.science.cohorts.expression import current_genes, gene_matrix


def matrix(values, names, **kwargs):
    ids = [f"f{n}" for n in range(len(names))] if "ids" not in kwargs else kwargs.pop("ids")
    expression = pd.DataFrame(values, index=pd.Index(ids, name="feature_id"), columns=["p1", "p2", "p3"], dtype=float)
    return gene_matrix(expression, pd.DataFrame({"feature_id": ids, "symbol": names}), **kwargs)


def test_tpm_and_counts_become_logarithms():
    values, _ = matrix([[0, 1, 3], [7, 15, 31]], ["A", "B"], scale="log2_tpm")
    np.testing.assert_allclose(values.to_numpy(), [[0, 1, 2], [3, 4, 5]])
    values, _ = matrix([[0, 1, 3], [7, 15, 31]], ["A", "B"], scale="log2_intensity", upstream="linear")
    np.testing.assert_allclose(values.to_numpy(), [[0, 1, 2], [3, 4, 5]])
    counts = np.array([[10, 0, 5], [90, 100, 995]])
    values, _ = matrix(counts, ["A", "B"], scale="log2_cpm")
    np.testing.assert_allclose(values.to_numpy(), np.log2((counts + 0.5) / (counts.sum(axis=0) + 1) * 1e6))


@pytest.mark.parametrize("scale", ["log2_tpm", "log2_cpm", "log2_intensity"])
def test_logarithms_are_unchanged_where_the_study_declares_them(scale):
    given = [[-3.2, 0, 3], [7, 15, 12.5]]
    values, _ = matrix(given, ["A", "B"], scale=scale, upstream="log2")
    np.testing.assert_array_equal(values.to_numpy(), given)


@pytest.mark.parametrize("scale", ["log2_tpm", "log2_cpm"])
@pytest.mark.parametrize("upstream", [None, "linear"])
def test_a_table_of_logarithms_is_not_accepted_as_linear(scale, upstream):
    """No log2(TPM + 1) is above 20; among fewer than 33,000 genes that sum to a million, some TPM is above 30."""
    with pytest.raises(StudyError, match=r"largest value is 14\.2.*values: log2"):
        matrix([[0, 1.5, 3], [7, 14.2, 12]], ["A", "B"], scale=scale, upstream=upstream)
    with pytest.raises(StudyError, match=r"negative.*values: log2"):
        matrix([[-1, 1.5, 3], [7, 140, 12]], ["A", "B"], scale=scale, upstream=upstream)


def test_the_library_of_a_sample_counts_features_that_are_dropped():
    with_dropped, _ = matrix([[40, 40, 40], [90, 90, 90]], ["A", None], scale="log2_cpm")
    alone, _ = matrix([[40, 40, 40]], ["A"], scale="log2_cpm")
    assert (with_dropped.loc["A"] < alone.loc["A"]).all()


def test_features_of_a_scaled_gene_are_averaged_and_missing_values_left_out():
    values, report = matrix([[1, 2, np.nan], [3, np.nan, np.nan], [5, 5, 5]], ["B", "B", "A"], scale="probe_scaled")
    np.testing.assert_array_equal(values.to_numpy(), [[5, 5, 5], [2, 2, np.nan]])
    assert list(values.index) == ["A", "B"]
    assert report["rule"].tolist() == ["its only feature", "mean of 2 features"]


def test_the_most_variable_feature_on_a_log_scale_is_selected():
    values, report = matrix([[5, 5, 6], [1, 5, 9]], ["A", "A"], scale="log2_intensity")
    assert values.loc["A"].tolist() == [1, 5, 9]
    assert report["rule"][0] == "highest variance of 2 features: f1"


def test_features_that_name_no_single_gene_are_dropped_and_counted():
    names = ["A", "A///B", None, "1-Mar", "A /// A"]
    values, report = matrix(np.arange(15).reshape(5, 3), names, scale="log2_intensity", collapse="mean")
    assert list(values.index) == ["A"]
    assert report.loc[0, "n_features"] == 2
    dropped = report[report["gene"].isna()].set_index("rule")["n_features"].to_dict()
    assert dropped == {"dropped: damaged_ambiguous": 1, "dropped: no_symbol": 1, "dropped: several_symbols": 1}


def test_outdated_and_current_names_of_a_gene_are_one_gene():
    values, report = matrix([[0, 0, 0], [2, 2, 2]], ["CTGF", "CCN2"], scale="zscore")
    assert values.loc["CCN2"].tolist() == [1, 1, 1]
    assert report.loc[0, "upstream_symbols"] == "CTGF"


def test_the_copy_of_a_gene_on_y_is_dropped():
    ids = ["ENSG00000182162.11", "ENSG00000182162.11_PAR_Y"]
    values, report = matrix([[63, 63, 63], [0, 999, 0]], ["P2RY8", "P2RY8"], ids=ids, scale="log2_tpm")
    assert values.loc["P2RY8"].tolist() == [6, 6, 6]
    assert "dropped: second_copy_on_y" in set(report["rule"])


def test_values_that_cannot_be_on_the_scale_are_refused():
    with pytest.raises(StudyError, match=r"too large for a logarithm.*values: linear"):
        matrix([[1, 2, 900]], ["A"], scale="log2_intensity")
    with pytest.raises(StudyError, match="values are 'ln'"):
        matrix([[1, 2, 3]], ["A"], scale="log2_tpm", upstream="ln")
    with pytest.raises(StudyError, match="scale 'log10'"):
        matrix([[1, 2, 3]], ["A"], scale="log10")
    with pytest.raises(CohortUnusable, match="usable gene symbol"):
        matrix([[1, 2, 3]], [None], scale="zscore")


def test_spreadsheet_damage_is_repaired_only_where_one_gene_is_possible():
    frame = symbols.current(
        ["3-Mar", "1-Mar", "2-Mar", "7-Sep", "Sep-09", "14-Sep", "15-Sep", "1-Dec", "2-Oct", "2.31E+13"]
    )
    assert frame["gene"].tolist()[:6] == ["MARCHF3", None, None, "SEPTIN7", "SEPTIN9", "SEPTIN14"]
    assert frame["gene"].tolist()[6:] == [None, "DELEC1", None, None]
    assert set(frame["reason"]) == {"damaged_repaired", "damaged_ambiguous"}


def test_every_renaming_leads_to_a_symbol_that_is_itself_current():
    renamings = symbols.aliases()
    assert not set(renamings) & set(renamings.values())
    assert symbols.current_list(["MLL3", "KMT2C", "C15ORF63", "C9ORF72", "NA_NA", "HLA-A"]) == [
        "KMT2C",
        "HYPK",
        "C9orf72",
        "HLA-A",
    ]


def test_a_frame_by_symbol_gets_current_symbols():
    frame = pd.DataFrame([[1.0, 3], [3, 5], [0, 0]], index=["CYR61", "CCN1", "A"], columns=["l1", "l2"])
    current = current_genes(frame)
    assert current.loc["CCN1"].tolist() == [2, 4]
    assert list(current.columns) == ["l1", "l2"]
