"""HER2: from receptor tests to a status with its reason.

In scope: the study's conservative rule, the plain ASCO/CAP call, HER2-low. Out of scope: where the test results come
from (clinical_*.py), who is included in the study (inclusion).

The study rule. The IHC category is the score's (0 and 1+ negative, 2+ equivocal, 3+ positive); the reported word
is used only where there is no score. Equivocal or indeterminate ISH counts as not done. ISH resolves 2+ or absent IHC;
agreement, or one informative test alone, decides; with neither the status is indeterminate. A patient whose tests
contradict each other is discordant and excluded.

ASCO/CAP: Wolff et al. 2018, 10.1200/JCO.2018.77.8738. HER2-low: Tarantino et al. 2020, 10.1200/JCO.19.02488.
"""

from __future__ import annotations

import pandas as pd

from hnbc_assets.vocabulary import Her2Score, Her2Status, Her2Test

CATEGORY_OF_SCORE = {
    Her2Score.ZERO: Her2Test.NEGATIVE,
    Her2Score.ONE: Her2Test.NEGATIVE,
    Her2Score.TWO: Her2Test.EQUIVOCAL,
    Her2Score.THREE: Her2Test.POSITIVE,
}
INFORMATIVE = (Her2Test.POSITIVE, Her2Test.NEGATIVE)
COLUMNS = ["her2_ihc", "her2_ihc_score", "her2_fish", "her2_status", "her2_rule", "her2_asco_cap", "her2_low"]


def decide(word: pd.Series, score: pd.Series, fish: pd.Series) -> pd.DataFrame:
    """The study's HER2 status of each patient from IHC (word, score) and ISH.

    Parameters
    ----------
    word, fish : IHC's reported result and ISH's: positive, negative, equivocal, indeterminate or missing
    score : IHC's: 0, 1+, 2+, 3+ or missing

    Returns
    -------
    Indexed as the input. her2_ihc, her2_fish and her2_ihc_score repeat the input; her2_status (a Her2Status),
    her2_rule (the rule that decided), her2_asco_cap (positive, negative, equivocal or indeterminate), her2_low (true,
    false, or missing where it cannot be known).
    """
    decided = [_decide(*tests) for tests in zip(word, score, fish, strict=True)]
    frame = pd.DataFrame(decided, columns=["her2_status", "her2_rule"], index=word.index, dtype=object)
    frame["her2_ihc"], frame["her2_ihc_score"], frame["her2_fish"] = word, score, fish
    frame["her2_asco_cap"] = [_asco_cap(*tests) for tests in zip(word, score, fish, strict=True)]
    low = [_low(*tests) for tests in zip(score, fish, strict=True)]
    frame["her2_low"] = pd.array(low, dtype="boolean")
    return frame[COLUMNS]


def reported(status: pd.Series) -> pd.DataFrame:
    """The HER2 status of a cohort that reports only a status; `her2_rule` is reported_status.

    Parameters
    ----------
    status : negative, positive, indeterminate or equivocal (which counts as indeterminate); a missing status counts as
        indeterminate by the rule not_reported
    """
    frame = pd.DataFrame(None, index=status.index, columns=COLUMNS, dtype=object)
    frame["her2_status"] = status.where(status.notna() & status.ne(Her2Test.EQUIVOCAL), Her2Status.INDETERMINATE)
    frame["her2_rule"] = ["reported_status" if known else "not_reported" for known in status.notna()]
    frame["her2_low"] = pd.array([None] * len(frame), dtype="boolean")
    return frame


def _decide(word: str | None, score: str | None, fish: str | None) -> tuple[str, str]:
    """Status and the rule that decided, for one patient."""
    if word == Her2Test.POSITIVE and score in (Her2Score.ZERO, Her2Score.ONE):
        return Her2Status.DISCORDANT, "ihc_word_positive_score_0_or_1"
    if word == Her2Test.NEGATIVE and score == Her2Score.THREE:
        return Her2Status.DISCORDANT, "ihc_word_negative_score_3"
    ihc = CATEGORY_OF_SCORE[score] if score else word
    ihc_decides, ish_decides = ihc in INFORMATIVE, fish in INFORMATIVE
    source = "ihc_score" if score else "ihc_word"
    if ihc_decides and ish_decides and ihc != fish:
        return Her2Status.DISCORDANT, f"ihc_{ihc}_ish_{fish}"
    if ihc_decides:
        return str(ihc), f"{source}_and_ish" if ish_decides else source
    if ish_decides:
        return str(fish), "ish_after_equivocal_ihc" if ihc == Her2Test.EQUIVOCAL else "ish_alone"
    why = "equivocal_without_ish" if ihc == Her2Test.EQUIVOCAL else "no_informative_test"
    return Her2Status.INDETERMINATE, why


def _asco_cap(word: str | None, score: str | None, fish: str | None) -> str:
    """ASCO/CAP's algorithm as written: IHC first, ISH for 2+ or where IHC is absent."""
    ihc = CATEGORY_OF_SCORE[score] if score else word
    if ihc in INFORMATIVE:
        return str(ihc)
    if fish in INFORMATIVE:
        return str(fish)
    return Her2Test.EQUIVOCAL if Her2Test.EQUIVOCAL in (ihc, fish) else Her2Test.INDETERMINATE


def _low(score: str | None, fish: str | None) -> bool | None:
    """1+, or 2+ with negative ISH; unknown without a score, or for 2+ without an informative ISH."""
    if score is None:
        return None
    if score == Her2Score.TWO:
        return {Her2Test.NEGATIVE: True, Her2Test.POSITIVE: False}.get(fish)
    return score == Her2Score.ONE
