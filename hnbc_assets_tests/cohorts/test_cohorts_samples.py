"""Samples: one primary-tumour aliquot per patient."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hnbc_assets.science.cohorts.samples import choose_samples

KINDS = {"01": "primary", "05": "primary", "06": "metastatic", "11": "normal"}


def chosen(*barcodes):
    samples = pd.DataFrame({"sample_id": barcodes})
    samples["patient_id"] = samples["sample_id"].str[:12]
    samples["sample_type"] = samples["sample_id"].str[13:15].map(KINDS)
    return choose_samples(samples)


def test_the_higher_plate_is_selected_and_is_the_recorded_reason():
    table = chosen("TCGA-A1-A0SB-01A-11R-A144-07", "TCGA-A1-A0SB-01A-11R-A41B-07")
    assert table["selected"].tolist() == [False, True]
    assert table["reason"][1] == "of 2 primary aliquots by higher plate"
    assert "TCGA-A1-A0SB-01A-11R-A41B-07 was selected" in table["reason"][0]


def test_sample_type_01_comes_before_analyte_before_plate_before_barcode():
    assert chosen("TCGA-A1-A0SB-05A-11R-A41B-07", "TCGA-A1-A0SB-01A-11R-A144-07")["selected"].tolist() == [False, True]
    assert chosen("TCGA-A1-A0SB-01A-11D-A41B-07", "TCGA-A1-A0SB-01A-11R-A144-07")["selected"].tolist() == [False, True]
    assert chosen("TCGA-A1-A0SB-01B-11R-A144-07", "TCGA-A1-A0SB-01A-11R-A144-07")["selected"].tolist() == [False, True]


def test_normal_tissue_and_metastases_are_never_selected():
    table = chosen("TCGA-A1-A0SB-11A-11R-A41B-07", "TCGA-A1-A0SB-06A-11R-A41B-07", "TCGA-A1-A0SB-01A-11R-A144-07")
    assert table["selected"].tolist() == [False, False, True]
    assert table["reason"].tolist() == [
        "not a primary tumour: normal tissue",
        "not a primary tumour: metastasis",
        "the only primary aliquot",
    ]


def test_the_choice_does_not_depend_on_the_order_of_the_rows():
    plates = ["A144", "A41B", "A12P", "A24H"]
    barcodes = [f"TCGA-A1-A0S{p}-01{v}-11R-{plate}-07" for p in "BCD" for v in "AB" for plate in plates]
    rng = np.random.default_rng(1)
    picks = set()
    for _ in range(10):
        table = chosen(*rng.permutation(barcodes))
        picks.add(tuple(sorted(table.loc[table["selected"], "sample_id"])))
    assert len(picks) == 1
    assert len(next(iter(picks))) == 3


def test_other_ids_are_selected_by_their_order():
    samples = pd.DataFrame({"sample_id": ["s2", "s1"], "patient_id": "p", "sample_type": "primary"})
    assert choose_samples(samples)["selected"].tolist() == [False, True]
