"""Tables about change: the changes in a release, and their effects on signature, patients and figures of merit.

In scope: descriptions of columns. Out of scope: how changes are found (science, sources), and when (defs).
"""

from __future__ import annotations

from hnbc_assets.tables.schema import Table, column, score
from hnbc_assets.tables.signature import COEFFICIENT
from hnbc_assets.vocabulary import RiskGroup

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
    asset: str = column("raw asset with the files")
    from_release: str = column("previous release")
    to_release: str = column("new release")
    kind: str = column("kind of change", isin=KINDS)
    entity: str = column(
        "the file's id (a superseded file: its old id; a renamed field: the archived reply's id), or the patient's id"
    )
    field: str = column(
        "for a file: its kind, md5 or file_id; for a patient: the upstream's name of the clinical field", nullable=True
    )
    old_value: str = column("previous value", nullable=True)
    new_value: str = column("new value", nullable=True)


class SignatureChanges(Table):
    """A gene that entered or left the published signature or changed its coefficient, since the previous database."""

    key = ("previous_published_at", "gene")
    previous_published_at: str = column(PUBLISHED_BEFORE, unit="UTC, ISO 8601")
    releases: str = column(RELEASES, nullable=True)
    from_signature_id: str = column("previous signature; 'none' if there was none")
    to_signature_id: str = column("new signature; 'none' if there is none")
    gene: str = column("HGNC symbol")
    change: str = column("what happened to it", isin=("entered", "left", "coefficient"))
    old_coefficient: float = column("previous coefficient", unit="per training sd (LASSO-Cox)", nullable=True)
    new_coefficient: float = column("new coefficient", unit="per training sd (LASSO-Cox)", nullable=True)


class RiskChanges(Table):
    """A patient who is newly scored or no longer scored, or whose score moved, since the previous database."""

    key = ("previous_published_at", "cohort_id", "patient_id")
    previous_published_at: str = column(PUBLISHED_BEFORE, unit="UTC, ISO 8601")
    releases: str = column(RELEASES, nullable=True)
    cohort_id: str = column("cohort")
    patient_id: str = column("patient")
    from_signature_id: str = column("previous signature", nullable=True)
    to_signature_id: str = column("new signature", nullable=True)
    change: str = column("what happened to the score", isin=("entered", "left", "moved"))
    old_score: float = score("previous score, in the form that defined the groups", nullable=True)
    new_score: float = score("new score, in the form that defines the groups", nullable=True)
    old_group: str = column("previous risk group", nullable=True)
    new_group: str = column("new risk group", nullable=True)
    flipped: bool = column("whether the risk group changed; false where either group is missing")


class PerformanceChanges(Table):
    """A figure of merit that changed since the previous database."""

    key = ("previous_published_at", "cohort_id", "endpoint", "metric", "time_days")
    previous_published_at: str = column(PUBLISHED_BEFORE, unit="UTC, ISO 8601")
    releases: str = column(RELEASES, nullable=True)
    cohort_id: str = column("cohort")
    endpoint: str = column("survival endpoint")
    metric: str = column("figure of merit")
    time_days: float = column("time horizon, where there is one", unit="days", nullable=True)
    old_estimate: float = column("previous estimate", nullable=True)
    old_ci_lower: float = column("previous lower 95 % limit", nullable=True)
    old_ci_upper: float = column("previous upper 95 % limit", nullable=True)
    new_estimate: float = column("new estimate", nullable=True)
    new_ci_lower: float = column("new lower 95 % limit", nullable=True)
    new_ci_upper: float = column("new upper 95 % limit", nullable=True)
    difference: float = column("new estimate minus the previous one, where both exist", nullable=True)


class SignatureChallengers(Table):
    """Another signature compared with the published one: a fit on the current data, or one published before.

    Harrell's C of both on the same patients, and the difference.
    """

    key = ("challenger_id", "cohort_id")
    challenger_id: str = column("signature_id of the other signature")
    status: str = column("status of the other signature: challenger, retired or passed_over")
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
    apparent: bool = column("the cohort trained both: both estimates are optimistic, more so that of the later fit")
    independent: bool = column("no patient of this cohort helped choose the genes or fit the scores")
    reason: str = column("why there is no comparison", nullable=True)


class ArchivedSignatures(Table):
    """A gene of a signature that was trained here once: published, challenger or retired."""

    key = ("signature_id", "gene")
    signature_id: str = column("content hash of genes, coefficients, means and sds; of the method too if not LASSO-Cox")
    gene: str = column("HGNC symbol")
    coefficient: float = column(COEFFICIENT, unit="per training sd (LASSO-Cox)", nullable=True)
    mean: float = column("mean in the training cohort", unit="training expression scale")
    sd: float = column("standard deviation in the training cohort", unit="training expression scale", gt=0)


class ArchivedRiskScores(Table):
    """A patient scored by a signature that is not the published one: a challenger, or one published before."""

    key = ("signature_id", "cohort_id", "patient_id")
    signature_id: str = column("signature that scored")
    cohort_id: str = column("cohort")
    patient_id: str = column("patient")
    risk_score: float = score("score, in the form that makes the groups", nullable=True)
    risk_group: str = column("side of that signature's training median", isin=RiskGroup, nullable=True)


class AcceptedReleases(Table):
    """A release that a gate held and a person accepted."""

    key = ("source", "release", "accepted_at")
    source: str = column("upstream")
    release: str = column("its release")
    accepted_by: str = column("who accepted it")
    accepted_at: str = column("when", unit="UTC, ISO 8601")
    evidence: str = column("why the gate held")


class ReleaseReports(Table):
    """A report of a release's changes and their effects."""

    key = ("previous_published_at",)
    previous_published_at: str = column(PUBLISHED_BEFORE, unit="UTC, ISO 8601")
    releases: str = column(RELEASES, nullable=True)
    n_file_changes: int = column("files added, removed or superseded", unit="files", ge=0)
    n_patients_changed: int = column("patients added, removed or with another value", unit="patients", ge=0)
    signature_changed: bool = column("whether another signature is published")
    n_scores_moved: int = column("patients whose score moved", unit="patients", ge=0)
    n_flipped: int = column("patients whose risk group changed", unit="patients", ge=0)
    path: str = column("the report in HTML, relative to the lake")


class Publications(Table):
    """A publication of this database."""

    key = ("published_at",)
    published_at: str = column("when", unit="UTC, ISO 8601")
    data_version: str = column("content hash of the published tables")
    study_hash: str = column("the study's hash")
    releases: str = column("upstream releases that it was made from, as 'gdc/TCGA-BRCA 45.0; geo/GSE25055 2022-11-02'")
    signature_id: str = column("published signature", nullable=True)
