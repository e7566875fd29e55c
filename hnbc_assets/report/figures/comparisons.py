"""Figures that compare the risk groups: cell populations and drugs.

In scope: paired boxes with their tests. Out of scope: the tests (science/group_comparison).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hnbc_assets.report.figures import canvas
from hnbc_assets.report.figures.canvas import FAINT, GROUP_COLOURS, INK
from hnbc_assets.report.wording import known, signed
from hnbc_assets.science.microenvironment.methods import label_of
from hnbc_assets.vocabulary import RiskGroup

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_FEATURES = 20
NO_GROUPS = "There are not two risk groups in this cohort."


def immune_boxplots(
    infiltration: pd.DataFrame,
    groups: pd.DataFrame,
    associations: pd.DataFrame,
    *,
    cohort_id: str | None = None,
    training: str | None = None,
    watermark: str | None = None,
) -> bytes:
    """Scores of cell populations by risk group, one panel per method, each population standardised over the patients.

    Parameters
    ----------
    infiltration : immune_infiltration (patient_id, method, cell_type, score)
    groups : risk_scores (patient_id, risk_group)
    associations : immune_associations. At most 20 populations per method, those with the least p
    cohort_id : the cohort to draw; required if the tables have several; the others are named
    training : the cohort that the score was fitted to; its risk groups are apparent
    """
    title = "Cell populations by risk group"
    cohort = cohort_id or canvas.only(infiltration, "cohort_id")
    footnotes = _footnotes(cohort, training, groups, associations, "immune_associations")
    values, associations, groups = (canvas.of_cohort(frame, cohort) for frame in (infiltration, associations, groups))
    if values.empty:
        why = "No method could be used on this cohort's expression scale and genes (see immune_method_use)."
        return canvas.empty(title, why, canvas.caption(cohort), watermark, footnotes)
    group = _groups(groups)
    if group.nunique() < 2:
        return canvas.empty(title, NO_GROUPS, canvas.caption(cohort), watermark, footnotes)
    methods = {}
    for method, of_method in values.groupby("method", sort=True):
        wide = of_method.pivot(index="cell_type", columns="patient_id", values="score")
        tests = associations[associations["method"] == method].set_index("cell_type")
        methods[label_of(str(method))] = (wide, tests)
    relative = bool(values["relative_only"].all()) if "relative_only" in values else False
    note = "relative within this cohort only" if relative else ""
    return _panels(title, cohort, methods, group, "score, standardised", note, watermark, footnotes)


def drug_boxplots(
    sensitivity: pd.DataFrame,
    groups: pd.DataFrame,
    associations: pd.DataFrame,
    *,
    cohort_id: str | None = None,
    training: str | None = None,
    watermark: str | None = None,
) -> bytes:
    """Predicted drug sensitivity by risk group, each drug standardised over the patients.

    Parameters
    ----------
    sensitivity : drug_sensitivity (patient_id, drug_id, drug_name, ln_ic50_um)
    groups : risk_scores (patient_id, risk_group)
    associations : drug_associations; only its drugs are drawn, at most 20, those with the least p
    cohort_id : the cohort to draw; required if the tables have several; the others are named
    training : the cohort that the score was fitted to; its risk groups are apparent
    """
    title = "Predicted drug sensitivity by risk group"
    cohort = cohort_id or canvas.only(sensitivity, "cohort_id")
    footnotes = _footnotes(cohort, training, groups, associations, "drug_associations")
    values, associations, groups = (canvas.of_cohort(frame, cohort) for frame in (sensitivity, associations, groups))
    if values.empty:
        return canvas.empty(
            title, "No drug could be predicted in this cohort.", canvas.caption(cohort), watermark, footnotes
        )
    group = _groups(groups)
    if group.nunique() < 2:
        return canvas.empty(title, NO_GROUPS, canvas.caption(cohort), watermark, footnotes)
    n_predicted = values["drug_id"].nunique()
    values = values[values["drug_id"].isin(associations["drug_id"])]
    if values.empty:
        why = "No drug was compared: no model predicts left-out cell lines well enough (see drug_models)."
        return canvas.empty(title, why, canvas.caption(cohort), watermark, footnotes)
    name = values.drop_duplicates("drug_id").set_index("drug_id")["drug_name"].astype(str)
    repeated = name.duplicated(keep=False)
    name[repeated] = name[repeated] + " [" + name.index[repeated].astype(str) + "]"
    wide = values.pivot(index="drug_id", columns="patient_id", values="ln_ic50_um").rename(index=name)
    tests = associations.set_index(associations["drug_id"].map(name))
    n_poor = n_predicted - len(wide)
    note = f"{n_poor} of {n_predicted} models too poor to compare" if n_poor else ""
    unit = "predicted ln IC50, standardised: relative within this cohort only, low is sensitive"
    return _panels(title, cohort, {"": (wide, tests)}, group, unit, note, watermark, footnotes)


def _groups(groups: pd.DataFrame) -> pd.Series:
    """Risk group by patient, without patients who have none."""
    return groups.drop_duplicates("patient_id").set_index("patient_id")["risk_group"].dropna()


def _panels(
    title: str,
    cohort: str | None,
    methods: dict[str, tuple[pd.DataFrame, pd.DataFrame]],
    group: pd.Series,
    unit: str,
    note: str,
    watermark: str | None,
    footnotes: list[str],
) -> bytes:
    """Panels side by side; features in the order of their p, the least on top."""
    orders = {name: _order(wide, tests) for name, (wide, tests) in methods.items()}
    rows = max(len(order) for order in orders.values())
    width = 8.9 if len(methods) == 1 else 7.3
    panel = canvas.Panel(width, 1.75 + 0.34 * rows, left=2.3, bottom=0.65, right=2.5, top=0.9)
    figure, made = canvas.panels(len(methods), panel, 0.75, footnotes)
    for ax, (name, (wide, tests)) in zip(made, methods.items(), strict=True):
        _paired_boxes(ax, wide, tests, orders[name], group, rows)
        ax.set_xlabel(unit)
        ax.set_title(name, fontsize=11, loc="left", pad=24, color=INK, fontweight="bold")
    from matplotlib.patches import Patch

    patients = group.index.intersection(next(iter(methods.values()))[0].columns)
    sizes = group[patients].value_counts()
    handles = [
        Patch(facecolor=GROUP_COLOURS[g], alpha=0.75, label=f"{g} risk ({sizes.get(g, 0):,})") for g in RiskGroup
    ]
    total_width, total_height = figure.get_size_inches()
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.12 / total_width, 1 - 0.62 / total_height),
        ncols=2,
        fontsize=9,
        frameon=False,
    )
    left_out = [
        f"{len(orders[n])} of {len(w)} with the least p, least on top"
        for n, (w, _) in methods.items()
        if len(orders[n]) < len(w)
    ]
    notes = [canvas.caption(cohort, n_patients=len(patients)), *dict.fromkeys(left_out), note, "bold: FDR < 0.05"]
    return canvas.finish(figure, title, " · ".join(part for part in notes if part), watermark, footnotes)


def _footnotes(
    cohort: str | None, training: str | None, groups: pd.DataFrame, associations: pd.DataFrame, table: str
) -> list[str]:
    """Whether the groups of the drawn cohort are apparent, and where the other cohorts are."""
    notes = []
    if training is not None and cohort is not None and _groups(canvas.of_cohort(groups, cohort)).nunique() > 1:
        own = "apparent: the score that defines the groups was fitted to these patients' survival"
        notes.append(own if cohort == training else f"the score that defines the groups was fitted to {training}")
    everyone = groups["cohort_id"].dropna().unique() if "cohort_id" in groups else []
    compared = set(associations["cohort_id"]) if "cohort_id" in associations else set()
    others = [name for name in everyone if name != cohort]
    in_table, lacking = [n for n in others if n in compared], [n for n in others if n not in compared]
    where = dict.fromkeys(in_table, f"in the table {table}")
    if compared:  # otherwise nothing could be compared anywhere, and the figure says why
        where |= dict.fromkeys(lacking, "could not be compared: no groups, or values that do not allow it")
    return notes + canvas.not_drawn(where)


def _order(wide: pd.DataFrame, tests: pd.DataFrame) -> list[str]:
    """The features to draw, the least p on top; of equal p the larger effect first."""
    found = tests.reindex(wide.index)
    keys = pd.DataFrame({"p": found["p_value"].astype(float), "effect": -found["effect"].abs()}, index=wide.index)
    return keys.sort_values(["p", "effect"]).index[:MAX_FEATURES].tolist()


def _paired_boxes(
    ax: Axes, wide: pd.DataFrame, tests: pd.DataFrame, order: list[str], group: pd.Series, rows: int
) -> None:
    """Two boxes per feature; effect and FDR (and adjusted FDR) written at the right."""
    wide = wide.loc[order, wide.columns.intersection(group.index)]
    z = wide.sub(wide.mean(axis=1), axis=0).div(wide.std(axis=1).replace(0, np.nan), axis=0)
    member = group[wide.columns]
    places = rows - 1 - np.arange(len(order))
    for name, shift in ((RiskGroup.HIGH, 0.19), (RiskGroup.LOW, -0.19)):
        data = [z.loc[feature, (member == name).to_numpy()].dropna().to_numpy() for feature in order]
        colour = GROUP_COLOURS[name]
        ax.boxplot(
            data,
            positions=places + shift,
            orientation="horizontal",
            widths=0.32,
            patch_artist=True,
            manage_ticks=False,
            boxprops={"facecolor": colour, "alpha": 0.75, "linewidth": 0.6},
            medianprops={"color": "white", "linewidth": 1.6},
            whiskerprops={"color": colour, "linewidth": 1},
            capprops={"linewidth": 0},
            flierprops={"marker": ".", "markersize": 2, "markerfacecolor": colour, "markeredgewidth": 0, "alpha": 0.5},
        )
    ax.axvline(0, color=FAINT, linewidth=0.7, zorder=0)
    ax.set_yticks(places, [canvas.shortened(feature) for feature in order])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.6, rows - 0.4)
    ax.set_xlim(-3.4, 3.4)
    _write_tests(ax, tests.reindex(order), places, rows)


def _write_tests(ax: Axes, tests: pd.DataFrame, places: np.ndarray, rows: int) -> None:
    width = ax.get_window_extent().width / ax.figure.dpi
    adjusted = "adjusted_fdr" in tests and tests["adjusted_fdr"].notna().any()
    columns = [(0.08, "effect"), (0.6, "FDR")] + ([(1.2, "adjusted FDR")] if adjusted else [])
    for offset, label in columns:
        where = 1 + offset / width
        ax.text(where, rows - 0.25, label, transform=ax.get_yaxis_transform(), fontsize=8.5, color="#555555")
    for place, (_, row) in zip(places, tests.iterrows(), strict=True):
        values = [signed(row["effect"], 2), canvas.small(row["fdr"])]
        weights = ["normal", _weight(row["fdr"])]
        if adjusted:
            is_reversed = _is_reversed(row)
            values.append(canvas.small(row["adjusted_fdr"]) + (" reversed" if is_reversed else ""))
            weights.append("normal" if is_reversed else _weight(row["adjusted_fdr"]))
        for (offset, _), value, weight in zip(columns, values, weights, strict=True):
            ax.text(
                1 + offset / width,
                place,
                value,
                transform=ax.get_yaxis_transform(),
                va="center",
                fontsize=8.5,
                fontweight=weight,
            )


def _is_reversed(row: pd.Series) -> bool:
    """Whether adjustment reverses the direction of the difference."""
    adjusted = row.get("adjusted_effect")
    return known(adjusted) and known(row["effect"]) and row["effect"] * adjusted < 0 and row["adjusted_fdr"] < 0.05


def _weight(value: float) -> str:
    return "bold" if known(value) and value < 0.05 else "normal"
