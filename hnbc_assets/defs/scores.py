"""Scores: the trained signature in every cohort's patients, and what it is worth there.

In scope: the signature stage's assets after a signature is published: the scores of each cohort, made by a factory, and
the tables over all cohorts. Out of scope: training (signature.py), statistics (science/signature), table definitions
(tables/signature).
"""

from __future__ import annotations

import dagster as dg
import pandas as pd

from hnbc_assets.defs import checks
from hnbc_assets.defs.cohort_data import apply_to_cohort, independence, ranked_cohorts, scored, scored_by, with_endpoint
from hnbc_assets.defs.cohorts import expression_keys, patients_keys
from hnbc_assets.defs.per_cohort import over_all, rows_keys, stacked
from hnbc_assets.defs.promotion import DESCRIPTION
from hnbc_assets.defs.publishing import Described, Publication
from hnbc_assets.defs.stage import Stage
from hnbc_assets.tables import PrognosticPerformance, RiskScores, ScoreCoverage, SurvivalCurves

Frames = dict[str, pd.DataFrame]


def assets(stage: Stage) -> list[dg.AssetsDefinition]:
    """The signature stage of the study, from scores on."""
    study = stage.study
    training = study.training
    mark = "SIMULATED" if stage.place.simulated else None

    @stage.asset(SurvivalCurves, inputs={"patients": patients_keys(study)})
    def survival_curves(
        risk_scores: pd.DataFrame, prognostic_performance: pd.DataFrame, patients: Frames
    ) -> Publication:
        """Kaplan–Meier curves of the risk groups, each cohort by its endpoint, with numbers at risk."""
        from hnbc_assets.report import figures
        from hnbc_assets.science.signature.survival import kaplan_meier

        curves = []
        for name, cohort in with_endpoint(study).items():
            data = scored(risk_scores, patients[name], name, cohort.endpoint)
            curve = kaplan_meier(data.time_days.to_numpy(), data.event.to_numpy(), data.risk_group.to_numpy(object))
            curves.append(curve.assign(cohort_id=name, endpoint=cohort.endpoint))
        table = stacked(curves, SurvivalCurves)
        lacking = {name: "no endpoint in the study" for name in study.cohorts if name not in with_endpoint(study)}
        figure = figures.kaplan_meier(table, prognostic_performance, training=training, lacking=lacking, watermark=mark)
        return Publication(table, figure)

    @stage.asset(
        PrognosticPerformance,
        inputs={"patients": patients_keys(study), "description": DESCRIPTION},
        settings=[study.signature.model_dump(), study.seed],
    )
    def prognostic_performance(
        risk_scores: pd.DataFrame,
        description: pd.DataFrame,
        score_coverage: pd.DataFrame,
        shared_patients: pd.DataFrame,
        patients: Frames,
    ) -> pd.DataFrame:
        """What the score is worth in each cohort: hazard ratio per sd, concordance, AUC(t), log-rank of the split.

        Figures of the training cohort are apparent. A cohort is independent only where no patient of it helped to
        choose the genes or to fit the score.
        """
        from hnbc_assets.science.signature.performance import performance

        made = description.iloc[0]
        trained_on = scored(risk_scores, patients[training], training, study.cohorts[training].endpoint)
        rows = []
        for name, cohort in with_endpoint(study).items():
            data = scored(risk_scores, patients[name], name, cohort.endpoint)
            held = score_coverage.set_index("cohort_id").loc[name]
            alone = (data.form == "single_sample").any()
            independent, basis = independence(study, name, shared_patients)
            measured = performance(
                data.risk_score.to_numpy(),
                data.time_days.to_numpy(),
                data.event.to_numpy(),
                train_time=trained_on.time_days.to_numpy(),
                train_event=trained_on.event.to_numpy(),
                cutoff=made.single_sample_cutoff if alone else made.cutoff,
                training_sd=made.single_sample_score_sd if alone else made.score_sd,
                years=study.signature.years,
                seed=study.seed,
                n_bootstrap=study.signature.bootstraps,
                reason=None if held.grouped else held.note,
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

    return [
        *(_scores(stage, name) for name in study.cohorts),
        _risk_scores(stage),
        over_all(stage, ScoreCoverage, "How much of the signature each cohort can measure."),
        survival_curves,
        prognostic_performance,
    ]


def _scores(stage: Stage, name: str) -> dg.AssetsDefinition:
    """The signature in one cohort's patients."""
    study = stage.study

    @stage.assets(
        [
            Described(
                f"risk_scores/{name}",
                RiskScores,
                f"The score and risk group of every included patient of cohort {name}.",
            ),
            Described(f"score_coverage/{name}", ScoreCoverage, f"How much of the signature cohort {name} can measure."),
        ],
        name=f"score_{name}",
        inputs={"description": DESCRIPTION, "expression": f"cohorts/{name}", "patients": f"patients/{name}"},
        settings=scored_by(study, name),
    )
    def score_patients(
        signature: pd.DataFrame,
        description: pd.DataFrame,
        single_sample_signature: pd.DataFrame,
        expression: pd.DataFrame,
        patients: pd.DataFrame,
    ) -> dict[str, pd.DataFrame]:
        """Σ coefficient · z if the cohort has the genes; groups by the training median."""
        made = apply_to_cohort(
            study, name, patients, expression, signature, description.iloc[0], single_sample_signature
        )
        return {f"risk_scores/{name}": made.scores, f"score_coverage/{name}": made.coverage}

    return score_patients


def _risk_scores(stage: Stage) -> dg.AssetsDefinition:
    """The scores of all cohorts, with the checks that compute them again from what was published."""
    study, training = stage.study, stage.study.training
    endpoint, ranked = study.cohorts[training].endpoint, ranked_cohorts(study)

    @stage.assets(
        [
            Described(
                "risk_scores",
                RiskScores,
                "Every included patient's score and risk group, in every cohort.",
                (checks.scores_from_coefficients(ranked, training), checks.cutoff_from_training(training, endpoint)),
            )
        ],
        name="risk_scores",
        inputs={
            "each": rows_keys(study, RiskScores),
            "description": DESCRIPTION,
            "expression": expression_keys(study),
            "patients": patients_keys(study),
        },
        settings=[list(study.cohorts), training, endpoint, sorted(ranked)],
    )
    def risk_scores(
        each: Frames,
        signature: pd.DataFrame,  # this and what follows: for the checks
        single_sample_signature: pd.DataFrame,
        description: pd.DataFrame,
        expression: Frames,
        patients: Frames,
    ) -> dict[str, pd.DataFrame]:
        """The rows of every cohort, one cohort below the other."""
        return {"risk_scores": stacked(list(each.values()), RiskScores)}

    return risk_scores
