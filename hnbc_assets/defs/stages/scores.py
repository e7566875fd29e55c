"""Scores: the published signature in every cohort's patients, and its performance there.

In scope: the assets after a signature is published: the scores of each cohort and the tables over all cohorts.
Out of scope: training (signature.py), which signature is published (promotion.py), statistics (science/signature),
table definitions (tables/signature).
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from hnbc_assets.defs.checks import results as checks
from hnbc_assets.defs.rows import Frames, rows_of_each_cohort, stacked
from hnbc_assets.defs.stage import Build, Check, Described, Stage, cohorts
from hnbc_assets.defs.stages.cohort_data import (
    apply_to_cohort,
    independence,
    ranked_cohorts,
    scored,
    scored_by,
    with_endpoint,
)
from hnbc_assets.defs.stages.promotion import DESCRIPTION
from hnbc_assets.study import Place, Study
from hnbc_assets.tables import PrognosticPerformance, RiskScores, ScoreCoverage, SurvivalCurves
from hnbc_assets.vocabulary import Form

stage = Stage("scores")


@stage.assets(
    Described("risk_scores/{cohort}", RiskScores),
    Described("score_coverage/{cohort}", ScoreCoverage),
    name="score_{cohort}",
    each=cohorts,
    inputs={"description": DESCRIPTION, "expression": "cohorts/{cohort}", "patients": "patients/{cohort}"},
    settings=lambda build: scored_by(build.study, build.cohort),
)
def score_patients(
    study: Study,
    cohort: str,
    signature: pd.DataFrame,
    description: pd.DataFrame,
    single_sample_signature: pd.DataFrame,
    expression: pd.DataFrame,
    patients: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """Σ coefficient · z if the cohort has the genes; groups by the training median."""
    made = apply_to_cohort(study, cohort, patients, expression, signature, description.iloc[0], single_sample_signature)
    return {"risk_scores": made.scores, "score_coverage": made.coverage}


def _checked(build: Build) -> list[Any]:
    """The settings that the published scores and their checks read."""
    study = build.study
    return [list(study.cohorts), study.training, study.cohorts[study.training].endpoint, sorted(ranked_cohorts(study))]


@stage.asset(
    RiskScores,
    inputs={
        "each": "risk_scores/*",
        # for the checks, which compute the scores again
        "signature": "signature",
        "single_sample_signature": "single_sample_signature",
        "description": DESCRIPTION,
        "expression": "cohorts/*",
        "patients": "patients/*",
    },
    settings=_checked,
    checks=(Check(checks.scores_recomputed, blocking=True), Check(checks.cutoff_is_training_median, blocking=True)),
)
def risk_scores(each: Frames) -> pd.DataFrame:
    """The rows of every cohort, one cohort below the other."""
    return rows_of_each_cohort(each, RiskScores)


stage.rows_of_each_cohort(ScoreCoverage)


def draw_curves(
    survival_curves: pd.DataFrame, prognostic_performance: pd.DataFrame, study: Study, place: Place
) -> bytes:
    """Kaplan–Meier curves of every cohort with an endpoint."""
    from hnbc_assets.report.figures.survival import kaplan_meier

    lacking = {name: "no endpoint in the study" for name in study.cohorts if name not in with_endpoint(study)}
    return kaplan_meier(
        survival_curves, prognostic_performance, training=study.training, lacking=lacking, watermark=place.watermark
    )


@stage.asset(
    SurvivalCurves,
    inputs={"patients": "patients/*", "prognostic_performance": "prognostic_performance"},
    figure=draw_curves,
)
def survival_curves(study: Study, risk_scores: pd.DataFrame, patients: Frames) -> pd.DataFrame:
    """Kaplan–Meier curves of the risk groups, each cohort by its endpoint, with numbers at risk."""
    from hnbc_assets.science.signature.survival import kaplan_meier

    curves = []
    for name, cohort in with_endpoint(study).items():
        data = scored(risk_scores, patients[name], name, cohort.endpoint)
        curve = kaplan_meier(data.time_days.to_numpy(), data.event.to_numpy(), data.risk_group.to_numpy(object))
        curves.append(curve.assign(cohort_id=name, endpoint=cohort.endpoint))
    return stacked(curves, SurvivalCurves)


@stage.asset(
    PrognosticPerformance,
    inputs={"patients": "patients/*", "description": DESCRIPTION},
    settings=lambda build: [build.study.signature.model_dump(), build.study.seed],
)
def prognostic_performance(
    study: Study,
    risk_scores: pd.DataFrame,
    description: pd.DataFrame,
    score_coverage: pd.DataFrame,
    shared_patients: pd.DataFrame,
    patients: Frames,
) -> pd.DataFrame:
    """The score's performance in each cohort: hazard ratio per sd, concordance, AUC(t), log-rank of the split.

    Figures of the training cohort are apparent. A cohort is independent only where no patient of it helped to
    choose the genes or to fit the score.
    """
    from hnbc_assets.science.signature.performance import performance

    made, training, rule = description.iloc[0], study.training, study.signature
    trained_on = scored(risk_scores, patients[training], training, study.cohorts[training].endpoint)
    rows = []
    for name, cohort in with_endpoint(study).items():
        data = scored(risk_scores, patients[name], name, cohort.endpoint)
        coverage = score_coverage.set_index("cohort_id").loc[name]
        alone = (data.form == Form.SINGLE_SAMPLE).any()
        independent, basis = independence(study, name, shared_patients)
        measured = performance(
            data.risk_score.to_numpy(),
            data.time_days.to_numpy(),
            data.event.to_numpy(),
            train_time=trained_on.time_days.to_numpy(),
            train_event=trained_on.event.to_numpy(),
            cutoff=made.single_sample_cutoff if alone else made.cutoff,
            training_sd=made.single_sample_score_sd if alone else made.score_sd,
            years=rule.years,
            seed=study.seed,
            n_bootstrap=rule.bootstraps,
            reason=None if coverage.grouped else coverage.note,
        )
        rows.append(
            measured.assign(
                cohort_id=name,
                endpoint=cohort.endpoint,
                apparent=name == training,
                independent=independent,
                independence_basis=basis,
            )
        )
    return stacked(rows, PrognosticPerformance)
