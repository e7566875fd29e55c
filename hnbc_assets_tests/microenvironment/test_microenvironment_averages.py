"""MCP-counter and mean z: averages worked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.science.microenvironment.methods.mcp_counter import mcp_counter
from hnbc_assets.science.microenvironment.methods.mean_z import mean_z

EXPRESSION = pd.DataFrame(
    {"p1": [2.0, 4.0, 9.0, 5.0], "p2": [4.0, np.nan, 1.0, 5.0], "p3": [6.0, 8.0, 5.0, 5.0]},
    index=["CD3D", "CD8B", "CD19", "FLAT"],
)


def test_mcp_counter_is_the_mean_of_the_markers_observed():
    """By hand; as MCPcounter.estimate, which averages the markers present with missing values removed."""
    markers = {"T cells": ["CD3D", "CD8B", "CD3D", "absent"], "B lineage": ["CD19"], "Nobody": ["absent"]}
    scores = mcp_counter(EXPRESSION, markers)
    np.testing.assert_allclose(scores.loc["T cells"], [3.0, 4.0, 7.0])
    np.testing.assert_allclose(scores.loc["B lineage"], [9.0, 1.0, 5.0])
    assert scores.loc["Nobody"].isna().all()
    assert scores.index.name == "cell_type"


def test_mean_z_is_the_mean_of_standardised_genes():
    """By hand: CD3D is −1, 0, 1 in its own sd; CD8B, seen twice, ∓ 1/√2; a gene that does not vary is left out."""
    scores = mean_z(EXPRESSION, {"T cells": ["CD3D", "CD8B", "FLAT", "absent"], "Flat": ["FLAT"]})
    np.testing.assert_allclose(scores.loc["T cells"], [(-1 - 0.5**0.5) / 2, 0.0, (1 + 0.5**0.5) / 2], atol=1e-15)
    assert scores.loc["Flat"].isna().all()


def test_mean_z_does_not_depend_on_the_scaling_of_genes():
    """Shifting and rescaling each gene leaves the scores unchanged."""
    rng = np.random.default_rng(20250101)
    expression = pd.DataFrame(rng.normal(size=(6, 30)), index=list("abcdef"))
    moved = expression.mul([0.1, 2, 30, 1, 5, 7], axis=0).add([0, 5, -3, 100, 2, 1], axis=0)
    sets = {"one": ["a", "b", "c"], "two": ["d", "f"]}
    pd.testing.assert_frame_equal(mean_z(expression, sets), mean_z(moved, sets), rtol=1e-9)


@pytest.mark.parametrize("method", [mcp_counter, mean_z])
def test_no_population_is_a_table_without_rows(method):
    scores = method(EXPRESSION, {})
    assert scores.shape == (0, 3)
