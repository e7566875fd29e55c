"""HER2: the study's rule, its reasons, and the plain ASCO/CAP call."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest

from hnbc_assets.science.cohorts import her2
from hnbc_assets.science.cohorts.vocabulary import Vocabulary
from hnbc_assets.vocabulary import Her2Status

NONE = None
CASES = [
    # word, score, ISH -> status, ASCO/CAP, HER2-low
    ("Negative", "0", NONE, "negative", "negative", False),
    ("Negative", "1+", NONE, "negative", "negative", True),
    ("Positive", "3+", NONE, "positive", "positive", False),
    ("Equivocal", "2+", NONE, "indeterminate", "equivocal", NONE),
    ("Equivocal", "2+", "Negative", "negative", "negative", True),
    ("Equivocal", "2+", "Positive", "positive", "positive", False),
    ("Equivocal", "2+", "Equivocal", "indeterminate", "equivocal", NONE),
    (NONE, NONE, "Positive", "positive", "positive", NONE),
    (NONE, NONE, "Indeterminate", "indeterminate", "indeterminate", NONE),
    ("Negative", NONE, NONE, "negative", "negative", NONE),
    ("Indeterminate", NONE, NONE, "indeterminate", "indeterminate", NONE),
    ("Indeterminate", NONE, "Negative", "negative", "negative", NONE),
    # the score is the category, whatever the word, short of contradiction
    ("Positive", "2+", "Negative", "negative", "negative", True),
    ("Negative", "2+", NONE, "indeterminate", "equivocal", NONE),
    ("Equivocal", "1+", NONE, "negative", "negative", True),
    # contradictions
    ("Positive", "3+", "Negative", "discordant", "positive", False),
    ("Negative", "0", "Positive", "discordant", "negative", False),
    ("Positive", NONE, "Negative", "discordant", "positive", NONE),
    ("Positive", "1+", NONE, "discordant", "negative", True),
    ("Positive", "0", "Negative", "discordant", "negative", False),
    ("Negative", "3+", "Positive", "discordant", "positive", False),
]


def decided_all(words, scores, ish):
    vocabulary = Vocabulary("mine")
    words, scores, ish = (pd.Series(values, dtype=object) for values in (words, scores, ish))
    understood = vocabulary.her2("her2_ihc", words), vocabulary.her2_score(scores), vocabulary.her2("her2_fish", ish)
    return her2.decide(*understood)


def decided(word, score, ish):
    return decided_all([word], [score], [ish])


@pytest.mark.parametrize("case", CASES)
def test_each_combination_of_tests_gives_the_status_that_the_design_states(case):
    *tests, status, asco_cap, low = case
    row = decided(*tests).iloc[0]
    assert (row["her2_status"], row["her2_asco_cap"]) == (status, asco_cap)
    assert (None if pd.isna(row["her2_low"]) else bool(row["her2_low"])) == low


def test_every_combination_has_a_status_and_a_reason_and_equivocal_ish_counts_as_not_done():
    words = ("Positive", "Negative", "Equivocal", "Indeterminate", None)
    scores, fish = ("0", "1+", "2+", "3+", None), ("Positive", "Negative", "Equivocal", "Indeterminate", None)
    for word, score, ish in itertools.product(words, scores, fish):
        row = decided(word, score, ish).iloc[0]
        assert row["her2_status"] in Her2Status
        assert row["her2_rule"]
        if ish in ("Equivocal", "Indeterminate"):
            assert row["her2_status"] == decided(word, score, None).iloc[0]["her2_status"]


def test_scores_and_words_are_understood_in_any_spelling():
    frame = decided_all(
        ["NEGATIVE", "[Not Available]", "positive"],
        ["1", "2.0", "3+"],
        ["[Not Evaluated]", "Not Amplified", "amplified"],
    )
    assert frame["her2_ihc_score"].tolist() == ["1+", "2+", "3+"]
    assert frame["her2_status"].tolist() == ["negative", "negative", "positive"]


def test_a_reported_status_is_used_and_a_missing_one_is_indeterminate():
    words = pd.Series(["N", "P", "NA", None, "I", "equivocal"])
    frame = her2.reported(Vocabulary("gse25055").her2("her2_status", words))
    assert frame["her2_status"].tolist() == ["negative", "positive", *["indeterminate"] * 4]
    assert frame["her2_rule"].tolist() == ["reported_status"] * 2 + ["not_reported"] * 2 + ["reported_status"] * 2
    assert frame["her2_low"].isna().all()
