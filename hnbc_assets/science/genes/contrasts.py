"""Contrasts: the plain and the ER-adjusted comparison of one cohort, side by side.

In scope: running both, and their overlap with the anoikis genes. Out of scope: one comparison (resistance), one
intersection (overlap).
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from hnbc_assets.errors import CohortUnusable
from hnbc_assets.science.genes.overlap import overlap_enrichment
from hnbc_assets.science.genes.resistance import resistance_genes
from hnbc_assets.vocabulary import Contrast, Receptor


def both_contrasts(
    expression: pd.DataFrame, patients: pd.DataFrame, *, scale: str, trend: bool, needed: Contrast = Contrast.PLAIN
) -> tuple[pd.DataFrame, str | None]:
    """The plain and the ER-adjusted contrast over the included patients treated with taxane and anthracycline.

    Parameters
    ----------
    expression : genes × patients
    patients : rows of the table `patients` of one cohort
    scale, trend : as for `resistance_genes`
    needed : the contrast that the study requires

    Returns
    -------
    Rows of drug_resistance_genes without cohort_id, and why there is no ER-adjusted contrast (else null). Patients
    whose ER is indeterminate are in the plain contrast only.

    Raises
    ------
    CohortUnusable
        If no included patient is known to have received both drugs, too few have either response, or the required
        contrast cannot be made.
    """
    included = treated(patients[patients["included"].astype(bool)]).set_index("patient_id")
    er = included["er_status"].where(included["er_status"].isin([Receptor.POSITIVE, Receptor.NEGATIVE])).dropna()
    response = included["response"].dropna()
    plain = resistance_genes(expression, response, scale=scale, contrast=Contrast.PLAIN, trend=trend)
    try:
        adjusted = resistance_genes(expression, response, er, scale=scale, contrast=Contrast.ER_ADJUSTED, trend=trend)
    except CohortUnusable as reason:
        if needed == Contrast.ER_ADJUSTED:
            raise CohortUnusable(
                f"{reason}. The study requires the ER-adjusted contrast: set resistance.contrast to plain, or choose a "
                "discovery cohort that reports ER."
            ) from reason
        return plain, f"no ER-adjusted contrast: {reason}"
    return pd.concat([plain, adjusted], ignore_index=True), None


def treated(patients: pd.DataFrame) -> pd.DataFrame:
    """The patients whose chemotherapy names a taxane and an anthracycline.

    Raises
    ------
    CohortUnusable
        If there are no such patients.
    """
    words = patients["chemotherapy"].fillna("").astype(str).str.lower()
    both = words.str.contains("taxane|taxel", regex=True) & words.str.contains("anthracycline|rubicin", regex=True)
    if not both.any():
        named = ", ".join(sorted(set(words) - {""})) or "nothing"
        raise CohortUnusable(
            "no patient of the discovery cohort is known to have received a taxane and an anthracycline (chemotherapy: "
            f"{named}). State what the cohort received in the study file: cohorts.NAME.chemotherapy."
        )
    return patients[both]


def overlap_of_contrasts(
    resistance: pd.DataFrame, anoikis_genes: Iterable[str], *, contrast: str, fdr: float
) -> pd.DataFrame:
    """`overlap_enrichment` of every contrast, one row per contrast.

    Parameters
    ----------
    contrast : the one that selects candidates; its row is marked
    fdr : resistance genes have a smaller false-discovery rate

    Returns
    -------
    contrast, deciding, fdr_threshold and the columns of `overlap_enrichment`. No rows if no gene was tested.
    """
    anoikis = set(anoikis_genes)
    rows = []
    for name, tested in resistance.groupby("contrast", sort=True):
        universe = set(tested["gene"])
        resistant = set(tested.loc[tested["fdr"] < fdr, "gene"])
        counts = overlap_enrichment(len(universe), len(universe & anoikis), len(resistant), len(resistant & anoikis))
        rows.append(counts.assign(contrast=name, deciding=name == contrast, fdr_threshold=fdr))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()
