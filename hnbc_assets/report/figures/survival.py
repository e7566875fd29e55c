"""Survival curves of the risk groups, drawn with the numbers at risk.

In scope: Kaplan–Meier figures. Out of scope: estimating the curves (science/signature/survival).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hnbc_assets.report.figures import canvas
from hnbc_assets.report.figures.canvas import GROUP_COLOURS, INK
from hnbc_assets.report.standing import APPARENT_HERE, NOT_INDEPENDENT, standing
from hnbc_assets.report.wording import known, p_text
from hnbc_assets.vocabulary import RiskGroup

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DAYS_A_YEAR, DAYS_A_MONTH = 365.25, 365.25 / 12
PANEL_TEXT = 3.85  # inches; the width of a text inside a panel, with its margins


def kaplan_meier(
    curves: pd.DataFrame,
    performance: pd.DataFrame | None = None,
    *,
    training: str | None = None,
    lacking: Mapping[str, str] | None = None,
    watermark: str | None = None,
) -> bytes:
    """Kaplan–Meier curves of the risk groups with 95 % bands, censoring marks and the numbers at risk below.

    Parameters
    ----------
    curves : survival_curves, one panel per cohort; patients and events are counted from the curves
    performance : prognostic_performance: hazard ratios and log-rank p of each cohort are written in; every panel says
        whether it is apparent, not independent or independent, and p values of the first two are marked as
        post-selection; its cohorts without curves are named, with the reason
    training : the training cohort, labelled apparent and drawn first
    lacking : cohorts that were not measured, and why; named with those that have no curves
    """
    title = "Survival by risk group (training median)"
    cohorts = list(curves["cohort_id"].unique()) if "cohort_id" in curves else [None]
    cohorts.sort(key=lambda name: name != training)
    notes = canvas.not_drawn(_without_curves(performance, cohorts) | dict(lacking or {}))
    if curves.empty:
        why = "No risk groups: the signature is empty, or too few of its genes are measured here."
        return canvas.empty(title, why, "", watermark, notes)
    width, height = (8.0, 5.3) if len(cohorts) == 1 else (6.6, 5.0)
    panel = canvas.Panel(width, height, left=1.0, bottom=1.6, right=0.35, top=0.55)
    figure, made = canvas.panels(len(cohorts), panel, 0.85, notes)
    for ax, name in zip(made, cohorts, strict=True):
        own = None if performance is None else canvas.of_cohort(performance, name)
        _survival_panel(ax, canvas.of_cohort(curves, name), name, own, training)
    caption = "95 % bands; ticks are censored patients; numbers at risk below"
    return canvas.finish(figure, title, caption, watermark, notes)


def _without_curves(performance: pd.DataFrame | None, cohorts: list[str | None]) -> dict[str, str]:
    """The cohorts that were measured and have no curves, each with its reason."""
    if performance is None or "cohort_id" not in performance:
        return {}
    found = {}
    for name, of in performance.groupby("cohort_id", sort=False):
        if name not in cohorts:
            reasons = of["reason"].dropna() if "reason" in of else pd.Series(dtype=object)
            found[str(name)] = str(reasons.iloc[0]) if len(reasons) else "no risk groups"
    return found


def _survival_panel(
    ax: Axes, curves: pd.DataFrame, cohort: str | None, performance: pd.DataFrame | None, training: str | None
) -> None:
    """One cohort's curves, its name and counts above, its numbers at risk below."""
    endpoint = canvas.only(curves, "endpoint")
    groups = [name for name in RiskGroup if name in set(curves["risk_group"])]
    by_group = {name: curves[curves["risk_group"] == name].sort_values("time_days") for name in groups}
    unit, days = ("years", DAYS_A_YEAR) if curves["time_days"].max() > 3 * DAYS_A_YEAR else ("months", DAYS_A_MONTH)
    for name, curve in by_group.items():
        n, events = int(curve["at_risk"].iloc[0]), _events(curve)
        t, s = curve["time_days"].to_numpy(float) / days, curve["survival"].to_numpy(float)
        colour = GROUP_COLOURS[name]
        ax.step(t, s, where="post", color=colour, linewidth=2, label=f"{name} risk: {n:,} patients, {events} events")
        band = (curve[limit].astype(float).fillna(curve["survival"]) for limit in ("ci_lower", "ci_upper"))
        ax.fill_between(t, *band, step="post", color=colour, alpha=0.14, linewidth=0)
        censored = np.append(False, np.diff(s) == 0)
        ax.plot(t[censored], s[censored], "|", color=colour, markersize=5, markeredgewidth=0.8)
    ax.set_ylim(0, 1.03)
    ax.set_xlim(0, curves["time_days"].max() / days * 1.02)
    ax.set_ylabel(f"{endpoint.upper()} probability" if endpoint else "survival probability")
    ax.set_xlabel(unit)
    ax.legend(loc="lower left", bbox_to_anchor=(-0.01, 0.985), ncols=2, fontsize=9, frameon=False, borderaxespad=0.2)
    status = APPARENT_HERE if cohort is not None and cohort == training else standing(performance)
    post_selection = status.startswith((APPARENT_HERE, NOT_INDEPENDENT))
    text = "\n".join([_split_text(performance, post_selection=post_selection), *canvas.wrapped(status, PANEL_TEXT)])
    free_below = curves["survival"].min() > 0.35
    place = (
        {"x": 0.02, "y": 0.03, "va": "bottom"} if free_below else {"x": 0.985, "y": 0.98, "ha": "right", "va": "top"}
    )
    ax.text(s=text.strip(), transform=ax.transAxes, fontsize=9, color=INK, **place)
    n = sum(int(curve["at_risk"].iloc[0]) for curve in by_group.values())
    about = canvas.caption(cohort, endpoint=endpoint, n_patients=n, n_events=sum(map(_events, by_group.values())))
    ax.set_title(about, loc="left", fontsize=10.5, fontweight="bold", color=INK, pad=22)
    _at_risk(ax, by_group, days)


def _events(curve: pd.DataFrame) -> int:
    """Events of a Kaplan–Meier curve, counted back from its steps: at_risk · (1 − S(t) / S(t−))."""
    s = curve["survival"].to_numpy(float)
    before = np.append(1.0, s[:-1])
    share = np.divide(s, before, out=np.ones_like(s), where=before > 0)
    return int(np.round(curve["at_risk"].to_numpy(float) * (1 - share)).sum())


def _split_text(performance: pd.DataFrame | None, *, post_selection: bool) -> str:
    """Hazard ratio and log-rank p of the split, where they exist.

    p is marked where the patients helped to choose the genes or to fit the score: it is not valid there.
    """
    if performance is None or performance.empty:
        return ""
    row = performance.drop_duplicates("metric").set_index("metric")
    lines = []
    for metric, name in (("hazard_ratio_high_vs_low", "HR high vs low"), ("hazard_ratio_per_sd", "HR per sd")):
        if metric in row.index and known(row.loc[metric, "estimate"]):
            of = row.loc[metric]
            lines.append(f"{name} {of['estimate']:.2f} ({of['ci_lower']:.2f}–{of['ci_upper']:.2f})")
    if "log_rank_p" in row.index and known(row.loc["log_rank_p", "estimate"]):
        lines.append("log-rank " + p_text(row.loc["log_rank_p", "estimate"]) + (", post-selection" * post_selection))
    return "\n".join(lines)


def _at_risk(ax: Axes, by_group: dict[str, pd.DataFrame], days: float) -> None:
    """Numbers at risk under the axis, at its ticks."""
    ticks = [t for t in ax.get_xticks() if 0 <= t <= ax.get_xlim()[1]]
    width, height = (length / ax.figure.dpi for length in ax.get_window_extent().size)
    left = -0.3 / width
    ax.text(left, -0.72 / height, "at risk", transform=ax.transAxes, ha="right", fontsize=9, color="#555555")
    for i, (name, curve) in enumerate(by_group.items()):
        y = -(0.97 + 0.25 * i) / height
        colour = GROUP_COLOURS[name]
        ax.text(left, y, name, transform=ax.transAxes, ha="right", fontsize=9.5, fontweight="bold", color=colour)
        times, risk = curve["time_days"].to_numpy(float), curve["at_risk"].to_numpy(int)
        for tick in ticks:
            at = np.searchsorted(times, tick * days, side="left")
            n = int(risk[at]) if at < len(risk) else 0
            ax.text(tick, y, f"{n:,}", transform=ax.get_xaxis_transform(), ha="center", fontsize=9.5, color=colour)
