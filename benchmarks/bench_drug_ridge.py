"""Drug response: all drugs from one decomposition, against one ridge per drug as in calcPhenotype.

In scope: the inputs and the peers of this kernel. Out of scope: how they are measured (harness.py).

The peers are written from the methods' descriptions (oncoPredict's calcPhenotype, Maeser 2021, 10.1093/bib/bbab260, on
linearRidge, Cule & De Iorio 2012, arXiv:1205.0686): a singular value decomposition of the genes for every drug. One
chooses its penalty as linearRidge does, from principal components; the other uses ours, and shows that for the same
penalty both give the same predictions. They fit two of the drugs; their seconds are extrapolated.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.harness import Benchmark, Inputs, Outputs, Peer, main

SIZES = {"small": (300, 2_000, 40, 300), "full": (800, 9_600, 200, 1_000)}
PEERS_DO = 2


def screen(n_lines: int, n_genes: int, n_drugs: int, n_patients: int, seed: int = 20250101) -> Inputs:
    """Standardised expression with 30 latent factors; four of five drugs miss 5–10 % of lines, the others half."""
    rng = np.random.default_rng(seed)
    loadings = rng.normal(0, 0.4, (30, n_genes))
    expression = rng.standard_normal((n_lines + n_patients, 30)) @ loadings
    expression += rng.standard_normal(expression.shape)
    lines, patients = expression[:n_lines], expression[n_lines:]
    lines, patients = ((x - x.mean(axis=0)) / x.std(axis=0, ddof=1) for x in (lines, patients))
    response = lines @ rng.normal(0, 0.02, (n_genes, n_drugs)) + rng.normal(0, 1, (n_lines, n_drugs))
    share = np.where(np.arange(n_drugs) % 5 == 4, 0.5, rng.uniform(0.05, 0.1, n_drugs))
    response[rng.random(response.shape) < share] = np.nan
    return {"lines": lines, "response": response, "patients": patients}


def ours(inputs: Inputs) -> Callable[[], Outputs]:
    """The kernel of the project, with frames made beforehand."""
    import pandas as pd

    from hnbc_assets.science.drugs.ridge import fit_predict

    lines, patients = pd.DataFrame(inputs["lines"].T), pd.DataFrame(inputs["patients"].T)
    response = pd.DataFrame(inputs["response"])

    def kernel() -> Outputs:
        models = fit_predict(lines, response, patients)
        return {"penalty": models.table["penalty"].to_numpy(float), "prediction": models.predictions.to_numpy()}

    return kernel


def per_drug_automatic(inputs: Inputs) -> Callable[[], Outputs]:
    """As calcPhenotype: for each drug, a decomposition of its lines and linearRidge's automatic penalty."""

    def kernel() -> Outputs:
        predictions = [_linear_ridge(*_of_drug(inputs, j), inputs["patients"]) for j in range(PEERS_DO)]
        return {"automatic_prediction": np.array(predictions)}

    return kernel


def per_drug_our_penalty(inputs: Inputs) -> Callable[[], Outputs]:
    """The same decomposition for each drug, at the penalty chosen by ours (computed before the clock starts)."""
    import pandas as pd

    from hnbc_assets.science.drugs.ridge import fit

    table = fit(pd.DataFrame(inputs["lines"].T), pd.DataFrame(inputs["response"][:, :PEERS_DO])).table
    penalties = table["penalty"].to_numpy(float)

    def kernel() -> Outputs:
        predictions = []
        for j in range(PEERS_DO):
            x, y = _of_drug(inputs, j)
            centre = x.mean(axis=0)
            u, d, vt = np.linalg.svd(x - centre, full_matrices=False)
            slopes = vt.T @ (d / (d**2 + penalties[j]) * (u.T @ (y - y.mean())))
            predictions.append(y.mean() + (inputs["patients"] - centre) @ slopes)
        return {"prediction": np.array(predictions)}

    return kernel


def _of_drug(inputs: Inputs, j: int) -> tuple[np.ndarray, np.ndarray]:
    """Expression and response of the lines in which a drug was screened."""
    known = ~np.isnan(inputs["response"][:, j])
    return inputs["lines"][known], inputs["response"][known, j]


def _linear_ridge(x: np.ndarray, y: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Ridge in correlation form; penalty k_r = r σ̂²_r / Σ α̂² of the r components, r closest to the effective df."""
    centre = x.mean(axis=0)
    size = np.sqrt(((x - centre) ** 2).sum(axis=0))
    u, d, vt = np.linalg.svd((x - centre) / size, full_matrices=False)
    d, u, vt = d[:-1], u[:, :-1], vt[:-1]
    scores = u.T @ (y - y.mean())
    canonical = scores / d
    r = np.arange(1, len(d))
    residual = ((y - y.mean()) ** 2).sum() - np.cumsum(scores**2)[:-1]
    penalties = r * residual / (len(y) - r) / np.cumsum(canonical**2)[:-1]
    freedom = (d[:, None] ** 4 / (d[:, None] ** 2 + penalties) ** 2).sum(axis=0)
    penalty = penalties[np.argmin(np.abs(r - freedom))]
    slopes = vt.T @ (d / (d**2 + penalty) * scores) / size
    return y.mean() + (patients - centre) @ slopes


def benchmarks(size: str) -> list[Benchmark]:
    """Ours first; the peers fit the first drugs only."""
    n_lines, n_genes, n_drugs, n_patients = SIZES[size]
    fraction = PEERS_DO / n_drugs
    return [
        Benchmark(
            "drug ridge",
            screen(n_lines, n_genes, n_drugs, n_patients),
            [
                Peer("ours", ours, repeats=2),
                Peer("calcPhenotype's algorithm", per_drug_automatic, fraction, repeats=1),
                Peer("one decomposition a drug, our penalty", per_drug_our_penalty, fraction, repeats=1),
            ],
            size=f"{n_drugs} drugs × {n_lines} lines × {n_genes:,} genes → {n_patients:,} patients",
            goals={"calcPhenotype's algorithm": 50},
        )
    ]


if __name__ == "__main__":
    main(benchmarks)
