"""Scores before and after: the figure of a release's effect on patients.

In scope: drawing it. Out of scope: which patients changed (science/signature/comparison), the report
around it (report).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hnbc_assets.report.figures import canvas
from hnbc_assets.report.figures.canvas import FAINT, HIGH, INK, LOW
from hnbc_assets.report.release.wording import flags
from hnbc_assets.report.standing import standing
from hnbc_assets.vocabulary import RiskGroup

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_PANELS = 6
LEGEND = 0.75  # inches below the axes
STANDING_LINE = 0.16  # inches
MOVED, ADDED, REMOVED = "#777777", "#009E73", "#CC79A7"
TITLE = "Risk scores before and after"


def scores_before_after(
    risk_changes: pd.DataFrame,
    performance: pd.DataFrame | None = None,
    *,
    cohorts: Mapping[str, str],
    watermark: str | None = None,
) -> bytes:
    """Old against new score of patients whose score or group changed, one panel per cohort, flipped patients marked.

    Newly scored patients are marks on the axis of new scores, those no longer scored on that of old scores. If more
    than six cohorts changed, the six with the most changes are drawn, and the others are named in a footnote.

    Parameters
    ----------
    risk_changes : table risk_changes; patients that are not in it did not change, and are not drawn
    performance : prognostic_performance: every panel says whether the cohort's figures are apparent, not independent or
        independent
    cohorts : role by cohort of the study; those that are not drawn are named in a footnote, with the reason
    """
    drawn = risk_changes[risk_changes["old_score"].notna() | risk_changes["new_score"].notna()]
    counts = drawn["cohort_id"].value_counts(sort=False)
    shown = set(counts.sort_values(ascending=False, kind="stable").index[:MOST_PANELS])
    with_panel = [name for name in drawn["cohort_id"].unique() if name in shown]
    without = [str(name) for name in dict.fromkeys([*cohorts, *risk_changes["cohort_id"]]) if name not in shown]
    footnotes = canvas.not_drawn(
        {name: "fewer changes" if name in counts.index else "no score changed" for name in without}
    )
    if not with_panel:
        return canvas.empty(TITLE, "No patient's score or risk group changed.", "", watermark, footnotes)
    drawn = drawn[drawn["cohort_id"].isin(with_panel)]
    width, height = (6.6, 6.6) if len(with_panel) == 1 else (5.2, 5.9)
    rows = {name: None if performance is None else canvas.of_cohort(performance, str(name)) for name in with_panel}
    statuses = {name: canvas.wrapped(standing(own, cohorts.get(name, "")), width - 0.8) for name, own in rows.items()}
    above = STANDING_LINE * max(map(len, statuses.values()))
    if drawn[["old_score", "new_score"]].isna().any(axis=None):
        footnotes = ["marks on an axis: patients with only one of the two scores", *footnotes]
    panel = canvas.Panel(width, height + above, left=0.85, bottom=LEGEND + 0.55, right=0.35, top=0.45 + above)
    figure, made = canvas.panels(len(with_panel), panel, 0.75, footnotes)
    for ax, name in zip(made, with_panel, strict=True):
        _panel(ax, drawn[drawn["cohort_id"] == name], str(name), statuses[name])
    return canvas.finish(figure, TITLE, "only patients whose score or group changed", watermark, footnotes)


def _panel(ax: Axes, changes: pd.DataFrame, cohort: str, status: list[str]) -> None:
    """One cohort: both axes have the same limits, so that unchanged scores are on the diagonal."""
    old, new = (changes[name].to_numpy(dtype=float) for name in ("old_score", "new_score"))
    both = ~np.isnan(old) & ~np.isnan(new)
    flipped = flags(changes["flipped"]).to_numpy()
    to_high = flipped & (changes["new_group"] == RiskGroup.HIGH).to_numpy(dtype=bool)
    low, high = _limits(np.concatenate([old, new]))
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)
    ax.plot([low, high], [low, high], color=FAINT, linewidth=1, zorder=1)
    looks = [
        (both & ~flipped, MOVED, "o", 14, "moved, same group"),
        (both & to_high, HIGH, "^", 40, "flipped to high"),
        (both & flipped & ~to_high, LOW, "v", 40, "flipped to low"),
    ]
    for which, colour, marker, size, name in looks:
        if which.any():
            label = f"{name} ({int(which.sum()):,})"
            look = {"facecolor": colour, "edgecolor": "white", "linewidth": 0.4, "alpha": 0.75 if size < 20 else 1}
            ax.scatter(old[which], new[which], s=size, marker=marker, label=label, zorder=3, **look)
    _marks(ax, old[~both & ~np.isnan(old)], new[~both & ~np.isnan(new)])
    ax.set_xlabel("risk score before")
    ax.set_ylabel("risk score after")
    _, inches = (length / ax.figure.dpi for length in ax.get_window_extent().size)
    place = {"loc": "upper left", "bbox_to_anchor": (-0.02, -0.5 / inches), "borderaxespad": 0.0}
    ax.legend(ncols=2, fontsize=8.5, frameon=False, columnspacing=1.2, **place)
    above = 8 + 72 * STANDING_LINE * len(status)
    ax.set_title(_counts(cohort, both, flipped), loc="left", fontsize=10.5, fontweight="bold", color=INK, pad=above)
    ax.text(0, 1 + 0.07 / inches, "\n".join(status), transform=ax.transAxes, va="bottom", fontsize=9, color=INK)


def _marks(ax: Axes, removed: np.ndarray, added: np.ndarray) -> None:
    """Patients with only one score, on the axis of that score."""
    look = {"linestyle": "", "markeredgewidth": 1.2, "markersize": 12, "zorder": 2}
    if len(added):
        at = {"transform": ax.get_yaxis_transform(), "label": f"newly scored ({len(added):,})"}
        ax.plot(np.full(len(added), 0.018), added, "_", color=ADDED, **at, **look)
    if len(removed):
        at = {"transform": ax.get_xaxis_transform(), "label": f"no longer scored ({len(removed):,})"}
        ax.plot(removed, np.full(len(removed), 0.018), "|", color=REMOVED, **at, **look)


def _counts(cohort: str, both: np.ndarray, flipped: np.ndarray) -> str:
    """ "tcga_brca · 271 changed, 4 flipped"."""
    n = len(both)
    n_flipped = int(flipped.sum())
    return f"{canvas.shortened(cohort, 20)} · {n:,} changed, {n_flipped or 'none'} flipped"


def _limits(scores: np.ndarray) -> tuple[float, float]:
    """Limits of both axes, with room for the marks at the edges."""
    low, high = np.nanmin(scores), np.nanmax(scores)
    margin = 0.08 * (high - low) or 0.5
    return float(low - margin), float(high + margin)
