"""Checks: what an asset must pass before it replaces the stored one, and what users should know about it.

In scope: the scientific checks, each a function that gives an outcome in words. Out of scope: checks of what was
fetched (ingest_checks), schema checks (tables, stage), statistics (science).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hnbc_assets.defs.stage import Outcome
from hnbc_assets.defs.stages.cohort_data import ranked_cohorts
from hnbc_assets.study import Study
from hnbc_assets.vocabulary import Endpoint, Form, Her2Status, RiskGroup, Role

if TYPE_CHECKING:
    from hnbc_assets.science.signature.method import Method

Frames = dict[str, pd.DataFrame]
TOLERANCE = 1e-8


# -- cohorts ----------------------------------------------------------------------------------------------------------
def one_sample_a_patient(samples: pd.DataFrame) -> Outcome:
    """Every patient has one chosen sample at most, a primary tumour, and every choice has its reason."""
    chosen = samples[samples.selected.astype(bool)]
    twice = chosen.patient_id[chosen.patient_id.duplicated()]
    other = chosen[chosen.sample_type != "primary"]
    silent = samples[samples.reason.isna() | (samples.reason == "")]
    return Outcome(
        not (len(twice) or len(other) or len(silent)),
        f"{len(chosen):,} chosen of {len(samples):,}",
        "one primary tumour a patient",
        f"patients with two {list(twice[:3])}, not primary {list(other.sample_id[:3])}, "
        f"no reason {list(silent.sample_id[:3])}",
    )


def survival_sane(patients: pd.DataFrame) -> Outcome:
    """Time and event come together, times are positive, nobody died of the disease while alive."""
    wrong: list[str] = []
    for endpoint in Endpoint:
        days, event = patients[f"{endpoint}_days"], patients[f"{endpoint}_event"]
        halves = patients.patient_id[days.isna() != event.isna()]
        wrong += [f"{endpoint} of {p}: time and event do not come together" for p in halves]
        wrong += [f"{endpoint} of {p}: time is not positive" for p in patients.patient_id[(days <= 0).fillna(False)]]
    alive = patients.os_event.eq(False).fillna(False) & patients.dss_event.eq(True).fillna(False)
    wrong += [f"{p}: died of the disease while alive" for p in patients.patient_id[alive.astype(bool)]]
    return Outcome(
        not wrong, f"{len(wrong)} contradictions", "0", "; ".join(wrong[:5]) or "no record contradicts itself"
    )


def her2_explained(patients: pd.DataFrame) -> Outcome:
    """Contradicting HER2 tests are counted and excluded, every exclusion has its reason, HER2-low is flagged."""
    discordant = patients[patients.her2_status == Her2Status.DISCORDANT]
    inside = discordant[discordant.included.astype(bool)]
    silent = patients[~patients.included.astype(bool) & patients.exclusion_reason.isna()]
    low = int(patients.her2_low.eq(True).sum())
    return Outcome(
        not len(inside) and not len(silent),
        f"{len(discordant)} discordant, {low} HER2-low",
        "no discordant patient included, no exclusion without a reason",
        f"discordant but included {list(inside.patient_id[:3])}, no reason {list(silent.patient_id[:3])}",
    )


def event_codes_plain(clinical_values: pd.DataFrame, cohort: str) -> Outcome:
    """No endpoint's events are coded 1 and 2, which were read as R does: 1 is censored, 2 an event."""
    coded = clinical_values[clinical_values.understood_by == "r_convention"]
    found, settings = [], []
    for column, values in coded.groupby("column_name", sort=True):
        counts = values.groupby("meaning").n_patients.sum()
        found.append(
            f"{column} ({values.upstream_column.iloc[0]}): 1 is censored in {counts['censored']} patients, "
            f"2 is an event in {counts['event']}"
        )
        settings.append(f"{column.removesuffix('_event')}: {{1: censored, 2: event}}")
    return Outcome(
        not found,
        "; ".join(found) or "no event coded 1 and 2",
        "0 and 1, or words",
        f"read as R does. If that is so, confirm it in the study file: cohorts.{cohort}.event_values: "
        f"{{{', '.join(settings)}}}; otherwise write there what they mean"
        if found
        else "events are 0 and 1, words, or defined by the study",
    )


def values_plausible(clinical_values: pd.DataFrame) -> Outcome:
    """No number of the clinical records was left out as implausible, such as an age in days."""
    left_out = clinical_values[clinical_values.understood_by == "implausible"]
    found = [
        f"{column} ({values.upstream_column.iloc[0]}): {values.n_patients.sum()} values, such as {values.value.iloc[0]}"
        for column, values in left_out.groupby("column_name", sort=True)
    ]
    return Outcome(
        not found,
        "; ".join(found) or "none left out",
        "ages from 0 to 120 years",
        "left out as implausible, and so missing. Is the column in another unit?" if found else "all are plausible",
    )


def no_shared_patients(shared_patients: pd.DataFrame, study: Study) -> Outcome:
    """Discovery, training and validation have no patient in common; cohorts that do are not called independent."""
    named = {name for name, cohort in study.cohorts.items() if cohort.role != Role.DESCRIPTIVE}
    pairs = shared_patients[shared_patients.cohort_a.isin(named) & shared_patients.cohort_b.isin(named)]
    meeting = pairs[(pairs.n_shared_ids.fillna(0) > 0) | (pairs.n_similar_profiles.fillna(0) > 0)]
    found = [
        f"{p.cohort_a} and {p.cohort_b}: {p.n_shared_ids} ids, {p.n_similar_profiles} profiles"
        for p in meeting.itertuples()
    ]
    return Outcome(
        not found, f"{len(found)} pairs", "0", "; ".join(found) or f"none shared among {', '.join(sorted(named))}"
    )


# -- model ------------------------------------------------------------------------------------------------------------
def candidates_found(candidate_genes: pd.DataFrame) -> Outcome:
    """Some anoikis gene is a resistance gene and is measured in the training cohort."""
    usable = int(candidate_genes.in_training_cohort.astype(bool).sum())
    return Outcome(
        usable > 0,
        f"{usable} of {len(candidate_genes)} candidates",
        "at least 1",
        "candidates measured in the training cohort; without one there is no signature, and what follows is empty",
    )


def fdr_beside_p(univariate_cox: pd.DataFrame) -> Outcome:
    """How many genes with p < .05 also have a false-discovery rate below .05: raw p alone flatters."""
    raw, adjusted = int((univariate_cox.p_value < 0.05).sum()), int((univariate_cox.fdr < 0.05).sum())
    return Outcome(
        adjusted > 0 or raw == 0,
        f"{adjusted} of {raw}",
        "at least 1 gene, where any has p < .05",
        f"{raw} of {len(univariate_cox)} genes have p < .05, {adjusted} of them FDR < .05",
    )


def signature_found(signature: pd.DataFrame, signatures: pd.DataFrame) -> Outcome:
    """The fit kept at least one gene. A null result is published as one."""
    note = signatures.note.iloc[0]  # the published one is the first
    return Outcome(
        len(signature) > 0,
        f"{len(signature)} genes of {signatures.n_entered.iloc[0]} that entered",
        "at least 1",
        f"{signatures.n_events.iloc[0]} events in training" + (f"; {note}" if note else ""),
    )


def challenger_found(signature: pd.DataFrame, description: pd.DataFrame) -> Outcome:
    """A challenging method kept at least one gene: otherwise there is nothing to compare."""
    made = description.iloc[0]
    return Outcome(
        len(signature) > 0, f"{len(signature)} genes of {made.n_entered} that entered", "at least 1", made.note or ""
    )


def direction_agrees(signature: pd.DataFrame) -> Outcome:
    """Some signature gene's hazard agrees with its direction in resistance. If none: prognostic, not resistance."""
    agree, means = int(signature.direction_concordant.eq(True).sum()), ""
    if not (agree or signature.empty):
        unknown = signature.coefficient.isna().all()
        means = ": not known, as no gene has a coefficient" if unknown else ": prognostic, not a resistance signature"
    return Outcome(
        agree > 0 or signature.empty,
        f"{agree} of {len(signature)}",
        "at least 1",
        f"genes whose hazard agrees with their direction in resistance{means}",
    )


def hazards_proportional(proportional_hazards: pd.DataFrame) -> Outcome:
    """Neither a gene nor all together depart from proportional hazards (p < .05, Grambsch & Therneau)."""
    departing = proportional_hazards[proportional_hazards.p_value < 0.05]
    listed = ", ".join(f"{g.gene} p = {g.p_value:.2g}" for g in departing.itertuples())
    return Outcome(
        departing.empty, listed or "none", "p >= .05", "hazard ratios are averages over time where they depart"
    )


def cutoff_is_training_median(
    risk_scores: pd.DataFrame, description: pd.DataFrame, patients: Frames, study: Study
) -> Outcome:
    """The cut-off is the median score of the patients trained on, and every group is its side of it.

    Of a signature that was trained on other data than the present the cut-off stays frozen with it.
    """
    if risk_scores.empty:
        return Outcome(True, "no scores", "-", "there is no signature, so nothing is cut")
    made, training = description.iloc[0], study.training
    endpoint = study.cohorts[training].endpoint
    cutoff = float(made.cutoff)
    grouped = risk_scores[risk_scores.risk_group.notna()]
    cut = grouped.form.map({Form.WITHIN_COHORT: cutoff, Form.SINGLE_SAMPLE: float(made.single_sample_cutoff)})
    sides = int(((grouped.risk_score > cut) != (grouped.risk_group == RiskGroup.HIGH)).sum())
    if not made.current:
        note = f"frozen with the signature at the median of the {made.n_patients} patients that it was trained on"
        return Outcome(sides == 0, f"{cutoff:.6g}, frozen; {sides} on the wrong side", "0", note)
    own = patients[training]
    fitted = own.patient_id[own[f"{endpoint}_days"].notna() & own[f"{endpoint}_event"].notna()]
    mine = risk_scores[(risk_scores.cohort_id == training) & risk_scores.patient_id.isin(fitted)]
    off = abs(float(mine.risk_score.median()) - cutoff)
    return Outcome(
        off < TOLERANCE and sides == 0,
        f"{cutoff:.6g}, off by {off:.1e}; {sides} on the wrong side",
        f"{TOLERANCE:g}; 0",
        f"median of {len(mine)} training patients",
    )


def scores_recomputed(
    risk_scores: pd.DataFrame,
    signature: pd.DataFrame,
    single_sample_signature: pd.DataFrame,
    description: pd.DataFrame,
    expression: Frames,
    patients: Frames,
    study: Study,
) -> Outcome:
    """Scores of both forms, computed again in another way from the stored coefficients, agree to 1e-8."""
    from hnbc_assets.science.signature.methods import method_of

    worst, unlike, n = 0.0, 0, 0
    ranked, made = ranked_cohorts(study), description.iloc[0]
    method = method_of(made)
    for name, scored in risk_scores.groupby("cohort_id"):
        included = patients[name].loc[patients[name].included.astype(bool), "patient_id"]
        values = expression[name][[p for p in expression[name].columns if p in set(included)]]
        rows = scored.set_index("patient_id")
        again = partial(_again, method, values, signature, rank=name in ranked, own=name == made.cohort_id)
        by_rank = partial(_by_rank, values, single_sample_signature)
        forms = [(rows.single_sample_score, by_rank if method.relative else again)]
        if not method.relative or (rows.form == Form.WITHIN_COHORT).all():
            forms.append((rows.risk_score, again))
        for stored, recompute in forms:
            known = stored.dropna()
            if known.empty:
                continue
            expected = recompute()[known.index]
            unlike += int(expected.isna().sum())
            worst = max(worst, float((known - expected).abs().max()))
            n += len(known)
    return Outcome(
        worst < TOLERANCE and not unlike,
        f"{worst:.1e}; {unlike} could not be computed again",
        f"{TOLERANCE:g}; 0",
        f"largest difference over {n:,} scores",
    )


def _by_rank(values: pd.DataFrame, single_sample_signature: pd.DataFrame) -> pd.Series:
    """Single-sample scores patient by patient; ranks are counted: genes below, half of those equal."""
    from scipy.stats import norm

    reference = values.loc[[g for g in single_sample_signature.gene if g in values.index]]
    weights = single_sample_signature.dropna(subset=["coefficient"]).set_index("gene")
    weights = weights.loc[[g for g in weights.index if g in reference.index]]
    wanted = reference.loc[weights.index].to_numpy(dtype=float)
    ranks = np.empty(wanted.shape)
    for patient, all_genes in enumerate(np.ascontiguousarray(reference.to_numpy(dtype=float).T)):
        own = wanted[:, patient, None]
        below = np.count_nonzero(all_genes < own, axis=1)
        equal = np.count_nonzero(all_genes == own, axis=1)
        ranks[:, patient] = np.where(equal > 0, below + (equal + 1) / 2, np.nan)
    shares = (ranks - 0.5) / reference.notna().sum(axis=0).to_numpy()
    z = pd.DataFrame(norm.ppf(shares), index=weights.index, columns=values.columns)
    return z.sub(weights["mean"], axis=0).div(weights.sd, axis=0).mul(weights.coefficient, axis=0).sum(skipna=False)


def _again(method: Method, values: pd.DataFrame, signature: pd.DataFrame, *, rank: bool, own: bool) -> pd.Series:
    """Scores by the method's second way, on values made normal scores here, not by the code that made the scores."""
    from scipy.stats import norm, rankdata

    used = signature[signature.gene.isin(values.index)]
    x = values.loc[used.gene].astype(float)
    if rank:
        for gene, row in x.iterrows():
            known = row.dropna()
            x.loc[gene, known.index] = norm.ppf((rankdata(known) - 0.375) / (len(known) + 0.25))
    return method.recompute(x, used, own=own)
