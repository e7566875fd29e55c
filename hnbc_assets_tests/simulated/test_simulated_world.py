"""The simulated world is as described: classes, sizes, effects, and their absence in its variants."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from hnbc_assets.science.genes.resistance import resistance_genes
from hnbc_assets.science.signature.cox import screen
from hnbc_assets.sources.simulated import Simulation, draw, truth
from hnbc_assets.sources.simulated.gdc_clinic import draw_records
from hnbc_assets.sources.simulated.patients import Mix, draw_patients
from hnbc_assets.sources.simulated.roster import ARG_CLASSES, draw_roster
from hnbc_assets.sources.simulated.world import MIXES, World, observe

SMALL = Simulation(n_genes=1500, n_tcga=80, n_discovery=60, n_validation=30, n_metabric=30, n_lines=40, n_drugs=20)


def log_hazard_ratio(x, years, event) -> float:
    return float(screen(x[:, None], years, event)["coefficient"].iloc[0])


def test_equal_settings_give_equal_bytes_in_another_process():
    program = (
        "import hashlib; from hnbc_assets.sources.simulated import Simulation, draw; "
        f"w = draw({SMALL!r}); bytes = w.tcga.expression.tobytes() + w.lines.ln_ic50.tobytes(); "
        "print(hashlib.sha256(bytes).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    here = draw(SMALL)
    assert there == hashlib.sha256(here.tcga.expression.tobytes() + here.lines.ln_ic50.tobytes()).hexdigest()


def test_a_cohort_does_not_depend_on_what_was_drawn_before():
    first, second = World(SMALL), World(SMALL)
    _ = (second.lines, second.metabric, second.discovery)
    np.testing.assert_array_equal(first.tcga.expression, second.tcga.expression)


def test_every_class_of_anoikis_genes_has_at_least_fifteen():
    classes = draw_roster(Simulation()).genes["arg_class"].value_counts()
    assert all(classes[kind] >= 15 for kind in ARG_CLASSES)


def test_hazard_ratios_of_survival_genes_are_between_1_35_and_1_7():
    table = truth(Simulation())
    planted = table[table["anoikis_gene"] & (table["question"] == "survival") & table["holds"]]
    ratios = np.exp(planted["effect"].abs())
    assert set(planted["entity_class"]) == {"survival_only", "concordant", "opposed"}
    assert ratios.between(1.35, 1.7).all()


def test_the_hazard_ratios_of_the_truth_are_those_of_a_large_cohort():
    """Cox over 40,000 newly drawn patients, one gene at each end of the planted range: within four standard errors."""
    simulation = Simulation(seed=7)
    roster, rng = draw_roster(simulation), np.random.default_rng(3)
    patients = draw_patients(simulation, roster, MIXES["tcga"], 40_000, rng)
    seen = observe(patients.table)
    table = truth(simulation)
    planted = table[table["anoikis_gene"] & (table["question"] == "survival") & table["holds"]].set_index("entity")[
        "effect"
    ]
    for gene in (planted.abs().idxmin(), planted.abs().idxmax()):
        load = roster.genes.at[gene, "risk"]
        x = load * patients.factors["risk"] + np.sqrt(1 - load**2) * rng.standard_normal(40_000)
        estimate = log_hazard_ratio(x, seen["years"].to_numpy(), seen["event"].to_numpy())
        assert estimate == pytest.approx(planted[gene], abs=4 / np.sqrt(seen["event"].sum()))


def test_the_effects_on_resistance_are_those_of_a_large_cohort():
    """Among 3,000 tumours, genes of each class differ between the responses by the truth's sd, plain and
    ER-adjusted."""
    simulation = Simulation(seed=5, n_genes=1500, n_discovery=3000)
    world, table = draw(simulation), truth(simulation)
    patients, expression = world.discovery.patients, world.discovery.frame(world.roster).astype(float)
    response = patients["complete_response"].map({True: "pCR", False: "RD"})
    er = patients["er"].map({True: "positive", False: "negative"})
    genes = table[table["anoikis_gene"]].drop_duplicates("entity").groupby("entity_class")["entity"].first()
    for contrast in ("plain", "er_adjusted"):
        found = resistance_genes(expression.loc[genes], response, er, scale="zscore", contrast=contrast).set_index(
            "gene"
        )
        effects = table[table["question"] == f"resistance_{contrast}"].set_index("entity")["effect"]
        error = (found["effect"] / found["t"]).abs()
        assert ((found["effect"] - effects[found.index]).abs() < 4 * error + 0.03).all(), contrast


def test_training_has_ninety_events_and_a_fifth_of_discovery_responds():
    """Over 20 worlds, among the recorded HER2-negative without metastasis and with follow-up beyond day 0."""
    events, responding = [], []
    for seed in range(20):
        world = World(Simulation(seed=seed, n_genes=1500))
        records = draw_records(world.simulation, world.tcga)
        evaluable = records[(records["pfi_days"] > 0) & (records["m"] != "M1")]
        negative = (evaluable["her2_fish"] == "Negative") | (
            evaluable["her2_word"].eq("Negative") & ~evaluable["her2_fish"].isin(["Positive"])
        )
        events.append(evaluable.loc[negative, "pfi_event"].sum())
        responding.append(world.discovery.patients["complete_response"].mean())
    assert min(events) >= 90
    assert np.mean(responding) == pytest.approx(0.20, abs=0.02)


@pytest.mark.parametrize("module", ["er", "proliferation", "immune", "stroma", "purity"])
def test_genes_of_a_module_correlate_between_0_3_and_0_7(module):
    world = draw(Simulation(seed=2, n_genes=1500, n_tcga=2000))
    rows = world.roster.genes["module"].eq(module).to_numpy()
    inside = np.abs(np.corrcoef(world.tcga.expression[rows]))[np.triu_indices(rows.sum(), 1)]
    assert np.quantile(inside, 0.01) > 0.3
    assert np.quantile(inside, 0.99) < 0.7


def test_proliferation_matters_early_and_not_late():
    rng = np.random.default_rng(1)
    simulation = Simulation()
    patients = draw_patients(simulation, draw_roster(simulation), MIXES["tcga"], 30_000, rng)
    seen = observe(patients.table)
    years, event, x = seen["years"].to_numpy(), seen["event"].to_numpy(), patients.factors["proliferation"]
    early = log_hazard_ratio(x, np.minimum(years, 3.0), event & (years <= 3.0))
    late = log_hazard_ratio(x[years > 3.0], years[years > 3.0], event[years > 3.0])
    assert early > 0.35
    assert abs(late) < early / 3


def test_patients_at_risk_are_followed_for_shorter():
    simulation = Simulation()
    patients = draw_patients(simulation, draw_roster(simulation), MIXES["tcga"], 20_000, np.random.default_rng(4))
    assert np.corrcoef(patients.factors["risk"], patients.table["follow_up_years"])[0, 1] < -0.2


def test_stage_raises_the_hazard():
    simulation = Simulation()
    patients = draw_patients(simulation, draw_roster(simulation), MIXES["tcga"], 20_000, np.random.default_rng(4))
    seen = observe(patients.table)
    ratio = log_hazard_ratio(seen["stage"].to_numpy(float), seen["years"].to_numpy(), seen["event"].to_numpy())
    assert ratio > 0.2


def test_nothing_is_prognostic_in_the_null_variant():
    table = truth(Simulation(variant="null"))
    assert not table.loc[table["question"].isin(["survival", "risk_adjusted"]), "holds"].any()
    simulation = Simulation(variant="null")
    mix = Mix(0.7, 0.1, 55.0, (0.2, 0.5, 0.2, 0.1), 0.1, (1.0, 9.0))
    patients = draw_patients(simulation, draw_roster(simulation), mix, 20_000, np.random.default_rng(9))
    seen = observe(patients.table)
    for x in (patients.factors["risk"], patients.factors["proliferation"], seen["stage"].to_numpy(float)):
        found = screen(x[:, None], seen["years"].to_numpy(), seen["event"].to_numpy())
        assert abs(found["z"].iloc[0]) < 4


def test_no_anoikis_gene_differs_with_response_in_the_no_overlap_variant_but_others_do():
    world = draw(Simulation(variant="no_overlap"))
    negative = ~world.discovery.patients["her2"]
    response = world.discovery.patients["complete_response"].map({True: "pCR", False: "RD"})[negative]
    expression = world.discovery.frame(world.roster).astype(float).loc[:, negative]
    found = resistance_genes(expression, response, scale="log2_intensity").set_index("gene")
    args = world.roster.genes.index[world.roster.genes["arg_class"] != ""]
    assert found.loc[args, "fdr"].min() > 0.9
    assert (found["fdr"] < 0.05).sum() > 50


def test_plates_dominate_expression_in_the_batch_variant_only():
    def share_of_plate(variant: str) -> float:
        world = draw(Simulation(variant=variant, n_genes=1500, n_tcga=200))
        values = world.tcga.expression - world.tcga.expression.mean(axis=1, keepdims=True)
        first = np.linalg.svd(values, full_matrices=False)[2][:5]
        plate = world.tcga.patients["plate"].to_numpy()
        explained = [sum((pc[plate == p].mean() ** 2) * (plate == p).sum() for p in np.unique(plate)) for pc in first]
        return max(explained)

    assert share_of_plate("batch") > 0.6
    assert share_of_plate("default") < 0.4


def test_confounded_genes_differ_unadjusted_and_not_adjusted_for_er():
    table = truth(Simulation())
    confounded = table[table["entity_class"].eq("confounded_by_er") & table["anoikis_gene"]].set_index("question")[
        "holds"
    ]
    assert confounded["resistance_plain"].all()
    assert not confounded["resistance_er_adjusted"].any()
    assert not confounded["survival"].any()


def test_an_unknown_variant_or_too_small_a_genome_is_refused():
    with pytest.raises(ValueError, match="variant 'other' is unknown"):
        Simulation(variant="other")
    with pytest.raises(ValueError, match="at least 1500 genes"):
        Simulation(n_genes=100)
