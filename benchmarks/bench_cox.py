"""Univariate Cox screen: ours, R survival, lifelines and statsmodels.

In scope: the inputs and the peers of this kernel. Out of scope: measuring (harness.py).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.harness import Benchmark, Inputs, Outputs, Peer, RPeer, main

LIFELINES_GENES, STATSMODELS_GENES, COXPH_GENES = 60, 60, 400


def _outputs(fits) -> Outputs:
    return {name: fits[name].to_numpy() for name in ("coefficient", "standard_error", "p_value")}


def ours(inputs: Inputs, threads: int | None = None) -> Callable[[], Outputs]:
    from hnbc_assets.science.signature.cox import screen

    x, time, event = inputs["x"], inputs["time"], inputs["event"]
    screen(x[:, :2], time, event)  # compiled, or read from the cache
    return lambda: _outputs(screen(x, time, event, threads=threads))


def ours_on_one_thread(inputs: Inputs) -> Callable[[], Outputs]:
    return ours(inputs, threads=1)


def lifelines(inputs: Inputs) -> Callable[[], Outputs]:
    import pandas as pd
    from lifelines import CoxPHFitter

    frames = [
        pd.DataFrame({"x": inputs["x"][:, j], "time": inputs["time"], "event": inputs["event"]})
        for j in range(LIFELINES_GENES)
    ]

    def kernel() -> Outputs:
        fits = [CoxPHFitter().fit(frame, "time", "event").summary.iloc[0] for frame in frames]
        return _outputs(
            pd.DataFrame(fits).rename(columns={"coef": "coefficient", "se(coef)": "standard_error", "p": "p_value"})
        )

    return kernel


def statsmodels(inputs: Inputs) -> Callable[[], Outputs]:
    from statsmodels.duration.hazard_regression import PHReg

    def kernel() -> Outputs:
        fits = [
            PHReg(inputs["time"], inputs["x"][:, j], status=inputs["event"].astype(int), ties="efron").fit()
            for j in range(STATSMODELS_GENES)
        ]
        return {
            "coefficient": np.array([fit.params[0] for fit in fits]),
            "standard_error": np.array([fit.bse[0] for fit in fits]),
            "p_value": np.array([fit.pvalues[0] for fit in fits]),
        }

    return kernel


COXPH_FIT = """
  fits <- vapply(seq_len(ncol(x)), function(j) {
    fit <- coxph.fit(x[, j, drop = FALSE], y, NULL, NULL, NULL, control, NULL, "efron", NULL, FALSE)
    c(fit$coefficients, sqrt(fit$var))
  }, numeric(2))
  list(coefficient = fits[1, ], standard_error = fits[2, ], p_value = 2 * pnorm(-abs(fits[1, ] / fits[2, ])))
"""
COXPH = """
  fits <- vapply(seq_len(genes), function(j) summary(coxph(y ~ x[, j]))$coefficients[1, c(1, 3, 5)], numeric(3))
  list(coefficient = fits[1, ], standard_error = fits[2, ], p_value = fits[3, ])
"""


def benchmarks(size: str) -> list[Benchmark]:
    """Genes of a training cohort against survival in days, tied and mostly censored."""
    n_genes, n_patients = (20_000, 1_000) if size == "full" else (2_000, 500)
    rng = np.random.default_rng(20250101)
    x = rng.normal(size=(n_patients, n_genes)) * rng.gamma(4, 0.3, n_genes)
    time = np.ceil(rng.exponential(1500 * np.exp(-0.4 * x[:, 0] + 0.4 * x[:, 1])))
    event = rng.random(n_patients) < 0.3
    prepare = "suppressMessages(library(survival)); y <- Surv(time, event); control <- coxph.control()"
    peers = [
        Peer("ours", ours),
        Peer("ours on one thread", ours_on_one_thread),
        RPeer("coxph.fit called directly (R)", prepare, COXPH_FIT, packages=("survival",)),
        RPeer(
            "coxph (R)",
            f"{prepare}; genes <- {COXPH_GENES}",
            COXPH,
            packages=("survival",),
            fraction=COXPH_GENES / n_genes,
            repeats=1,
        ),
        Peer("lifelines", lifelines, fraction=LIFELINES_GENES / n_genes, repeats=1),
        Peer("statsmodels", statsmodels, fraction=STATSMODELS_GENES / n_genes, repeats=1),
    ]
    goals = {"coxph.fit": 5, "lifelines": 500}
    inputs = {"x": x, "time": time, "event": event}
    return [Benchmark("univariate Cox, Efron", inputs, peers, f"{n_genes:,} × {n_patients:,}", goals)]


if __name__ == "__main__":
    main(benchmarks)
