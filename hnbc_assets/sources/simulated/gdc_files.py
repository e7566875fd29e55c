"""Clinical and mutation files of the simulated GDC: the biotab, the curated survival workbook, one MAF per patient.

In scope: their formats. Out of scope: their values (gdc_clinic), expression (gdc_samples).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hnbc_assets.sources.simulated.delimited import gzipped, workbook
from hnbc_assets.sources.simulated.names import stable_uuid
from hnbc_assets.sources.simulated.world import World

BIOTAB_CDES = {
    "bcr_patient_uuid": "CDE_ID:", "bcr_patient_barcode": "CDE_ID:2003301", "gender": "CDE_ID:2200604",
    "menopause_status": "CDE_ID:2957270", "tissue_source_site": "CDE_ID:", "age_at_diagnosis": "CDE_ID:3225640",
    "vital_status": "CDE_ID:5", "last_contact_days_to": "CDE_ID:3008273", "death_days_to": "CDE_ID:3165475",
    "er_status_by_ihc": "CDE_ID:2957359", "pr_status_by_ihc": "CDE_ID:2957357", "her2_status_by_ihc": "CDE_ID:2957563",
    "her2_ihc_score": "CDE_ID:2178402", "her2_fish_status": "CDE_ID:2854089",
    "ajcc_tumor_pathologic_pt": "CDE_ID:3045435", "ajcc_nodes_pathologic_pn": "CDE_ID:3203106",
    "ajcc_metastasis_pathologic_pm": "CDE_ID:3045439", "ajcc_pathologic_tumor_stage": "CDE_ID:3203222",
}  # fmt: skip
NOT_AVAILABLE, NOT_EVALUATED, NOT_APPLICABLE = "[Not Available]", "[Not Evaluated]", "[Not Applicable]"
NO_VALUE = "#N/A"
CLASSIFICATIONS = ("Missense_Mutation", "Silent", "Nonsense_Mutation", "Frame_Shift_Del", "Splice_Site", "3'UTR")


def biotab(records: pd.DataFrame) -> bytes:
    """The clinical patient table of the BCR: three header rows, then one row per patient."""
    dead = records["dead"]
    days = records["os_days"].map(lambda value: NOT_AVAILABLE if pd.isna(value) else str(int(value)))
    cells = {
        "bcr_patient_uuid": [stable_uuid(barcode).upper() for barcode in records.index],
        "bcr_patient_barcode": records.index,
        "gender": records["sex"].str.upper(),
        "menopause_status": records["menopause"].fillna(NOT_AVAILABLE),
        "tissue_source_site": records.index.str[5:7],
        "age_at_diagnosis": records["age_years"].astype(str),
        "vital_status": np.where(dead, "Dead", "Alive"),
        "last_contact_days_to": np.where(dead, NOT_APPLICABLE, days),
        "death_days_to": np.where(dead, days, NOT_APPLICABLE),
        "er_status_by_ihc": records["er"].fillna(NOT_EVALUATED),
        "pr_status_by_ihc": records["pr"].fillna(NOT_EVALUATED),
        "her2_status_by_ihc": records["her2_word"].fillna(NOT_EVALUATED),
        "her2_ihc_score": records["her2_score"].fillna(NOT_AVAILABLE),
        "her2_fish_status": records["her2_fish"].fillna(NOT_EVALUATED),
        "ajcc_tumor_pathologic_pt": records["t"],
        "ajcc_nodes_pathologic_pn": records["n"],
        "ajcc_metastasis_pathologic_pm": records["m"],
        "ajcc_pathologic_tumor_stage": records["stage"].fillna(NOT_AVAILABLE),
    }
    header = "\t".join(BIOTAB_CDES)
    rows = ["\t".join(row) for row in zip(*(cells[name] for name in BIOTAB_CDES), strict=True)]
    return ("\n".join([header, header, "\t".join(BIOTAB_CDES.values()), *rows]) + "\n").encode()


def survival_workbook(records: pd.DataFrame) -> bytes:
    """The curated survival endpoints as a workbook: sheet TCGA-CDR, with some patients of another tumour type."""
    followed = records["os_days"].notna()
    dead = records["dead"]
    days = [None if pd.isna(value) else int(value) for value in records["os_days"]]
    pfi_days = [None if pd.isna(value) else int(value) for value in records["pfi_days"]]
    flag = {name: [int(v) if ok else None for v, ok in zip(records[name], followed, strict=True)]
            for name in ("os_event", "dss_event", "pfi_event")}  # fmt: skip
    n = len(records)
    columns = {
        "": list(range(1, n + 1)),
        "bcr_patient_barcode": list(records.index),
        "type": ["BRCA"] * n,
        "age_at_initial_pathologic_diagnosis": list(records["age_years"]),
        "gender": list(records["sex"].str.upper()),
        "race": [NOT_AVAILABLE] * n,
        "ajcc_pathologic_tumor_stage": list(records["stage"].fillna(NOT_AVAILABLE)),
        "menopause_status": list(records["menopause"].fillna(NOT_AVAILABLE)),
        "vital_status": ["Dead" if d else "Alive" for d in dead],
        "tumor_status": ["WITH TUMOR" if e else "TUMOR FREE" for e in records["pfi_event"]],
        "last_contact_days_to": [NOT_APPLICABLE if d else v for d, v in zip(dead, days, strict=True)],
        "death_days_to": [v if d else NOT_APPLICABLE for d, v in zip(dead, days, strict=True)],
        "new_tumor_event_dx_days_to": [v if e else None for e, v in zip(records["pfi_event"], pfi_days, strict=True)],
        "OS": flag["os_event"], "OS.time": days,
        "DSS": flag["dss_event"], "DSS.time": days,
        "DFI": [None] * n, "DFI.time": [None] * n,
        "PFI": flag["pfi_event"], "PFI.time": pfi_days,
        "Redaction": [None] * n,
    }  # fmt: skip
    others = {name: [None] * 6 for name in columns}
    others |= {"": list(range(n + 1, n + 7)), "bcr_patient_barcode": [f"TCGA-ZY-{i:04d}" for i in range(1, 7)]}
    others |= {"type": ["OV"] * 6, "OS": [1] * 6, "OS.time": [900] * 6, "PFI": [1] * 6, "PFI.time": [400] * 6}
    sheet = {name: [NO_VALUE if v is None else v for v in [*columns[name], *others[name]]] for name in columns}
    notes = {"Column": ["PFI", "OS"], "Note": ["simulated progression-free interval", "simulated overall survival"]}
    return workbook({"TCGA-CDR": sheet, "TCGA-CDR-Notes": notes})


def maf(world: World, patient: int, barcode: str) -> bytes:
    """One patient's masked somatic mutations: PIK3CA and GATA3 in ER-positive, TP53 in ER-negative tumours, and
    others."""
    rng = world.simulation.rng("tcga", "maf", barcode)
    er = bool(world.of_patient(patient)[0].patients.at[patient, "er"])
    chances = {"PIK3CA": 0.4 if er else 0.1, "TP53": 0.25 if er else 0.8, "GATA3": 0.15 if er else 0.02}
    chosen = [gene for gene, chance in chances.items() if rng.random() < chance]
    chosen += list(rng.choice(world.roster.genes.index.to_numpy(), rng.poisson(6.0)))
    tumour, normal = f"{barcode}-01A-11D-Z100-09", f"{barcode}-10A-01D-Z100-09"
    names = (
        "Hugo_Symbol", "Entrez_Gene_Id", "Center", "NCBI_Build", "Chromosome", "Start_Position", "End_Position",
        "Strand",
        "Variant_Classification", "Variant_Type", "Reference_Allele", "Tumor_Seq_Allele1", "Tumor_Seq_Allele2",
        "Tumor_Sample_Barcode", "Matched_Norm_Sample_Barcode", "HGVSp_Short", "t_depth", "t_ref_count", "t_alt_count",
        "n_depth", "FILTER", "case_id",
    )  # fmt: skip
    lines = ["#version gdc-1.0.0", "#filedate 20211213", "#annotation.spec gdc-2.0.0-aliquot-merged-masked",
             "#n.analyzed.samples 1", f"#tumor.aliquots.submitter_id {tumour}", "\t".join(names)]  # fmt: skip
    for gene in chosen:
        kind = (
            "Missense_Mutation"
            if gene in chances
            else rng.choice(CLASSIFICATIONS, p=[0.55, 0.2, 0.07, 0.06, 0.04, 0.08])
        )
        place, depth = int(rng.integers(10**6, 10**8)), int(rng.integers(30, 200))
        alt = int(depth * rng.uniform(0.1, 0.6))
        kind_of = ("DEL", "A", "-") if kind == "Frame_Shift_Del" else ("SNP", "A", "G")
        protein = f"p.X{place % 900}Y" if kind in ("Missense_Mutation", "Nonsense_Mutation", "Frame_Shift_Del") else ""
        cells = [gene, world.roster.genes.at[gene, "entrez_id"], "SIMULATED", "GRCh38", f"chr{place % 22 + 1}", place,
        place, "+",
                 kind, kind_of[0], kind_of[1], kind_of[1], kind_of[2], tumour, normal, protein, depth, depth - alt,
                 alt, 40,
                 "PASS", stable_uuid(barcode)]  # fmt: skip
        lines.append("\t".join(map(str, cells)))
    return gzipped(("\n".join(lines) + "\n").encode())
