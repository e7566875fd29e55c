"""The drug screen as lines × drugs."""

from __future__ import annotations

import pandas as pd
import pytest

from hnbc_assets.science.drugs.screen import arrange

LONG = pd.DataFrame(
    {
        "line_id": ["1", "2", "3", "1", "2"],
        "drug_id": [10, 10, 10, 20, 20],
        "drug_name": ["A", "A", "A", "B", "B"],
        "pathway_name": ["mitosis", "mitosis", "mitosis", None, None],
        "ln_ic50": [1.0, 2.0, 3.0, 4.0, None],
    }
)


def test_lines_follow_the_expression_and_gaps_stay_gaps():
    screen = arrange(LONG, ["3", "1", "2", "99"], min_lines=1)
    assert screen.ln_ic50.index.tolist() == ["3", "1", "2"]
    assert screen.ln_ic50["10"].tolist() == [3.0, 1.0, 2.0]
    assert screen.ln_ic50["20"].isna().tolist() == [True, False, True]


def test_a_drug_in_too_few_lines_is_listed_but_not_modelled():
    screen = arrange(LONG, ["1", "2", "3"], min_lines=2)
    assert screen.ln_ic50.columns.tolist() == ["10"]
    assert screen.drugs.set_index("drug_id")["usable"].to_dict() == {"10": True, "20": False}
    assert screen.drugs["drug_name"].tolist() == ["A", "B"]


def test_two_values_for_one_line_and_drug_are_refused():
    with pytest.raises(ValueError, match="drug 10 has more than one ln IC50 in line 1"):
        arrange(pd.concat([LONG, LONG.head(1)]), ["1"])


def test_no_line_in_both_tables_is_an_error():
    with pytest.raises(ValueError, match="no screened cell line has expression"):
        arrange(LONG, ["77"])
