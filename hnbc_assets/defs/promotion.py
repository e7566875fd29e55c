"""Promotion: which signature is published, and what becomes of the others.

In scope: the rule that chooses, the published signature's tables, the table of all signatures, scores of those that
are not published and how they compare. Out of scope: training (signature.py), keeping signatures (lake/registry.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
import pandas as pd

from hnbc_assets.defs import checks
from hnbc_assets.defs.cohort_data import apply_to_cohort, independence, scored, scored_by, with_endpoint
from hnbc_assets.defs.cohorts import patients_keys
from hnbc_assets.defs.per_cohort import rows_keys, stacked
from hnbc_assets.defs.publishing import Check, Described, Publication
from hnbc_assets.defs.stage import Stage
from hnbc_assets.defs.upstreams import raw_key
from hnbc_assets.errors import NotInLake
from hnbc_assets.lake import origins, parquet, registry
from hnbc_assets.lake.decisions import Decision, as_read, decisions
from hnbc_assets.lake.registry import Adoption, Registered
from hnbc_assets.tables import (
    ArchivedRiskScores,
    ArchivedSignatures,
    PublishedDescription,
    Signature,
    SignatureChallengers,
    Signatures,
    SingleSampleSignature,
)

Frames = dict[str, pd.DataFrame]
NONE = "none"
DESCRIPTION = "published/description"
TIMES = ("trained_at", "adopted_at", "run_id")
REFIT = ("refit/signature", "refit/single_sample_signature", "refit/description")


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
    if policy == "automatic" or before in (None, NONE):
        return refit
    since = adopted[-1].at if adopted else ""
    wanted = [decision.choice for decision in promoted if decision.at > since]
    return wanted[-1] if policy == "approval" and wanted else str(before)


def assets(stage: Stage) -> list[dg.AssetsDefinition]:
    """The assets that publish a signature and keep the others."""
    archived = [_archived_scores(stage, name) for name in stage.study.cohorts]
    return [_publish_signature(stage), *archived, _all_archived_scores(stage), _challengers(stage)]


def _publish_signature(stage: Stage) -> dg.AssetsDefinition:
    study, lake = stage.study, stage.lake
    columns = list(PublishedDescription.columns)[:-1]

    @stage.assets(
        [
            Described(
                "signature",
                Signature,
                "The genes of the published signature with their LASSO coefficients, frozen.",
                (Check(checks.signature_found), Check(checks.direction_agrees)),
            ),
            Described("signatures", Signatures, "Every signature trained here: how, on what, and what became of it."),
            Described("single_sample_signature", SingleSampleSignature, "The rank-based form of the published score."),
            Described(DESCRIPTION, PublishedDescription, "Where the published signature's groups are cut."),
            Described("archived_signatures", ArchivedSignatures, "The genes of every signature trained here."),
        ],
        name="publish_signature",
        inputs=dict(zip(("refit_signature", "refit_single_sample", "refit_description"), REFIT, strict=True)),
        settings=study.challengers.model_dump(),
        decided=True,
    )
    def publish_signature(
        refit_signature: pd.DataFrame, refit_single_sample: pd.DataFrame, refit_description: pd.DataFrame
    ) -> dict[str, Publication | pd.DataFrame]:
        """The signature that the study's policy publishes: frozen under its id until another is promoted.

        A refit on new data that differs is a challenger. Every signature stays in the registry and can score patients.
        """
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        refit = str(refit_description.signature_id.iloc[0])
        if refit != NONE:
            made = _registered(stage, refit_signature, refit_single_sample, refit_description, now)
            origins.keep(lake, made, REFIT)
            registry.register(lake, made)
        promoted = decisions(lake, "promote")
        chosen = choose(study.challengers.promotion, refit, _before(stage), registry.adoptions(lake), promoted)
        by = [d for d in promoted if d.choice == chosen][-1:] if study.challengers.promotion == "approval" else []
        read, unused = as_read(by), ()
        if chosen == refit:
            rows, alone, described = refit_signature, refit_single_sample, refit_description
        else:  # frozen: what was trained now is only compared with it
            frozen = registry.signature_of(lake, chosen)
            (rows, alone, described), unused = frozen.frames(), REFIT
            read |= origins.as_read([frozen])
        if chosen != NONE:
            registry.adopt(lake, Adoption(chosen, now, by[0].by if by else ""))
        table, archived = _all_signatures(stage, chosen, refit, refit_description), _archived(stage)
        earlier = _earlier(stage, refit)
        return {
            "signature": Publication(rows, read=read, unused=unused),
            "signatures": Publication(
                table,
                versioned_on=tuple(c for c in Signatures.columns if c not in TIMES),
                read=earlier | registry.adoptions_as_read(lake),
            ),
            "single_sample_signature": Publication(alone, read=read, unused=unused),
            DESCRIPTION: Publication(described[columns].assign(current=chosen == refit), read=read, unused=unused),
            "archived_signatures": Publication(archived, read=earlier),
        }

    return publish_signature


def _before(stage: Stage) -> str | None:
    """What is published now; None before the first time."""
    try:
        return str(parquet.read(stage.lake.table(DESCRIPTION)).signature_id.iloc[0])
    except NotInLake:
        return None


def _earlier(stage: Stage, refit: str) -> dict[str, str]:
    """The registered signatures as lineage names them; the refit is one if it was first made from other files."""
    lake = stage.lake
    known = registry.registered(lake).values()
    return origins.as_read(
        one for one in known if one.signature_id != refit or not origins.same_files(lake, refit, REFIT)
    )


def _registered(
    stage: Stage, signature: pd.DataFrame, single_sample: pd.DataFrame, description: pd.DataFrame, now: str
) -> Registered:
    made = parquet.read_provenance(stage.lake.table("refit/signature"))
    return Registered(
        signature_id=str(description.signature_id.iloc[0]),
        signature=registry.records(signature),
        single_sample=registry.records(single_sample),
        description=registry.records(description)[0],
        trained_on=_trained_on(stage),
        trained_at=now,
        code_version=made.code_version,
        run_id=made.run_id,
    )


def _trained_on(stage: Stage) -> str:
    """The releases of the cohorts that chose the genes and fitted the score."""
    cohorts = (stage.study.discovery, stage.study.training)
    keys = dict.fromkeys(raw_key(name, stage.study.cohorts[name].source) for name in cohorts)
    made = {key: parquet.read_provenance(stage.lake.table(key)) for key in keys}
    return "; ".join(f"{key.removeprefix('raw/')} {p.release or '?'}" for key, p in made.items())


def _all_signatures(stage: Stage, chosen: str, refit: str, refit_description: pd.DataFrame) -> pd.DataFrame:
    """Rows of `signatures`: the published one first, then the newest."""
    adopted = {a.signature_id: a for a in reversed(registry.adoptions(stage.lake))}
    rows = []
    for one in reversed(registry.registered(stage.lake).values()):
        first = adopted.get(one.signature_id)
        status = "published" if one.signature_id == chosen else "challenger" if one.signature_id == refit else ""
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
    if NONE in (chosen, refit):
        made = parquet.read_provenance(stage.lake.table("refit/signature"))
        rows.append(
            registry.records(refit_description)[0]
            | {"status": "published" if chosen == NONE else "challenger", "trained_on": _trained_on(stage)}
            | {"trained_at": made.written_at, "code_version": made.code_version, "run_id": made.run_id}
        )
    rows.sort(key=lambda row: row["status"] != "published")
    return Signatures.conform(pd.DataFrame(rows))


def _archived(stage: Stage) -> pd.DataFrame:
    frames = [one.frames()[0] for one in registry.registered(stage.lake).values()]
    columns = list(ArchivedSignatures.columns)
    return pd.concat([f[columns] for f in frames], ignore_index=True) if frames else ArchivedSignatures.empty()


def _archived_scores(stage: Stage, name: str) -> dg.AssetsDefinition:
    """One cohort's scores by the signatures that are not published."""
    study, key = stage.study, f"archived_risk_scores/{name}"
    text = f"Every included patient of cohort {name} scored by the signatures that are not published."

    @stage.assets(
        [Described(key, ArchivedRiskScores, text)],
        name=f"score_archived_{name}",
        inputs={"expression": f"cohorts/{name}", "patients": f"patients/{name}"},
        settings=scored_by(study, name),
    )
    def score_archived(
        signatures: pd.DataFrame, expression: pd.DataFrame, patients: pd.DataFrame
    ) -> dict[str, Publication]:
        """As the published signature's scores, by each of the others."""
        known, rows = registry.registered(stage.lake), []
        others = signatures.loc[signatures.status != "published", "signature_id"]
        used = [known[signature_id] for signature_id in others if signature_id != NONE]
        for one in used:
            signature, single_sample, description = one.frames()
            made = apply_to_cohort(study, name, patients, expression, signature, description.iloc[0], single_sample)
            rows.append(made.scores[["signature_id", "cohort_id", "patient_id", "risk_score", "risk_group"]])
        return {key: Publication(stacked(rows, ArchivedRiskScores), read=origins.as_read(used))}

    return score_archived


def _all_archived_scores(stage: Stage) -> dg.AssetsDefinition:
    study = stage.study

    @stage.asset(
        ArchivedRiskScores, inputs={"each": rows_keys(study, ArchivedRiskScores)}, settings=list(study.cohorts)
    )
    def archived_risk_scores(signatures: pd.DataFrame, each: Frames) -> pd.DataFrame:
        """Every included patient scored by the signatures that are not published."""
        rows = stacked(list(each.values()), ArchivedRiskScores)
        place = {signature_id: place for place, signature_id in enumerate(signatures.signature_id)}
        return rows.sort_values("signature_id", key=lambda ids: ids.map(place), kind="stable", ignore_index=True)

    return archived_risk_scores


def _challengers(stage: Stage) -> dg.AssetsDefinition:
    study = stage.study

    @stage.asset(
        SignatureChallengers,
        inputs={"patients": patients_keys(study)},
        settings=[study.seed, study.signature.bootstraps],
    )
    def signature_challengers(
        signatures: pd.DataFrame,
        archived_risk_scores: pd.DataFrame,
        risk_scores: pd.DataFrame,
        patients: Frames,
        shared_patients: pd.DataFrame,
    ) -> pd.DataFrame:
        """The refit, and what was published before, beside the published signature on the same patients.

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

    return signature_challengers
