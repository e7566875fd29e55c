"""The roster: every simulated gene, cell type and drug, with its class and what its expression depends on.

In scope: names, classes, loadings on the latent factors, levels and spreads. Out of scope: patients, cell lines,
formats.

A gene's standardised expression is the sum of its loadings times the latent factors, and noise that makes its variance
one. The factors: `risk` drives progression; `resistance` and `er` drive the response to chemotherapy; `proliferation`
drives both weakly; `immune`, `stroma` and `purity` are the tissue; `pan_drug` is general sensitivity to drugs;
`mechanism` is what the planted drugs act on; one factor per cell type, one per mechanism of the unplanted drugs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from hnbc_assets.sources.simulated.simulation import Simulation

ARG_CLASSES = ("resistance_only", "survival_only", "concordant", "opposed", "confounded_by_er", "null")
CELL_TYPE_CLASSES = {
    "up_in_high_risk": 4,
    "down_in_high_risk": 4,
    "null": 8,
    "confounded_by_purity": 4,
    "confounded_by_er": 4,
}
MARKER_CLASSES = {
    "up_in_high_risk": 2,
    "down_in_high_risk": 2,
    "null": 3,
    "confounded_by_purity": 2,
    "confounded_by_er": 1,
}
DRUG_SHARES = {
    "sensitive_in_high_risk": 0.125,
    "resistant_in_high_risk": 0.125,
    "confounded_by_general_sensitivity": 0.45,
}
N_OTHER_MECHANISMS, OTHER_MECHANISM_GENES = 6, 36

# Correlation of the tissue's factors with risk, in patients. Risk itself depends on none of them.
RISK_CORRELATION = {"purity": 0.35, "pan_drug": 0.3, "mechanism": 0.5}
CELL_TYPE_RISK_CORRELATION = 0.5

# Real symbols that every such study expects, so that receptors and proliferation have their usual genes.
ER_SYMBOLS = ("ESR1", "PGR", "GATA3", "FOXA1", "XBP1", "TFF1", "CA12", "AGR2")
PROLIFERATION_SYMBOLS = ("MKI67", "AURKA", "TOP2A", "CCNB1", "BIRC5", "PCNA", "PIMREG", "KNL1", "PCLAF", "CIP2A")
STROMA_SYMBOLS = ("COL1A1", "FAP", "POSTN", "ADGRG1")
OTHER_SYMBOLS = (
    "SEPTIN9",
    "MARCHF5",
    "KMT2D",
    "NSD2",
    "VMP1",
    "GAPDH",
    "ACTB",
    "TP53",
    "PIK3CA",
    "ANKRD44",
    "LDHB",
    "TACSTD2",
)
# Names of some of them in an old platform annotation.
OUTDATED = {
    "PIMREG": "FAM64A", "KNL1": "CASC5", "PCLAF": "KIAA0101", "CIP2A": "KIAA1524", "ADGRG1": "GPR56",
}  # fmt: skip
FACTORS = ("risk", "resistance", "er", "proliferation", "immune", "stroma", "purity", "pan_drug", "mechanism")


@dataclass(frozen=True)
class Roster:
    """genes: one row per gene (symbol, ensembl_id, gene_type, module, arg_class, own_factor, own_loading, one column
    per factor, level, spread, line_spread); cell_types and markers: entity, entity_class; drugs: drug_id, drug_name,
    entity_class, pathway, the weights mechanism, pan_drug and other_weight, and which other_mechanism.
    """

    genes: pd.DataFrame
    cell_types: pd.DataFrame
    markers: pd.DataFrame
    drugs: pd.DataFrame

    def members(self, own_factor: str) -> list[str]:
        """Symbols of the genes that load on a cell type's or a mechanism's own factor."""
        return list(self.genes.index[self.genes["own_factor"] == own_factor])


@lru_cache(maxsize=4)
def draw_roster(simulation: Simulation) -> Roster:
    """The same roster for every cohort of a simulation. Signs alternate within modules, so that no module raises or
    lowers the whole profile of a patient: unrelated gene sets keep their ranks.
    """
    rng = simulation.rng("roster")
    cell_types = _populations(CELL_TYPE_CLASSES, "SIMCELL", simulation.variant)
    markers = _populations(MARKER_CLASSES, "Simulated population ", simulation.variant)
    blocks = [_anoikis(simulation, rng), _modules()]
    blocks += [_own(f"{kind}:{row.entity}", size, 0.75) for kind, frame, size in
               (("cell_type", cell_types, 12), ("marker", markers, 6)) for row in frame.itertuples()]  # fmt: skip
    blocks += [_own(f"mechanism:{i}", OTHER_MECHANISM_GENES, 0.72, alternate=True) for i in range(N_OTHER_MECHANISMS)]
    placed = pd.concat(blocks, ignore_index=True)
    genes = pd.concat([placed, _background(simulation.n_genes - len(placed), rng)], ignore_index=True)
    numbers = [*FACTORS, "own_loading"]
    genes[numbers] = genes[numbers].fillna(0.0)
    genes["own_factor"] = genes["own_factor"].fillna("")
    genes["arg_class"] = genes["arg_class"].fillna("")
    simulated = genes["symbol"].isna()
    genes.loc[simulated, "symbol"] = [f"SIM{i:05d}" for i in range(1, simulated.sum() + 1)]
    genes["level"] = rng.normal(5.0, 1.4, len(genes)).clip(1.5, 9.5)
    genes["spread"] = rng.uniform(0.7, 1.3, len(genes))
    genes["line_spread"] = genes["spread"] * _liveliness_in_lines(genes, cell_types, markers)
    genes["gene_type"] = "protein_coding"
    genes = genes.sample(frac=1.0, random_state=rng.integers(2**31)).reset_index(drop=True)
    versions = rng.integers(1, 20, len(genes))
    genes["ensembl_id"] = [f"ENSG{900_000_000 + i:011d}.{v}" for i, v in enumerate(versions, start=1)]
    genes["entrez_id"] = np.arange(len(genes)) + 990_000_001
    return Roster(genes.set_index("symbol"), cell_types, markers, _drugs(simulation))


def _liveliness_in_lines(genes: pd.DataFrame, cell_types: pd.DataFrame, markers: pd.DataFrame) -> np.ndarray:
    """How much each gene varies over cell lines, relative to tumours. Lines contain no stroma and no immune cells, and
    grown on plastic they show little of anoikis; genes correlated with risk in tumours vary least.
    """
    tissue = genes["module"].isin(["immune", "resistance"]) | (genes["arg_class"] != "")
    tissue |= genes["own_factor"].str.startswith(("cell_type", "marker"))
    silent = (genes["risk"] != 0) | genes["module"].isin(["stroma", "purity"])
    for kind, frame in (("cell_type", cell_types), ("marker", markers)):
        moved = frame.loc[~frame["entity_class"].isin(["null", "confounded_by_er"]), "entity"]
        silent |= genes["own_factor"].isin([f"{kind}:{entity}" for entity in moved])
    return np.select([silent, tissue], [0.08, 0.2], default=1.0)


def _anoikis(simulation: Simulation, rng: np.random.Generator) -> pd.DataFrame:
    """The anoikis genes: equally up and down in each class, loadings on risk spread over a range."""
    size = 20 if simulation.n_genes < 10_000 else 40
    rows = []
    for kind in ARG_CLASSES:
        n = size + (10 if kind == "null" else 0)
        frame = pd.DataFrame(
            {"arg_class": [kind] * n, "module": "anoikis", "sign": np.where(np.arange(n) % 2, -1.0, 1.0)}
        )
        spread = rng.permutation(np.linspace(0.42, 0.66, n))
        risk = spread if kind in ("survival_only", "concordant", "opposed") else np.zeros(n)
        resistance = {"resistance_only": 0.68, "concordant": 0.6, "opposed": -0.66}.get(kind, 0.0)
        er = {"confounded_by_er": 0.82, "concordant": 0.28}.get(kind, 0.0)
        if simulation.variant == "no_overlap":
            resistance = er = 0.0
        rows.append(
            frame.assign(risk=risk * frame["sign"], resistance=resistance * frame["sign"], er=er * frame["sign"])
        )
    args = pd.concat(rows, ignore_index=True).drop(columns="sign")
    args["symbol"] = [f"SIMARG{i:03d}" for i in rng.permutation(len(args)) + 1]
    return args


def _modules() -> pd.DataFrame:
    """The modules of the tissue, and genes of resistance and risk that are not anoikis genes."""
    sizes = {
        "er": (120, 0.72, ER_SYMBOLS), "proliferation": (80, 0.7, PROLIFERATION_SYMBOLS), "stroma": (60, 0.7,
        STROMA_SYMBOLS),
        "immune": (40, 0.7, ()), "purity": (100, 0.75, ()), "pan_drug": (100, 0.72, ()), "mechanism": (80, 0.72, ()),
        "resistance": (40, 0.68, ()), "risk": (20, 0.6, ()),
    }  # fmt: skip
    blocks = []
    for factor, (n, loading, symbols) in sizes.items():
        sign = np.where(np.arange(n) % 2, -1.0, 1.0)
        sign[: len(symbols)] = 1.0
        names = [*symbols, *[None] * (n - len(symbols))]
        blocks.append(pd.DataFrame({"symbol": names, "module": factor, factor: loading * sign}))
    alone = pd.DataFrame(
        {"symbol": ["ERBB2", "GRB7", *OTHER_SYMBOLS], "module": ["her2", "her2", *["background"] * len(OTHER_SYMBOLS)]}
    )
    return pd.concat([*blocks, alone], ignore_index=True)


def _own(own_factor: str, n: int, loading: float, *, alternate: bool = False) -> pd.DataFrame:
    sign = np.where(np.arange(n) % 2, -1.0, 1.0) if alternate else np.ones(n)
    return pd.DataFrame(
        {"own_factor": [own_factor] * n, "own_loading": loading * sign, "module": own_factor.split(":")[0]}
    )


def _background(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Genes of no module: three in ten are weakly correlated with one of the tissue's factors, up or down."""
    frame = pd.DataFrame({"module": ["background"] * n, "symbol": [None] * n})
    factors = ("er", "proliferation", "stroma", "immune")
    follows = rng.choice([*factors, "none"], n, p=[0.075] * 4 + [0.7])
    loading = rng.uniform(0.3, 0.5, n) * rng.choice([-1.0, 1.0], n)
    for factor in factors:
        frame[factor] = np.where(follows == factor, loading, 0.0)
    return frame


def _populations(classes: dict[str, int], prefix: str, variant: str) -> pd.DataFrame:
    kinds = [kind for kind, n in classes.items() for _ in range(n)]
    frame = pd.DataFrame({"entity": [f"{prefix}{i:02d}" for i in range(1, len(kinds) + 1)], "entity_class": kinds})
    if variant == "null":
        frame["entity_class"] = frame["entity_class"].replace({"up_in_high_risk": "null", "down_in_high_risk": "null"})
    return frame


def _drugs(simulation: Simulation) -> pd.DataFrame:
    """Drugs by class. Pathways are independent of the classes, so that a pathway never represents an effect. Planted
    and null drugs come in pairs of opposite sign, so that the mean over drugs is mainly general sensitivity.
    """
    n = simulation.n_drugs
    kinds = [kind for kind, share in DRUG_SHARES.items() for _ in range(round(share * n))]
    kinds += ["null"] * (n - len(kinds))
    frame = pd.DataFrame({"drug_id": np.arange(9001, 9001 + n), "entity_class": kinds})
    kind, place = frame["entity_class"], frame.groupby("entity_class").cumcount().to_numpy()
    frame["mechanism"] = kind.map({"sensitive_in_high_risk": -0.93, "resistant_in_high_risk": 0.93}).fillna(0.0)
    frame["pan_drug"] = kind.map({"confounded_by_general_sensitivity": 0.82}).fillna(0.0)
    frame["other_mechanism"] = place // 2 % N_OTHER_MECHANISMS
    weight = kind.map({"null": 0.93, "confounded_by_general_sensitivity": 0.44}).fillna(0.0)
    frame["other_weight"] = weight * np.where(place % 2 == 1, -1.0, 1.0)
    frame["drug_name"] = [f"Simulated drug {i:03d}" for i in range(1, n + 1)]
    frame["pathway"] = [f"Simulated pathway {i % 8 + 1}" for i in range(n)]
    return frame
