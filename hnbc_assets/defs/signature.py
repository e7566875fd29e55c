"""Signature: from candidate genes to trained coefficients.

In scope: this stage's assets up to the trained signature, in the order in which data flows. Out of scope: which one is
published (promotion.py), what is made with it (scores.py), statistics (science/signature), table definitions
(tables/signature), where bytes go (lake).
"""

from __future__ import annotations

import dagster as dg
import pandas as pd

from hnbc_assets.defs import checks
from hnbc_assets.defs.cohort_data import (
    entry_rule,
    training_set,
)
from hnbc_assets.defs.publishing import Check, Described, Publication
from hnbc_assets.defs.stage import Stage
from hnbc_assets.tables import (
    LassoCoefficients,
    LassoPath,
    MultivariableCox,
    ProportionalHazards,
    Signature,
    SignatureDescription,
    SingleSampleSignature,
    UnivariateCox,
)

Frames = dict[str, pd.DataFrame]
POST_SELECTION = "post-selection: descriptive, intervals too narrow, not the signature's coefficients"


def assets(stage: Stage) -> list[dg.AssetsDefinition]:
    """The signature stage of the study."""
    study = stage.study
    training = study.training
    own = {"expression": f"cohorts/{training}", "patients": f"patients/{training}"}
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
        x = data.standardised(genes)
        fits = screen(x.T.to_numpy(), data.time, data.event, genes=genes)
        entered = (
            fits.p_value < study.signature.entry_p_value if study.signature.entry == "p_value" else fits.reason.isna()
        )
        table = fits.assign(
            cohort_id=training, endpoint=study.cohorts[training].endpoint, selected=entered.fillna(False)
        )[list(UnivariateCox.columns)]
        figure = figures.forest(table, title="Univariate Cox", standing=figures.APPARENT, watermark=mark)
        return Publication(table, figure)

    @stage.assets(
        [
            Described("refit/signature", Signature, "The genes that training on the present data gives."),
            Described("refit/description", SignatureDescription, "How that was trained, and where its groups are cut."),
            Described("refit/single_sample_signature", SingleSampleSignature, "The rank-based form of its score."),
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
        description = trained.description.assign(
            cohort_id=training,
            endpoint=study.cohorts[training].endpoint,
            n_candidates=int(candidate_genes.in_training_cohort.astype(bool).sum()),
            entry_rule=entry_rule(study),
            penalty_rule=f"lambda.{study.signature.penalty}",
        )
        return {
            "refit/signature": trained.signature,
            "refit/description": description,
            "refit/single_sample_signature": trained.single_sample,
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
        x = data.standardised(list(signature.gene)).T
        fitted = multivariable(x, data.time, data.event)
        fitted = fitted[fitted.reason.isna()].assign(
            cohort_id=training, endpoint=study.cohorts[training].endpoint, label=POST_SELECTION
        )[list(MultivariableCox.columns)]
        figure = figures.forest(
            fitted,
            title="Multivariable Cox, post-selection",
            standing=figures.APPARENT,
            post_selection=True,
            watermark=mark,
        )
        hazards = proportional_hazards(x, data.time, data.event)[list(ProportionalHazards.columns)]
        return {"multivariable_cox": Publication(fitted, figure), "proportional_hazards": hazards}

    return [univariate_cox, train_signature, refit_signature]
