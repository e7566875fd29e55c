"""Published tables for the headline, small and made by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from hnbc_assets_tests.report.rows import comparison, performance


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    """A small but complete result: one validation that confirms the score and one that does not."""
    none = float("nan")
    return {
        "cohorts": pd.DataFrame(
            {
                "cohort_id": ["disc", "tcga", "val", "meta"],
                "source": "gdc TCGA-BRCA",
                "n_responders": [52, 0, 0, 0],
                "n_non_responders": [236, 0, 0, 0],
                "scaled_with": None,
            }
        ),
        "drug_resistance_genes": pd.DataFrame(
            {
                "cohort_id": "disc",
                "contrast": ["plain"] * 3 + ["er_adjusted"] * 3,
                "gene": ["A", "B", "C"] * 2,
                "fdr": [0.01, 0.02, 0.5, 0.01, 0.3, 0.5],
            }
        ),
        "candidate_genes": pd.DataFrame(
            {"gene": ["A", "B"], "contrast": "er_adjusted", "in_training_cohort": [True, False]}
        ),
        "candidate_overlap": pd.DataFrame(
            {
                "contrast": ["plain", "er_adjusted"],
                "deciding": [False, True],
                "fdr_threshold": 0.05,
                "n_anoikis": 40,
                "n_overlap": [9, 2],
                "expected": [9.9, 0.8],
                "p_value": [0.9, 0.0002],
            }
        ),
        "signatures": pd.DataFrame({"cohort_id": ["tcga"], "note": [None]}),
        "signature": pd.DataFrame(
            {
                "signature_id": "7f3a91c2",
                "gene": ["A", "B"],
                "coefficient": [0.1, -0.3],
                "direction": ["up_in_rd", "up_in_rd"],
                "direction_concordant": [True, False],
            }
        ),
        "score_coverage": pd.DataFrame(
            {"cohort_id": ["tcga"], "n_high": [150], "n_low": [151], "grouped": True, "note": None}
        ),
        "prognostic_performance": performance(
            [
                ("meta", "os", "hazard_ratio_per_sd", 1.08, 0.87, 1.34, False, True, None),
                ("val", "drfs", "hazard_ratio_per_sd", 1.21, 1.05, 1.58, False, True, None),
                ("tcga", "pfi", "hazard_ratio_per_sd", 1.42, 1.18, 1.71, True, False, None),
                ("tcga", "pfi", "c_index_harrell", 0.66, 0.61, 0.71, True, False, None),
                ("val", "drfs", "c_index_harrell", none, none, none, False, True, "no event was observed"),
                ("tcga", "pfi", "hazard_ratio_high_vs_low", 2.1, 1.5, 3.0, True, False, None),
                ("tcga", "pfi", "log_rank_p", 0.0004, none, none, True, False, None),
                ("tcga", "pfi", "n_high", 100, none, none, True, False, None),
                ("tcga", "pfi", "n_low", 101, none, none, True, False, None),
            ]
        ),
        "immune_associations": comparison(
            method="ssgsea",
            cell_type=["T cells", "B cells", "NK cells"],
            effect=[-0.36, 0.2, 0.01],
            p_value=[0.001, 0.01, 0.9],
            fdr=[0.003, 0.02, 0.9],
            adjusted_effect=[-0.5, 0.1, 0.01],
            adjusted_p_value=[0.001, 0.5, 0.9],
            adjusted_fdr=[0.003, 0.6, 0.9],
        ),
        "drug_associations": comparison(
            drug_id="1007",
            drug_name=["Docetaxel"],
            effect=[0.3],
            p_value=[0.01],
            fdr=[0.01],
            adjusted_effect=[0.1],
            adjusted_p_value=[0.9],
            adjusted_fdr=[0.9],
        ),
    }
