"""The simulated GDSC: fitted dose response as a workbook, expression of the lines as a zipped table.

Belongs here: the two files. Does not: what the lines are (world).
"""

from __future__ import annotations

import numpy as np

from hnbc_assets.arithmetic import exp
from hnbc_assets.sources.simulated.delimited import matrix, packed, workbook
from hnbc_assets.sources.simulated.world import World

EXPRESSION_MEMBER = "Cell_line_RMA_proc_basalExp.txt"
MEASURED_SHARE = 0.85
N_REPEATED, N_RESCREENED = 4, 5


def dose_response(world: World) -> bytes:
    """A row a line and drug, in GDSC's columns. Drug 1 has a second id under the same name; a few pairs were
    screened twice."""
    drawn, drugs = world.lines, world.roster.drugs
    rng = world.simulation.rng("gdsc", "response")
    line, drug = np.nonzero(~np.isnan(drawn.ln_ic50))
    again = rng.choice(len(line), N_RESCREENED, replace=False)
    line, drug = np.concatenate([line, line[again]]), np.concatenate([drug, drug[again]])
    ln_ic50 = drawn.ln_ic50[line, drug]
    ln_ic50[-N_RESCREENED:] += rng.normal(0, 0.2, N_RESCREENED)
    names = drugs["drug_name"].to_numpy(dtype=object).copy()
    names[-1] = names[-2]
    n = len(line)
    fitted = rng.uniform(0.02, 0.12, n)
    lines = drawn.lines
    return workbook({"Sheet 1": {
        "DATASET": ["GDSC2"] * n,
        "NLME_RESULT_ID": [343] * n,
        "NLME_CURVE_ID": list(range(15_000_000, 15_000_000 + n)),
        "COSMIC_ID": lines["cosmic_id"].to_numpy()[line].tolist(),
        "CELL_LINE_NAME": lines["cell_line_name"].to_numpy()[line].tolist(),
        "SANGER_MODEL_ID": [f"SIDM{i:05d}" for i in line],
        "TCGA_DESC": lines["tissue"].to_numpy()[line].tolist(),
        "DRUG_ID": drugs["drug_id"].to_numpy()[drug].tolist(),
        "DRUG_NAME": names[drug].tolist(),
        "PUTATIVE_TARGET": [f"SIMTARGET{i % 12 + 1:02d}" if i % 9 else None for i in drug],
        "PATHWAY_NAME": drugs["pathway"].to_numpy()[drug].tolist(),
        "COMPANY_ID": [1000] * n,
        "WEBRELEASE": ["Y"] * n,
        "MIN_CONC": [0.0001] * n,
        "MAX_CONC": [10.0] * n,
        "LN_IC50": np.round(ln_ic50, 6).tolist(),
        "AUC": np.round(1 / (1 + exp(-(ln_ic50 - 1.0) / 1.5)), 6).tolist(),
        "RMSE": np.round(fitted, 6).tolist(),
        "Z_SCORE": np.round((ln_ic50 - np.nanmean(drawn.ln_ic50, axis=0)[drug]) / 1.3, 6).tolist(),
    }})  # fmt: skip


def expression(world: World) -> bytes:
    """Log2 intensities, genes × lines. Some genes are not on the array, a few symbols repeat or are empty; the first
    two lines have no expression and one line with expression was never screened.
    """
    drawn, genes = world.lines, world.roster.genes
    rng = world.simulation.rng("gdsc", "expression")
    plain = ((genes["module"] == "background") & genes.index.str.startswith("SIM")).to_numpy()
    lost_share = min((1 - MEASURED_SHARE) / max(plain.mean(), 0.1), 0.9)
    rows = np.flatnonzero(~(plain & (rng.random(len(genes)) < lost_share)))
    repeated = rng.choice(np.flatnonzero(plain), 2 * N_REPEATED, replace=False)
    rows = np.concatenate([rows, repeated])
    symbols = list(genes.index[rows])
    symbols[-N_REPEATED:] = [""] * N_REPEATED
    columns = np.arange(2, len(drawn.lines))
    values = np.hstack([drawn.expression[rows][:, columns], drawn.expression[rows][:, :1]])
    ids = [*drawn.lines["cosmic_id"].to_numpy()[columns], 9_999_999]
    header = "\t".join(["GENE_SYMBOLS", "GENE_title", *(f"DATA.{i}" for i in ids)]) + "\n"
    labels = {"symbol": symbols, "title": [f"simulated gene {i}" for i in rows]}
    return packed({EXPRESSION_MEMBER: header.encode() + matrix(labels, values, 5)})
