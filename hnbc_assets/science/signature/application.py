"""Application: a frozen signature scores one cohort's patients, in both forms, with reasons for missing scores.

In scope: choosing the form, forming groups, coverage. Out of scope: the arithmetic of a score (methods/,
single_sample).
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from hnbc_assets.science.signature.analysis_set import AnalysisSet
from hnbc_assets.science.signature.methods import method_of
from hnbc_assets.science.signature.scoring import groups, score_cohort
from hnbc_assets.science.signature.single_sample import SingleSampleSignature, score_single_sample
from hnbc_assets.vocabulary import Form, RiskGroup

CASE_MIX = "z within the cohort: depends on its case mix"
RANKED = "values made normal scores of their ranks, gene by gene"


@dataclass(frozen=True)
class Scored:
    """scores: rows of risk_scores, one per patient; coverage: the cohort's row of score_coverage."""

    scores: pd.DataFrame
    coverage: pd.DataFrame


def apply_signature(
    data: AnalysisSet,
    *,
    raw: pd.DataFrame,
    cohort_id: str,
    training: bool,
    scale: str,
    signature: pd.DataFrame,
    description: pd.Series,
    single_sample: pd.DataFrame,
    min_share: float,
    min_patients: int,
) -> Scored:
    """Score the included patients of one cohort.

    Parameters
    ----------
    data : the cohort, on the values that the signature was trained on
    raw : genes × patients on the cohort's own scale, for ranks within a patient
    training : the cohort trained the signature: its own means and standard deviations are used
    scale : `expression_scale` of the cohort
    signature, single_sample : rows of those tables; description : the row of `signatures`
    min_share : below this share of the coefficients there are no groups
    min_patients : below this number the within-cohort form is not used

    Raises
    ------
    StudyError
        If this version does not have the method that trained the signature.
    """
    method, patients = method_of(description), list(data.expression.columns)
    score = score_cohort(
        method,
        data.expression,
        signature,
        own=training,
        scale="rank_normal" if data.ranked else scale,
        minimum_patients=min_patients,
        minimum_coverage=min_share,
    )
    alone = score
    if method.relative:
        frozen = _frozen(single_sample, description)
        alone = score_single_sample(raw[patients], frozen, scale=scale, minimum_coverage=min_share)
    use_alone = method.relative and len(patients) < min_patients and not training
    score, cutoff = (alone, description.single_sample_cutoff) if use_alone else (score, description.cutoff)
    grouped = score.reason is None and score.values.notna().any()
    risk_group = groups(score.values, cutoff if grouped else float("nan"))
    scores = pd.DataFrame(
        {
            "cohort_id": cohort_id,
            "patient_id": patients,
            "signature_id": description.signature_id,
            "risk_score": score.values.to_numpy(),
            "risk_group": risk_group.to_numpy(),
            "form": score.form,
            "single_sample_score": alone.values.to_numpy(),
            "single_sample_group": groups(alone.values, description.single_sample_cutoff).to_numpy(),
        }
    )
    if not len(signature):
        scores = scores.iloc[:0]
    notes = [
        score.reason,
        f"fewer than {min_patients} patients: scored by ranks within each patient" if use_alone else None,
        CASE_MIX if grouped and score.form == Form.WITHIN_COHORT and not training else None,
        RANKED if grouped and data.ranked and not use_alone else None,
        "no patient has a score" if score.reason is None and not grouped else None,
    ]
    coverage = {
        "cohort_id": cohort_id,
        "signature_id": description.signature_id,
        "n_patients": int(score.values.notna().sum()),
        "n_high": int((risk_group == RiskGroup.HIGH).sum()),
        "n_low": int((risk_group == RiskGroup.LOW).sum()),
        "n_genes_present": len(signature) - len(score.missing),
        "n_genes_missing": len(score.missing),
        "missing_genes": "; ".join(score.missing) or None,
        "coefficient_share": score.coverage if len(signature) else None,
        "grouped": bool(grouped),
        "note": "; ".join(n for n in notes if n) or None,
    }
    return Scored(scores, pd.DataFrame([coverage]))


def _frozen(rows: pd.DataFrame, description: pd.Series) -> SingleSampleSignature:
    """The published single-sample form."""
    genes = rows[rows["coefficient"].notna()]
    return SingleSampleSignature(
        signature_id=rows["single_sample_id"].iloc[0] if len(rows) else "",
        table=genes[["gene", "coefficient", "mean", "sd"]],
        reference_genes=tuple(rows["gene"]),
        cutoff=float(description.single_sample_cutoff),
        reason=None if len(rows) else "the single-sample form could not be trained",
    )
