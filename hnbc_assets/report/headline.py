"""The headline: what the study found, in a few printed lines.

Belongs here: wording of published tables. Does not: computing anything that is not in them, drawing (figures).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

import pandas as pd

from hnbc_assets.report.canvas import known, signed

Tables = Mapping[str, pd.DataFrame]
FDR = 0.05
WIDTH, INDENT = 116, 13
NAMED = 3
TIE = "\u00a0"
METHODS = {"ssgsea": "ssGSEA", "mcp_counter": "MCP-counter", "mean_z": "mean z"}


def headline(tables: Tables) -> str:
    """The study's results in words, from its published tables; a table that is absent counts as empty.

    Training figures are labelled apparent and validation stands beside them. A null result is said plainly, and so is
    a score whose genes' hazards do not agree with their direction in resistance.
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
        *(("immune" if i == 0 else "", text) for i, text in enumerate(_immune(tables))),
        ("drugs", _drugs(tables)),
        *(("reading" if i == 0 else "", text) for i, text in enumerate(_reading(tables))),
    ]
    return "\n".join(_set(*line) for line in lines if line is not None and line[1])


def is_simulated(tables: Tables) -> bool:
    """Whether the published cohorts come from the simulated upstream."""
    sources = _rows(tables, "cohorts", "source")
    return bool(sources["source"].astype(str).str.startswith("SIMULATED").any())


def _set(label: str, text: str) -> str:
    """A label and its text, wrapped with a hanging indent; a no-break space holds its neighbours together."""
    wrapped = textwrap.fill(
        text,
        WIDTH,
        initial_indent=label.ljust(INDENT),
        subsequent_indent=" " * INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapped.replace(TIE, " ")


def _rows(tables: Tables, name: str, *columns: str) -> pd.DataFrame:
    """A table, or an empty one with the columns asked for."""
    frame = tables.get(name)
    return pd.DataFrame(columns=list(columns)) if frame is None else frame


def _resistance(tables: Tables) -> str:
    genes = _rows(tables, "drug_resistance_genes", "contrast", "fdr", "cohort_id")
    if genes.empty:
        return "no gene was tested"
    cohort = genes["cohort_id"].iloc[0]
    counts = genes[genes["fdr"] < FDR].groupby("contrast").size()
    tested = genes.groupby("contrast")["gene"].nunique()
    names = {"plain": "", "er_adjusted": " with ER adjusted"}
    parts = [
        f"{counts.get(contrast, 0):,} of {tested[contrast]:,}{name}"
        for contrast, name in names.items()
        if contrast in tested
    ]
    cohorts = _rows(tables, "cohorts", "cohort_id").set_index("cohort_id")
    of = ""
    if cohort in cohorts.index and known(cohorts.loc[cohort].get("n_responders")):
        row = cohorts.loc[cohort]
        of = f": {row['n_non_responders']:,} residual disease, {row['n_responders']:,} complete response"
    return f"genes that differ at FDR {FDR:g}: {', '.join(parts)} · {cohort}{of}"


def _candidates(tables: Tables) -> str:
    candidates = _rows(tables, "candidate_genes", "gene", "contrast", "in_training_cohort")
    overlap = _rows(tables, "candidate_overlap", "contrast")
    measured = int(candidates["in_training_cohort"].fillna(False).astype(bool).sum())
    if len(candidates):
        overlap = overlap[overlap["contrast"] == candidates["contrast"].iloc[0]]
    if overlap.empty:
        return f"{len(candidates)} anoikis genes among them, {measured} measured in the training cohort"
    row = overlap.iloc[0]
    contrast = f"{row['contrast'].replace('_', '-').replace('er-', 'ER-')} contrast"
    chance = f", {row['expected']:.1f} expected by chance, {_p(row['p_value'])}" if known(row["expected"]) else ""
    return (
        f"{len(candidates)} of {row['n_anoikis']:,} measured anoikis genes are among them ({contrast}{chance}); "
        f"{measured} measured in the training cohort"
    )


def _signature(tables: Tables) -> str:
    genes = _rows(tables, "signature", "gene", "direction", "signature_id")
    if genes.empty:
        return "none: " + _why_none(tables)
    rise = int((genes["direction"] == "up_in_rd").sum())
    count = (
        f"{len(genes)} gene{'s' if len(genes) != 1 else ''} ({rise} rise{'s' if rise == 1 else ''} in residual disease)"
    )
    return f"{genes['signature_id'].iloc[0]} · {count} · " + _figures(tables, "hazard_ratio_per_sd", "HR per sd")


def _why_none(tables: Tables) -> str:
    made = _rows(tables, "signatures", "note")
    if len(made) and known(made["note"].iloc[0]):
        return str(made["note"].iloc[0])
    if _rows(tables, "candidate_genes").empty:
        return "no anoikis gene is tied to resistance, so nothing entered"
    return "the LASSO kept no gene"


def _genes(tables: Tables) -> Iterator[str]:
    """A line a gene of the signature, the strongest first."""
    genes = _rows(tables, "signature", "gene", "coefficient")
    if genes.empty:
        return
    words = {"up_in_rd": "higher in residual disease", "up_in_pcr": "higher in complete response"}
    order = genes["coefficient"].abs().sort_values(ascending=False).index
    width = max(genes["gene"].str.len())
    for _, row in genes.loc[order[:12]].iterrows():
        sign = "harmful" if row["coefficient"] > 0 else "protective"
        agrees = row.get("direction_concordant")
        verdict = "" if not known(agrees) else ", agrees" if agrees else ", opposed"
        direction = words.get(row["direction"], "direction unknown")
        yield f"{row['gene'].ljust(width)} {signed(row['coefficient'], 3)} {sign}; {direction}{verdict}"
    if len(order) > 12:
        yield f"and {len(order) - 12} weaker"


def _figures(tables: Tables, metric: str, name: str) -> str:
    """A figure of merit in every cohort, the training cohort first and labelled."""
    rows = _performance(tables, metric)
    if rows.empty:
        return f"{name} not estimated"
    return f"{name} " + "; ".join(
        f"{row['cohort_id']} {str(row['endpoint']).upper()} {_estimate(row)}{_label(row)}" for _, row in rows.iterrows()
    )


def _performance(tables: Tables, metric: str) -> pd.DataFrame:
    """The rows of one metric, apparent ones first, then the independent ones."""
    rows = _rows(tables, "prognostic_performance", "metric", "apparent", "independent", "cohort_id")
    rows = rows[rows["metric"] == metric]
    order = {"apparent": rows["apparent"].astype(bool), "independent": rows["independent"].astype(bool)}
    return rows.assign(**order).sort_values(["apparent", "independent"], ascending=False, kind="stable")


def _estimate(row: pd.Series) -> str:
    if not known(row["estimate"]):
        return f"no figure ({row['reason']})" if known(row.get("reason")) else "no figure"
    interval = f"{TIE}({row['ci_lower']:.2f}–{row['ci_upper']:.2f})" if known(row["ci_lower"]) else ""
    return f"{row['estimate']:.2f}{interval}"


def _label(row: pd.Series) -> str:
    return " apparent" if row["apparent"] else "" if row["independent"] else " (not independent)"


def _concordance(tables: Tables) -> str:
    return "" if _rows(tables, "signature").empty else _figures(tables, "c_index_harrell", "Harrell's C")


def _split(tables: Tables) -> str:
    """The split at the training median: group sizes, hazard ratio and log-rank p a cohort."""
    if _rows(tables, "signature").empty:
        return ""
    ratios = _performance(tables, "hazard_ratio_high_vs_low")
    p_values = _performance(tables, "log_rank_p").set_index("cohort_id")
    sizes = _rows(tables, "score_coverage", "cohort_id", "n_high", "n_low").set_index("cohort_id")
    parts = []
    for _, row in ratios.iterrows():
        cohort = row["cohort_id"]
        text = f"{cohort}"
        if cohort in sizes.index:
            text += f" {sizes.loc[cohort, 'n_high']:,} high / {sizes.loc[cohort, 'n_low']:,} low"
        text += f", HR{TIE}{_estimate(row)}"
        if cohort in p_values.index and known(p_values.loc[cohort, "estimate"]):
            text += f", log-rank{TIE}{_p(p_values.loc[cohort, 'estimate'])}"
        parts.append(text + _label(row))
    return "at the training median: " + "; ".join(parts) if parts else ""


def _immune(tables: Tables) -> Iterator[str]:
    """A line a method in the training cohort, or why there is none; mean z only where no other method ran."""
    tests = _rows(tables, "immune_associations", "cohort_id", "method", "cell_type", "p_value")
    cohort = _compared_cohort(tables, tests)
    if cohort is None:
        yield _no_comparison(tables, "cell population")
        return
    methods = sorted(tests.loc[tests["cohort_id"] == cohort, "method"].unique())
    for method in [m for m in methods if m != "mean_z"] or methods:
        rows = tests[(tests["cohort_id"] == cohort) & (tests["method"] == method)]
        others = tests[(tests["cohort_id"] != cohort) & (tests["method"] == method)]
        yield f"{METHODS.get(str(method), method)}, " + _differences(rows, "cell_type", ("higher", "lower"), others)


def _drugs(tables: Tables) -> str:
    tests = _rows(tables, "drug_associations", "cohort_id", "drug_name", "p_value")
    cohort = _compared_cohort(tables, tests)
    if cohort is None:
        return _no_comparison(tables, "drug")
    others = tests[tests["cohort_id"] != cohort]
    return (
        _differences(tests[tests["cohort_id"] == cohort], "drug_name", ("less sensitive", "more sensitive"), others)
        + " (predicted from GDSC, whose use is non-commercial)"
    )


def _no_comparison(tables: Tables, what: str) -> str:
    why = "there are no risk groups" if _rows(tables, "signature").empty else "no cohort has both groups and scores"
    return f"no {what} was compared: {why}"


def _compared_cohort(tables: Tables, tests: pd.DataFrame) -> str | None:
    """The training cohort where it was compared, otherwise the first that was."""
    compared = list(tests.loc[tests["p_value"].notna(), "cohort_id"].unique())
    made = _rows(tables, "signatures", "cohort_id")["cohort_id"]
    training = [cohort for cohort in made if cohort in compared]
    return (training + compared + [None])[0]


def _differences(rows: pd.DataFrame, name: str, words: tuple[str, str], others: pd.DataFrame) -> str:
    """How many differ, plainly and adjusted, and the strongest of those that still do."""
    tested = rows[rows["p_value"].notna()]
    plain, adjusted = tested["fdr"] < FDR, tested["adjusted_fdr"] < FDR
    was_adjusted = tested["adjusted_p_value"].notna().any()
    text = f"{rows['cohort_id'].iloc[0]}: {int(plain.sum())} of {len(tested)} differ with risk at FDR {FDR:g}"
    if was_adjusted:
        covariates = tested["adjusted_for"].dropna().iloc[0].replace("er_status", "ER").replace("_", " ")
        text += f", {int((plain & adjusted).sum())} of them also adjusted for {covariates.replace(', ', ' and ')}"
    lasting = tested[plain & adjusted if was_adjusted else plain]
    strongest = lasting.reindex(lasting["effect"].abs().sort_values(ascending=False).index)
    for word, of_sign in ((words[0], strongest["effect"] > 0), (words[1], strongest["effect"] < 0)):
        named = [
            f"{row[name]}{TIE}({signed(row['effect'], 2)})" for _, row in strongest[of_sign].head(NAMED).iterrows()
        ]
        if named:
            text += f"; {word} in high risk: {', '.join(named)}"
    if len(lasting) and len(others):
        again = others.merge(lasting[[name, "effect"]], on=name, suffixes=("", "_here"))
        same = (again["effect"] * again["effect_here"] > 0) & (again["fdr"] < FDR)
        if was_adjusted:
            same &= again["adjusted_fdr"] < FDR
        counts = same.groupby(again["cohort_id"], sort=False).sum()
        text += "; the same way in " + ", ".join(f"{cohort}{TIE}{n}" for cohort, n in counts.items())
        text += f" of the {len(lasting)}"
    return text


def _reading(tables: Tables) -> Iterator[str]:
    """What may be said: validation, direction in resistance, and that treatment was not randomised."""
    genes = _rows(tables, "signature", "direction_concordant")
    if genes.empty:
        yield "A null result: no signature, so no score, no groups and nothing to validate."
        return
    tests = _performance(tables, "hazard_ratio_per_sd")
    judged = tests[~tests["apparent"] & tests["independent"] & tests["estimate"].notna()]
    if judged.empty:
        yield "No independent cohort could test the score; the figures above say no more than that it fits."
    else:
        harmful = int((judged["ci_lower"] > 1).sum())
        inverse = int((judged["ci_upper"] < 1).sum())
        yield (
            f"A higher score goes with a higher hazard in {harmful} of {len(judged)} independent cohort"
            f"{'s' if len(judged) != 1 else ''} (95 % interval above 1)"
            + (f", with a lower one in {inverse}." if inverse else ".")
        )
    agree = genes["direction_concordant"].fillna(False).astype(bool)
    if not agree.any():
        yield (
            "The score is prognostic, not a resistance signature: no gene's hazard agrees with its direction in "
            "resistance."
        )
    else:
        yield f"In {int(agree.sum())} of {len(genes)} genes the hazard agrees with the direction in resistance."
    yield "Associations only: treatment was not randomised, so nothing here predicts benefit from a treatment."


def _p(value: float) -> str:
    return "no p" if not known(value) else f"p{TIE}<{TIE}0.001" if value < 0.001 else f"p{TIE}={TIE}{value:.3f}"
