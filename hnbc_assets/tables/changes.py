"""Tables about change: what a release brought, and what that did to signature, patients and figures of merit.

In scope: descriptions of columns. Out of scope: how changes are found (science, sources), when they are (defs).
"""

from __future__ import annotations

from hnbc_assets.tables.schema import Table, column, score

KINDS = (
    "file_added",
    "file_removed",
    "file_superseded",
    "patient_added",
    "patient_removed",
    "value_changed",
    "field_renamed",
)
PUBLISHED_BEFORE = "publication time of the database compared against"
RELEASES = (
    "upstream releases that differ between the two, as 'gdc/TCGA-BRCA 45.0 → 46.0'; null when only code or settings do"
)


class ReleaseChanges(Table):
    """A change between two releases of an upstream: a file, a patient, or a value of a patient's clinical record."""

    key = ("asset", "from_release", "to_release", "kind", "entity", "field")
    source: str = column("upstream of the files")
    asset: str = column("raw asset that holds the files")
    from_release: str = column("release before")
    to_release: str = column("release after")
    kind: str = column("kind of change", isin=KINDS)
    entity: str = column(
        "the file's id (of a superseded file the old one; of a renamed field the archived reply's), or the patient's id"
    )
    field: str = column(
        "of a file its kind, md5 or file_id; of a patient the clinical field in the upstream's words", nullable=True
    )
    old_value: str = column("value before", nullable=True)
    new_value: str = column("value after", nullable=True)


class SignatureChanges(Table):
    """A gene that entered or left the published signature, or whose coefficient changed, since the database before."""

    key = ("previous_published_at", "gene")
    previous_published_at: str = column(PUBLISHED_BEFORE, unit="UTC, ISO 8601")
    releases: str = column(RELEASES, nullable=True)
    from_signature_id: str = column("signature before; 'none' without one")
    to_signature_id: str = column("signature after; 'none' without one")
    gene: str = column("HGNC symbol")
    change: str = column("what happened to it", isin=("entered", "left", "coefficient"))
    old_coefficient: float = column("coefficient before", unit="per training sd", nullable=True)
    new_coefficient: float = column("coefficient after", unit="per training sd", nullable=True)


class RiskChanges(Table):
    """A patient who was scored for the first time or no longer is, or whose score moved, since the database before."""

    key = ("previous_published_at", "cohort_id", "patient_id")
    previous_published_at: str = column(PUBLISHED_BEFORE, unit="UTC, ISO 8601")
    releases: str = column(RELEASES, nullable=True)
    cohort_id: str = column("cohort")
    patient_id: str = column("patient")
    from_signature_id: str = column("signature before", nullable=True)
    to_signature_id: str = column("signature after", nullable=True)
    change: str = column("what happened to the score", isin=("entered", "left", "moved"))
    old_score: float = score("score before, in the form that made the groups", nullable=True)
    new_score: float = score("score after, in the form that makes the groups", nullable=True)
    old_group: str = column("risk group before", nullable=True)
    new_group: str = column("risk group after", nullable=True)
    flipped: bool = column("in the other risk group than before; false where either group is missing")


class PerformanceChanges(Table):
    """A figure of merit that changed since the database before."""

    key = ("previous_published_at", "cohort_id", "endpoint", "metric", "time_days")
    previous_published_at: str = column(PUBLISHED_BEFORE, unit="UTC, ISO 8601")
    releases: str = column(RELEASES, nullable=True)
    cohort_id: str = column("cohort")
    endpoint: str = column("survival endpoint")
    metric: str = column("figure of merit")
    time_days: float = column("time it is for", unit="days", nullable=True)
    old_estimate: float = column("estimate before", nullable=True)
    old_ci_lower: float = column("95 % limit before", nullable=True)
    old_ci_upper: float = column("95 % limit before", nullable=True)
    new_estimate: float = column("estimate after", nullable=True)
    new_ci_lower: float = column("95 % limit after", nullable=True)
    new_ci_upper: float = column("95 % limit after", nullable=True)
    difference: float = column("estimate after minus before, where both are", nullable=True)


class SignatureChallengers(Table):
    """Another signature beside the published one: a refit on the present data, or one published before.

    Harrell's C of both on the same patients, and the difference.
    """

    key = ("challenger_id", "cohort_id")
    challenger_id: str = column("signature_id of the other signature")
    status: str = column("what the other one is: challenger, retired or passed_over")
    published_id: str = column("signature_id of the published signature")
    cohort_id: str = column("cohort that both scored")
    endpoint: str = column("survival endpoint")
    n_patients: int = column("patients with both scores and the endpoint", unit="patients", ge=0)
    n_events: int = column("events among them", unit="events", ge=0)
    c_published: float = column("Harrell's C of the published signature", ge=0, le=1, nullable=True)
    c_challenger: float = column("Harrell's C of the other one", ge=0, le=1, nullable=True)
    difference: float = column("the other one minus the published", nullable=True)
    ci_lower: float = column("95 % limit of the difference", nullable=True)
    ci_upper: float = column("95 % limit of the difference", nullable=True)
    method: str = column("how the interval was made")
    apparent: bool = column("the cohort trained the two: both are flattered, the one fitted last the more")
    independent: bool = column("no patient of this cohort helped choose the genes or fit the scores")
    reason: str = column("why there is no comparison", nullable=True)


class ArchivedSignatures(Table):
    """A gene of a signature that was trained here once: published, challenger or retired."""

    key = ("signature_id", "gene")
    signature_id: str = column("content hash of genes, coefficients, means and sds")
    gene: str = column("HGNC symbol")
    coefficient: float = column("LASSO coefficient of the within-cohort form", unit="per training sd")
    mean: float = column("mean in the training cohort", unit="training expression scale")
    sd: float = column("standard deviation in the training cohort", unit="training expression scale", gt=0)


class ArchivedRiskScores(Table):
    """A patient scored by a signature that is not the published one: a challenger, or one published before."""

    key = ("signature_id", "cohort_id", "patient_id")
    signature_id: str = column("signature that scored")
    cohort_id: str = column("cohort")
    patient_id: str = column("patient")
    risk_score: float = score("score, in the form that makes the groups", nullable=True)
    risk_group: str = column("side of that signature's training median", isin=("high", "low"), nullable=True)


class AcceptedReleases(Table):
    """A release that a gate held and a person accepted."""

    key = ("source", "release", "accepted_at")
    source: str = column("upstream")
    release: str = column("its release")
    accepted_by: str = column("who accepted it")
    accepted_at: str = column("when", unit="UTC, ISO 8601")
    evidence: str = column("why the gate held")


class ReleaseReports(Table):
    """A report of what a release brought and what it did."""

    key = ("previous_published_at",)
    previous_published_at: str = column(PUBLISHED_BEFORE, unit="UTC, ISO 8601")
    releases: str = column(RELEASES, nullable=True)
    n_file_changes: int = column("files added, removed or superseded", unit="files", ge=0)
    n_patients_changed: int = column("patients added, removed or with another value", unit="patients", ge=0)
    signature_changed: bool = column("whether another signature is published")
    n_scores_moved: int = column("patients whose score moved", unit="patients", ge=0)
    n_flipped: int = column("patients in the other risk group", unit="patients", ge=0)
    path: str = column("the report in HTML, relative to the lake")


class Publications(Table):
    """A publication of this database."""

    key = ("published_at",)
    published_at: str = column("when", unit="UTC, ISO 8601")
    data_version: str = column("content hash of the published tables")
    study_hash: str = column("the study's hash")
    releases: str = column("upstream releases that it was made from, as 'gdc/TCGA-BRCA 45.0; geo/GSE25055 2022-11-02'")
    signature_id: str = column("published signature", nullable=True)
