"""The study's stages on a small simulation, and the version of every table and file that they make, as JSON.

Run as a program, on one machine or another: `python -m hnbc_assets_tests.everywhere.stages`. In scope: what is
computed. Out of scope: on which machine, and the comparison (test_everywhere).
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd

from hnbc_assets import tables
from hnbc_assets.digits import rounded_expression
from hnbc_assets.lake.hashing import content_hash
from hnbc_assets.science.drugs.prediction import predict_cohort, prepare
from hnbc_assets.science.genes.resistance import resistance_genes
from hnbc_assets.science.group_comparison import compare_groups
from hnbc_assets.science.microenvironment.methods.ssgsea import ssgsea
from hnbc_assets.science.signature.analysis_set import AnalysisSet
from hnbc_assets.science.signature.cox import screen
from hnbc_assets.science.signature.method import Training
from hnbc_assets.science.signature.methods import METHODS
from hnbc_assets.science.signature.performance import performance
from hnbc_assets.science.signature.scoring import groups, score_cohort
from hnbc_assets.science.signature.training import train
from hnbc_assets.sources.simulated import Simulation
from hnbc_assets.sources.simulated.simulation import SECOND_RELEASE
from hnbc_assets.sources.simulated.transport import Upstream

SMALL = Simulation(n_genes=1500, n_tcga=90, n_discovery=90, n_validation=20, n_metabric=20, n_lines=60, n_drugs=10)
RESISTANCE = ["gene", "effect", "t", "p_value", "fdr", "direction", "contrast", "effect_unit"]


def main() -> None:
    """Print the version of everything that is made."""
    upstream = Upstream(SMALL)
    made = {**files(upstream), **numbers(upstream)}
    print(json.dumps(made))


def files(upstream: Upstream) -> dict[str, str]:
    """sha256 of every file that the hosts serve, with both GDC releases."""
    for release in ("45.0", SECOND_RELEASE):
        _ = upstream.gdc(release).release  # files are drawn when they are first needed
    upstream.answer("www.cbioportal.org", "/api/studies/brca_metabric", {}, {})
    return {name: hashlib.sha256(upstream.bodies.get(name)).hexdigest() for name in upstream.bodies.names()}


def numbers(upstream: Upstream) -> dict[str, str]:
    """Versions of tables as they would be published, and the names of the signatures."""
    world = upstream.world
    training, lines = expression(world, world.tcga), world.lines
    known = world.tcga.patients
    ids = pd.Index([f"P{i:03d}" for i in range(len(known))], name="patient_id")
    training.columns = ids
    survival = pd.DataFrame(
        {"time_days": np.ceil(known["years"] * 365.25).to_numpy(), "event": known["event"].to_numpy()}
    )
    data = AnalysisSet(training, survival.set_index(ids))
    er = np.where(world.discovery.patients["er"], "positive", "negative")
    tested = [resistance(world, contrast, er) for contrast in ("plain", "er_adjusted")]
    plain = tested[0].drop_duplicates("gene").set_index("gene")
    entered = list(plain.index[:40])
    fitted = screen(data.standardised(entered).T, data.time, data.event)
    method = METHODS["lasso_cox"]
    trained = train(method, Training(
        data, entered, plain.direction, reference_genes=list(training.index[:300]), scale="log2_tpm",
        rule="min", folds=5, repeats=1, seed=1,
    ))  # fmt: skip
    score = score_cohort(method, training, trained.signature, own=True).values
    risk = groups(score, trained.description.cutoff[0])
    worth = performance(
        score, data.time, data.event, train_time=data.time, train_event=data.event,
        cutoff=trained.description.cutoff[0], seed=1, n_bootstrap=50,
    )  # fmt: skip
    sets = {f"set {i}": list(training.index[i * 20 : i * 20 + 25]) for i in range(8)}
    immune = ssgsea(training, sets)
    predicted = predict_cohort(prepare(response(world), pd.DataFrame(
        rounded_expression(lines.expression.astype(float)), index=training.index,
        columns=lines.lines["cosmic_id"].astype(str)), min_lines=20), training)  # fmt: skip
    drugs = predicted.predictions.pivot(index="drug_id", columns="patient_id", values="ln_ic50_um").round(6)
    compared = [compare_groups(x, risk, covariates=er_of(known, ids)) for x in (immune, drugs)]
    published = {
        "expression": content_hash(training),
        "drug_resistance_genes": version(tables.DrugResistanceGenes, pd.concat(tested), cohort_id="d"),
        "univariate_cox": version(tables.UnivariateCox, fitted, cohort_id="t", endpoint="pfi", selected=True),
        "signature": version(tables.Signature, trained.signature),
        "single_sample_signature": version(tables.SingleSampleSignature, trained.single_sample),
        "lasso_path": version(tables.LassoPath, trained.tables["lasso_path"]),
        "lasso_coefficients": version(tables.LassoCoefficients, trained.tables["lasso_coefficients"]),
        "cut-offs": version(tables.SignatureDescription, trained.description, cohort_id="t", endpoint="pfi",
                            n_candidates=40, entry_rule="all", penalty_rule="min"),
        "risk_scores": content_hash(pd.DataFrame({"score": score, "group": risk}).rename_axis("patient_id")),
        "prognostic_performance": version(tables.PrognosticPerformance, worth, cohort_id="t", endpoint="pfi",
                                          independent=False, independence_basis="", apparent=True),
        "immune_infiltration": version(tables.ImmuneInfiltration, long(immune)),
        "drug_models": version(tables.DrugModels, predicted.models, cohort_id="t", line_expression="rma"),
        "drug_sensitivity": version(tables.DrugSensitivity, predicted.predictions, cohort_id="t"),
        "immune_associations": version(tables.ImmuneAssociations, compared[0], method="ssgsea", cohort_id="t"),
        "drug_associations": version(tables.DrugAssociations, compared[1], cohort_id="t", drug_name="x"),
    }  # fmt: skip
    ids_made = {"signature_id": trained.description.signature_id[0], "genes": " ".join(trained.signature.gene)}
    return published | ids_made


def expression(world, cohort) -> pd.DataFrame:
    frame = cohort.frame(world.roster)
    return pd.DataFrame(rounded_expression(frame.to_numpy(float)), frame.index, frame.columns)


def resistance(world, contrast: str, er: np.ndarray) -> pd.DataFrame:
    values, known = expression(world, world.discovery), world.discovery.patients
    outcome = known["complete_response"].map({True: "pCR", False: "RD"})
    values = values.mask(np.random.default_rng(1).random(values.shape) < 0.001)
    return resistance_genes(
        values, outcome, pd.Series(er, known.index), scale="log2_intensity", contrast=contrast, trend=True
    )


def response(world) -> pd.DataFrame:
    lines, values = world.lines.lines, world.lines.ln_ic50
    rows = [
        (str(line), str(drug.drug_id), drug.drug_name, value)
        for i, line in enumerate(lines["cosmic_id"])
        for drug, value in zip(world.roster.drugs.itertuples(), values[i], strict=True)
        if not np.isnan(value)
    ]
    return pd.DataFrame(rows, columns=["line_id", "drug_id", "drug_name", "ln_ic50"])


def er_of(known: pd.DataFrame, ids: pd.Index) -> pd.DataFrame:
    return pd.DataFrame({"er": known["er"].to_numpy().astype(float), "age": known["age_years"].to_numpy()}, index=ids)


def long(scores: pd.DataFrame) -> pd.DataFrame:
    stacked = scores.rename_axis(index="cell_type", columns="patient_id").stack().rename("score").reset_index()
    return stacked.assign(cohort_id="t", method="ssgsea", relative_only=False)


def version(table: type[tables.Table], frame: pd.DataFrame, **known: object) -> str:
    """The data version of a frame as published with its table's description."""
    frame = frame.assign(**known).rename(columns={"feature": "cell_type" if "method" in known else "drug_id"})
    wanted = frame[[name for name in frame.columns if name in table.columns]]
    return content_hash(table.conform(wanted))


if __name__ == "__main__":
    main()
