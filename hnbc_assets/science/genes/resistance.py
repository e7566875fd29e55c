"""Drug resistance: which genes differ between residual disease and pathological complete response.

In scope: who is compared, on which scale, adjusted for what. Out of scope: the test (differential.py), the selection of
patients by HER2 (cohorts/inclusion) and treatment (contrasts.py), the intersection with anoikis genes (overlap.py).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hnbc_assets.errors import CohortUnusable
from hnbc_assets.science.genes.differential import moderated_t
from hnbc_assets.vocabulary import Contrast, Direction, Receptor, Response

SMALLEST_GROUP = 3
"""The fewest patients with either response for a comparison."""


def resistance_genes(
    expression: pd.DataFrame,
    response: pd.Series,
    er: pd.Series | None = None,
    *,
    scale: str,
    contrast: Contrast = Contrast.PLAIN,
    trend: bool = False,
) -> pd.DataFrame:
    """Compare residual disease (RD) with pathological complete response (pCR), gene by gene.

    A moderated t-test (differential.moderated_t). On a log2 scale the effect is a log2 fold change; on any other scale
    genes are first standardised over the compared patients, and the effect is in standard deviations.

    Parameters
    ----------
    expression : genes × patients
    response : by patient, "RD" or "pCR"; a patient without one, or without expression, is left out
    er : by patient, "positive" or "negative"; needed for the adjusted contrast, which leaves out those without
    scale : the cohort's expression_scale
    contrast : "plain", or "er_adjusted" with ER status as covariate
    trend : let the prior variance follow average expression, on log2 scales only: standardised genes have the same
        average

    Returns
    -------
    One row per gene: contrast, gene, effect (RD − pCR), effect_unit ("log2" or "sd"), t, p_value, fdr, direction
    ("up_in_rd" or "up_in_pcr"); the smallest p value first. A gene that cannot be tested (without variance, or not
    observed in both groups) has no row.

    Raises
    ------
    CohortUnusable
        If fewer than three patients have either response, or ER status divides the patients as the response does or is
        the same in all of them.
    ValueError
        If a response, an ER status or the contrast is unknown.
    """
    compared = _patients_compared(expression, response, er, contrast)
    x = expression[compared.index].to_numpy(dtype=float)
    in_log2 = scale.startswith("log2")
    if not in_log2:
        x = _standardised(x)
    adjusted = contrast == Contrast.ER_ADJUSTED
    covariates = (compared["er"] == Receptor.POSITIVE).to_numpy(dtype=float) if adjusted else None
    genes = expression.index.to_list()
    resistant = (compared["response"] == Response.RD).to_numpy()
    tested = moderated_t(x, resistant, genes=genes, covariates=covariates, trend=trend and in_log2)
    table = tested.table.loc[tested.table["p_value"].notna(), ["gene", "effect", "t", "p_value", "fdr"]]
    table.insert(0, "contrast", contrast)
    table.insert(3, "effect_unit", "log2" if in_log2 else "sd")
    table["direction"] = np.where(table["effect"] > 0, Direction.UP_IN_RD, Direction.UP_IN_PCR)
    return table.sort_values(["p_value", "gene"], kind="stable", ignore_index=True)


def _patients_compared(
    expression: pd.DataFrame, response: pd.Series, er: pd.Series | None, contrast: str
) -> pd.DataFrame:
    """Patients with expression and the contrast's variables: index patient_id, columns response and er."""
    if contrast not in Contrast:
        raise ValueError(f"unknown contrast '{contrast}': there are plain and er_adjusted")
    _known(response, (Response.RD, Response.PCR), "response")
    compared = response.reindex(expression.columns).dropna().to_frame("response")
    if contrast == Contrast.ER_ADJUSTED:
        if er is None:
            raise CohortUnusable("the ER-adjusted contrast needs the patients' ER status, and the cohort gives none")
        _known(er, (Receptor.POSITIVE, Receptor.NEGATIVE), "ER status")
        compared["er"] = er.reindex(compared.index)
        compared = compared.dropna()
    residual, complete = (int((compared["response"] == one).sum()) for one in (Response.RD, Response.PCR))
    if min(residual, complete) < SMALLEST_GROUP:
        raise CohortUnusable(
            f"{residual} patients with residual disease and {complete} with pathological complete response "
            f"can be compared ({contrast}); at least {SMALLEST_GROUP} of each are needed"
        )
    if contrast == Contrast.ER_ADJUSTED:
        _tell_apart(compared)
    return compared


def _known(labels: pd.Series, words: tuple[str, ...], what: str) -> None:
    strange = sorted(set(labels.dropna()) - set(words))
    if strange:
        raise ValueError(f"unknown {what} {strange}: they must be {' and '.join(words)}")


def _tell_apart(compared: pd.DataFrame) -> None:
    er_positive, resistant = compared["er"] == Receptor.POSITIVE, compared["response"] == Response.RD
    if er_positive.nunique() == 1:
        raise CohortUnusable(f"every patient compared is ER {compared['er'].iloc[0]}: there is nothing to adjust for")
    if (er_positive == resistant).all() or (er_positive != resistant).all():
        raise CohortUnusable("ER status and response are the same division of the patients: no adjustment is possible")


def _standardised(x: np.ndarray) -> np.ndarray:
    """Each gene (row) to mean 0 and sd 1 over the observed values; missing throughout where it does not vary."""
    observed = np.isfinite(x)
    n = observed.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = x - np.where(observed, x, 0).sum(axis=1, keepdims=True) / n
        sd = np.sqrt((np.where(observed, centred, 0) ** 2).sum(axis=1, keepdims=True) / (n - 1))
        spread = np.nanmax(np.abs(np.where(observed, x, 0)), axis=1, keepdims=True)
        return np.where(sd > 1e-12 * spread, centred / sd, np.nan)
