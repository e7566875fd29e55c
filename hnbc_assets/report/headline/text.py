"""The headline: what the study found, in a few printed lines.

In scope: the order of its passages, and those on genes, signature and score. Out of scope: what differs between risk
groups (differences), what may be concluded (reading), computing anything that is not in a published table.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import pandas as pd

from hnbc_assets.report.headline.differences import drugs, immune
from hnbc_assets.report.headline.reading import reading
from hnbc_assets.report.headline.wording import TIE, Tables, estimate, label, performance, rows
from hnbc_assets.report.wording import known, p_text, signed
from hnbc_assets.vocabulary import Contrast, Direction

USUAL_FDR = 0.05
WIDTH, LEAST_WIDTH, INDENT = 116, 40, 13


def headline(tables: Tables, width: int = WIDTH) -> str:
    """The study's results in words, from its published tables; a missing table counts as empty.

    Lines have at most `width` characters (at least 40) and break between words. Training figures are labelled apparent
    and are followed by validation. A null result is reported as such, and so is a score whose genes' hazards do not
    agree with their direction in resistance.
    """
    lines = [
        ("SIMULATED", "planted effects in invented patients: nothing below is a finding about breast cancer")
        if is_simulated(tables)
        else None,
        ("resistance", _resistance(tables)),
        ("candidates", _candidates(tables)),
        ("signature", _signature(tables)),
        *(("", text) for text in _genes(tables)),
        ("concordance", _concordance(tables)),
        ("split", _split(tables)),
        *(("immune" if i == 0 else "", text) for i, text in enumerate(immune(tables))),
        ("drugs", drugs(tables)),
        *(("reading" if i == 0 else "", text) for i, text in enumerate(reading(tables))),
    ]
    return "\n".join(_set(*line, width) for line in lines if line is not None and line[1])


def is_simulated(tables: Tables) -> bool:
    """Whether the published cohorts come from the simulated upstream."""
    sources = rows(tables, "cohorts", "source")
    return bool(sources["source"].astype(str).str.startswith("SIMULATED").any())


def _set(label: str, text: str, width: int) -> str:
    """A label and its text, wrapped with a hanging indent; lines do not break at a no-break space.

    Unless the words that it joins are longer than a line: the terminal would then break within a word.
    """
    room = max(min(width, WIDTH), LEAST_WIDTH) - INDENT
    text = " ".join(part if len(part) <= room else part.replace(TIE, " ") for part in text.split(" "))
    wrapped = textwrap.fill(
        text,
        room + INDENT,
        initial_indent=label.ljust(INDENT),
        subsequent_indent=" " * INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapped.replace(TIE, " ")


def _resistance(tables: Tables) -> str:
    genes = rows(tables, "drug_resistance_genes", "contrast", "fdr", "cohort_id")
    if genes.empty:
        return "no gene was tested"
    cohort, fdr = genes["cohort_id"].iloc[0], _fdr_threshold(tables)
    counts = genes[genes["fdr"] < (fdr or USUAL_FDR)].groupby("contrast").size()
    tested = genes.groupby("contrast")["gene"].nunique()
    names = {Contrast.PLAIN: "", Contrast.ER_ADJUSTED: " with ER adjusted"}
    parts = [
        f"{counts.get(contrast, 0):,} of {tested[contrast]:,}{name}"
        for contrast, name in names.items()
        if contrast in tested
    ]
    cohorts = rows(tables, "cohorts", "cohort_id").set_index("cohort_id")
    of = ""
    if cohort in cohorts.index and known(cohorts.loc[cohort].get("n_responders")):
        row = cohorts.loc[cohort]
        of = f": {row['n_non_responders']:,} residual disease, {row['n_responders']:,} complete response"
    return f"genes that differ at FDR {fdr or USUAL_FDR:g}: {', '.join(parts)} · {cohort}{of}"


def _fdr_threshold(tables: Tables) -> float | None:
    """The false-discovery rate below which a gene is a resistance gene in the study."""
    thresholds = rows(tables, "candidate_overlap").get("fdr_threshold", pd.Series(dtype=float)).dropna()
    return float(thresholds.iloc[0]) if len(thresholds) else None


def _candidates(tables: Tables) -> str:
    """How many anoikis genes are resistance genes in the selecting contrast, and how many are expected by chance."""
    candidates = rows(tables, "candidate_genes", "gene", "contrast", "in_training_cohort")
    measured = int(candidates["in_training_cohort"].fillna(False).astype(bool).sum())
    ending = f"{measured} measured in the training cohort"
    row = _deciding_overlap(tables, candidates)
    if row is None:
        return f"{len(candidates)} anoikis genes; {ending}"
    they_are = "among them" if known(_fdr_threshold(tables)) and row["n_overlap"] == len(candidates) else "candidates"
    contrast = f"{row['contrast'].replace('_', '-').replace('er-', 'ER-')} contrast"
    chance = (
        f", {row['expected']:.1f} expected by chance, {p_text(row['p_value'], TIE)}" if known(row["expected"]) else ""
    )
    n = f"{len(candidates)} of {row['n_anoikis']:,} measured anoikis genes"
    return f"{n} are {they_are} ({contrast}{chance}); {ending}"


def _deciding_overlap(tables: Tables, candidates: pd.DataFrame) -> pd.Series | None:
    """The overlap in the contrast that selects candidates, even if it selected none."""
    overlap = rows(tables, "candidate_overlap", "contrast")
    if "deciding" in overlap:
        overlap = overlap[overlap["deciding"].astype(bool)]
    elif len(candidates):
        overlap = overlap[overlap["contrast"] == candidates["contrast"].iloc[0]]
    return overlap.iloc[0] if len(overlap) == 1 else None


def _signature(tables: Tables) -> str:
    genes = rows(tables, "signature", "gene", "direction", "signature_id")
    if genes.empty:
        return "none: " + _why_none(tables)
    rise = int((genes["direction"] == Direction.UP_IN_RD).sum())
    count = (
        f"{len(genes)} gene{'s' if len(genes) != 1 else ''} ({rise} rise{'s' if rise == 1 else ''} in residual disease)"
    )
    return f"{genes['signature_id'].iloc[0]} · {count} · " + _figures(tables, "hazard_ratio_per_sd", "HR per sd")


def _why_none(tables: Tables) -> str:
    made = rows(tables, "signatures", "note")
    if len(made) and known(made["note"].iloc[0]):
        return str(made["note"].iloc[0])
    if rows(tables, "candidate_genes").empty:
        return "no anoikis gene is associated with resistance, so no gene entered the LASSO"
    return "the LASSO kept no gene"


def _genes(tables: Tables) -> Iterator[str]:
    """One line per gene of the signature, the strongest first."""
    genes = rows(tables, "signature", "gene", "coefficient")
    if genes.empty:
        return
    words = {Direction.UP_IN_RD: "higher in residual disease", Direction.UP_IN_PCR: "higher in complete response"}
    order = genes["coefficient"].abs().sort_values(ascending=False).index
    width = max(genes["gene"].str.len())
    for _, row in genes.loc[order[:12]].iterrows():
        weight = row["coefficient"]
        weighed = f"{signed(weight, 3)} {'harmful' if weight > 0 else 'protective'}; " if known(weight) else ""
        agrees = row.get("direction_concordant")
        verdict = "" if not known(agrees) else ", agrees" if agrees else ", opposed"
        direction = words.get(row["direction"], "direction unknown")
        yield f"{row['gene'].ljust(width)} {weighed}{direction}{verdict}"
    if len(order) > 12:
        yield f"and {len(order) - 12} weaker"


def _figures(tables: Tables, metric: str, name: str) -> str:
    """A figure of merit in every cohort, the training cohort first and labelled."""
    found = performance(tables, metric)
    if metric != "hazard_ratio_per_sd":
        found = found[~_already_reported(tables, found)]
    if found.empty:
        return f"{name} not estimated"
    return f"{name} " + "; ".join(
        f"{row['cohort_id']} {str(row['endpoint']).upper()} {estimate(row)}{label(row)}" for _, row in found.iterrows()
    )


def _already_reported(tables: Tables, found: pd.DataFrame) -> pd.Series:
    """Rows without a figure for the same reason as the cohort's hazard ratio per sd."""
    first = performance(tables, "hazard_ratio_per_sd")
    first = first[first["estimate"].isna()].set_index("cohort_id")["reason"]
    return found["estimate"].isna() & (found["reason"] == found["cohort_id"].map(first))


def _concordance(tables: Tables) -> str:
    return "" if rows(tables, "signature").empty else _figures(tables, "c_index_harrell", "Harrell's C")


def _split(tables: Tables) -> str:
    """The split at the training median: for each cohort the group sizes, hazard ratio and log-rank p."""
    if rows(tables, "signature").empty:
        return ""
    ratios = performance(tables, "hazard_ratio_high_vs_low")
    ratios = ratios[~_already_reported(tables, ratios)]
    by_metric = {
        metric: performance(tables, metric).set_index("cohort_id")["estimate"].dropna()
        for metric in ("n_high", "n_low", "log_rank_p")
    }
    parts = []
    for _, row in ratios.iterrows():
        cohort = row["cohort_id"]
        text = f"{cohort}"
        if cohort in by_metric["n_high"] and cohort in by_metric["n_low"]:
            text += f" {by_metric['n_high'][cohort]:,.0f} high / {by_metric['n_low'][cohort]:,.0f} low"
        text += f", HR{TIE}{estimate(row)}"
        if cohort in by_metric["log_rank_p"]:
            text += f", log-rank{TIE}{p_text(by_metric['log_rank_p'][cohort], TIE)}"
        parts.append(text + label(row))
    return "at the training median: " + "; ".join(parts) if parts else ""
