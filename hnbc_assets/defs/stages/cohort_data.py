"""What stages take of cohorts: analysis sets, scored survival, who is independent of whom.

In scope: small selections that more than one asset makes. Out of scope: assets, statistics (science).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from hnbc_assets.errors import TooFewEvents
from hnbc_assets.study import Study
from hnbc_assets.study_sources import Cohort
from hnbc_assets.vocabulary import SOURCE_SCALED

if TYPE_CHECKING:
    from hnbc_assets.science.signature.analysis_set import AnalysisSet
    from hnbc_assets.science.signature.application import Scored


def training_set(study: Study, patients: pd.DataFrame, expression: pd.DataFrame) -> AnalysisSet:
    """The training cohort's analysis set; with too few events there is nothing to train on."""
    data = cohort_set(study, study.training, patients, expression)
    if data.event.sum() < study.signature.min_events:
        raise TooFewEvents(
            f"{study.training}: {int(data.event.sum())} {study.cohorts[study.training].endpoint} events among "
            f"{len(data.event)} included patients; training needs {study.signature.min_events} (signature.min_events). "
            "Choose another endpoint or training cohort."
        )
    return data


def cohort_set(
    study: Study, name: str, patients: pd.DataFrame, expression: pd.DataFrame, *, rank: bool = False
) -> AnalysisSet:
    """The included patients of a cohort, on values that compare (see `analysis_set`)."""
    from hnbc_assets.science.signature.analysis_set import analysis_set

    cohort = study.cohorts[name]
    return analysis_set(patients, expression, cohort.endpoint, scale=cohort.expression_scale, rank=rank)


def apply_to_cohort(
    study: Study,
    name: str,
    patients: pd.DataFrame,
    expression: pd.DataFrame,
    signature: pd.DataFrame,
    description: pd.Series,
    single_sample: pd.DataFrame,
) -> Scored:
    """A signature's scores of a cohort's included patients, by the study's rules; `description` is its row."""
    from hnbc_assets.science.signature.application import apply_signature

    return apply_signature(
        cohort_set(study, name, patients, expression, rank=name in ranked_cohorts(study)),
        raw=expression,
        cohort_id=name,
        training=name == description.cohort_id,
        scale=study.cohorts[name].expression_scale,
        signature=signature,
        description=description,
        single_sample=single_sample,
        min_share=study.signature.min_coefficient_share,
        min_patients=study.inclusion.min_patients,
    )


def scored_by(study: Study, name: str) -> list[Any]:
    """The settings that `apply_to_cohort` reads for a cohort."""
    scale, ranked = study.cohorts[name].expression_scale, name in ranked_cohorts(study)
    return [study.signature.min_coefficient_share, study.inclusion.min_patients, scale, ranked]


def ranked_cohorts(study: Study) -> frozenset[str]:
    """Cohorts whose values become normal scores: those given gene-wise scaled, and all when the training cohort is."""
    scaled = {name for name, cohort in study.cohorts.items() if cohort.expression_scale in SOURCE_SCALED}
    return frozenset(study.cohorts if study.training in scaled else scaled)


def entry_rule(study: Study) -> str:
    rule = study.signature
    return f"univariate p < {rule.entry_p_value:g}" if rule.entry == "p_value" else "all candidates"


def with_endpoint(study: Study) -> dict[str, Cohort]:
    """The cohorts that have a survival endpoint."""
    return {name: cohort for name, cohort in study.cohorts.items() if cohort.endpoint}


def scored(risk_scores: pd.DataFrame, patients: pd.DataFrame, name: str, endpoint: str) -> pd.DataFrame:
    """Scored patients of a cohort with a usable endpoint: risk_score, risk_group, time_days, event."""
    scores = risk_scores[risk_scores.cohort_id == name]
    survival = patients[["patient_id", f"{endpoint}_days", f"{endpoint}_event"]].dropna()
    joined = scores.merge(survival, on="patient_id").rename(
        columns={f"{endpoint}_days": "time_days", f"{endpoint}_event": "event"}
    )
    return joined.astype({"time_days": float, "event": bool, "risk_score": float})


def independence(study: Study, name: str, shared: pd.DataFrame) -> tuple[bool, str]:
    """Whether no patient of a cohort helped to choose the genes or to fit the score, and on what that rests."""
    makers = (study.discovery, study.training)
    if name in makers:
        return False, "it chose the genes" if name == study.discovery else "it fitted the score"
    between = [
        shared[(shared.cohort_a.isin([a, b])) & (shared.cohort_b.isin([a, b]))] for a, b in ((name, m) for m in makers)
    ]
    pairs = pd.concat(between)
    ids, profiles = pairs.n_shared_ids.fillna(0) > 0, pairs.n_similar_profiles.fillna(0) > 0
    if (ids | profiles).any():
        meeting = pairs[ids | profiles]
        shared_with = [f"{p.cohort_a} and {p.cohort_b} share patients" for p in meeting.itertuples()]
        return False, "; ".join(shared_with)
    screened = [
        "ids" if pairs.n_shared_ids.notna().all() else "ids not comparable",
        "profiles" if pairs.n_similar_profiles.notna().all() else "profiles not screened (too few common genes)",
    ]
    together = study.cohorts[name].scaled_with
    return True, "; ".join([*screened, *([f"values scaled together with {together}"] if together else [])])
