"""Moderated t-test: ours and limma.

In scope: the inputs and the peers of this kernel. Out of scope: measuring (harness.py).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.harness import Benchmark, Inputs, Outputs, Peer, RPeer, main


def ours(inputs: Inputs) -> Callable[[], Outputs]:
    from hnbc_assets.science.genes.differential import moderated_t

    genes = [f"g{n}" for n in range(len(inputs["x"]))]
    trend = bool(inputs["trend"])

    def kernel() -> Outputs:
        table = moderated_t(inputs["x"], inputs["group"], genes=genes, trend=trend).table
        return {"effect": table.effect.to_numpy(), "t": table.t.to_numpy(), "p": table.p_value.to_numpy()}

    return kernel


LIMMA = RPeer(
    "limma (R)",
    prepare="suppressMessages(library(limma)); design <- cbind(1, group); trend <- trend == 'True'",
    kernel="fit <- eBayes(lmFit(x, design), trend = trend);"
    "list(effect = fit$coefficients[, 2], t = fit$t[, 2], p = fit$p.value[, 2])",
    packages=("limma",),
    repeats=7,
)


def benchmarks(size: str) -> list[Benchmark]:
    """Residual disease against pCR in one discovery cohort, without and with missing values and trend."""
    n_genes, n_samples = (20_000, 508) if size == "full" else (2_000, 508)
    rng = np.random.default_rng(20250101)
    x = rng.normal(8, 1, (n_genes, 1)) + rng.normal(size=(n_genes, n_samples)) * rng.gamma(4, 0.2, (n_genes, 1))
    group = rng.random(n_samples) < 0.8
    x[: n_genes // 10, group] += 0.3
    with_missing = np.where(rng.random(x.shape) < 0.0005, np.nan, x)
    shape = f"{n_genes:,} × {n_samples}"
    return [
        Benchmark(
            "moderated t",
            {"x": x, "group": group, "trend": False},
            [Peer("ours", ours, repeats=7), LIMMA],
            shape,
            {"limma": 8},
        ),
        Benchmark(
            "moderated t with trend",
            {"x": x, "group": group, "trend": True},
            [Peer("ours", ours, repeats=7), LIMMA],
            shape,
            {"limma": 8},
        ),
        Benchmark(
            "moderated t with missing values",
            {"x": with_missing, "group": group, "trend": False},
            [Peer("ours", ours, repeats=7), LIMMA],
            f"{shape}, one value in 2,000 missing",
            {"limma": 8},
        ),
    ]


if __name__ == "__main__":
    main(benchmarks)
