"""Figures of the genes stage.

In scope: drawing resistance genes and candidates. Out of scope: testing them (science/genes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hnbc_assets.report.figures import canvas
from hnbc_assets.report.figures.canvas import FAINT, HIGH, INK, LOW
from hnbc_assets.vocabulary import Contrast

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_LABELS = 20
UNITS = {"log2": "log₂ fold change", "sd": "difference in standard deviations"}


def volcano(
    resistance: pd.DataFrame,
    candidates: pd.DataFrame | None = None,
    *,
    contrast: str | None = None,
    fdr: float = 0.05,
    cohort_id: str | None = None,
    n_patients: int | None = None,
    watermark: str | None = None,
) -> bytes:
    """Effect against p of every gene, residual disease against complete response, candidates labelled.

    Parameters
    ----------
    resistance : drug_resistance_genes (of one cohort); `contrast` picks the rows, default the candidates' or plain
    candidates : candidate_genes; up to 20 with the least p are labelled, and the figure says so when there are more
    fdr : threshold for colours

    Returns
    -------
    PNG bytes.
    """
    if contrast is None:
        contrast = candidates["contrast"].iloc[0] if candidates is not None and len(candidates) else Contrast.PLAIN
    title = f"Residual disease against complete response ({contrast.replace('_', '-').replace('er-', 'ER-')} contrast)"
    genes = resistance[(resistance["contrast"] == contrast) & resistance["p_value"].notna()]
    cohort = cohort_id or (str(genes["cohort_id"].iloc[0]) if len(genes) and "cohort_id" in genes else None)
    about = canvas.caption(cohort, n_patients=n_patients)
    if genes.empty:
        return canvas.empty(title, f"No gene was tested in the {contrast} contrast.", about, watermark)

    effect, height = genes["effect"].to_numpy(float), -np.log10(genes["p_value"].clip(lower=1e-300)).to_numpy()
    called = (genes["fdr"] < fdr).to_numpy()
    figure = canvas.sheet(9, 6.2)
    ax = canvas.axes(figure, left=0.75, bottom=0.85, right=0.3, top=0.95)
    for mask, colour, label in (
        (~called, "#C9C9C9", f"not significant ({(~called).sum():,})"),
        (called & (effect > 0), HIGH, f"higher in residual disease ({(called & (effect > 0)).sum():,})"),
        (called & (effect <= 0), LOW, f"higher in complete response ({(called & (effect <= 0)).sum():,})"),
    ):
        ax.scatter(effect[mask], height[mask], s=9, color=colour, alpha=0.6, linewidths=0, label=label, rasterized=True)
    if called.any():
        line = height[called].min()
        ax.axhline(line, color=FAINT, linewidth=0.8, linestyle="--", zorder=0)
    reach = max(np.abs(effect).max(), 1e-9)
    ax.set_xlim(-1.75 * reach, 1.75 * reach)
    ax.set_ylim(-0.02 * height.max(), max(height.max() * 1.14, 1.5))
    n_candidates, n_labelled = _label_candidates(ax, genes, candidates)
    ax.set_xlabel(UNITS.get(str(genes["effect_unit"].iloc[0]), "effect") + ", residual disease − complete response")
    ax.set_ylabel("−log₁₀ p (moderated t)")
    legend = ax.legend(loc="upper center", ncols=3, fontsize=8.5, frameon=False, bbox_to_anchor=(0.5, 1.06))
    for handle in legend.legend_handles:
        handle.set_alpha(1)
        handle.set_sizes([28])
    notes = [about, "not independent: it chooses the genes", f"{len(genes):,} genes"]
    footnote = [f"colour and dashed line: FDR < {fdr:g}"]
    if n_candidates:
        footnote.append(
            f"{n_candidates} candidate ARGs circled"
            + (f", the {n_labelled} with the least p labelled" if n_labelled < n_candidates else "")
        )
    return canvas.finish(figure, title, " · ".join(note for note in notes if note), watermark, [" · ".join(footnote)])


def _label_candidates(ax: Axes, genes: pd.DataFrame, candidates: pd.DataFrame | None) -> tuple[int, int]:
    """Circle all candidates; name the strongest in a column on their side, each with a line to its point."""
    if candidates is None or candidates.empty:
        return 0, 0
    marked = genes[genes["gene"].isin(candidates["gene"])].sort_values("p_value")
    heights = -np.log10(marked["p_value"].clip(lower=1e-300))
    ax.scatter(marked["effect"], heights, s=30, facecolors="none", edgecolors=INK, linewidths=0.9, zorder=4)
    shown = marked.head(MAX_LABELS).assign(height=heights)
    edge = ax.get_xlim()[1]
    low, high = ax.get_ylim()
    gap = (high - low) * 0.042
    for side, mine in shown.groupby(np.where(shown["effect"] > 0, 1, -1)):
        ranked = mine.sort_values("height", ascending=False)
        for (_, row), at in zip(ranked.iterrows(), _spread(ranked["height"].to_numpy(), gap, high - gap), strict=True):
            ax.annotate(
                row["gene"],
                xy=(row["effect"], row["height"]),
                xytext=(side * edge * 0.8, at),
                fontsize=8.5,
                fontstyle="italic",
                ha="left" if side > 0 else "right",
                va="center",
                color=INK,
                arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.6, "shrinkB": 3},
                zorder=5,
            )
    return len(marked), len(shown)


def _spread(heights: np.ndarray, gap: float, top: float) -> np.ndarray:
    """Places for labels at least `gap` apart, below `top`, above `gap`, as near to `heights` (descending) as possible.

    Without the gaps this is isotonic regression: neighbours that would overlap are pooled around their mean.
    """
    blocks: list[list[float]] = []
    for i, height in enumerate(heights):
        blocks.append([height + i * gap, 1.0])
        while len(blocks) > 1 and blocks[-1][0] > blocks[-2][0]:
            (mean, n), (mean_before, n_before) = blocks.pop(), blocks.pop()
            blocks.append([(mean * n + mean_before * n_before) / (n + n_before), n + n_before])
    level = np.repeat([mean for mean, _ in blocks], [int(n) for _, n in blocks])
    step = np.arange(len(heights)) * gap
    return np.maximum(np.minimum(level, top) - step, gap * (len(heights) - np.arange(len(heights))))
