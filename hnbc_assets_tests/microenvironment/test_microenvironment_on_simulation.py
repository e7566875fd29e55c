"""Cell types where the truth is known: planted differences are found, confounded ones vanish on adjustment."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.science.group_comparison import compare_groups
from hnbc_assets.science.microenvironment.infiltration import infiltrate
from hnbc_assets.science.microenvironment.methods.mean_z import mean_z
from hnbc_assets.sources.simulated.gene_set_files import purity_genes
from hnbc_assets.sources.simulated.simulation import Simulation
from hnbc_assets.sources.simulated.truth import truth
from hnbc_assets.sources.simulated.world import draw


def judged(seed: int) -> pd.DataFrame:
    """One row per method and cell type of one world: whether it differs with the true risk, unadjusted and adjusted."""
    world = draw(Simulation(seed=seed))
    expression = world.tcga.frame(world.roster)
    patients = world.tcga.patients
    sets = {name: world.roster.members(f"cell_type:{name}") for name in world.roster.cell_types["entity"]}
    scores, _ = infiltrate(expression, sets, sets, "log2_tpm")
    risk = pd.Series(world.tcga.drawn.factors["risk"], index=patients.index)
    group = pd.Series(np.where(risk > risk.median(), "high", "low"), index=patients.index)
    purity = mean_z(expression, {"purity": purity_genes(world)}).loc["purity"]
    covariates = pd.DataFrame({"er": patients["er"].astype(float), "purity": purity})
    known = truth(world.simulation)
    holds = known[known["entity_type"] == "cell_type"].pivot(index="entity", columns="question", values="holds")
    tables = []
    for method, scored in scores.groupby("method"):
        values = scored.pivot(index="cell_type", columns="patient_id", values="score")
        tables.append(compare_groups(values, group, covariates=covariates).set_index("feature").assign(method=method))
    return pd.concat(tables).join(holds)


def hold(seeds: range) -> None:
    """Every method finds planted cell types (at least 80 %) and rarely others, unadjusted and adjusted."""
    table = pd.concat([judged(seed).assign(seed=seed) for seed in seeds])
    for fdr, question in (("fdr", "risk"), ("adjusted_fdr", "risk_adjusted")):
        for method, rows in table.dropna(subset=[question]).groupby("method"):
            planted, found = rows[question].astype(bool), rows[fdr] < 0.05
            false = (found & ~planted).groupby(rows["seed"]).sum() / found.groupby(rows["seed"]).sum().clip(lower=1)
            assert found[planted].mean() >= 0.8, (method, question)
            assert false.mean() <= 0.05 + 2 * false.std() / np.sqrt(len(seeds)), (method, question)


def test_planted_cell_types_are_found_and_confounded_ones_vanish_on_adjustment():
    """Over 4 simulated worlds; adjusted for ER and purity, differences that these alone explain are no longer found."""
    hold(range(4))


@pytest.mark.full
def test_over_many_worlds_cell_types_are_classified_correctly():
    """Over 60 simulated worlds."""
    hold(range(100, 160))
