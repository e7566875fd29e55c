"""The GDC's sequenced samples: which aliquots exist, and their STAR – Counts files.

In scope: aliquots and their expression files, including duplicates, normals and metastases. Out of scope: records and
queries (gdc_records, gdc_api).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hnbc_assets.arithmetic import exp2
from hnbc_assets.sources.simulated.delimited import prepared, tab_separated
from hnbc_assets.sources.simulated.simulation import Simulation
from hnbc_assets.sources.simulated.world import Cohort, World

SAMPLE_TYPES = {"01": "Primary Tumor", "02": "Recurrent Tumor", "06": "Metastatic", "11": "Solid Tissue Normal"}
STAR_HEADER = (
    "# gene-model: GENCODE v36\n"
    "gene_id\tgene_name\tgene_type\tunstranded\tstranded_first\tstranded_second\ttpm_unstranded\tfpkm_unstranded\tfpkm_uq_unstranded\n"
)
N_COPIES_ON_Y, N_REPEATED_SYMBOLS, N_NON_CODING = 8, 4, 40
RECOUNT_NOISE = 0.15  # log2 units
SITES = ("ZA", "ZB", "ZC", "ZD", "ZE", "ZF")


def barcode(cohort: Cohort, patient: int) -> str:
    """A 12-character patient barcode; the tissue source sites Z… exist in the simulation only."""
    site = SITES[int(cohort.patients.at[patient, "plate"]) % len(SITES)]
    return f"TCGA-{site}-{patient + 1:04d}"


def draw_aliquots(simulation: Simulation, cohort: Cohort) -> pd.DataFrame:
    """One row per aliquot: aliquot, patient (number), code (01, 02, 06, 11), kind. The tumour as drawn is the one
    that a fixed rule chooses: vial A, analyte R, the higher plate.
    """
    rng = simulation.rng(cohort.name, "aliquots")
    rows = []
    for patient, plate in cohort.patients["plate"].items():
        stem, high, low = barcode(cohort, patient), f"Z1{plate:02d}", f"Z0{plate:02d}"
        drawn = rng.random(6)
        if drawn[0] >= 0.015:
            rows.append((f"{stem}-01A-11R-{high}-07", patient, "01", "tumour"))
            if drawn[1] < 0.015:
                rows.append((f"{stem}-01A-11R-{low}-07", patient, "01", "repeat"))
            elif drawn[1] < 0.025:
                rows.append((f"{stem}-01B-11R-{high}-07", patient, "01", "repeat"))
            elif drawn[1] < 0.03:
                rows.append((f"{stem}-01A-11T-{high}-07", patient, "01", "repeat"))
        if drawn[2] < 0.10:
            rows.append((f"{stem}-11A-11R-{high}-07", patient, "11", "normal"))
        if drawn[3] < 0.0125:
            rows.append((f"{stem}-06A-11R-{high}-07", patient, "06", "metastasis"))
        if drawn[4] < 0.004:
            rows.append((f"{stem}-02A-11R-{high}-07", patient, "02", "metastasis"))
    return pd.DataFrame(rows, columns=["aliquot", "patient", "code", "kind"])


class StarFiles:
    """Bodies of the STAR – Counts files of a world, each rendered on request."""

    def __init__(self, world: World) -> None:
        self.world = world
        genes = world.roster.genes
        rng = world.simulation.rng("tcga", "gene model")
        background = genes.index[
            (genes["module"] == "background") & (genes["level"] < 4) & genes.index.str.startswith("SIM")
        ]
        doubled = [*background[:N_COPIES_ON_Y], *background[N_COPIES_ON_Y : N_COPIES_ON_Y + N_REPEATED_SYMBOLS]]
        on_y = [f"{genes.at[symbol, 'ensembl_id']}_PAR_Y" for symbol in doubled[:N_COPIES_ON_Y]]
        others = [f"ENSG{980_000_000 + i:011d}.1" for i in range(1, N_REPEATED_SYMBOLS + N_NON_CODING + 1)]
        names = [*genes.index, *doubled, *(f"SIMLNC{i:03d}" for i in range(1, N_NON_CODING + 1))]
        types = [*genes["gene_type"], *["protein_coding"] * len(doubled), *["lncRNA"] * N_NON_CODING]
        columns = {"gene_id": [*genes["ensembl_id"], *on_y, *others], "gene_name": names, "gene_type": types}
        self.labels = {name: prepared(values) for name, values in columns.items()}
        self.kilobases = rng.uniform(0.8, 6.0, len(names))
        self.n_extra = len(names) - len(genes)

    def body(self, aliquot: str, patient: int, kind: str, version: int = 1) -> bytes:
        """One sample's file. Counts are rounded from TPM, gene length and depth; a gene whose count rounds to 0 has 0
        in all columns.

        A later version has the same reads counted again: every gene differs slightly.
        """
        rng = self.world.simulation.rng("tcga", "file", aliquot)
        log2 = self.log2_expression(rng, patient, kind)
        if version > 1:
            again = self.world.simulation.rng("tcga", "file", aliquot, f"version {version}")
            log2 = log2 + RECOUNT_NOISE * again.standard_normal(len(log2))
        linear = np.concatenate(
            [exp2(log2), np.zeros(N_COPIES_ON_Y), rng.gamma(0.5, 1.0, self.n_extra - N_COPIES_ON_Y)]
        )
        depth = rng.uniform(6.0, 16.0)
        counts = np.rint(linear * self.kilobases * depth).astype(np.int64)
        linear[counts == 0] = 0.0
        tpm = linear * (1e6 / linear.sum())
        reads = counts.sum()
        fpkm = counts / self.kilobases * (1e6 / reads)
        first = counts // 2
        rows = tab_separated({
            **self.labels,
            "unstranded": counts, "first": first, "second": counts - first,
            "tpm": np.round(tpm, 4), "fpkm": np.round(fpkm, 4), "fpkm_uq": np.round(fpkm * rng.uniform(0.9, 1.1), 4),
        })  # fmt: skip
        unassigned = {
            "N_unmapped": reads // 20,
            "N_multimapping": reads // 15,
            "N_noFeature": reads // 10,
            "N_ambiguous": reads // 40,
        }
        summary = "".join(f"{name}\t\t\t{n}\t{n}\t{n}\t\t\t\n" for name, n in unassigned.items())
        return (STAR_HEADER + summary).encode() + rows

    def log2_expression(self, rng: np.random.Generator, patient: int, kind: str) -> NDArray[np.float64]:
        """(n_genes,) of one aliquot; a repeat is a second measurement of the tumour, a normal has no tumour's
        factors.
        """
        cohort, column = self.world.of_patient(patient)
        tumour = cohort.expression[:, column].astype(np.float64)
        if kind == "tumour":
            return tumour
        genes = self.world.roster.genes
        noise = rng.standard_normal(len(genes))
        if kind == "repeat":
            return tumour + 0.3 * noise
        if kind == "metastasis":
            return tumour + 0.6 * noise - 1.5 * genes["immune"].to_numpy()
        lowered = genes["proliferation"].to_numpy() + 0.5 * genes["purity"].to_numpy()
        return genes["level"].to_numpy() + genes["spread"].to_numpy() * (0.6 * noise - 2.0 * lowered)
