"""Figures of the signature stage.

In scope: drawing the LASSO path and hazard ratios. Out of scope: estimating them (science/signature),
survival curves (survival).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hnbc_assets.report.figures import canvas
from hnbc_assets.report.figures.canvas import FAINT, HIGH, INK, LOW
from hnbc_assets.report.wording import known

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_ROWS = 20
APPARENT = "apparent (training cohort)"
PROFILE_COLOURS = ["#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8B6914"]


def lasso_path(
    path: pd.DataFrame,
    coefficients: pd.DataFrame | None = None,
    *,
    cohort_id: str | None = None,
    endpoint: str | None = None,
    n_patients: int | None = None,
    n_events: int | None = None,
    watermark: str | None = None,
) -> bytes:
    """Cross-validated deviance along the LASSO-Cox path with its standard-error band, and the coefficients.

    Parameters
    ----------
    path : table lasso_path (alpha, deviance, deviance_se, n_genes, is_minimum, is_one_se, chosen)
    coefficients : table lasso_coefficients (alpha, gene, coefficient; zeros left out)
    """
    title = "LASSO-Cox: cross-validated deviance and coefficients"
    about = canvas.caption(cohort_id, endpoint=endpoint, n_patients=n_patients, n_events=n_events)
    path = path.dropna(subset=["deviance"]).sort_values("alpha", ascending=False)
    if path.empty:
        return canvas.empty(
            title, "No LASSO path was fitted: no candidate gene entered, or none is measured.", about, watermark
        )
    figure = canvas.sheet(11, 5)
    x = -np.log10(path["alpha"].to_numpy(float))
    centre, error = path["deviance"].to_numpy(float), path["deviance_se"].fillna(0).to_numpy(float)
    lines = [
        (x[path["is_minimum"].to_numpy(bool)], "--", "λ min"),
        (x[path["is_one_se"].to_numpy(bool)], ":", "λ 1 se"),
    ]
    left = canvas.axes(figure, left=0.85, bottom=0.65, right=6.0, top=1.1)
    left.fill_between(x, centre - error, centre + error, color=LOW, alpha=0.18, linewidth=0, label="± 1 standard error")
    left.plot(x, centre, color=LOW, linewidth=1.8, marker="o", markersize=2.5)
    left.set_ylabel("partial-likelihood deviance")
    right = canvas.axes(figure, left=6.0, bottom=0.65, right=1.2, top=1.1)
    note = _profiles(right, path, coefficients)
    right.set_ylabel("coefficient, log hazard ratio per sd")
    for ax in (left, right):
        ax.set_xlabel("−log₁₀ λ (weaker penalty to the right)")
        for places, style, label in lines:
            if len(places):
                ax.axvline(places[0], color=INK, linestyle=style, linewidth=1.1, label=label if ax is left else None)
        if len(x) > 1:
            ax.set_xlim(x.min(), x.max())
        _gene_counts(ax, x, path["n_genes"].to_numpy())
    left.legend(fontsize=8.5, frameon=False)
    chosen = path[path["chosen"].to_numpy(bool)]
    n_genes = int(chosen["n_genes"].iloc[0]) if len(chosen) else 0
    picked = f"{n_genes} gene{'s' if n_genes != 1 else ''} at the chosen penalty" if n_genes else "no gene is selected"
    return canvas.finish(figure, title, " · ".join(part for part in (about, APPARENT, picked, note) if part), watermark)


def _gene_counts(ax: Axes, x: np.ndarray, n_genes: np.ndarray) -> None:
    """How many genes are in the model, above the axes."""
    top = ax.secondary_xaxis("top")
    places = np.unique(np.linspace(0, len(x) - 1, min(6, len(x))).round().astype(int))
    top.set_xticks(x[places], [str(int(n)) for n in n_genes[places]])
    top.tick_params(labelsize=8, length=0, colors="#555555")
    top.spines["top"].set_visible(False)
    top.set_xlabel("genes with a coefficient", fontsize=8, color="#555555")


def _profiles(ax: Axes, path: pd.DataFrame, coefficients: pd.DataFrame | None) -> str:
    """One line per gene; the strongest at the chosen penalty are coloured and named at the right. Returns a note."""
    ax.axhline(0, color=FAINT, linewidth=0.8)
    if coefficients is None or coefficients.empty:
        ax.text(0.5, 0.5, "no gene has a coefficient", transform=ax.transAxes, ha="center", color="#555555")
        return ""
    wide = coefficients.pivot(index="gene", columns="alpha", values="coefficient").fillna(0.0)
    alphas = path["alpha"].to_numpy(float)
    wide = wide.reindex(columns=alphas, method=None).fillna(0.0)
    at_chosen = path["chosen"].to_numpy(bool)
    strength = wide.loc[:, at_chosen].abs().max(axis=1) if at_chosen.any() else wide.abs().max(axis=1)
    order = strength.sort_values(ascending=False)
    named = order[order > 0].index[: min(len(PROFILE_COLOURS), MAX_ROWS)]
    x = -np.log10(alphas)
    for gene in wide.index.difference(named):
        ax.plot(x, wide.loc[gene], color="#C9C9C9", linewidth=0.8)
    low, high = wide.to_numpy().min(), wide.to_numpy().max()
    gap = max(high - low, 1e-9) * 0.055
    previous = -np.inf
    ends = wide.loc[named].iloc[:, -1].sort_values()
    for gene, end in ends.items():
        colour = PROFILE_COLOURS[named.get_loc(gene)]
        ax.plot(x, wide.loc[gene], color=colour, linewidth=1.6)
        previous = max(end, previous + gap)
        ax.annotate(
            gene,
            xy=(1.0, end),
            xycoords=("axes fraction", "data"),
            xytext=(1.03, previous),
            textcoords=("axes fraction", "data"),
            fontsize=8.5,
            fontstyle="italic",
            color=colour,
            va="center",
            annotation_clip=False,
        )
    n_selected = int((order > 0).sum())
    return f"{len(named)} strongest of {n_selected} named" if n_selected > len(named) else ""


def forest(
    table: pd.DataFrame,
    *,
    title: str = "Hazard ratios",
    cohort_id: str | None = None,
    endpoint: str | None = None,
    n_patients: int | None = None,
    n_events: int | None = None,
    per: str = "training sd",
    standing: str = "",
    post_selection: bool = False,
    watermark: str | None = None,
) -> bytes:
    """Hazard ratios with 95 % intervals, one row per gene, with the numbers at the right.

    Parameters
    ----------
    table : gene (or `label`, where rows are not genes), hazard_ratio, ci_lower, ci_upper, p_value, optionally fdr and
        selected (drawn filled). Up to 20 rows are in the order of their hazard ratios. If there are more, the 20 with
        the least p are shown, the least on top, and the figure says so.
    per : what a hazard ratio is per
    standing : whether the figures are apparent, not independent or independent, and why
    post_selection : whether the genes were chosen by these patients' survival, which makes p and intervals optimistic
    """
    name = "gene" if "gene" in table else "label"
    cohort, endpoint = cohort_id or canvas.only(table, "cohort_id"), endpoint or canvas.only(table, "endpoint")
    about = canvas.caption(cohort, endpoint=endpoint, n_patients=n_patients, n_events=n_events)
    rows = table.dropna(subset=["hazard_ratio", "ci_lower", "ci_upper"])
    if rows.empty:
        why = "No hazard ratio to show: no gene was fitted." if table.empty else "No gene could be fitted."
        return canvas.empty(title, why, about, watermark)
    shown = rows.sort_values("p_value", kind="stable").head(MAX_ROWS)
    shown = shown[::-1] if len(shown) < len(rows) else shown.sort_values("hazard_ratio")
    shown = shown.reset_index(drop=True)
    with_fdr = "fdr" in shown and shown["fdr"].notna().any()
    figure = canvas.sheet(9, 1.95 + 0.3 * len(shown))
    ax = canvas.axes(figure, left=1.55, bottom=0.65, right=3.25 if with_fdr or post_selection else 2.6, top=1.05)
    y = np.arange(len(shown))
    low, high = shown["ci_lower"].to_numpy(float), shown["ci_upper"].to_numpy(float)
    ratio = shown["hazard_ratio"].to_numpy(float)
    ax.axvline(1, color=FAINT, linewidth=1)
    for i in y:
        colour = HIGH if low[i] > 1 else LOW if high[i] < 1 else "#777777"
        filled = bool(shown["selected"].iloc[i]) if "selected" in shown and known(shown["selected"].iloc[i]) else True
        ax.plot([max(low[i], 1e-6), high[i]], [i, i], color=colour, linewidth=1.8)
        ax.plot(ratio[i], i, "s", color=colour, markersize=6.5, markerfacecolor=colour if filled else "white")
    ax.set_xscale("log")
    reach = max(np.log(min(high.max(), ratio.max() * 8)), -np.log(max(low.min(), ratio.min() / 8)), 0.2) * 1.08
    ax.set_xlim(np.exp(-reach), np.exp(reach))
    ticks = [t for t in (0.1, 0.2, 0.25, 0.5, 0.75, 1, 1.33, 2, 4, 5, 10) if abs(np.log(t)) <= reach]
    if len(ticks) < 3:
        ticks = [round(np.exp(-0.6 * reach), 2), 1, round(np.exp(0.6 * reach), 2)]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set_yticks(y, shown[name].astype(str), fontstyle="italic" if name == "gene" else "normal")
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.6, len(shown) - 0.4)
    ax.set_xlabel(f"hazard ratio per {per} (log scale)")
    _columns_of_numbers(ax, shown, with_fdr, post_selection)
    least = f"{len(shown)} of {len(rows)} genes with the least p, least on top"
    notes = [about, standing, least if len(shown) < len(rows) else ""]
    if "selected" in shown and not shown["selected"].fillna(True).astype(bool).all():
        notes.append("open: does not enter the LASSO")
    if len(rows) < len(table):
        notes.append(f"{len(table) - len(rows)} not fitted")
    return canvas.finish(figure, title, " · ".join(note for note in notes if note), watermark)


def _columns_of_numbers(ax: Axes, shown: pd.DataFrame, with_fdr: bool, post_selection: bool) -> None:
    """The columns of numbers at the right of a forest plot."""
    width = ax.get_window_extent().width / ax.figure.dpi
    p_name = "p, post-selection" if post_selection else "p"
    columns = [(0.12, "HR (95 % CI)"), (1.62, p_name)] + ([(2.35, "FDR")] if with_fdr else [])
    for offset, label in columns:
        where = 1 + offset / width
        ax.text(where, len(shown) - 0.25, label, transform=ax.get_yaxis_transform(), fontsize=9, fontweight="bold")
    for i, row in shown.iterrows():
        texts = [
            f"{row['hazard_ratio']:.2f} ({row['ci_lower']:.2f}–{row['ci_upper']:.2f})",
            canvas.small(row["p_value"]),
        ]
        texts += [canvas.small(row["fdr"])] if with_fdr else []
        for (offset, _), text in zip(columns, texts, strict=True):
            ax.text(1 + offset / width, i, text, transform=ax.get_yaxis_transform(), va="center", fontsize=9, color=INK)
