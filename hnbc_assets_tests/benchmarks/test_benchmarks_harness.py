"""The stopwatch: peers get the same inputs, differences are found, and failures are reported."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).parent.parent.parent


@pytest.fixture(name="harness")
def the_harness(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY))
    from benchmarks import harness

    return harness


def tiny_inputs() -> dict:
    rng = np.random.default_rng(20250101)
    genes = [f"g{n}" for n in range(30)]
    return {"x": rng.normal(size=(30, 5)), "genes": genes, "sets": [genes[:4], genes[9:12]]}


def test_a_peer_is_measured_in_its_own_process_and_a_failure_is_reported(harness, monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY))
    from benchmarks.bench_moderated_t import ours as needs_other_inputs
    from benchmarks.bench_ssgsea import ours

    benchmark = harness.Benchmark(
        "tiny",
        tiny_inputs(),
        [harness.Peer("ours", ours), harness.Peer("broken", needs_other_inputs)],
        goals={"broken": 2},
    )
    good, broken = harness.measure(benchmark)
    assert good.outputs["score"].shape == (2, 5)
    assert good.seconds > 0
    assert good.peak_mb > good.extra_mb
    assert "KeyError" in broken.failure
    report = harness.report(benchmark, [good, broken])
    assert "KeyError" in report
    assert "goal: at least 2 × broken: not measured" in report


def test_an_r_peer_gets_the_same_inputs_as_ours(harness):
    """A matrix, its shape, its names and ragged lists of names are the same in R."""
    if shutil.which("Rscript") is None:
        pytest.skip("Rscript is missing")
    inputs = tiny_inputs()
    kernel = """rownames(x) <- genes; list(x = unname(x), means = vapply(sets, function(s) mean(x[s, 2]), 0))"""
    found = harness.measure(harness.Benchmark("tiny", inputs, [harness.RPeer("R", "", kernel)]))[0]
    np.testing.assert_array_equal(found.outputs["x"], inputs["x"])
    np.testing.assert_allclose(found.outputs["means"], [inputs["x"][:4, 1].mean(), inputs["x"][9:12, 1].mean()])


def test_a_peer_that_did_a_part_is_compared_on_that_part(harness):
    ours = {"a": np.array([1.0, 2.0, np.nan, 4.0])}
    part = {"a": np.array([1.0, 2.5, np.nan])}
    measured = [
        harness.Measurement("ours", 1.0, 0, 0, 1.0, ours),
        harness.Measurement("peer", 8.0, 0, 0, 0.5, part),
        harness.Measurement("other", 3.0, 0, 0, 1.0, {"a": np.zeros(4)}),
    ]
    report = harness.report(harness.Benchmark("k", {}, [], goals={"peer": 5, "other": 5}), measured)
    assert "≈8 | ≈8" in report
    assert "a 5.0e-01; 2.0e-01" in report
    assert "missing values differ" in report
    assert "× peer: reached" in report
    assert "× other: MISSED" in report
