"""Operating characteristics: over many simulated worlds, planted effects are found and unplanted ones are not.

In scope: the kernels in the order of the study, on the simulation's arrays, judged by its truth. Out of scope: formats,
assets.

    python hnbc_assets_tests/seeds/test_seeds_operating_characteristics.py 50 [variant]      prints the figures
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.sources.simulated import Simulation, truth
from hnbc_assets.sources.simulated.gene_set_files import purity_genes
from hnbc_assets.sources.simulated.world import Cohort, World

FDR = 0.05
FULL_SEEDS = 50


class Judge:
    """One world's truth, by gene and entity."""

    def __init__(self, simulation: Simulation) -> None:
        table = truth(simulation)
        holds = table.set_index(["entity_type", "question", "entity"])["holds"]
        self.holds = holds.dropna().astype(bool).sort_index()  # effects that depend on the score are not tested
        self.classes = table.drop_duplicates(["entity_type", "entity"]).set_index(["entity_type", "entity"])[
            "entity_class"
        ]

    def count(
        self, figures: dict, name: str, kind: str, question: str, found: pd.Series, planted: tuple[str, ...]
    ) -> None:
        """Add the false-discovery proportion of `found` (a boolean by entity) and the power for planted classes."""
        holds = self.holds.loc[kind, question]
        found = found[found.index.isin(holds.index)]
        holds, classes = holds.reindex(found.index), self.classes.loc[kind].reindex(found.index)
        figures[f"{name}: FDP"] = (found & ~holds).sum() / max(found.sum(), 1)
        if classes.isin(planted).any():
            figures[f"{name}: power"] = found[classes.isin(planted)].mean()

    def null_rate(self, figures: dict, name: str, kind: str, question: str, p_value: pd.Series) -> None:
        """Add the share of p values below 0.05 among the entities without an effect."""
        holds = self.holds.loc[kind, question]
        nothing = p_value[p_value.index.isin(holds.index[~holds])]
        if len(nothing):
            figures[f"{name}: p < .05 where nothing is"] = (nothing < 0.05).mean()


def included(world: World, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Expression (genes × patients, log2) and rows of a cohort's HER2-negative, non-metastatic patients."""
    cohort: Cohort = getattr(world, name)
    keep = (~cohort.patients["her2"] & (cohort.patients["stage"] < 4)).to_numpy()
    expression = cohort.frame(world.roster).loc[:, keep].astype(float)
    if name == "tcga":
        linear = np.exp2(expression)
        expression = np.log2(linear / linear.sum() * 1e6 + 1.0)
    return expression, cohort.patients[keep]


def run(seed: int, variant: str = "default") -> dict[str, float]:
    """The figures of one world."""
    from hnbc_assets.science.genes.overlap import candidates
    from hnbc_assets.science.genes.resistance import resistance_genes
    from hnbc_assets.science.signature.cox import screen
    from hnbc_assets.science.signature.discrimination import harrell_c
    from hnbc_assets.science.signature.lasso import fit_lasso
    from hnbc_assets.science.signature.lasso_path import strongest_first
    from hnbc_assets.science.signature.methods import METHODS
    from hnbc_assets.science.signature.scoring import groups, score_cohort
    from hnbc_assets.science.signature.training import freeze

    simulation = Simulation(seed=seed, variant=variant)
    world, judge, figures = World(simulation), Judge(simulation), {}
    expression, patients = included(world, "discovery")
    response = patients["complete_response"].map({True: "pCR", False: "RD"})
    er = patients["er"].map({True: "positive", False: "negative"})
    figures["pCR"] = patients["complete_response"].mean()
    tested = []
    for contrast, planted in (("plain", ("resistance_only", "concordant", "opposed", "confounded_by_er")),
                              ("er_adjusted", ("resistance_only", "concordant", "opposed"))):  # fmt: skip
        rows = resistance_genes(expression, response, er, scale="log2_intensity", contrast=contrast, trend=True)
        found = rows.set_index("gene")["fdr"] < FDR
        judge.count(figures, f"resistance {contrast}", "gene", f"resistance_{contrast}", found, planted)
        tested.append(rows)
    confounded = judge.classes.loc["gene"][lambda c: c == "confounded_by_er"].index
    figures["confounded genes called, ER-adjusted"] = (rows.set_index("gene")["fdr"] < FDR).reindex(confounded).mean()
    training, patients = included(world, "tcga")
    args = world.roster.genes.index[world.roster.genes["arg_class"] != ""]
    chosen = candidates(pd.concat(tested), args, contrast="plain", fdr=FDR, training_genes=training.index)
    figures["candidates"] = len(chosen)
    time, event = patients["years"].to_numpy() * 365.25, patients["event"].to_numpy()
    figures["training events"] = event.sum()
    if chosen.empty:
        return figures
    values = training.loc[chosen["gene"]]
    z = (values.sub(values.mean(axis=1), axis=0).div(values.std(axis=1), axis=0)).T
    cox = screen(z, time, event).set_index("gene")
    judge.count(figures, "univariate Cox", "gene", "survival", cox["fdr"] < FDR, ("concordant", "opposed"))
    judge.null_rate(figures, "univariate Cox", "gene", "survival", cox["p_value"])
    planted = judge.classes.loc["gene"].isin(["concordant", "opposed"])
    figures["both stages: power"] = (cox["fdr"] < FDR).reindex(planted.index[planted], fill_value=False).mean()
    entering = cox.index[cox["p_value"] < 0.05]
    figures["entering LASSO"] = len(entering)
    lasso = fit_lasso(z[entering], time, event, folds=10, repeats=1, seed=seed)
    method = METHODS["lasso_cox"]
    signature = freeze(method, strongest_first(lasso), values, pd.Series(dtype=object))
    figures["signature genes"] = len(signature)
    if signature.empty:
        return figures
    score = score_cohort(method, values, signature, own=True).values
    cutoff = score.median()
    figures["training C"] = harrell_c(score.to_numpy(), time, event)[0]
    factors = world.tcga.drawn.factors
    for name in ("risk", "er", "purity", "resistance"):
        figures[f"score and {name}: r"] = np.corrcoef(score, factors[name][patients.index])[0, 1]
    outside, seen = included(world, "validation")
    applied = score_cohort(method, outside, signature).values
    figures["validation C"] = harrell_c(applied.to_numpy(), seen["years"].to_numpy(), seen["event"].to_numpy())[0]
    for name, frame, scored, people in (
        ("training", training, score, patients),
        ("validation", outside, applied, seen),
    ):
        group = groups(scored, cutoff)
        compare(figures, judge, world, name, frame, group, people)
    return figures


def compare(
    figures: dict,
    judge: Judge,
    world: World,
    name: str,
    expression: pd.DataFrame,
    group: pd.Series,
    people: pd.DataFrame,
) -> None:
    """Cell types and drugs between the risk groups of one cohort, unadjusted and adjusted."""
    from hnbc_assets.science.drugs.association import associate
    from hnbc_assets.science.drugs.prediction import predict_cohort, prepare
    from hnbc_assets.science.group_comparison import compare_groups
    from hnbc_assets.science.microenvironment.infiltration import infiltrate
    from hnbc_assets.science.microenvironment.methods.mean_z import mean_z

    sets = {entity: world.roster.members(f"cell_type:{entity}") for entity in world.roster.cell_types["entity"]}
    markers = {entity: world.roster.members(f"marker:{entity}") for entity in world.roster.markers["entity"]}
    scores, _ = infiltrate(expression, sets, markers, "log2_tpm")
    covariates = pd.DataFrame({
        "er": people["er"].astype(float),
        "purity": mean_z(expression, {"purity": purity_genes(world)}).loc["purity"],
    })  # fmt: skip
    for method, kind in (("ssgsea", "cell_type"), ("mcp_counter", "population")):
        wide = scores[scores["method"] == method].pivot(index="cell_type", columns="patient_id", values="score")
        compared = compare_groups(wide, group, covariates=covariates).set_index("feature")
        judged(figures, judge, f"{name} {method}", kind, compared, ("up_in_high_risk", "down_in_high_risk"))
    drawn = world.lines
    lines = pd.DataFrame(drawn.expression, index=world.roster.genes.index, columns=drawn.lines["cosmic_id"].astype(str))
    response = pd.DataFrame(drawn.ln_ic50, index=lines.columns, columns=world.roster.drugs["drug_id"].astype(str))
    long = response.rename_axis(index="line_id", columns="drug_id").stack().rename("ln_ic50").reset_index()
    screened = prepare(long.assign(drug_name=long["drug_id"]), lines, min_lines=50)
    made = predict_cohort(screened, expression, method="standardise", drop_low_variance=0.2)
    figures[f"{name} drugs: cross-validated r"] = made.models["cv_pearson"].mean()
    wide = made.predictions.pivot(index="drug_id", columns="patient_id", values="ln_ic50_um")
    compared = associate(wide, group, covariates).set_index("drug_id")
    judged(figures, judge, f"{name} drugs", "drug", compared, ("sensitive_in_high_risk", "resistant_in_high_risk"))


def judged(figures: dict, judge: Judge, name: str, kind: str, compared: pd.DataFrame, planted: tuple[str, ...]) -> None:
    for question, label, prefix in (("risk", "plain", ""), ("risk_adjusted", "adjusted", "adjusted_")):
        judge.count(figures, f"{name} {label}", kind, question, compared[f"{prefix}fdr"] < FDR, planted)
        judge.null_rate(figures, f"{name} {label}", kind, question, compared[f"{prefix}p_value"])


def run_many(n_seeds: int, variant: str = "default") -> pd.DataFrame:
    """One row per seed."""
    with ProcessPoolExecutor(2) as pool:
        return pd.DataFrame(list(pool.map(run, range(1, n_seeds + 1), [variant] * n_seeds)))


@pytest.fixture(scope="module")
def one_world() -> dict[str, float]:
    return run(1)


@pytest.fixture(scope="module")
def many_worlds() -> pd.DataFrame:
    return run_many(FULL_SEEDS)


def columns(figures: pd.DataFrame, ending: str) -> list[str]:
    found = [column for column in figures if column.endswith(ending)]
    assert found
    return found


def monte_carlo_error(values: pd.Series) -> float:
    return 3 * values.std() / np.sqrt(values.notna().sum())


def test_in_one_world_planted_genes_are_found_and_confounded_ones_are_not(one_world):
    assert one_world["resistance plain: power"] > 0.8
    assert one_world["both stages: power"] > 0.8
    assert one_world["confounded genes called, ER-adjusted"] == 0


def test_in_one_world_the_score_follows_risk_and_validates(one_world):
    assert one_world["score and risk: r"] > 0.8
    assert one_world["validation C"] > 0.6


def test_in_one_world_planted_cell_types_and_drugs_are_found(one_world):
    for what in ("ssgsea", "mcp_counter", "drugs"):
        assert one_world[f"training {what} plain: power"] > 0.8


def test_a_world_without_overlap_gives_no_candidate():
    assert run(1, "no_overlap")["candidates"] == 0


@pytest.mark.full
def test_over_fifty_worlds_the_mean_false_discovery_proportion_is_at_most_five_percent(many_worlds):
    """Every stage and comparison, unadjusted and adjusted; within three Monte-Carlo standard errors."""
    for column in columns(many_worlds, ": FDP"):
        assert many_worlds[column].mean() <= FDR + monte_carlo_error(many_worlds[column]), column


@pytest.mark.full
def test_over_fifty_worlds_four_of_five_planted_effects_are_found(many_worlds):
    for column in columns(many_worlds, ": power"):
        assert many_worlds[column].mean() >= 0.8, column


@pytest.mark.full
def test_over_fifty_worlds_what_has_no_effect_is_not_called_more_often_than_the_level(many_worlds):
    """Raw p values below 0.05, including false positives that adjustment must prevent."""
    for column in columns(many_worlds, ": p < .05 where nothing is"):
        assert many_worlds[column].mean() <= 0.05 + monte_carlo_error(many_worlds[column]), column


@pytest.mark.full
def test_over_fifty_worlds_every_training_cohort_has_ninety_events(many_worlds):
    assert many_worlds["training events"].min() >= 90


@pytest.mark.full
def test_over_twenty_null_worlds_no_score_validates_beyond_chance():
    worlds = run_many(20, "null")
    validated = worlds["validation C"].dropna()
    assert abs(validated.mean() - 0.5) <= max(monte_carlo_error(validated), 0.02)
    assert worlds["univariate Cox: FDP"].mean() <= 2 * FDR


if __name__ == "__main__":
    figures = run_many(int(sys.argv[1]), *sys.argv[2:])
    summary = figures.agg(["mean", "sem", "min", "max"]).T
    print(summary.round(3).to_string())
