"""The simulated cBioPortal study: clinical tables, log intensities, z-scores and mutations of one cohort.

In scope: the study folder's files and the portal's record of the study. Out of scope: drawing the patients (world),
the place of the files at the hub (cbioportal_hub).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd

from hnbc_assets.sources.simulated.delimited import matrix
from hnbc_assets.sources.simulated.world import World

STUDY = "brca_metabric"
IMPORTED = "2026-03-02 10:00:00"
PROFILE = "mrna_illumina_microarray"
Z_PROFILE = f"{PROFILE}_zscores_ref_diploid_samples"
UNMEASURED_SHARE = 0.05


class CbioportalFiles:
    """Bodies of the study folder, and the API's record."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ids = [f"MB-S{i:04d}" for i in range(1, len(world.metabric.patients) + 1)]

    def renderers(self) -> Mapping[str, Callable[[], bytes]]:
        """File name -> its renderer."""
        return {
            "meta_study.txt": partial(_meta, type_of_cancer="brca", cancer_study_identifier=STUDY,
                                      name="SIMULATED breast cancer cohort", description="Simulated data.",
                                      groups="PUBLIC"),
            "meta_clinical_patient.txt": partial(_meta, cancer_study_identifier=STUDY,
            genetic_alteration_type="CLINICAL",
                                                 datatype="PATIENT_ATTRIBUTES",
                                                 data_filename="data_clinical_patient.txt"),
            "meta_clinical_sample.txt": partial(_meta, cancer_study_identifier=STUDY,
            genetic_alteration_type="CLINICAL",
                                                datatype="SAMPLE_ATTRIBUTES", data_filename="data_clinical_sample.txt"),
            f"meta_{PROFILE}.txt": partial(_meta, cancer_study_identifier=STUDY,
            genetic_alteration_type="MRNA_EXPRESSION",
                                           datatype="CONTINUOUS", stable_id="mrna",
                                           data_filename=f"data_{PROFILE}.txt"),
            "meta_mutations.txt": partial(_meta, cancer_study_identifier=STUDY,
            genetic_alteration_type="MUTATION_EXTENDED",
                                          datatype="MAF", stable_id="mutations", data_filename="data_mutations.txt"),
            "data_clinical_patient.txt": self.patients,
            "data_clinical_sample.txt": self.samples,
            f"data_{PROFILE}.txt": partial(self.expression, standardised=False),
            f"data_{Z_PROFILE}.txt": partial(self.expression, standardised=True),
            "data_mutations.txt": self.mutations,
            "case_lists/cases_all.txt": self.cases,
        }  # fmt: skip

    def study(self) -> dict[str, object]:
        return {
            "studyId": STUDY,
            "cancerTypeId": "brca",
            "name": "SIMULATED",
            "publicStudy": True,
            "importDate": IMPORTED,
        }

    def cases(self) -> bytes:
        """The list of all samples."""
        return _meta(cancer_study_identifier=STUDY, stable_id=f"{STUDY}_all", case_list_name="All samples",
                     case_list_description="SIMULATED", case_list_ids="\t".join(self.ids))  # fmt: skip

    def patients(self) -> bytes:
        table, rng = self.world.metabric.patients, self.world.simulation.rng("metabric", "clinic")
        n, er, dead = len(table), table["er"].to_numpy(), table["os_event"].to_numpy()
        months = table["os_years"].to_numpy() * 12
        months[(rng.random(n) < 0.006) & ~dead] = 0.0
        vital_status = np.where(table["dss_event"], "Died of Disease", np.where(dead, "Died of Other Causes", "Living"))
        proliferating = self.world.metabric.drawn.factors["proliferation"] > 0.2
        return _clinical({
            "PATIENT_ID": self.ids,
            "AGE_AT_DIAGNOSIS": [f"{age:.2f}" for age in table["age_years"]],
            "SEX": ["Female"] * n,
            "ER_IHC": np.where(rng.random(n) < 0.02, "", np.where(er, "Positve", "Negative")),
            "INFERRED_MENOPAUSAL_STATE": np.where(table["age_years"] > 51, "Post", "Pre"),
            "CHEMOTHERAPY": np.where(rng.random(n) < 0.2, "YES", "NO"),
            "HORMONE_THERAPY": np.where(er, "YES", "NO"),
            "RADIO_THERAPY": np.where(rng.random(n) < 0.6, "YES", "NO"),
            "CLAUDIN_SUBTYPE": np.where(er, np.where(proliferating, "LumB", "LumA"), "Basal"),
            "OS_MONTHS": [f"{value:.5f}" for value in months],
            "OS_STATUS": np.where(dead, "1:DECEASED", "0:LIVING"),
            "VITAL_STATUS": vital_status,
            "RFS_MONTHS": [f"{value * 12:.2f}" for value in table["years"]],
            "RFS_STATUS": np.where(table["event"], "1:Recurred", "0:Not Recurred"),
        }, numbers=("AGE_AT_DIAGNOSIS", "OS_MONTHS", "RFS_MONTHS"))  # fmt: skip

    def samples(self) -> bytes:
        table, rng = self.world.metabric.patients, self.world.simulation.rng("metabric", "samples")
        n, er = len(table), table["er"].to_numpy()
        sign = np.where(table["her2"], "Positive", "Negative")
        return _clinical({
            "PATIENT_ID": self.ids,
            "SAMPLE_ID": self.ids,
            "SAMPLE_TYPE": ["Primary"] * n,
            "ONCOTREE_CODE": ["IDC"] * n,
            "GRADE": rng.choice(["1", "2", "3"], n, p=[0.1, 0.4, 0.5]),
            "TUMOR_STAGE": table["stage"].astype(str),
            "ER_STATUS": np.where(er, "Positive", "Negative"),
            "PR_STATUS": np.where(er & (rng.random(n) < 0.75), "Positive", "Negative"),
            "HER2_STATUS": np.where(rng.random(n) < 0.01, "", sign),
        }, numbers=("GRADE", "TUMOR_STAGE"))  # fmt: skip

    def expression(self, *, standardised: bool) -> bytes:
        """The profile; one background gene in twenty is not in it, a few symbols have two rows, some values are
        missing."""
        genes, rng = self.world.roster.genes, self.world.simulation.rng("metabric", "profile")
        plain = ((genes["module"] == "background") & genes.index.str.startswith("SIM")).to_numpy()
        rows = np.flatnonzero(~(plain & (rng.random(len(genes)) < UNMEASURED_SHARE / max(plain.mean(), 0.1))))
        rows = np.concatenate([rows, rng.choice(np.flatnonzero(plain), 5, replace=False)])
        values = self.world.metabric.expression[rows]
        if standardised:
            values = (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)
        else:
            values = values.copy()
        values[rng.random(values.shape, dtype=np.float32) < 0.0002] = np.nan
        header = "\t".join(["Hugo_Symbol", "Entrez_Gene_Id", *self.ids]) + "\n"
        labels = {"symbol": list(genes.index[rows]), "entrez": genes["entrez_id"].to_numpy()[rows]}
        return header.encode() + matrix(labels, values, 4)

    def mutations(self) -> bytes:
        rng, er = self.world.simulation.rng("metabric", "mutations"), self.world.metabric.patients["er"].to_numpy()
        names = ("Hugo_Symbol", "Entrez_Gene_Id", "Center", "NCBI_Build", "Chromosome", "Start_Position",
        "End_Position",
                 "Variant_Classification", "Variant_Type", "Reference_Allele", "Tumor_Seq_Allele2",
                 "Tumor_Sample_Barcode",
                 "HGVSp_Short", "t_ref_count", "t_alt_count")  # fmt: skip
        lines = ["\t".join(names)]
        for patient, positive in zip(self.ids, er, strict=True):
            chances = {"PIK3CA": 0.45 if positive else 0.12, "TP53": 0.22 if positive else 0.8}
            for gene in [gene for gene, chance in chances.items() if rng.random() < chance]:
                place = int(rng.integers(10**6, 10**8))
                entrez = self.world.roster.genes.at[gene, "entrez_id"]
                cells = (gene, entrez, "SIMULATED", "GRCh37", place % 22 + 1, place, place, "Missense_Mutation",
                "SNP", "A", "G",
                         patient, f"p.X{place % 900}Y", 60, 30)  # fmt: skip
                lines.append("\t".join(map(str, cells)))
        return ("\n".join(lines) + "\n").encode()


def _clinical(columns: Mapping[str, object], numbers: tuple[str, ...]) -> bytes:
    """A clinical table after the portal's four header lines: names, descriptions, types, priorities."""
    names = [column.replace("_", " ").title() for column in columns]
    kinds = ["NUMBER" if column in numbers else "STRING" for column in columns]
    head = ["\t".join(row) for row in (names, names, kinds, ["1"] * len(names))]
    body = pd.DataFrame(dict(columns)).astype(str).to_csv(sep="\t", index=False, lineterminator="\n")
    return ("".join(f"#{line}\n" for line in head) + body).encode()


def _meta(**fields: str) -> bytes:
    return "".join(f"{key}: {value}\n" for key, value in fields.items()).encode()
