"""Resistance genes where the truth is known: planted ones are found, with few others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.science.genes.resistance import resistance_genes
from hnbc_assets.sources.simulated.simulation import Simulation
from hnbc_assets.sources.simulated.truth import truth
from hnbc_assets.sources.simulated.world import draw

QUESTIONS = {"plain": "resistance_plain", "er_adjusted": "resistance_er_adjusted"}


def judged(seed: int) -> list[dict]:
    """Per contrast: the share of false genes among those found, and of planted anoikis genes that were found."""
    world = draw(Simulation(seed=seed))
    cohort, known = world.discovery, truth(world.simulation)
    patients = cohort.patients
    response = pd.Series(np.where(patients["complete_response"], "pCR", "RD"), index=patients.index)
    er = pd.Series(np.where(patients["er"].astype(bool), "positive", "negative"), index=patients.index)
    rows = []
    for contrast, question in QUESTIONS.items():
        table = resistance_genes(
            cohort.frame(world.roster), response, er, scale="log2_intensity", contrast=contrast, trend=True
        )
        asked = known[known["question"] == question].set_index("entity")
        planted = asked["holds"].astype(bool)
        found = table.set_index("gene")["fdr"].reindex(asked.index) < 0.05
        rows.append(
            {
                "contrast": contrast,
                "false": (found & ~planted).sum() / max(found.sum(), 1),
                "found": found[planted & asked["anoikis_gene"].astype(bool)].mean(),
            }
        )
    return rows


def hold(seeds: range) -> None:
    """Mean false-discovery proportion at most .05 and 2 Monte-Carlo standard errors, power at least 80 %."""
    table = pd.DataFrame([row for seed in seeds for row in judged(seed)])
    for contrast, rows in table.groupby("contrast"):
        error = rows["false"].std() / np.sqrt(len(rows))
        assert rows["false"].mean() <= 0.05 + 2 * error, contrast
        assert rows["found"].mean() >= 0.8, contrast


def test_planted_resistance_genes_are_found_and_few_others():
    """Over 4 simulated worlds, both contrasts."""
    hold(range(4))


@pytest.mark.full
def test_over_many_worlds_the_false_discovery_rate_and_power_hold():
    """Over 60 simulated worlds, both contrasts."""
    hold(range(100, 160))
