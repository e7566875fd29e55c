"""Bootstrapped time-dependent AUC: ours, scikit-survival and riskRegression.

In scope: the inputs and the peers of this kernel. Out of scope: measuring (harness.py).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.harness import Benchmark, Inputs, Outputs, Peer, RPeer, main

AT = 1095.75


def ours(inputs: Inputs) -> Callable[[], Outputs]:
    from hnbc_assets.science.signature.discrimination import auc_at

    event = inputs["event"].astype(bool)
    return lambda: {"auc": auc_at(inputs["score"], inputs["time"], event, AT, inputs["counts"])}


def scikit_survival(inputs: Inputs) -> Callable[[], Outputs]:
    from sksurv.metrics import cumulative_dynamic_auc
    from sksurv.util import Surv

    everyone = np.arange(len(inputs["score"]))
    samples = [np.repeat(everyone, sample) for sample in inputs["counts"].astype(int)]
    score, y = inputs["score"], Surv.from_arrays(inputs["event"].astype(bool), inputs["time"])
    return lambda: {"auc": np.array([cumulative_dynamic_auc(y[i], y[i], score[i], [AT])[0][0] for i in samples])}


RISK_SAMPLES = 50
RISK_REGRESSION = RPeer(
    "riskRegression (R)",
    prepare="suppressMessages({library(survival); library(riskRegression)});"
    f"samples <- apply(counts[seq_len({RISK_SAMPLES}), ], 1, function(k) rep(seq_along(k), k), simplify = FALSE);"
    "frame <- data.frame(time, event)",
    kernel="list(auc = vapply(samples, function(i) Score(list(s = score[i]), Surv(time, event) ~ 1, data = frame[i, ], "
    f'times = {AT}, metrics = "auc", cens.model = "km", se.fit = FALSE)$AUC$score$AUC, 0))',
    packages=("survival", "riskRegression"),
    repeats=1,
)


def benchmarks(size: str) -> list[Benchmark]:
    """A score in a validation cohort, AUC at three years, 1,000 bootstrap samples of its patients."""
    from dataclasses import replace

    from hnbc_assets.science.signature.discrimination import bootstrap_counts

    n_patients, n_samples = (500, 1000) if size == "full" else (300, 200)
    rng = np.random.default_rng(20250101)
    score = rng.normal(size=n_patients)
    time = rng.exponential(1500 * np.exp(-0.4 * score))
    event = rng.random(n_patients) < 0.3
    inputs = {"score": score, "time": time, "event": event, "counts": bootstrap_counts(n_patients, n_samples, 1)}
    peers = [
        Peer("ours", ours),
        Peer("scikit-survival", scikit_survival),
        replace(RISK_REGRESSION, fraction=RISK_SAMPLES / n_samples),
    ]
    goals = {"scikit-survival": 8, "riskRegression": 8}
    return [Benchmark("AUC(t)", inputs, peers, f"{n_patients} patients, {n_samples:,} bootstraps", goals)]


if __name__ == "__main__":
    main(benchmarks)
