"""Training: the signature, both forms of its score and their cut-offs, from one training set and one method.

In scope: the order of the steps, what is published of them. Out of scope: the steps themselves (methods/, scoring,
single_sample).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hnbc_assets.science.signature.concordance import direction_concordance
from hnbc_assets.science.signature.identity import identified
from hnbc_assets.science.signature.method import Fitted, Method, Training, refused
from hnbc_assets.science.signature.scoring import median_cutoff, score_cohort, standardisation
from hnbc_assets.science.signature.single_sample import SingleSampleSignature, score_single_sample

NO_SIGNATURE = "none"
SIGNATURE_TYPES = {
    "signature_id": object,
    "gene": object,
    "coefficient": float,
    "mean": float,
    "sd": float,
    "selection_frequency": float,
    "direction_concordant": "boolean",
}


@dataclass(frozen=True)
class Trained:
    """A trained signature, as rows of the tables that it fills; `tables` has the method's own, by name."""

    signature: pd.DataFrame
    description: pd.DataFrame
    single_sample: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]


def train(method: Method, training: Training) -> Trained:
    """Fit the method on the evaluable patients, freeze its genes, and set the cut-off at the median score.

    If no gene is selected, the tables of genes are empty and the description says why.
    """
    data, values = training.data, training.data.evaluable
    why_not = refused(method, training.scale)
    fitted = method.fit(training) if why_not is None else Fitted.nothing(why_not)
    signature = freeze(method, fitted.genes, values, training.direction)
    signature["direction"] = training.direction.reindex(signature.gene).to_numpy()
    selected = len(signature) > 0
    scores = score_cohort(method, values, signature, own=True).values if selected else pd.Series(dtype=float)
    cutoff, score_sd = _cutoff_and_sd(scores)
    alone, notes = fitted.single_sample, list(fitted.notes)
    if alone is not None:
        alone_cutoff, alone_sd = _cutoff_and_sd(score_single_sample(values, alone, scale=training.scale).values)
        notes += [f"single-sample form: {alone.reason}"] if alone.reason else []
    elif method.relative:
        alone_cutoff = alone_sd = np.nan
        notes.append(f"single-sample form: {method.label} has none")
    else:
        alone_cutoff, alone_sd = cutoff, score_sd
    n_events = int(data.event.sum())
    description = {
        "signature_id": signature.signature_id.iloc[0] if selected else NO_SIGNATURE,
        "n_patients": len(data.event),
        "n_events": n_events,
        "n_entered": fitted.n_entered,
        "n_genes": len(signature),
        "penalty_rule": fitted.rule or method.name,
        "alpha": fitted.alpha,
        "cutoff": cutoff,
        "single_sample_cutoff": alone_cutoff,
        "score_sd": score_sd,
        "single_sample_score_sd": alone_sd,
        "events_per_candidate": n_events / fitted.n_entered if fitted.n_entered else np.nan,
        "note": "; ".join(notes) or None,
    }
    return Trained(signature, pd.DataFrame([description]), single_sample_rows(alone), fitted.tables)


def freeze(method: Method, genes: pd.DataFrame, expression: pd.DataFrame, direction: pd.Series) -> pd.DataFrame:
    """The signature's table: the genes of a fit, with everything that a score needs.

    Parameters
    ----------
    genes : gene, coefficient, perhaps selection_frequency: `Fitted.genes`
    expression : genes × training patients, the values that the method was fitted on
    direction : `up_in_rd` or `up_in_pcr` by gene, where known

    Returns
    -------
    signature_id, gene, coefficient, mean, sd, selection_frequency, direction_concordant, in the order of `genes`.
    """
    table = standardisation(expression, genes.gene)
    table["coefficient"] = genes["coefficient"].to_numpy(dtype=float)
    table["selection_frequency"] = genes.get("selection_frequency", pd.Series(np.nan, genes.index)).to_numpy()
    hazards = table.set_index("gene").coefficient
    table["direction_concordant"] = direction_concordance(hazards, direction).array
    table["signature_id"] = identified(method.identity(table))
    return table[list(SIGNATURE_TYPES)].astype(SIGNATURE_TYPES)


def single_sample_rows(trained: SingleSampleSignature | None) -> pd.DataFrame:
    """Rows of single_sample_signature; no rows without this form."""
    if trained is None or trained.reason is not None:
        return pd.DataFrame({"gene": [], "coefficient": [], "mean": [], "sd": [], "single_sample_id": []})
    reference = pd.DataFrame({"gene": list(trained.reference_genes)}, dtype=object)
    return reference.merge(trained.table, on="gene", how="left").assign(single_sample_id=trained.signature_id)


def _cutoff_and_sd(scores: pd.Series) -> tuple[float, float]:
    """Of the training scores: the median, rounded as published, and the standard deviation; missing without scores."""
    return (median_cutoff(scores), float(scores.std(ddof=1))) if scores.notna().any() else (np.nan, np.nan)
