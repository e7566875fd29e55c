"""Signature: from candidate genes to a frozen set of coefficients, scores and what they are worth.

Belongs here: the assets of this stage, in the order in which data flows. Does not: statistics (science/signature),
table definitions (tables/signature), where bytes go (lake).
"""

from __future__ import annotations

import dagster as dg
import pandas as pd

from hnbc_assets.defs import checks
from hnbc_assets.defs.cohort_data import (
    cohort_set,
    entry_rule,
    independence,
    ranked_cohorts,
    scored,
    stacked,
    standardised,
    training_set,
    with_endpoint,
)
from hnbc_assets.defs.cohorts import expression_keys, patients_keys
from hnbc_assets.defs.publishing import Check, Described, Publication
from hnbc_assets.defs.stage import Stage
from hnbc_assets.tables import (
    LassoCoefficients,
    LassoPath,
    MultivariableCox,
    PrognosticPerformance,
    ProportionalHazards,
    RiskScores,
    ScoreCoverage,
    Signature,
    Signatures,
    SingleSampleSignature,
    SurvivalCurves,
    UnivariateCox,
)

Frames = dict[str, pd.DataFrame]
POST_SELECTION = "post-selection: descriptive, intervals too narrow, not the signature's coefficients"


def assets(stage: Stage) -> list[dg.AssetsDefinition]:
    """The signature stage of the study."""
    study = stage.study
    training = study.training
    own = {"expression": f"cohorts/{training}", "patients": f"patients/{training}"}
    every = {"expression": expression_keys(study), "patients": patients_keys(study)}
    mark = "SIMULATED" if stage.place.simulated else None

    @stage.asset(
        UnivariateCox,
        inputs=own,
        settings=study.signature.model_dump(),
        checks=(Check(checks.fdr_beside_p),),
    )
    def univariate_cox(candidate_genes: pd.DataFrame, expression: pd.DataFrame, patients: pd.DataFrame) -> Publication:
        """Each candidate gene alone against survival in the training cohort.

        Cox's partial likelihood with Efron's handling of ties; one gene at a time, per training standard deviation.
        P values are Wald's; the false-discovery rate is Benjamini–Hochberg's over the candidates.
        """
        from hnbc_assets.report import figures
        from hnbc_assets.science.signature.cox import screen

        genes = list(candidate_genes.loc[candidate_genes.in_training_cohort.astype(bool), "gene"])
        data = training_set(study, patients, expression)
        x = standardised(data.evaluable.loc[genes])
        fits = screen(x.T.to_numpy(), data.time, data.event, genes=genes)
        entered = (
            fits.p_value < study.signature.entry_p_value if study.signature.entry == "p_value" else fits.reason.isna()
        )
        table = fits.assign(
            cohort_id=training, endpoint=study.cohorts[training].endpoint, selected=entered.fillna(False)
        )[list(UnivariateCox.columns)]
        return Publication(table, figures.forest(table, title="Univariate Cox", watermark=mark))

    @stage.assets(
        [
            Described(
                "signature",
                Signature,
                "The genes of the signature with their LASSO coefficients, frozen.",
                (Check(checks.signature_found), Check(checks.direction_agrees)),
            ),
            Described("signatures", Signatures, "How the signature was trained, and where its groups are cut."),
            Described("single_sample_signature", SingleSampleSignature, "The rank-based form of the score."),
            Described("lasso_path", LassoPath, "The LASSO-Cox path with its cross-validated deviance."),
            Described("lasso_coefficients", LassoCoefficients, "Coefficients along the LASSO-Cox path."),
        ],
        name="train_signature",
        inputs=own,
        settings=[study.signature.model_dump(), study.seed],
    )
    def train_signature(
        univariate_cox: pd.DataFrame,
        candidate_genes: pd.DataFrame,
        drug_resistance_genes: pd.DataFrame,
        expression: pd.DataFrame,
        patients: pd.DataFrame,
    ) -> dict[str, Publication | pd.DataFrame]:
        """LASSO-Cox over the candidates that entered, its penalty chosen by repeated cross-validation."""
        from hnbc_assets.report import figures
        from hnbc_assets.science.signature.training import train

        data = training_set(study, patients, expression)
        trained = train(
            data,
            entered=list(univariate_cox.loc[univariate_cox.selected.astype(bool), "gene"]),
            direction=candidate_genes.set_index("gene").direction,
            reference_genes=list(drug_resistance_genes.gene.unique()),
            scale=study.cohorts[training].expression_scale,
            rule=study.signature.penalty,
            folds=study.signature.folds,
            repeats=study.signature.repeats,
            seed=study.seed,
        )
        signatures = trained.description.assign(
            cohort_id=training,
            endpoint=study.cohorts[training].endpoint,
            n_candidates=int(candidate_genes.in_training_cohort.astype(bool).sum()),
            entry_rule=entry_rule(study),
            penalty_rule=f"lambda.{study.signature.penalty}",
        )
        return {
            "signature": trained.signature,
            "signatures": signatures,
            "single_sample_signature": trained.single_sample,
            "lasso_path": Publication(
                trained.path,
                figures.lasso_path(
                    trained.path,
                    trained.coefficients,
                    cohort_id=training,
                    endpoint=study.cohorts[training].endpoint,
                    n_patients=len(data.event),
                    n_events=int(data.event.sum()),
                    watermark=mark,
                ),
            ),
            "lasso_coefficients": trained.coefficients,
        }

    @stage.assets(
        [
            Described(
                "multivariable_cox", MultivariableCox, "The signature's genes refitted together, post-selection."
            ),
            Described(
                "proportional_hazards",
                ProportionalHazards,
                "Whether the genes' hazards are proportional.",
                (Check(checks.hazards_proportional),),
            ),
        ],
        name="refit_signature",
        inputs=own,
    )
    def refit_signature(
        signature: pd.DataFrame, expression: pd.DataFrame, patients: pd.DataFrame
    ) -> dict[str, Publication | pd.DataFrame]:
        """The signature's genes in one unpenalised Cox model (lifelines), and its proportional-hazards test."""
        from hnbc_assets.report import figures
        from hnbc_assets.science.signature.refit import multivariable, proportional_hazards

        data = training_set(study, patients, expression)
        x = standardised(data.evaluable.loc[list(signature.gene)]).T
        fitted = multivariable(x, data.time, data.event)
        fitted = fitted[fitted.reason.isna()].assign(
            cohort_id=training, endpoint=study.cohorts[training].endpoint, label=POST_SELECTION
        )[list(MultivariableCox.columns)]
        figure = figures.forest(fitted, title="Multivariable Cox, post-selection", watermark=mark)
        hazards = proportional_hazards(x, data.time, data.event)[list(ProportionalHazards.columns)]
        return {"multivariable_cox": Publication(fitted, figure), "proportional_hazards": hazards}

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
        inputs=every,
        settings=[study.signature.min_coefficient_share, study.inclusion.min_patients],
    )
    def score_patients(
        signature: pd.DataFrame,
        signatures: pd.DataFrame,
        single_sample_signature: pd.DataFrame,
        expression: Frames,
        patients: Frames,
    ) -> dict[str, pd.DataFrame]:
        """Σ coefficient · z in every cohort that has the genes; groups by the training median."""
        from hnbc_assets.science.signature.application import apply_signature

        ranked = ranked_cohorts(study)
        scored = [
            apply_signature(
                cohort_set(study, name, patients[name], expression[name], rank=name in ranked),
                raw=expression[name],
                cohort_id=name,
                training=name == training,
                scale=study.cohorts[name].expression_scale,
                signature=signature,
                description=signatures.iloc[0],
                single_sample=single_sample_signature,
                min_share=study.signature.min_coefficient_share,
                min_patients=study.inclusion.min_patients,
            )
            for name in study.cohorts
        ]
        return {
            "risk_scores": stacked([s.scores for s in scored], RiskScores),
            "score_coverage": stacked([s.coverage for s in scored], ScoreCoverage),
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
        return Publication(
            table, figures.kaplan_meier(table, prognostic_performance, training=training, watermark=mark)
        )

    @stage.asset(
        PrognosticPerformance,
        inputs={"patients": patients_keys(study)},
        settings=[study.signature.model_dump(), study.seed],
    )
    def prognostic_performance(
        risk_scores: pd.DataFrame,
        signatures: pd.DataFrame,
        score_coverage: pd.DataFrame,
        shared_patients: pd.DataFrame,
        patients: Frames,
    ) -> pd.DataFrame:
        """What the score is worth in each cohort: hazard ratio per sd, concordance, AUC(t), log-rank of the split.

        Figures of the training cohort are apparent. A cohort is independent only where no patient of it helped to
        choose the genes or to fit the score.
        """
        from hnbc_assets.science.signature.performance import performance

        made = signatures.iloc[0]
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
        univariate_cox,
        train_signature,
        refit_signature,
        score_patients,
        survival_curves,
        prognostic_performance,
    ]
