"""The simulated world as arrays: cohorts of patients with expression and outcomes, and cell lines with drug responses.

In scope: drawing expression, technical effects, outcomes as observed, and drug responses. Out of scope: file formats,
and the gaps and contradictions of clinical records, which each host's file module adds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hnbc_assets.sources.simulated.drawing import add_products, normal32, orthonormal
from hnbc_assets.sources.simulated.patients import FloatArray, Mix, Patients, draw_patients
from hnbc_assets.sources.simulated.roster import FACTORS, N_OTHER_MECHANISMS, Roster, draw_roster
from hnbc_assets.sources.simulated.simulation import FIRST_RELEASE, Simulation

MIXES = {
    "tcga": Mix(0.74, 0.14, 58.0, (0.18, 0.57, 0.23, 0.02), 0.085, (1.5, 10.0), male=0.01),
    "discovery": Mix(0.58, 0.02, 49.0, (0.03, 0.55, 0.42, 0.0), 0.085, (1.0, 7.0)),
    "validation": Mix(0.62, 0.02, 51.0, (0.02, 0.60, 0.38, 0.0), 0.085, (1.0, 7.0)),
    "metabric": Mix(0.77, 0.12, 61.0, (0.35, 0.52, 0.12, 0.01), 0.06, (5.0, 22.0)),
}
ARRIVING_SHARE, FEWEST_ARRIVALS = 0.05, 8
SCALE = {"tcga": (1.0, 0.0), "discovery": (0.75, 2.5), "validation": (0.70, 2.9), "metabric": (0.55, 3.5)}
N_PLATES = {"tcga": 8, "discovery": 3, "validation": 2, "metabric": 2}
PLATE_SHIFT, BATCH_VARIANT_SHIFT = 0.15, 0.9
HER2_LIFT = 3.5
RESPONSE_NOISE = 0.36  # of ln IC50, where that of the mechanisms is about 1


@dataclass(frozen=True)
class Cohort:
    """patients: index patient number, from 0 (for those added later, continuing the numbers); er, her2 (true),
    stage, age_years, sex, complete_response, plate, days and events.

    expression: (n_genes, n_patients) float32, log2 units of the cohort's platform,
    rows in the order of the roster's genes.
    `years` and `event` are progression as observed; `os_years`, `os_event` death; `dss_event` death of the disease.
    """

    name: str
    drawn: Patients
    patients: pd.DataFrame
    expression: NDArray[np.float32]
    shifts: NDArray[np.float32]

    def frame(self, roster: Roster) -> pd.DataFrame:
        """Expression as genes × patients."""
        return pd.DataFrame(
            self.expression, index=pd.Index(roster.genes.index, name="gene"), columns=self.patients.index
        )


@dataclass(frozen=True)
class Lines:
    """lines: cosmic_id, cell_line_name, tissue; expression: (n_genes, n_lines) float32; ln_ic50: (n_lines, n_drugs),
    NaN if a line was not screened.
    """

    lines: pd.DataFrame
    expression: NDArray[np.float32]
    ln_ic50: FloatArray


class World:
    """Everything in a simulation, each part drawn when first used.

    `tcga` are the patients of the first release, `arrivals` those that the second release adds.
    """

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.roster = draw_roster(simulation)

    @cached_property
    def tcga(self) -> Cohort:
        return draw_cohort(self.simulation, self.roster, "tcga", self.simulation.n_tcga)

    @cached_property
    def arrivals(self) -> Cohort:
        n = max(FEWEST_ARRIVALS, round(ARRIVING_SHARE * self.simulation.n_tcga))
        return draw_cohort(self.simulation, self.roster, "tcga", n, joining=self.tcga)

    @cached_property
    def discovery(self) -> Cohort:
        cohort = draw_cohort(self.simulation, self.roster, "discovery", self.simulation.n_discovery)
        return _balanced(cohort, self.roster) if self.simulation.variant == "no_overlap" else cohort

    @cached_property
    def validation(self) -> Cohort:
        return draw_cohort(self.simulation, self.roster, "validation", self.simulation.n_validation)

    @cached_property
    def metabric(self) -> Cohort:
        return draw_cohort(self.simulation, self.roster, "metabric", self.simulation.n_metabric)

    @cached_property
    def lines(self) -> Lines:
        return draw_lines(self.simulation, self.roster)

    def of_patient(self, number: int) -> tuple[Cohort, int]:
        """The cohort of a TCGA patient, first or arrivals, and the patient's position in it."""
        n = self.simulation.n_tcga
        return (self.tcga, number) if number < n else (self.arrivals, number - n)


def draw(simulation: Simulation) -> World:
    """The world of a simulation; equal settings share one, whatever their release: the release determines which
    part is shown.
    """
    return _drawn(replace(simulation, release=FIRST_RELEASE))


@lru_cache(maxsize=2)
def _drawn(simulation: Simulation) -> World:
    return World(simulation)


def draw_cohort(simulation: Simulation, roster: Roster, name: str, n: int, *, joining: Cohort | None = None) -> Cohort:
    """Draw the patients of a cohort, their outcomes, and their tumours' expression.

    Those who are `joining` a cohort come from the same population and are on its plates, but are drawn with their
    own random numbers, so that the cohort does not change; they are numbered after it.
    """
    part = name if joining is None else f"{name} arrivals"
    drawn = draw_patients(simulation, roster, MIXES[name], n, simulation.rng(part, "patients"))
    rng = simulation.rng(part, "expression")
    table = observe(drawn.table)
    table["plate"] = rng.integers(0, N_PLATES[name], n)
    if joining is None:
        shifts = plate_shifts(simulation, len(roster.genes), N_PLATES[name], rng)
    else:
        shifts, table.index = joining.shifts, table.index + len(joining.patients)
    z = standardised_expression(roster, drawn.factors, drawn.own, rng)
    values = on_platform(roster, z, SCALE[name], shifts[:, table["plate"].to_numpy()])
    amplified = roster.genes.index.get_indexer(["ERBB2", "GRB7"])
    values[amplified[:, None], np.flatnonzero(table["her2"])] += HER2_LIFT * SCALE[name][0]
    return Cohort(part, drawn, table, values, shifts)


def observe(table: pd.DataFrame) -> pd.DataFrame:
    """The observed outcomes: progression, death and death of the disease, each with its years and event."""
    seen = np.minimum(table["follow_up_years"], table["other_death_years"])
    died = np.minimum(table["death_years"], table["other_death_years"])
    observed = table.drop(columns=["progression_years", "death_years", "other_death_years", "follow_up_years"])
    observed["years"] = np.minimum(table["progression_years"], seen)
    observed["event"] = table["progression_years"] <= seen
    observed["os_years"] = np.minimum(died, table["follow_up_years"])
    observed["os_event"] = died <= table["follow_up_years"]
    observed["dss_event"] = observed["os_event"] & (table["death_years"] <= table["other_death_years"])
    return observed


def standardised_expression(
    roster: Roster, factors: dict[str, FloatArray], own: dict[str, FloatArray], rng: np.random.Generator
) -> NDArray[np.float32]:
    """(n_genes, n) of variance about one: loadings times factors, and noise for the rest."""
    genes = roster.genes
    loadings = genes[list(FACTORS)].to_numpy(np.float32)
    rest = np.sqrt(np.clip(1.0 - (loadings**2).sum(axis=1) - genes["own_loading"].to_numpy() ** 2, 0.05, 1.0))
    z = normal32(rng, (len(genes), len(factors["risk"])))
    z *= rest.astype(np.float32)[:, None]
    add_products(z, loadings, (factors[name].astype(np.float32) for name in FACTORS))
    for name, values in own.items():
        carriers = np.flatnonzero(genes["own_factor"] == name)
        z[carriers] += np.outer(genes["own_loading"].to_numpy()[carriers], values).astype(np.float32)
    return z


def on_platform(
    roster: Roster, z: NDArray[np.float32], scale: tuple[float, float], shift: NDArray[np.float32]
) -> NDArray[np.float32]:
    """log2 values of a platform: each gene's level and spread, compressed and shifted as by the platform."""
    slope, lift = scale
    level = roster.genes["level"].to_numpy(np.float32)[:, None]
    spread = roster.genes["spread"].to_numpy(np.float32)[:, None]
    return np.float32(lift) + np.float32(slope) * (level + spread * (z + shift))


def plate_shifts(simulation: Simulation, n_genes: int, n_plates: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(n_genes, n_plates) shifts in sd; in the batch variant one direction per plate moves four genes in ten."""
    shifts = PLATE_SHIFT * normal32(rng, (n_genes, n_plates))
    if simulation.variant == "batch":
        moved = rng.random(n_genes) < 0.4
        shifts[moved] += np.float32(BATCH_VARIANT_SHIFT) * normal32(rng, (int(moved.sum()), n_plates))
    return shifts


def draw_lines(simulation: Simulation, roster: Roster) -> Lines:
    """Cell lines: no stroma, no immune cells, anoikis genes quiet; ln IC50 (µM) from one mechanism per drug, and noise.

    The factors are uncorrelated over the drawn lines, as in a balanced panel: a model that learns one mechanism does
    not learn a part of another, which would transfer to patients as an effect that was not planted.
    """
    rng = simulation.rng("lines")
    n, drugs = simulation.n_lines, roster.drugs
    varying = ("er", "proliferation", "pan_drug", "mechanism")
    drawn = rng.standard_normal((n, len(varying) + N_OTHER_MECHANISMS))
    balanced = orthonormal(drawn - drawn.mean(axis=0)).T * np.sqrt(n)
    factors = {name: np.zeros(n) for name in FACTORS} | dict(zip(varying, balanced, strict=False))
    own = {f"mechanism:{i}": balanced[len(varying) + i] for i in range(N_OTHER_MECHANISMS)}
    z = standardised_expression(roster, factors, own, rng)
    level = roster.genes["level"].to_numpy(np.float32)[:, None]
    expression = level + roster.genes["line_spread"].to_numpy(np.float32)[:, None] * z
    ln_ic50 = np.empty((n, len(drugs)))
    for column, drug in enumerate(drugs.itertuples()):
        driven = drug.mechanism * factors["mechanism"] + drug.pan_drug * factors["pan_drug"]
        driven = driven + drug.other_weight * own[f"mechanism:{drug.other_mechanism}"]
        noise = RESPONSE_NOISE * rng.standard_normal(n)
        ln_ic50[:, column] = rng.normal(1.5, 1.5) + rng.uniform(1.0, 1.6) * (driven + noise)
    ln_ic50[rng.random(ln_ic50.shape) < 0.08] = np.nan
    tissues = rng.choice(["BRCA", "LUAD", "SCLC", "SKCM", "COREAD", "OV", "UNCLASSIFIED"], n)
    lines = pd.DataFrame({"cosmic_id": np.arange(9_900_001, 9_900_001 + n), "tissue": tissues})
    lines["cell_line_name"] = [f"SIM-LINE-{i:04d}" for i in range(1, n + 1)]
    return Lines(lines, expression, ln_ic50)


def _balanced(cohort: Cohort, roster: Roster) -> Cohort:
    """The cohort with each anoikis gene's mean alike in both responses, among the HER2-negative: no gene can remain in
    an intersection of resistance and anoikis genes.
    """
    args = np.flatnonzero(roster.genes["arg_class"] != "")
    values = cohort.expression.copy()
    negative = ~cohort.patients["her2"].to_numpy()
    for response in (True, False):
        here = np.flatnonzero((cohort.patients["complete_response"].to_numpy() == response) & negative)
        block = values[np.ix_(args, here)]
        values[np.ix_(args, here)] = (
            block - block.mean(axis=1, keepdims=True) + values[args][:, negative].mean(axis=1, keepdims=True)
        )
    return Cohort(cohort.name, cohort.drawn, cohort.patients, values, cohort.shifts)
