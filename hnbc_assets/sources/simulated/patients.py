"""Patients: latent factors, receptors, response and survival, drawn from one population whatever the cohort.

In scope: the patients and their outcomes. Out of scope: expression (world), how a host records it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hnbc_assets.arithmetic import FloatArray, exp
from hnbc_assets.sources.simulated.roster import (
    CELL_TYPE_RISK_CORRELATION,
    N_OTHER_MECHANISMS,
    RISK_CORRELATION,
    Roster,
)
from hnbc_assets.sources.simulated.simulation import Simulation

# ER is binary; it enters as (positive − centre) / scale, the same in every cohort, whatever its case mix.
ER_CENTRE, ER_SCALE = 0.7, 0.46

# Response: a liability; the complete responders are the patients above the threshold.
LIABILITY = {"resistance": -1.6, "er": -1.2, "proliferation": 0.3, "immune": 0.2}
LIABILITY_NOISE = 0.7
RESPONSE_THRESHOLD = 2.3

# Progression: exponential hazards. Proliferation has an effect in the first three years only: its hazards are not
# proportional.
LOG_HAZARD = {"risk": 0.95, "stage": 0.35}
EARLY_PROLIFERATION, EARLY_YEARS = 0.5, 3.0


@dataclass(frozen=True)
class Mix:
    """What differs between cohorts: case mix, ages, baseline hazard and follow-up."""

    er_positive: float
    her2_positive: float
    age_years: float
    stages: tuple[float, float, float, float]
    yearly_hazard: float
    follow_up_years: tuple[float, float]
    male: float = 0.0


@dataclass(frozen=True)
class Patients:
    """table: one row per patient, index patient number; factors: latent factor -> (n,); own: own factor -> (n,)."""

    table: pd.DataFrame
    factors: dict[str, FloatArray]
    own: dict[str, FloatArray]


def draw_patients(simulation: Simulation, roster: Roster, mix: Mix, n: int, rng: np.random.Generator) -> Patients:
    """Draw patients: columns er, her2, stage, age_years, sex, complete_response, progression_years (time to it, whether
    observed or not), death_years, follow_up_years.
    """
    factors = draw_factors(simulation, n, mix.er_positive, rng)
    own = draw_own_factors(roster, factors, rng)
    table = pd.DataFrame({"er": factors["er"] > 0, "her2": rng.random(n) < mix.her2_positive})
    table["stage"] = rng.choice([1, 2, 3, 4], n, p=mix.stages)
    table["age_years"] = rng.normal(mix.age_years, 11.5, n).clip(24, 89)
    table["sex"] = np.where(rng.random(n) < mix.male, "male", "female")
    table["complete_response"] = respond(factors, rng)
    table["progression_years"] = progress(simulation, factors, table["stage"].to_numpy(), mix.yearly_hazard, rng)
    table["death_years"] = table["progression_years"] + rng.exponential(1.8, n)
    other_death = rng.exponential(60.0, n)
    low, high = mix.follow_up_years
    seen = rng.uniform(low, high, n) * exp(-0.2 * factors["risk"])  # patients at high risk have shorter follow-up
    table["other_death_years"] = other_death
    table["follow_up_years"] = seen
    return Patients(table, factors, own)


def draw_factors(simulation: Simulation, n: int, er_positive: float, rng: np.random.Generator) -> dict[str, FloatArray]:
    """The latent factors of the tissue, (n,) each, of variance about one; `risk` is correlated with purity, general
    drug sensitivity and the planted drugs' mechanism, but not with ER, resistance or proliferation. ER is correlated
    with nothing prognostic: genes that depend on ER alone are not prognostic either.
    """
    names = ("risk", "resistance", "proliferation", "immune", "stroma", "purity", "pan_drug", "mechanism")
    factors = {name: rng.standard_normal(n) for name in names}
    for name, correlation in RISK_CORRELATION.items():
        factors[name] = _correlated(factors["risk"], factors[name], _tied(simulation, correlation))
    factors["stroma"] = _correlated(factors["purity"], factors["stroma"], -0.6)
    factors["er"] = ((rng.random(n) < er_positive) - ER_CENTRE) / ER_SCALE
    return factors


def draw_own_factors(roster: Roster, factors: dict[str, FloatArray], rng: np.random.Generator) -> dict[str, FloatArray]:
    """Each cell type's abundance, and the mechanisms of the unplanted drugs, which are correlated with nothing else."""
    own: dict[str, FloatArray] = {}
    for kind, frame in (("cell_type", roster.cell_types), ("marker", roster.markers)):
        for row in frame.itertuples():
            weights = cell_type_weights(row.entity_class)
            rest = np.sqrt(1.0 - sum(weight**2 for weight in weights.values()))
            drawn = rest * rng.standard_normal(len(factors["risk"]))
            own[f"{kind}:{row.entity}"] = drawn + sum(w * factors[name] for name, w in weights.items())
    for i in range(N_OTHER_MECHANISMS):
        own[f"mechanism:{i}"] = rng.standard_normal(len(factors["risk"]))
    return own


def cell_type_weights(entity_class: str) -> dict[str, float]:
    """What a cell type's abundance depends on; each is weakly correlated with the tissue's immune infiltration."""
    weights = {"immune": 0.3}
    weights |= {
        "up_in_high_risk": {"risk": CELL_TYPE_RISK_CORRELATION},
        "down_in_high_risk": {"risk": -CELL_TYPE_RISK_CORRELATION},
        "confounded_by_purity": {"purity": -0.8},
        "confounded_by_er": {"er": -0.75},
        "null": {},
    }[entity_class]
    return weights


def respond(factors: dict[str, FloatArray], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Pathologic complete response of each patient."""
    liability = sum(weight * factors[name] for name, weight in LIABILITY.items())
    return liability + LIABILITY_NOISE * rng.standard_normal(len(factors["er"])) > RESPONSE_THRESHOLD


def progress(
    simulation: Simulation,
    factors: dict[str, FloatArray],
    stage: NDArray[np.int_],
    yearly: float,
    rng: np.random.Generator,
) -> FloatArray:
    """Years to progression: exponential, with a hazard that rises with risk and stage and, early, with
    proliferation.
    """
    live = simulation.variant != "null"
    log_hazard = live * (LOG_HAZARD["risk"] * factors["risk"] + LOG_HAZARD["stage"] * (stage - 2.0))
    needed = rng.exponential(1.0, len(stage)) / (yearly * exp(log_hazard))
    pace = exp(live * EARLY_PROLIFERATION * factors["proliferation"])
    early = needed / pace
    return np.where(early < EARLY_YEARS, early, EARLY_YEARS + needed - EARLY_YEARS * pace)


def _tied(simulation: Simulation, correlation: float) -> float:
    return 0.0 if simulation.variant == "null" else correlation


def _correlated(common: FloatArray, own: FloatArray, correlation: float) -> FloatArray:
    return correlation * common + np.sqrt(1.0 - correlation**2) * own
