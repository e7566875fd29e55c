"""Scores: the trained signature in every cohort's patients, and what it is worth there.

Belongs here: the signature stage's assets after a signature is published, in the order in which data flows. Does not:
training (signature.py), statistics (science/signature), table definitions (tables/signature).
"""

from __future__ import annotations

import dagster as dg
import pandas as pd

from hnbc_assets.defs import checks
from hnbc_assets.defs.cohort_data import apply_to_cohort, independence, ranked_cohorts, scored, stacked, with_endpoint
from hnbc_assets.defs.cohorts import expression_keys, patients_keys
from hnbc_assets.defs.promotion import DESCRIPTION
from hnbc_assets.defs.publishing import Described, Publication
from hnbc_assets.defs.stage import Stage
from hnbc_assets.tables import PrognosticPerformance, RiskScores, ScoreCoverage, SurvivalCurves

Frames = dict[str, pd.DataFrame]


def assets(stage: Stage) -> list[dg.AssetsDefinition]:
    """The signature stage of the study, from scores on."""
    study = stage.study
    training = study.training
    every = {"expression": expression_keys(study), "patients": patients_keys(study)}
    mark = "SIMULATED" if stage.place.simulated else None

    @stage.assets(
        [
            Described(
                "risk_scores",
                RiskScores,
                "Every included patient's score and risk group, in every cohort.",
                (
                    checks.scores_from_coefficients(ranked_cohorts(study), training),
                    checks.cutoff_from_training(training, study.cohorts[training].endpoint),
                ),
            ),
            Described("score_coverage", ScoreCoverage, "How much of the signature each cohort can measure."),
        ],
        name="score_patients",
        inputs=every | {"description": DESCRIPTION},
        settings=[study.signature.min_coefficient_share, study.inclusion.min_patients],
    )
    def score_patients(
        signature: pd.DataFrame,
        description: pd.DataFrame,
        single_sample_signature: pd.DataFrame,
        expression: Frames,
        patients: Frames,
    ) -> dict[str, pd.DataFrame]:
        """Σ coefficient · z in every cohort that has the genes; groups by the training median."""
        made = [
            apply_to_cohort(
                study, name, patients[name], expression[name], signature, description.iloc[0], single_sample_signature
            )
            for name in study.cohorts
        ]
        return {
            "risk_scores": stacked([m.scores for m in made], RiskScores),
            "score_coverage": stacked([m.coverage for m in made], ScoreCoverage),
        }

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

    return [score_patients, survival_curves, prognostic_performance]
