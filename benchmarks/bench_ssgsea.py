"""ssGSEA: ours, GSVA and gseapy.

In scope: the inputs and the peers of this kernel. Out of scope: measuring (harness.py).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.harness import Benchmark, Inputs, Outputs, Peer, RPeer, main


def ours(inputs: Inputs) -> Callable[[], Outputs]:
    import pandas as pd

    from hnbc_assets.science.microenvironment.methods.ssgsea import ssgsea

    expression = pd.DataFrame(inputs["x"], index=inputs["genes"])
    sets = {str(n): genes for n, genes in enumerate(inputs["sets"])}
    return lambda: {"score": ssgsea(expression, sets).to_numpy()}


def gseapy(inputs: Inputs) -> Callable[[], Outputs]:
    """gseapy's own ssGSEA. It orders ties differently, so that its scores differ where there are ties."""
    import gseapy
    import pandas as pd

    n_patients = inputs["x"].shape[1]
    expression = pd.DataFrame(inputs["x"], index=inputs["genes"], columns=[f"p{n}" for n in range(n_patients)])
    sets = {str(n): genes for n, genes in enumerate(inputs["sets"])}

    def kernel() -> Outputs:
        found = gseapy.ssgsea(
            expression,
            sets,
            sample_norm_method="rank",
            outdir=None,
            min_size=1,
            max_size=10_000,
            threads=2,
            no_plot=True,
        ).res2d
        wide = found.assign(ES=found["ES"].astype(float)).pivot(index="Term", columns="Name", values="ES")
        return {"score": wide.loc[list(sets), expression.columns].to_numpy()}

    return kernel


GSVA = RPeer(
    "GSVA (R)",
    prepare="suppressMessages(library(GSVA)); rownames(x) <- genes; colnames(x) <- paste0('p', seq_len(ncol(x)));"
    "names(sets) <- paste0('s', seq_along(sets))",
    kernel="capture.output(s <- gsva(x, sets, method = 'ssgsea', ssgsea.norm = FALSE, verbose = FALSE));"
    "list(score = unname(s))",
    packages=("GSVA",),
    repeats=1,
)


def benchmarks(size: str) -> list[Benchmark]:
    """Cell-type sets in one training cohort, as 28 and as 64 sets; values are distinct, so that ties do not matter."""
    n_genes, n_patients = (20_000, 1_100) if size == "full" else (5_000, 200)
    rng = np.random.default_rng(20250101)
    x = rng.normal(6, 2, (n_genes, 1)) + rng.normal(size=(n_genes, n_patients))
    genes = [f"g{n}" for n in range(n_genes)]
    peers = [Peer("ours", ours), Peer("gseapy", gseapy, repeats=1), GSVA]
    found = []
    for n_sets in (28, 64):
        sets = [rng.choice(genes, rng.integers(10, 60), replace=False).tolist() for _ in range(n_sets)]
        shape = f"{n_sets} sets × {n_patients:,} × {n_genes:,}"
        found.append(
            Benchmark("ssGSEA", {"x": x, "genes": genes, "sets": sets}, peers, shape, {"GSVA": 12, "gseapy": 5})
        )
    return found


if __name__ == "__main__":
    main(benchmarks)
