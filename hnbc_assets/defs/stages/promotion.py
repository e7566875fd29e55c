"""Promotion: which signature is published, and what becomes of the others.

In scope: the rule that chooses, the published signature's tables, the table of all signatures, scores of those that
are not published and how they compare. Out of scope: training (signature.py), keeping signatures (lake/registry.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from hnbc_assets.defs.checks import results as checks
from hnbc_assets.defs.rows import Frames, stacked
from hnbc_assets.defs.stage import Build, Check, Described, Output, Stage, cohorts
from hnbc_assets.defs.stages.cohort_data import apply_to_cohort, independence, scored, scored_by, with_endpoint
from hnbc_assets.defs.upstreams import raw_key
from hnbc_assets.errors import NotInLake
from hnbc_assets.lake import parquet, registry, signature_lineage
from hnbc_assets.lake.decisions import Decision, as_read, decisions
from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.registry import Adoption, Registered
from hnbc_assets.study import Study
from hnbc_assets.tables import (
    ArchivedRiskScores,
    ArchivedSignatures,
    PublishedDescription,
    Signature,
    SignatureChallengers,
    Signatures,
    SingleSampleSignature,
)
from hnbc_assets.vocabulary import Promotion

NONE = "none"
DESCRIPTION = "published/description"
TIMES = ("trained_at", "adopted_at", "run_id")
REFIT = ("refit/signature", "refit/single_sample_signature", "refit/description")

stage = Stage("promotion")


def choose(
    policy: str, refit: str, before: str | None, adopted: Sequence[Adoption], promoted: Sequence[Decision]
) -> str:
    """The signature to be published: an id, or 'none' where nothing was selected.

    Parameters
    ----------
    policy : automatic (the refit), approval (what a person promoted last, else what is published), never (what is
        published)
    refit : what training on the present data gives
    before : what is published now; None before the first time, when the refit is published whatever the policy
    adopted, promoted : what became published and what people decided, oldest first. A promotion counts until the next
        adoption
    """
    if policy == Promotion.AUTOMATIC or before in (None, NONE):
        return refit
    since = adopted[-1].at if adopted else ""
    wanted = [decision.choice for decision in promoted if decision.at > since]
    return wanted[-1] if policy == Promotion.APPROVAL and wanted else str(before)


@dataclass(frozen=True)
class Fit:
    """A signature as one method trained it on the current data, and the assets that hold it."""

    assets: tuple[str, ...]
    signature: pd.DataFrame
    single_sample: pd.DataFrame
    description: pd.DataFrame

    @property
    def signature_id(self) -> str:
        """Its id, or 'none' where nothing was selected."""
        return str(self.description.signature_id.iloc[0])


def _of_every_method(asset: str) -> Callable[[Build], dict[str, str]]:
    """The asset of the study's method, and those of its challengers by name."""
    return lambda build: {"": asset} | {name: f"{asset}/{name}" for name in build.study.challengers.methods}


@stage.assets(
    Described("signature", Signature, checks=(Check(checks.signature_found), Check(checks.direction_agrees))),
    Signatures,
    SingleSampleSignature,
    Described(DESCRIPTION, PublishedDescription),
    ArchivedSignatures,
    name="publish_signature",
    inputs={
        parameter: _of_every_method(asset)
        for parameter, asset in zip(("signature_rows", "single_sample_rows", "descriptions"), REFIT, strict=True)
    },
    settings=lambda build: build.study.challengers.model_dump(),
    decided=True,
)
def publish_signature(
    study: Study, lake: Lake, signature_rows: Frames, single_sample_rows: Frames, descriptions: Frames
) -> dict[str, Output]:
    """The signature that the study's policy publishes: frozen under its id until another is promoted.

    A refit on new data that differs is a challenger, and so is what another method of the study gives. Every signature
    stays in the registry and can score patients.
    """
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    fits = [
        Fit(tuple(f"{one}/{name}".rstrip("/") for one in REFIT), rows, single_sample_rows[name], descriptions[name])
        for name, rows in signature_rows.items()
    ]
    refit, trained_on = fits[0], _trained_on(study, lake)
    for fit in fits:
        if fit.signature_id != NONE:
            made = _registered(lake, fit, trained_on, now)
            signature_lineage.keep(lake, made, fit.assets)
            registry.register(lake, made)
    current = {fit.signature_id: fit for fit in reversed(fits)}
    policy, promoted = study.challengers.promotion, decisions(lake, "promote")
    chosen = choose(policy, refit.signature_id, _before(lake), registry.adoptions(lake), promoted)
    by = [d for d in promoted if d.choice == chosen][-1:] if policy == Promotion.APPROVAL else []
    read = as_read(by)
    unused = tuple(asset for fit in fits if fit.signature_id != chosen for asset in fit.assets)
    if chosen in current:
        fit = current[chosen]
        rows, alone, described = fit.signature, fit.single_sample, fit.description
    else:  # frozen: what was trained now is only compared with it
        frozen = registry.signature_of(lake, chosen)
        rows, alone, described = frozen.frames()
        read |= signature_lineage.as_read([frozen])
    if chosen != NONE:
        registry.adopt(lake, Adoption(chosen, now, by[0].by if by else ""))
    columns, earlier = list(PublishedDescription.columns)[:-1], _earlier(lake, current)
    return {
        "signature": Output(rows, read=read, unused=unused),
        "signatures": Output(
            _all_signatures(lake, chosen, current, refit, trained_on),
            versioned_on=tuple(c for c in Signatures.columns if c not in TIMES),
            read=earlier | registry.adoptions_as_read(lake),
        ),
        "single_sample_signature": Output(alone, read=read, unused=unused),
        DESCRIPTION: Output(described[columns].assign(current=chosen in current), read=read, unused=unused),
        "archived_signatures": Output(_archived(lake), read=earlier),
    }


def _before(lake: Lake) -> str | None:
    """What is published now; None before the first time."""
    try:
        return str(parquet.read(lake.table(DESCRIPTION)).signature_id.iloc[0])
    except NotInLake:
        return None


def _earlier(lake: Lake, current: Mapping[str, Fit]) -> dict[str, str]:
    """The registered signatures as lineage names them; a current one is among them if it was first made from others."""
    return signature_lineage.as_read(
        one
        for name, one in registry.registered(lake).items()
        if name not in current or not signature_lineage.same_files(lake, name, current[name].assets)
    )


def _registered(lake: Lake, fit: Fit, trained_on: str, now: str) -> Registered:
    made = parquet.read_provenance(lake.table(fit.assets[0]))
    return Registered(
        signature_id=fit.signature_id,
        signature=registry.records(fit.signature),
        single_sample=registry.records(fit.single_sample),
        description=registry.records(fit.description)[0],
        trained_on=trained_on,
        trained_at=now,
        code_version=made.code_version,
        run_id=made.run_id,
    )


def _trained_on(study: Study, lake: Lake) -> str:
    """The releases of the cohorts that chose the genes and fitted the score."""
    cohorts = (study.discovery, study.training)
    keys = dict.fromkeys(raw_key(name, study.cohorts[name].source) for name in cohorts)
    made = {key: parquet.read_provenance(lake.table(key)) for key in keys}
    return "; ".join(f"{key.removeprefix('raw/')} {p.release or '?'}" for key, p in made.items())


def _all_signatures(lake: Lake, chosen: str, current: Collection[str], refit: Fit, trained_on: str) -> pd.DataFrame:
    """Rows of `signatures`: the published one first, then the newest."""
    adopted = {a.signature_id: a for a in reversed(registry.adoptions(lake))}
    rows = []
    for one in reversed(registry.registered(lake).values()):
        first = adopted.get(one.signature_id)
        status = "published" if one.signature_id == chosen else "challenger" if one.signature_id in current else ""
        rows.append(
            one.description
            | {
                "status": status or ("retired" if first else "passed_over"),
                "trained_on": one.trained_on,
                "trained_at": one.trained_at,
                "adopted_at": first.at if first else None,
                "promoted_by": (first.by or None) if first else None,
                "code_version": one.code_version,
                "run_id": one.run_id,
            }
        )
    if NONE in (chosen, refit.signature_id):
        made = parquet.read_provenance(lake.table(refit.assets[0]))
        rows.append(
            registry.records(refit.description)[0]
            | {"status": "published" if chosen == NONE else "challenger", "trained_on": trained_on}
            | {"trained_at": made.written_at, "code_version": made.code_version, "run_id": made.run_id}
        )
    rows.sort(key=lambda row: row["status"] != "published")
    return Signatures.conform(pd.DataFrame(rows))


def _archived(lake: Lake) -> pd.DataFrame:
    frames = [one.frames()[0] for one in registry.registered(lake).values()]
    return stacked([frame[list(ArchivedSignatures.columns)] for frame in frames], ArchivedSignatures)


@stage.asset(
    Described("archived_risk_scores/{cohort}", ArchivedRiskScores),
    name="score_archived_{cohort}",
    each=cohorts,
    inputs={"expression": "cohorts/{cohort}", "patients": "patients/{cohort}"},
    settings=lambda build: scored_by(build.study, build.cohort),
)
def score_archived(
    study: Study, lake: Lake, cohort: str, signatures: pd.DataFrame, expression: pd.DataFrame, patients: pd.DataFrame
) -> Output:
    """One cohort's scores by the signatures that are not published, computed as the published one's."""
    known, rows = registry.registered(lake), []
    others = signatures.loc[signatures.status != "published", "signature_id"]
    used = [known[signature_id] for signature_id in others if signature_id != NONE]
    for one in used:
        signature, single_sample, description = one.frames()
        made = apply_to_cohort(study, cohort, patients, expression, signature, description.iloc[0], single_sample)
        rows.append(made.scores[["signature_id", "cohort_id", "patient_id", "risk_score", "risk_group"]])
    return Output(stacked(rows, ArchivedRiskScores), read=signature_lineage.as_read(used))


@stage.asset(
    ArchivedRiskScores,
    inputs={"each": "archived_risk_scores/*"},
    settings=lambda build: list(build.study.cohorts),
)
def archived_risk_scores(signatures: pd.DataFrame, each: Frames) -> pd.DataFrame:
    """Every included patient scored by the signatures that are not published."""
    rows = stacked(list(each.values()), ArchivedRiskScores)
    place = {signature_id: place for place, signature_id in enumerate(signatures.signature_id)}
    return rows.sort_values("signature_id", key=lambda ids: ids.map(place), kind="stable", ignore_index=True)


@stage.asset(
    SignatureChallengers,
    inputs={"patients": "patients/*"},
    settings=lambda build: [build.study.seed, build.study.signature.bootstraps],
)
def signature_challengers(
    study: Study,
    signatures: pd.DataFrame,
    archived_risk_scores: pd.DataFrame,
    risk_scores: pd.DataFrame,
    patients: Frames,
    shared_patients: pd.DataFrame,
) -> pd.DataFrame:
    """The refit, and signatures published earlier, compared with the published one on the same patients.

    Harrell's C of both and its difference with a 95 % interval by paired bootstrap.
    """
    from hnbc_assets.science.signature.challenge import concordance_difference

    status, rows = signatures.set_index("signature_id").status, []
    for (other, name), scores in archived_risk_scores.groupby(["signature_id", "cohort_id"], sort=False):
        cohort = with_endpoint(study).get(name)
        if cohort is None:
            continue
        mine = scored(risk_scores, patients[name], name, cohort.endpoint)
        both = mine.merge(scores[["patient_id", "risk_score"]], on="patient_id", suffixes=("", "_other"))
        both = both.dropna(subset=["risk_score", "risk_score_other"])
        compared = concordance_difference(
            both.time_days.to_numpy(),
            both.event.to_numpy(),
            both.risk_score.to_numpy(),
            both.risk_score_other.to_numpy(dtype=float),
            n_bootstrap=study.signature.bootstraps,
            seed=study.seed,
        )
        rows.append(
            pd.DataFrame([vars(compared)]).assign(
                challenger_id=other,
                status=status[other],
                published_id=signatures.signature_id.iloc[0],
                cohort_id=name,
                endpoint=cohort.endpoint,
                apparent=name == study.training,
                independent=independence(study, name, shared_patients)[0],
            )
        )
    return stacked(rows, SignatureChallengers)
