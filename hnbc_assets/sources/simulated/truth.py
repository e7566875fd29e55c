"""The truth of a simulation: every gene, cell type and drug, with its planted effect, or none.

In scope: effects in the population, and the comparison to which they apply. Out of scope: estimates from drawn cohorts.

Effects follow from the roster's loadings. The population's own figures (how far the factors differ between responders
and non-responders, the hazard ratio of a given correlation with risk) have no closed form; they are estimated once from
a large drawn population.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from hnbc_assets.arithmetic import exp
from hnbc_assets.sources.simulated.patients import (
    CELL_TYPE_RISK_CORRELATION,
    RISK_CORRELATION,
    FloatArray,
    cell_type_weights,
    draw_factors,
    draw_patients,
    respond,
)
from hnbc_assets.sources.simulated.roster import FACTORS, Roster, draw_roster
from hnbc_assets.sources.simulated.simulation import Simulation
from hnbc_assets.sources.simulated.world import MIXES, observe

POPULATION = 100_000
DECIMALS = 9  # far finer than the population's sampling error, coarser than differences between machines
GRID = (0.0, 0.25, 0.45, 0.65, 0.85)
RESPONSE_FACTORS = ("resistance", "er", "proliferation", "immune")
ADJUSTMENT = {"confounded_by_er": "er", "confounded_by_purity": "purity"}
PLANTED_SIGN = {
    "up_in_high_risk": 1,
    "down_in_high_risk": -1,
    "resistant_in_high_risk": 1,
    "sensitive_in_high_risk": -1,
}
COLUMNS = (
    "entity_type",
    "entity",
    "entity_class",
    "anoikis_gene",
    "question",
    "holds",
    "effect",
    "unit",
    "adjusted_for",
)


@dataclass(frozen=True)
class Population:
    """shifts: factor -> mean in residual disease minus mean in complete response, in sd, plain and adjusted for ER;
    log_hazard_ratio: per sd, at the correlations GRID with risk and with proliferation.
    """

    shifts: dict[str, dict[str, float]]
    by_risk: FloatArray
    by_proliferation: FloatArray


@lru_cache(maxsize=4)
def truth(simulation: Simulation) -> pd.DataFrame:
    """One row per entity and question, whether or not there is an effect.

    Columns
    -------
    entity_type : gene, cell_type (sets of cell_types.gmt), population (of the marker table) or drug
    entity : symbol, set name, population or drug_id
    entity_class : anoikis genes: resistance_only, survival_only, concordant, opposed, confounded_by_er, null;
        other genes: their module; cell types and drugs: the classes of the roster
    anoikis_gene : whether a gene is an anoikis gene
    question : resistance_plain, resistance_er_adjusted (residual disease against complete response),
        survival (progression, per sd), risk (high against low risk), risk_adjusted
    holds : whether the effect is other than zero; missing where that depends on the score
    effect : in `unit`: "sd" (difference of means), "log hazard ratio per sd", or "correlation with risk"
    adjusted_for : the adjustment variables: er, purity, er and purity, general sensitivity; empty if none

    `survival` is the marginal effect of a gene alone: a gene correlated with risk through a shared factor has one too.
    """
    roster = draw_roster(simulation)
    population = _population(Simulation(variant=simulation.variant))
    frames = [_genes(simulation, roster, population)]
    for kind, frame in (("cell_type", roster.cell_types), ("population", roster.markers)):
        frames += [_tissue(simulation, kind, row.entity, row.entity_class) for row in frame.itertuples()]
    frames += [_drug(simulation, row) for row in roster.drugs.itertuples()]
    table = pd.concat(frames, ignore_index=True)
    table["effect"] = table["effect"].round(DECIMALS)
    table["holds"] = (table["effect"].abs() > 1e-12).astype("boolean").mask(table["effect"].isna())
    table["anoikis_gene"] = table["anoikis_gene"].eq(True)
    return table[list(COLUMNS)]


def _genes(simulation: Simulation, roster: Roster, population: Population) -> pd.DataFrame:
    genes = roster.genes
    loads = _gene_loads(simulation, roster)
    described = pd.DataFrame({
        "entity_type": "gene", "entity": genes.index, "anoikis_gene": (genes["arg_class"] != "").to_numpy(),
        "entity_class": np.where(genes["arg_class"] != "", genes["arg_class"], genes["module"]),
    })  # fmt: skip
    frames = []
    for question, adjustment in (("resistance_plain", ""), ("resistance_er_adjusted", "er")):
        shifts = population.shifts[adjustment or "plain"]
        effect = sum(loads[name] * shifts[name] for name in RESPONSE_FACTORS)
        frames.append(described.assign(question=question, effect=effect, unit="sd", adjusted_for=adjustment))
    hazard = _interpolated(loads["risk"], population.by_risk) + _interpolated(
        loads["proliferation"], population.by_proliferation
    )
    frames.append(described.assign(question="survival", effect=hazard, unit="log hazard ratio per sd", adjusted_for=""))
    return pd.concat(frames, ignore_index=True)


def _gene_loads(simulation: Simulation, roster: Roster) -> dict[str, FloatArray]:
    """Each gene's correlation with the factors that affect outcomes, including that through shared factors."""
    genes = roster.genes
    loads = {name: genes[name].to_numpy(float).copy() for name in FACTORS}
    tied = 0.0 if simulation.variant == "null" else 1.0
    for name, correlation in RISK_CORRELATION.items():
        loads["risk"] += tied * correlation * genes[name].to_numpy(float)
    loads["risk"] += tied * RISK_CORRELATION["purity"] * -0.6 * genes["stroma"].to_numpy(float)
    own = genes["own_loading"].to_numpy(float)
    for kind, frame in (("cell_type", roster.cell_types), ("marker", roster.markers)):
        for row in frame.itertuples():
            carried = (genes["own_factor"] == f"{kind}:{row.entity}").to_numpy() * own
            for factor, weight in cell_type_weights(row.entity_class).items():
                loads[factor] += carried * weight
                loads["risk"] += tied * carried * weight * RISK_CORRELATION.get(factor, 0.0)
    return loads


def _tissue(simulation: Simulation, kind: str, entity: str, entity_class: str) -> pd.DataFrame:
    """A cell type's correlation with risk. Adjusted for ER and purity, only the planted ones are correlated.

    A score may depend on ER through genes that load on both; a cell type confounded by ER then differs between risk
    groups although it is not correlated with risk. The size depends on the score, so its plain effect is missing here.
    """
    planted = PLANTED_SIGN.get(entity_class, 0) * CELL_TYPE_RISK_CORRELATION
    through = -0.8 * RISK_CORRELATION["purity"] if entity_class == "confounded_by_purity" else 0.0
    plain = 0.0 if simulation.variant == "null" else planted + through
    adjusted = 0.0 if simulation.variant == "null" else planted
    if entity_class == "confounded_by_er":
        plain = np.nan
    return _risk_rows(kind, entity, entity_class, plain, adjusted, "er and purity")


def _drug(simulation: Simulation, drug: Any) -> pd.DataFrame:
    """A drug's correlation of ln IC50 with risk, through its weights on the planted mechanism and on general
    sensitivity."""
    if simulation.variant == "null":
        kind = "null" if drug.entity_class in PLANTED_SIGN else drug.entity_class
        return _risk_rows("drug", str(drug.drug_id), kind, 0.0, 0.0, "general sensitivity")
    planted = drug.mechanism * RISK_CORRELATION["mechanism"]
    plain = planted + drug.pan_drug * RISK_CORRELATION["pan_drug"]
    return _risk_rows("drug", str(drug.drug_id), drug.entity_class, plain, planted, "general sensitivity")


def _risk_rows(kind: str, entity: str, entity_class: str, plain: float, adjusted: float, given: str) -> pd.DataFrame:
    return pd.DataFrame({
        "entity_type": kind, "entity": entity, "entity_class": entity_class, "question": ["risk", "risk_adjusted"],
        "effect": [plain, adjusted], "unit": "correlation with risk", "adjusted_for": ["", given],
    })  # fmt: skip


@lru_cache(maxsize=4)
def _population(simulation: Simulation) -> Population:
    """Figures of a large population with the discovery cohort's case mix for response, the training cohort's for
    survival."""
    rng = simulation.rng("population")
    factors = draw_factors(simulation, POPULATION, MIXES["discovery"].er_positive, rng)
    complete = respond(factors, rng)
    live = {name: factors[name] for name in RESPONSE_FACTORS}
    plain = {name: float(values[~complete].mean() - values[complete].mean()) for name, values in live.items()}
    er, residual = factors["er"] - factors["er"].mean(), ~complete - (~complete).mean()
    alone = residual - (residual * er).sum() / (er * er).sum() * er  # residual disease, independent of ER
    adjusted = {name: float((alone * values).sum() / (alone * alone).sum()) for name, values in live.items()}
    adjusted["er"] = 0.0
    patients = draw_patients(simulation, draw_roster(simulation), MIXES["tcga"], POPULATION, rng)
    seen = observe(patients.table)
    years, event = seen["years"].to_numpy(), seen["event"].to_numpy()
    noise = rng.standard_normal(POPULATION)
    curves = [
        np.array([_cox(r * patients.factors[name] + np.sqrt(1 - r**2) * noise, years, event) for r in GRID[1:]])
        for name in ("risk", "proliferation")
    ]
    if simulation.variant == "null":
        curves = [np.zeros(len(GRID) - 1)] * 2
    return Population({"plain": plain, "er": adjusted}, *(np.concatenate([[0.0], curve]) for curve in curves))


def _interpolated(correlation: FloatArray, curve: FloatArray) -> FloatArray:
    """A log hazard ratio from a correlation, odd around zero."""
    fitted = np.polynomial.polynomial.Polynomial.fit(GRID, curve, 3)
    return np.where(correlation == 0, 0.0, np.sign(correlation) * (fitted(np.abs(correlation)) - fitted(0.0)))


def _cox(x: FloatArray, time: FloatArray, event: FloatArray) -> float:
    """The Cox coefficient of one variable, without ties: Newton's method from 0."""
    order = np.argsort(-time)
    x, event = x[order], event[order]
    beta = 0.0
    for _ in range(6):
        weight = exp(beta * x)
        total, first, second = (np.cumsum(weight * x**power) for power in (0, 1, 2))
        mean = first / total
        score = (x - mean)[event].sum()
        beta += score / (second / total - mean**2)[event].sum()
    return float(beta)
