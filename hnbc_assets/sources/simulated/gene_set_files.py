"""The simulated gene sets: GO and Hallmark with the names that a study uses, marker tables, cell-type sets.

In scope: which simulated genes are in which set. Out of scope: the genes (roster).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hnbc_assets.sources.simulated.world import World

ANOIKIS_SETS = (
    "GOBP_ANOIKIS",
    "GOBP_REGULATION_OF_ANOIKIS",
    "GOBP_POSITIVE_REGULATION_OF_ANOIKIS",
    "GOBP_NEGATIVE_REGULATION_OF_ANOIKIS",
)
HALLMARK_MODULES = {
    "HALLMARK_ESTROGEN_RESPONSE_EARLY": ("er", 0, 70),
    "HALLMARK_ESTROGEN_RESPONSE_LATE": ("er", 50, 120),
    "HALLMARK_G2M_CHECKPOINT": ("proliferation", 0, 50),
    "HALLMARK_E2F_TARGETS": ("proliferation", 30, 80),
    "HALLMARK_EPITHELIAL_MESENCHYMAL_TRANSITION": ("stroma", 0, 60),
    "HALLMARK_INFLAMMATORY_RESPONSE": ("immune", 0, 40),
    "HALLMARK_APOPTOSIS": ("resistance", 0, 40),
}
N_RANDOM_SETS = 30
PURITY_SET = "SIMULATED_TUMOUR_PURITY"


def go_biological_process(world: World) -> bytes:
    """GO terms: the four overlapping anoikis sets, which together contain all simulated anoikis genes, and
    random sets.
    """
    genes = world.roster.genes
    args = sorted(genes.index[genes["arg_class"] != ""])
    n = len(args)
    shares = ((0, n // 2), (n // 3, n - n // 6), (n // 2, 3 * n // 4), (2 * n // 3, n))
    sets = {name: args[first:last] for name, (first, last) in zip(ANOIKIS_SETS, shares, strict=True)}
    return _gmt(sets | _random_sets(world, "GOBP_SIMULATED_PROCESS"))


def hallmark(world: World) -> bytes:
    """Hallmark names for the modules that they represent, and random sets."""
    genes = world.roster.genes
    sets = {
        name: sorted(genes.index[genes["module"] == module])[first:last]
        for name, (module, first, last) in HALLMARK_MODULES.items()
    }
    return _gmt(sets | _random_sets(world, "HALLMARK_SIMULATED"))


def cell_types(world: World) -> bytes:
    """One set per simulated cell type."""
    return _gmt({entity: world.roster.members(f"cell_type:{entity}") for entity in world.roster.cell_types["entity"]})


def purity(world: World) -> bytes:
    """One set, `purity_genes`: their mean is a proxy for purity in adjusted comparisons."""
    return _gmt({PURITY_SET: purity_genes(world)})


def purity_genes(world: World) -> list[str]:
    """Genes whose expression rises with the share of tumour cells."""
    genes = world.roster.genes
    return list(genes.index[(genes["module"] == "purity") & (genes["purity"] > 0)])


def markers(world: World) -> bytes:
    """The marker table: one row per gene and population."""
    genes = world.roster.genes
    rows = [
        {"HUGO symbols": symbol, "Cell population": entity, "ENTREZID": genes.at[symbol, "entrez_id"],
         "ENSEMBL ID": genes.at[symbol, "ensembl_id"].split(".")[0]}
        for entity in world.roster.markers["entity"] for symbol in world.roster.members(f"marker:{entity}")
    ]  # fmt: skip
    return pd.DataFrame(rows).to_csv(sep="\t", index=False, quoting=2, lineterminator="\n").encode()


def _random_sets(world: World, prefix: str) -> dict[str, list[str]]:
    rng = world.simulation.rng("gene sets", prefix)
    symbols = world.roster.genes.index.to_numpy()
    sizes = rng.integers(10, 120, N_RANDOM_SETS)
    return {f"{prefix}_{i:02d}": sorted(rng.choice(symbols, size, replace=False)) for i, size in enumerate(sizes, 1)}


def _gmt(sets: dict[str, list[str]] | dict[str, np.ndarray]) -> bytes:
    return "".join("\t".join([name, "simulated", *members]) + "\n" for name, members in sets.items()).encode()
