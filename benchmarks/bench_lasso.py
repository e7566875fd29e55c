"""LASSO-Cox cross-validation: ours and cv.glmnet, on the same folds and penalties.

In scope: the inputs and the peers of this kernel. Out of scope: measuring (harness.py).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.harness import Benchmark, Inputs, Outputs, Peer, RPeer, main

FOLDS = 10


def ours(inputs: Inputs) -> Callable[[], Outputs]:
    from hnbc_assets.science.signature.lasso import fit_lasso

    x, time, event = inputs["x"], inputs["time"], inputs["event"].astype(bool)
    fold_ids = inputs["folds"].astype(int)
    fit_lasso(x[:, :3], time, event, fold_ids=fold_ids[:1], seed=0)  # imports

    def kernel() -> Outputs:
        fit = fit_lasso(x, time, event, fold_ids=fold_ids, seed=0)
        return {"chosen": np.array([fit.chosen]), "deviance": fit.deviance_mean}

    return kernel


# The same grid: 100 penalties over four decades, ended at 0.05 of the first.
GLMNET_PREPARE = """
  suppressMessages({library(survival); library(glmnet)})
  y <- Surv(time + 0.5 * (1 - event), event)
  grid <- glmnet(x, y, family = "cox", lambda.min.ratio = 1e-4)$lambda
"""
GLMNET = """
  use <- if (cut) grid[seq_len(34)] else grid
  cvm <- rowMeans(apply(folds, 1, function(ids) cv.glmnet(x, y, family = "cox", foldid = ids + 1, lambda = use)$cvm))
  list(chosen = use[which.min(cvm)], deviance = cvm[seq_len(34)])
"""


def benchmarks(size: str) -> list[Benchmark]:
    """Candidate genes of a training cohort; repeated cross-validation with stratified folds."""
    from hnbc_assets.science.signature.lasso import stratified_folds

    n_genes, n_patients, repeats = (200, 800, 10) if size == "full" else (60, 300, 3)
    rng = np.random.default_rng(20250101)
    x = rng.normal(size=(n_patients, n_genes)) + 0.6 * rng.normal(size=(n_patients, 1))
    time = np.ceil(rng.exponential(1500 * np.exp(-x[:, :6] @ np.array([0.4, -0.4, 0.3, -0.3, 0.3, -0.3]))))
    event = rng.random(n_patients) < 0.35
    folds = stratified_folds(event, FOLDS, repeats, 1)
    peers = [
        Peer("ours", ours, repeats=1),
        RPeer(
            "cv.glmnet, same path (R)",
            f"{GLMNET_PREPARE}cut <- TRUE",
            GLMNET,
            packages=("glmnet", "survival"),
            repeats=1,
        ),
        RPeer(
            "cv.glmnet, whole path (R)",
            f"{GLMNET_PREPARE}cut <- FALSE",
            GLMNET,
            packages=("glmnet", "survival"),
            repeats=1,
        ),
    ]
    inputs = {"x": x, "time": time, "event": event, "folds": folds}
    shape = f"{n_genes} genes × {n_patients}, {FOLDS} folds × {repeats}"
    return [Benchmark("LASSO-Cox cross-validation", inputs, peers, shape, {"cv.glmnet, same path": 2})]


if __name__ == "__main__":
    main(benchmarks)
