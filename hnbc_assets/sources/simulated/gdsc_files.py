"""The simulated GDSC: fitted dose response as workbooks of both layouts, the lines' expression, models and genes.

In scope: the files and their addresses. Out of scope: drawing the lines (world).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from csv import writer
from functools import cache, partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hnbc_assets.addresses import Addresses
from hnbc_assets.arithmetic import exp, exp2
from hnbc_assets.sources.simulated.delimited import gzipped, matrix, packed, workbook
from hnbc_assets.sources.simulated.world import World

RELEASE, WORKBOOK = "8.5", "GDSC2_fitted_dose_response_27Oct23.xlsx"
RNASEQ_MEMBER = "rnaseq_merged_rsem_tpm_20260323.csv"
MEASURED_SHARE = 0.85
N_REPEATED, N_RESCREENED = 4, 5
NOT_SCREENED, NOT_LISTED = 9_999_999, 9_999_998  # COSMIC ids of lines that have only expression
SECOND_ID = 9_899_999  # another COSMIC id of the third line, used by its array
FURTHER_GENES = 970_000_001


def renderers(world: World) -> dict[str, Callable[[], bytes]]:
    """Every file by its address without https, each made when first requested."""
    known = Addresses()
    responses = known.of("gdsc.response", release=RELEASE, file=WORKBOOK)
    response = cache(partial(_response, world))
    measured = cache(partial(_measured, world))
    rma = cache(lambda: expression(world, measured()))

    def workbook_at(url: str) -> bytes:
        return dose_response(response(), official="cancerrxgene" not in url)

    made: dict[str, Callable[[], bytes]] = {url: partial(workbook_at, url) for url in responses}
    made |= dict.fromkeys(known.of("gdsc.expression_rma"), rma)
    made |= dict.fromkeys(known.of("gdsc.expression_rnaseq"), lambda: rnaseq(world, measured()))
    made |= dict.fromkeys(known.of("gdsc.models"), partial(models, world))
    made |= dict.fromkeys(known.of("gdsc.genes"), lambda: genes(world, measured()))
    return {url.removeprefix("https://"): render for url, render in made.items()}


def dose_response(columns: dict[str, list[object]], *, official: bool) -> bytes:
    """The workbook in the official layout (16 columns, one sheet "Sheet1") or the legacy one (19, "Sheet 1")."""
    other = ("COSMIC_ID", "TCGA_DESC", "COMPANY_ID", "WEBRELEASE") if official else ("CANCER_TYPE",)
    kept = {name: cells for name, cells in columns.items() if name not in other}
    return workbook({"Sheet1" if official else "Sheet 1": kept})


def _response(world: World) -> dict[str, list[object]]:
    """One row per line and drug, in all columns of both layouts. Drug 1 has a second id with the same name; a few
    pairs were screened twice."""
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
    return {
        "DATASET": ["GDSC2"] * n,
        "NLME_RESULT_ID": [343] * n,
        "NLME_CURVE_ID": list(range(15_000_000, 15_000_000 + n)),
        "COSMIC_ID": lines["cosmic_id"].to_numpy()[line].tolist(),
        "CELL_LINE_NAME": lines["cell_line_name"].to_numpy()[line].tolist(),
        "SANGER_MODEL_ID": [model_id(i) for i in line],
        "TCGA_DESC": lines["tissue"].to_numpy()[line].tolist(),
        "CANCER_TYPE": [f"{tissue} Carcinoma" for tissue in lines["tissue"].to_numpy()[line]],
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
    }


def _measured(world: World) -> tuple[pd.DataFrame, NDArray[np.floating]]:
    """Rows of the array: Ensembl id and symbol; and their values, genes × lines.

    Some genes are not on the array; a few symbols have two Ensembl ids, a few Ensembl ids no symbol. The first two
    lines have no expression, and two lines with expression were never screened.
    """
    drawn, known = world.lines, world.roster.genes
    rng = world.simulation.rng("gdsc", "expression")
    plain = ((known["module"] == "background") & known.index.str.startswith("SIM")).to_numpy()
    lost_share = min((1 - MEASURED_SHARE) / max(plain.mean(), 0.1), 0.9)
    rows = np.flatnonzero(~(plain & (rng.random(len(known)) < lost_share)))
    repeated = rng.choice(np.flatnonzero(plain), 2 * N_REPEATED, replace=False)
    ensembl = [*known["ensembl_id"].iloc[rows].str.split(".").str[0]]
    ensembl += [f"ENSG{FURTHER_GENES + i:011d}" for i in range(2 * N_REPEATED)]
    rows = np.concatenate([rows, repeated])
    symbols = list(known.index[rows])
    symbols[-N_REPEATED:] = [""] * N_REPEATED
    return pd.DataFrame({"ensembl": ensembl, "symbol": symbols}), drawn.expression[rows]


def expression(world: World, measured: tuple[pd.DataFrame, NDArray[np.floating]]) -> bytes:
    """Log2 intensities by Ensembl gene, lines by COSMIC id."""
    rows, drawn = measured
    values = np.hstack([drawn[:, 2:], drawn[:, :1], drawn[:, 1:2]])
    ids = [*world.lines.lines["cosmic_id"].to_numpy()[2:], NOT_SCREENED, NOT_LISTED]
    ids[0] = SECOND_ID
    header = "\t".join(["ensembl_gene", *map(str, ids)]) + "\n"
    body = matrix({"gene": rows["ensembl"].tolist()}, values, 5)
    return gzipped(header.encode() + body)


def rnaseq(world: World, measured: tuple[pd.DataFrame, NDArray[np.floating]]) -> bytes:
    """TPM by symbol, lines by model id, together with a member in another unit."""
    rows, drawn = measured
    named = rows["symbol"].to_numpy() != ""
    tpm = np.round(np.maximum(exp2(drawn[named].astype(np.float64)) - 1, 0), 2)
    known = [model_id(i) for i in range(2, len(world.lines.lines))]
    names = world.lines.lines["cell_line_name"].tolist()[2:]
    first = [["model_id", "", "", *known], ["model_name", "", "", *names]]
    first += [["data_source", "", "", *(["Sanger"] * len(known))], ["gene_symbol", "gene_id", "ensembl_gene_id"]]
    first[-1] += [""] * len(known)
    head = "".join(",".join(row) + "\n" for row in first).encode()
    labels = {
        "symbol": rows["symbol"][named].tolist(),
        "id": [f"SIDG{i:05d}" for i in np.flatnonzero(named)],
        "ensembl": rows["ensembl"][named].tolist(),
    }
    body = matrix(labels, tpm[:, 2:], 2).replace(b"\t", b",")
    counts = RNASEQ_MEMBER.replace("_tpm_", "_fpkm_")
    return packed({RNASEQ_MEMBER: head + body, counts: head})


def models(world: World) -> bytes:
    """The passports' model list: one row per line, and one of a line that was never screened."""
    lines = world.lines.lines
    rows = [["model_id", "sample_id", "model_name", "tissue", "cancer_type", "model_type", "COSMIC_ID", "RRID"]]
    for i, line in enumerate(lines.itertuples()):
        cosmic = f"{line.cosmic_id};{SECOND_ID}" if i == 2 else str(line.cosmic_id)
        kind = f"{line.tissue} Carcinoma"
        rows.append([model_id(i), f"SIDS{i:05d}", line.cell_line_name, line.tissue, kind, "Cell Line", cosmic, ""])
    rows.append(
        ["SIDM99999", "SIDS99999", "SIM-LINE-X", "Breast", "Breast Carcinoma", "Cell Line", str(NOT_SCREENED), ""]
    )
    return _csv(rows)


def genes(world: World, measured: tuple[pd.DataFrame, NDArray[np.floating]]) -> bytes:
    """The passports' gene identifiers, of the genes on the array."""
    rows = [["gene_id", "cosmic_gene_symbol", "ensembl_gene_id", "entrez_id", "hgnc_id", "hgnc_symbol", "refseq_id"]]
    for i, gene in enumerate(measured[0].itertuples()):
        rows.append([f"SIDG{i:05d}", gene.symbol, gene.ensembl, str(9_000_000 + i), "", gene.symbol, ""])
    return _csv(rows)


def model_id(line: int) -> str:
    """The Sanger model id of the world's line with this number."""
    return f"SIDM{line:05d}"


def _csv(rows: list[list[str]]) -> bytes:
    sink = io.StringIO()
    writer(sink, lineterminator="\n").writerows(rows)
    return sink.getvalue().encode()
