"""Tables of the signature stage: from univariate Cox to scores and their performance.

In scope: descriptions of columns. Out of scope: a method's own tables (methods/), how they are filled
(science/signature).
"""

from __future__ import annotations

from hnbc_assets.tables.schema import Table, column, score
from hnbc_assets.vocabulary import Direction, Form, RiskGroup

COEFFICIENT = (
    "LASSO coefficient of the within-cohort form; of another method the weight or sign with which the gene enters, "
    "positive if it raises the hazard, and null if the method has none"
)


class UnivariateCox(Table):
    """A candidate gene's univariate Cox model in the training cohort (Efron's ties, per training sd)."""

    key = ("cohort_id", "endpoint", "gene")
    cohort_id: str = column("training cohort")
    endpoint: str = column("survival endpoint")
    gene: str = column("HGNC symbol")
    coefficient: float = column("log hazard ratio", unit="per training sd", nullable=True)
    standard_error: float = column("standard error of the coefficient", unit="per training sd", nullable=True, ge=0)
    hazard_ratio: float = column("hazard ratio", unit="per training sd", nullable=True, gt=0)
    ci_lower: float = column("95 % limit of the hazard ratio", nullable=True, ge=0)
    ci_upper: float = column("95 % limit of the hazard ratio", nullable=True, ge=0)
    p_value: float = column("Wald test", nullable=True, ge=0, le=1)
    fdr: float = column("Benjamini–Hochberg over the candidates", nullable=True, ge=0, le=1)
    selected: bool = column("enters the signature's fit (the LASSO) by the study's rule")
    reason: str = column("why there is no fit", nullable=True)


class Signature(Table):
    """A gene of the published signature with its coefficient."""

    key = ("signature_id", "gene")
    signature_id: str = column("content hash of genes, coefficients, means and sds; of the method too if not LASSO-Cox")
    gene: str = column("HGNC symbol")
    coefficient: float = column(COEFFICIENT, unit="per training sd (LASSO-Cox)", nullable=True)
    mean: float = column("mean in the training cohort", unit="training expression scale")
    sd: float = column("standard deviation in the training cohort", unit="training expression scale", gt=0)
    selection_frequency: float = column(
        "share of the cross-validation's fits that keep it at the chosen penalty, after any univariate screen",
        nullable=True,
        ge=0,
        le=1,
    )
    direction_concordant: bool = column(
        "hazard and direction in resistance agree (harmful and higher in RD, or neither)", nullable=True
    )
    direction: str = column("group in which the gene is higher", isin=Direction)


class SingleSampleSignature(Table):
    """A gene of the rank-based form of the score: one with a coefficient, or one of the genes ranked."""

    key = ("gene",)
    single_sample_id: str = column("content hash of this form; it differs from the signature's")
    gene: str = column("HGNC symbol")
    coefficient: float = column("LASSO coefficient; null for a gene that only serves as reference", nullable=True)
    mean: float = column("mean rank score in the training cohort", unit="normal deviates", nullable=True)
    sd: float = column("its standard deviation", unit="normal deviates", nullable=True, gt=0)


class SignatureDescription(Table):
    """A trained signature: how it was made and its cut-offs. One row, even when no gene was selected."""

    key = ("signature_id",)
    signature_id: str = column("content hash; 'none' when no gene was selected")
    cohort_id: str = column("training cohort")
    endpoint: str = column("survival endpoint")
    n_patients: int = column("training patients", unit="patients", ge=0)
    n_events: int = column("events among them", unit="events", ge=0)
    n_candidates: int = column("candidate genes measured in the training cohort", unit="genes", ge=0)
    n_entered: int = column("genes that entered the fit (the LASSO)", unit="genes", ge=0)
    n_genes: int = column("genes of the signature", unit="genes", ge=0)
    entry_rule: str = column("how candidates entered the fit (the LASSO)")
    penalty_rule: str = column("how LASSO-Cox chose the penalty; of another method, its name")
    alpha: float = column("penalty; null for a method without one", nullable=True)
    cutoff: float = score("training median of the score (of LASSO-Cox, the within-cohort form)", nullable=True)
    single_sample_cutoff: float = score("training median of the single-sample score", nullable=True)
    score_sd: float = column("standard deviation of the score in training", nullable=True)
    single_sample_score_sd: float = column("standard deviation of the single-sample score in training", nullable=True)
    events_per_candidate: float = column("events for each gene that entered", nullable=True)
    note: str = column("caveats, or why there is no signature", nullable=True)


class PublishedDescription(SignatureDescription):
    """The published signature's description, as scores need it."""

    current: bool = column("a refit on the current data gives this same signature")


class Signatures(SignatureDescription):
    """A signature that was trained here: published (the first row), challenger, retired, or passed over."""

    status: str = column(
        "published, challenger, retired or passed_over", isin=("published", "challenger", "retired", "passed_over")
    )
    trained_on: str = column("upstream releases that it was trained on")
    trained_at: str = column("when it was first trained", unit="UTC, ISO 8601")
    adopted_at: str = column("when it was first published; null if it never was", unit="UTC, ISO 8601", nullable=True)
    promoted_by: str = column("who promoted it; null where the study's rule did", nullable=True)
    code_version: str = column("version of code and settings that trained it")
    run_id: str = column("Dagster run that trained it")


class MultivariableCox(Table):
    """The signature's genes refitted together without penalty: descriptive only, made after selection."""

    key = ("gene",)
    cohort_id: str = column("training cohort")
    endpoint: str = column("survival endpoint")
    gene: str = column("HGNC symbol")
    coefficient: float = column("log hazard ratio", unit="per training sd")
    hazard_ratio: float = column("hazard ratio", unit="per training sd", gt=0)
    ci_lower: float = column("95 % limit, not corrected for selection", ge=0)
    ci_upper: float = column("95 % limit, not corrected for selection", ge=0)
    p_value: float = column("Wald test, not corrected for selection", ge=0, le=1)
    label: str = column("how to read these figures")


class ProportionalHazards(Table):
    """Whether hazard ratios are constant in time (Grambsch & Therneau), by signature gene and for all together."""

    key = ("gene",)
    gene: str = column("HGNC symbol, or GLOBAL")
    statistic: float = column("chi-squared of the scaled Schoenfeld residuals' trend", nullable=True)
    p_value: float = column("p of the statistic", nullable=True, ge=0, le=1)


class RiskScores(Table):
    """A patient scored by the signature."""

    key = ("cohort_id", "patient_id", "signature_id")
    cohort_id: str = column("cohort")
    patient_id: str = column("patient")
    signature_id: str = column("signature that scored")
    risk_score: float = score(
        "sum of coefficient times z (LASSO-Cox), or another method's score; a higher one is a higher hazard",
        unit="log hazard ratio (LASSO-Cox)",
        nullable=True,
    )
    risk_group: str = column(
        "side of the training median; null when too few genes are present", nullable=True, isin=RiskGroup
    )
    form: str = column("within_cohort (depends on the cohort's case mix) or single_sample", isin=Form)
    single_sample_score: float = score("rank-based score that does not depend on other patients", nullable=True)
    single_sample_group: str = column("side of its own training median", nullable=True, isin=RiskGroup)


class ScoreCoverage(Table):
    """How much of the signature a cohort measures."""

    key = ("cohort_id", "signature_id")
    cohort_id: str = column("cohort")
    signature_id: str = column("signature")
    n_patients: int = column("patients scored", unit="patients", ge=0)
    n_high: int = column("patients above the training median", unit="patients", ge=0)
    n_low: int = column("patients at or below it", unit="patients", ge=0)
    n_genes_present: int = column("signature genes measured", unit="genes", ge=0)
    n_genes_missing: int = column("signature genes not measured", unit="genes", ge=0)
    missing_genes: str = column("their symbols, separated by semicolons", nullable=True)
    coefficient_share: float = column(
        "share of the sum of absolute coefficients present; of genes, if they have no coefficients",
        nullable=True,
        ge=0,
        le=1,
    )
    grouped: bool = column("enough is present to form groups and to evaluate performance")
    note: str = column("why there are no scores or groups, and what the score depends on", nullable=True)


class SurvivalCurves(Table):
    """A step of a Kaplan–Meier curve of a risk group."""

    key = ("cohort_id", "endpoint", "risk_group", "time_days")
    cohort_id: str = column("cohort")
    endpoint: str = column("survival endpoint")
    risk_group: str = column("side of the training median", isin=RiskGroup)
    time_days: float = column("time", unit="days", ge=0)
    survival: float = column("Kaplan–Meier estimate", ge=0, le=1)
    ci_lower: float = column("95 % limit (log-log)", nullable=True, ge=0, le=1)
    ci_upper: float = column("95 % limit (log-log)", nullable=True, ge=0, le=1)
    at_risk: int = column("patients at risk just before", unit="patients", ge=0)


class PrognosticPerformance(Table):
    """A figure of merit of the score in a cohort. Training figures are apparent."""

    key = ("cohort_id", "endpoint", "metric", "time_days")
    cohort_id: str = column("cohort")
    endpoint: str = column("survival endpoint")
    metric: str = column("what is measured")
    time_days: float = column("time horizon, where there is one", unit="days", nullable=True)
    estimate: float = column("the figure", nullable=True)
    ci_lower: float = column("95 % limit", nullable=True)
    ci_upper: float = column("95 % limit", nullable=True)
    method: str = column("how figure and interval were made")
    independent: bool = column("no patient of this cohort helped choose the genes or fit the score")
    independence_basis: str = column("evidence of independence, or why the cohort is not independent")
    apparent: bool = column("measured on the training patients")
    reason: str = column("why there is no figure", nullable=True)
