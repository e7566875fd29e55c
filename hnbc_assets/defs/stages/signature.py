"""Signature: from candidate genes to trained coefficients.

In scope: this stage's assets up to the trained signature, in the order in which data flows. Out of scope: which one is
published (promotion.py), what is made with it (scores.py), statistics (science/signature), table definitions
(tables/signature), where bytes go (lake).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from hnbc_assets.defs.checks import results as checks
from hnbc_assets.defs.stage import Build, Check, Described, Stage
from hnbc_assets.defs.stages.cohort_data import entry_rule, training_set
from hnbc_assets.study import Place, Study
from hnbc_assets.tables import (
    MultivariableCox,
    ProportionalHazards,
    Signature,
    SignatureDescription,
    SingleSampleSignature,
    UnivariateCox,
)
from hnbc_assets.tables.methods import TABLES

TRAINING = {"expression": "cohorts/{training}", "patients": "patients/{training}"}
POST_SELECTION = "post-selection: descriptive, intervals too narrow, not the signature's coefficients"

stage = Stage("signature")


def draw_univariate(univariate_cox: pd.DataFrame, place: Place) -> bytes:
    """The forest plot of the candidates."""
    from hnbc_assets.report.figures.signature import APPARENT, forest

    title = "Univariate Cox"
    return forest(univariate_cox, title=title, standing=APPARENT, watermark=place.watermark)


@stage.asset(
    UnivariateCox,
    inputs=TRAINING,
    settings=lambda build: build.study.signature.model_dump(),
    checks=(Check(checks.fdr_beside_p),),
    figure=draw_univariate,
)
def univariate_cox(
    study: Study, candidate_genes: pd.DataFrame, expression: pd.DataFrame, patients: pd.DataFrame
) -> pd.DataFrame:
    """Each candidate gene alone against survival in the training cohort.

    Cox's partial likelihood with Efron's handling of ties; one gene at a time, per training standard deviation.
    P values are Wald's; the false-discovery rate is Benjamini–Hochberg's over the candidates.
    """
    from hnbc_assets.science.signature.cox import screen

    genes = list(candidate_genes.loc[candidate_genes.in_training_cohort.astype(bool), "gene"])
    data = training_set(study, patients, expression)
    x = data.standardised(genes)
    fits = screen(x.T.to_numpy(), data.time, data.event, genes=genes)
    rule = study.signature
    entered = fits.p_value < rule.entry_p_value if rule.entry == "p_value" else fits.reason.isna()
    made = fits.assign(
        cohort_id=study.training, endpoint=study.cohorts[study.training].endpoint, selected=entered.fillna(False)
    )
    return made[list(UnivariateCox.columns)]


def draw_path(
    lasso_path: pd.DataFrame, lasso_coefficients: pd.DataFrame, description: pd.DataFrame, study: Study, place: Place
) -> bytes:
    """The cross-validated deviance and the coefficients along the path."""
    from hnbc_assets.report.figures import signature

    made = description.iloc[0]
    return signature.lasso_path(
        lasso_path,
        lasso_coefficients,
        cohort_id=study.training,
        endpoint=study.cohorts[study.training].endpoint,
        n_patients=int(made.n_patients),
        n_events=int(made.n_events),
        watermark=place.watermark,
    )


FIGURES = {"lasso_path": draw_path}


def _own_tables() -> Iterator[Described]:
    """The tables of every method; those of the method that is trained are made."""
    for method, tables in TABLES.items():
        for table in tables:
            name = table.table_name()
            yield Described(name, table, figure=FIGURES.get(name), when=lambda build, of=method: build.method == of)


def _trained_by(build: Build) -> list[Any]:
    """The settings that training reads."""
    return [build.study.signature.model_dump(), build.study.seed]


def published_method(build: Build) -> Iterator[Build]:
    """One build, for the method whose signature is published."""
    yield replace(build, method=build.study.signature.method)


def challenging_methods(build: Build) -> Iterator[Build]:
    """One build for each method that challenges it."""
    return (replace(build, method=name) for name in build.study.challengers.methods)


def _of_challenger(build: Build) -> str:
    """The description of a challenger, with its method's source."""
    from hnbc_assets.science.signature.methods import METHODS

    method = METHODS[build.method]
    return f"How the challenger was trained: {method.label} ({method.citation})."


@stage.assets(
    Described("refit/signature", Signature, "The genes selected by training on the current data."),
    Described(
        "refit/description", SignatureDescription, "How that signature was trained, and where its groups are cut."
    ),
    Described("refit/single_sample_signature", SingleSampleSignature, "The rank-based form of its score."),
    *_own_tables(),
    name="train_signature",
    each=published_method,
    inputs=TRAINING,
    settings=_trained_by,
)
@stage.assets(
    Described(
        "refit/signature/{method}",
        Signature,
        "The genes selected by the challenger {method}.",
        checks=(Check(checks.challenger_found),),
    ),
    Described("refit/description/{method}", SignatureDescription, _of_challenger),
    Described("refit/single_sample_signature/{method}", SingleSampleSignature, "The rank-based form of its score."),
    *_own_tables(),
    name="train_{method}",
    each=challenging_methods,
    inputs=TRAINING,
    settings=_trained_by,
)
def train_signature(
    study: Study,
    method: str,
    univariate_cox: pd.DataFrame,
    candidate_genes: pd.DataFrame,
    drug_resistance_genes: pd.DataFrame,
    expression: pd.DataFrame,
    patients: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """A method over the candidates that entered: LASSO-Cox, its penalty by repeated cross-validation, or another."""
    from hnbc_assets.science.signature.method import Training
    from hnbc_assets.science.signature.methods import METHODS
    from hnbc_assets.science.signature.training import train

    rule, training = study.signature, study.training
    own = {table.table_name(): table for table in TABLES.get(method, ())}
    trained = train(
        METHODS[method],
        Training(
            training_set(study, patients, expression),
            entered=list(univariate_cox.loc[univariate_cox.selected.astype(bool), "gene"]),
            direction=candidate_genes.set_index("gene").direction,
            reference_genes=list(drug_resistance_genes.gene.unique()),
            scale=study.cohorts[training].expression_scale,
            rule=rule.penalty,
            folds=rule.folds,
            repeats=rule.repeats,
            seed=study.seed,
        ),
    )
    description = trained.description.assign(
        cohort_id=training,
        endpoint=study.cohorts[training].endpoint,
        n_candidates=int(candidate_genes.in_training_cohort.astype(bool).sum()),
        entry_rule=entry_rule(study),
    )
    return {
        "refit/signature": trained.signature,
        "refit/description": description,
        "refit/single_sample_signature": trained.single_sample,
        **{name: trained.tables.get(name, table.empty()) for name, table in own.items()},
    }


def draw_multivariable(multivariable_cox: pd.DataFrame, place: Place) -> bytes:
    """The forest plot of the signature's genes together."""
    from hnbc_assets.report.figures.signature import APPARENT, forest

    return forest(
        multivariable_cox,
        title="Multivariable Cox, post-selection",
        standing=APPARENT,
        post_selection=True,
        watermark=place.watermark,
    )


@stage.assets(
    Described("multivariable_cox", MultivariableCox, figure=draw_multivariable),
    Described("proportional_hazards", ProportionalHazards, checks=(Check(checks.hazards_proportional),)),
    name="refit_signature",
    inputs=TRAINING,
)
def refit_signature(
    study: Study, signature: pd.DataFrame, expression: pd.DataFrame, patients: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """The signature's genes in one unpenalised Cox model (lifelines), and its proportional-hazards test."""
    from hnbc_assets.science.signature.refit import multivariable, proportional_hazards

    data = training_set(study, patients, expression)
    x = data.standardised(list(signature.gene)).T
    fitted = multivariable(x, data.time, data.event)
    endpoint = study.cohorts[study.training].endpoint
    fitted = fitted[fitted.reason.isna()].assign(cohort_id=study.training, endpoint=endpoint, label=POST_SELECTION)
    hazards = proportional_hazards(x, data.time, data.event)
    return {
        "multivariable_cox": fitted[list(MultivariableCox.columns)],
        "proportional_hazards": hazards[list(ProportionalHazards.columns)],
    }
