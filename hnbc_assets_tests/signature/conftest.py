"""Fixtures for tests of the signature: stored expected values, and simulated patients with planted genes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

REFERENCE = Path(__file__).parents[1] / "reference"


@pytest.fixture
def reference():
    """Reads a stored table: reference("cox", "expected")."""
    return lambda kernel, table: pd.read_csv(REFERENCE / kernel / f"{table}.csv")


@pytest.fixture
def planted():
    """Makes expression (genes × patients), days and events; the first genes have the given log hazard ratios."""

    def make(seed, n_patients, n_genes, log_hazard_ratios=(), event_share=0.5):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n_genes, n_patients))
        hazard = np.exp(np.asarray(log_hazard_ratios) @ x[: len(log_hazard_ratios)]) if len(log_hazard_ratios) else 1.0
        days = np.ceil(rng.exponential(1500 / hazard, size=n_patients))
        event = rng.random(n_patients) < event_share
        genes = pd.Index([f"G{i:04d}" for i in range(n_genes)], name="gene")
        patients = [f"P{i:04d}" for i in range(n_patients)]
        return pd.DataFrame(x, index=genes, columns=patients), days, event

    return make
