"""Bootstrapped concordance: ours, R survival, lifelines and scikit-survival.

In scope: the inputs and the peers of this kernel. Out of scope: measuring (harness.py).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.harness import Benchmark, Inputs, Outputs, Peer, RPeer, main

TAU = 2000.0


def _drawn(inputs: Inputs) -> list[np.ndarray]:
    everyone = np.arange(len(inputs["score"]))
    return [np.repeat(everyone, sample) for sample in inputs["counts"].astype(int)]


def _survival(inputs: Inputs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return inputs["score"], inputs["time"], inputs["event"].astype(bool)


def ours(inputs: Inputs) -> Callable[[], Outputs]:
    from hnbc_assets.science.signature.discrimination import harrell_c

    return lambda: {"c": harrell_c(*_survival(inputs), inputs["counts"])}


def our_uno(inputs: Inputs) -> Callable[[], Outputs]:
    from hnbc_assets.science.signature.discrimination import uno_c

    return lambda: {"c": uno_c(*_survival(inputs), TAU, inputs["counts"])}


def lifelines(inputs: Inputs) -> Callable[[], Outputs]:
    from lifelines.utils import concordance_index

    samples = _drawn(inputs)
    score, time, event = _survival(inputs)
    return lambda: {"c": np.array([concordance_index(time[i], -score[i], event[i]) for i in samples])}


def scikit_survival(inputs: Inputs) -> Callable[[], Outputs]:
    from sksurv.metrics import concordance_index_censored

    samples = _drawn(inputs)
    score, time, event = _survival(inputs)
    return lambda: {"c": np.array([concordance_index_censored(event[i], time[i], score[i])[0] for i in samples])}


def scikit_survival_uno(inputs: Inputs) -> Callable[[], Outputs]:
    from sksurv.metrics import concordance_index_ipcw
    from sksurv.util import Surv

    samples = _drawn(inputs)
    score, time, event = _survival(inputs)
    y = Surv.from_arrays(event, time)
    return lambda: {"c": np.array([concordance_index_ipcw(y[i], y[i], score[i], tau=TAU)[0] for i in samples])}


def _r_peer(timewt: str) -> RPeer:
    return RPeer(
        "concordance (R survival)",
        prepare="suppressMessages(library(survival));"
        "samples <- apply(counts, 1, function(k) rep(seq_along(k), k), simplify = FALSE)",
        kernel="list(c = vapply(samples, function(i) concordance(Surv(time[i], event[i]) ~ score[i], "
        f"reverse = TRUE, {timewt})$concordance, 0))",
        packages=("survival",),
    )


def benchmarks(size: str) -> list[Benchmark]:
    """A score in a validation cohort, 1,000 bootstrap samples of its patients."""
    from hnbc_assets.science.signature.discrimination import bootstrap_counts

    n_patients, n_samples = (500, 1000) if size == "full" else (300, 200)
    rng = np.random.default_rng(20250101)
    score = rng.normal(size=n_patients)
    time = rng.exponential(1500 * np.exp(-0.4 * score))
    event = rng.random(n_patients) < 0.3
    inputs = {"score": score, "time": time, "event": event, "counts": bootstrap_counts(n_patients, n_samples, 1)}
    shape = f"{n_patients} patients, {n_samples:,} bootstraps"
    harrell = [Peer("ours", ours), _r_peer('timewt = "n"'), Peer("lifelines", lifelines)]
    harrell.append(Peer("scikit-survival", scikit_survival))
    uno = [Peer("ours", our_uno), _r_peer(f'timewt = "n/G2", ymax = {TAU}')]
    uno.append(Peer("scikit-survival", scikit_survival_uno))
    goals = {"concordance": 50, "lifelines": 50, "scikit-survival": 50}
    return [
        Benchmark("Harrell's C", inputs, harrell, shape, goals),
        Benchmark("Uno's C", inputs, uno, shape),
    ]


if __name__ == "__main__":
    main(benchmarks)
