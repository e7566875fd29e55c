"""Figures: drawn from published tables, always marked when simulated, and never blank without a reason.

The text of a figure is read from the drawn sheet, just before it is rendered to PNG.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.report.figures import canvas
from hnbc_assets.report.figures.comparisons import drug_boxplots, immune_boxplots
from hnbc_assets.report.figures.genes import volcano
from hnbc_assets.report.figures.signature import APPARENT, forest, lasso_path
from hnbc_assets.report.figures.survival import kaplan_meier

PNG = b"\x89PNG\r\n"
RNG = np.random.default_rng(20250101)


@pytest.fixture
def written(monkeypatch):
    """All texts of the figure last drawn, joined."""
    texts: list[str] = []
    original = canvas.finish

    def finish(figure, *rest):
        from matplotlib.text import Text

        png = original(figure, *rest)
        texts[:] = [t.get_text() for t in figure.findobj(Text) if t.get_text()]
        return png

    monkeypatch.setattr(canvas, "finish", finish)
    return lambda: "\n".join(texts)


def resistance(n=200):
    effect = RNG.normal(0, 1, n)
    p = np.exp(-4 * np.abs(effect))
    return pd.DataFrame(
        {
            "cohort_id": "disc",
            "contrast": "plain",
            "gene": [f"GENE{i}" for i in range(n)],
            "effect": effect,
            "effect_unit": "log2",
            "p_value": p,
            "fdr": np.minimum(1, p * 10),
        }
    )


def curves(cohort="val", n=60):
    from hnbc_assets.science.signature.survival import kaplan_meier

    group = np.where(np.arange(n) % 2, "high", "low")
    time, event = RNG.exponential(1500, n) + 1, RNG.random(n) < 0.5
    return kaplan_meier(time, event, group).assign(cohort_id=cohort, endpoint="drfs"), int(event.sum())


def hazards(n=5):
    return pd.DataFrame(
        {
            "gene": [f"G{i}" for i in range(n)],
            "hazard_ratio": np.linspace(0.5, 2, n),
            "ci_lower": np.linspace(0.4, 1.6, n),
            "ci_upper": np.linspace(0.7, 2.6, n),
            "p_value": np.linspace(0.001, 0.2, n),
        }
    )


def path():
    alpha = np.logspace(-2, -1, 12)
    flags = np.arange(12)
    table = pd.DataFrame(
        {
            "alpha": alpha,
            "deviance": 6 + (np.log10(alpha) + 1.5) ** 2,
            "deviance_se": 0.05,
            "n_genes": 11 - flags,
            "is_minimum": flags == 5,
            "is_one_se": flags == 8,
            "chosen": flags == 5,
        }
    )
    coefficients = pd.DataFrame(
        [(a, f"G{g}", (0.1 - a) * (g + 1)) for a in alpha[:-1] for g in range(11)],
        columns=["alpha", "gene", "coefficient"],
    )
    return table, coefficients


def comparison(n_features=3, n=40, key="cell_type"):
    patients = [f"P{i}" for i in range(n)]
    names = [f"feature {i}" for i in range(n_features)]
    scores = pd.DataFrame(
        [("tcga", p, "ssgsea", f, RNG.normal(), False) for f in names for p in patients],
        columns=["cohort_id", "patient_id", "method", key, "score", "relative_only"],
    )
    groups = pd.DataFrame({"cohort_id": "tcga", "patient_id": patients, "risk_group": ["high", "low"] * (n // 2)})
    tests = pd.DataFrame({"cohort_id": "tcga", "method": "ssgsea", key: names, "effect": 0.25})
    return scores, groups, tests.assign(p_value=np.linspace(0.001, 0.9, n_features), fdr=0.0123, adjusted_fdr=0.5)


def all_figures(watermark):
    scores, groups, tests = comparison()
    drugs = scores.rename(columns={"cell_type": "drug_id", "score": "ln_ic50_um"}).assign(drug_name="Docetaxel")
    drug_tests = tests.rename(columns={"cell_type": "drug_id"})
    return {
        "volcano": lambda: volcano(resistance(), watermark=watermark),
        "lasso_path": lambda: lasso_path(*path(), watermark=watermark),
        "kaplan_meier": lambda: kaplan_meier(curves()[0], watermark=watermark),
        "forest": lambda: forest(hazards(), watermark=watermark),
        "immune_boxplots": lambda: immune_boxplots(scores, groups, tests, watermark=watermark),
        "drug_boxplots": lambda: drug_boxplots(drugs, groups, drug_tests, watermark=watermark),
    }


@pytest.mark.parametrize("name", list(all_figures(None)))
def test_a_simulated_figure_is_marked_twice_and_a_real_one_is_not(name, written):
    assert all_figures("SIMULATED")[name]().startswith(PNG)
    assert written().count("SIMULATED") == 2
    all_figures(None)[name]()
    assert "SIMULATED" not in written()


@pytest.mark.parametrize(
    ("draw", "why"),
    [
        (lambda: volcano(resistance().iloc[:0]), "No gene was tested"),
        (lambda: lasso_path(path()[0].iloc[:0], None), "No LASSO path was fitted"),
        (lambda: kaplan_meier(curves()[0].iloc[:0]), "No risk groups"),
        (lambda: forest(hazards().iloc[:0]), "no gene was fitted"),
        (lambda: immune_boxplots(*(f.iloc[:0] for f in comparison())), "No method could be used"),
        (
            lambda: drug_boxplots(
                *(f.iloc[:0].rename(columns={"cell_type": "drug_id"}).assign(drug_name=None) for f in comparison())
            ),
            "No drug could be predicted",
        ),
    ],
)
def test_an_empty_table_gives_a_figure_that_says_why(draw, why, written):
    assert draw().startswith(PNG)
    assert why in written().replace("\n", " ")


def test_survival_curves_count_patients_and_events_and_show_numbers_at_risk(written):
    table, events = curves()
    kaplan_meier(table)
    assert f"val · DRFS · 60 patients, {events} events" in written()
    assert "at risk" in written()
    assert "30" in written().splitlines()


def test_the_training_cohort_is_drawn_as_apparent(written):
    both = pd.concat([curves("val")[0], curves("tcga")[0]])
    kaplan_meier(both, training="tcga")
    assert written().count("apparent") == 1
    assert written().index("tcga · DRFS") < written().index("val · DRFS")


def measured(*rows):
    """Rows of prognostic_performance: cohort, apparent, independent, basis, log-rank p, reason."""
    columns = ["cohort_id", "apparent", "independent", "independence_basis", "estimate", "reason"]
    return pd.DataFrame(rows, columns=columns).assign(metric="log_rank_p", ci_lower=np.nan, ci_upper=np.nan)


def test_every_survival_panel_says_whether_it_is_independent_and_marks_p_after_selection(written):
    performance = measured(
        ("tcga", True, False, "it fitted the score", 0.002, None),
        ("disc", False, False, "it chose the genes", 0.013, None),
        ("val", False, True, "ids; profiles", 0.2, None),
        ("small", False, True, "ids", np.nan, "only 64 % of the coefficients are measured"),
    )
    drawn = pd.concat([curves(name)[0] for name in ("tcga", "disc", "val")])
    kaplan_meier(drawn, performance, training="tcga", lacking={"other": "no endpoint in the study"})
    assert "not drawn: other (no endpoint in the study)" in written()
    panels = [text for text in written().split("log-rank ") if text.startswith("p")]
    assert [panel.splitlines()[:2] for panel in panels] == [
        ["p = 0.002, post-selection", "apparent: trained on these patients"],
        ["p = 0.013, post-selection", "not independent: it chose the genes"],
        ["p = 0.200", "independent by ids and profiles"],
    ]
    assert "not drawn: small (only 64 % of the coefficients are measured)" in written()


def test_a_survival_panel_reports_unknown_independence(written):
    kaplan_meier(curves("val")[0])
    assert "independence not known" in written()


def test_features_with_the_least_p_are_in_the_order_of_p(written):
    scores, groups, tests = comparison(25)
    tests["p_value"] = tests["p_value"].sample(frac=1, random_state=3).to_numpy()
    tests["adjusted_p_value"] = tests["p_value"][::-1].to_numpy()
    immune_boxplots(scores, groups, tests, cohort_id="tcga", training="tcga")
    shown = list(dict.fromkeys(line for line in written().splitlines() if line.startswith("feature ")))
    assert shown == tests.sort_values("p_value")["cell_type"].head(20).tolist()
    assert "apparent: the score that defines the groups was fitted to these patients' survival" in written()
    many = hazards(26).assign(p_value=RNG.permutation(np.linspace(0.001, 0.2, 26)))
    forest(many)
    shown = list(dict.fromkeys(line for line in written().splitlines() if line in set(many["gene"])))
    assert shown[::-1] == many.sort_values("p_value")["gene"].head(20).tolist()


def test_cohorts_that_are_not_drawn_are_named(written):
    scores, groups, tests = comparison()
    others = pd.concat([groups, groups.assign(cohort_id="val"), groups.assign(cohort_id="scaled", risk_group=None)])
    compared = pd.concat([tests, tests.assign(cohort_id="val")])
    immune_boxplots(scores, others, compared, cohort_id="tcga", training="tcga")
    assert "not drawn: val (in the table immune_associations)" in written()
    assert "not drawn: scaled (could not be compared: no groups, or values that do not allow it)" in written()


def test_a_comparison_without_groups_or_models_makes_no_claim_about_a_score(written):
    scores, groups, tests = comparison()
    immune_boxplots(scores, groups.iloc[:0], tests.iloc[:0], cohort_id="tcga", training="tcga")
    assert "There are not two risk groups" in written()
    assert "the score" not in written()
    everyone = pd.concat([groups, groups.assign(cohort_id="val")])
    immune_boxplots(scores, everyone, tests.iloc[:0], cohort_id="tcga", training="tcga")
    assert "not drawn" not in written(), "nothing was compared anywhere"


def test_p_values_after_selection_are_marked_in_the_forest(written):
    forest(hazards(), standing=APPARENT, post_selection=True)
    assert "p, post-selection" in written()
    assert "apparent (training cohort)" in written()


def test_a_forest_writes_each_ratio_and_reports_what_it_leaves_out(written):
    forest(hazards(26))
    assert "0.50 (0.40–0.70)" in written()
    assert "20 of 26 genes with the least p" in written()


def test_boxplots_write_effect_and_both_false_discovery_rates(written):
    immune_boxplots(*comparison(25), cohort_id="tcga")
    assert "+0.25" in written()
    assert "0.012" in written()
    assert "0.500" in written()
    assert "20 of 25 with the least p" in written()


def test_a_difference_that_adjustment_reverses_is_marked_next_to_its_box(written):
    scores, groups, tests = comparison()
    tests = tests.assign(adjusted_fdr=0.002, adjusted_effect=[0.4, -0.4, -0.4])
    tests.loc[2, "adjusted_fdr"] = 0.6
    immune_boxplots(scores, groups, tests)
    assert written().splitlines().count("0.002 reversed") == 1
    assert written().splitlines().count("0.002") == 1


def drug_tables(n_drugs: int):
    scores, groups, tests = comparison(n_drugs, key="drug_id")
    names = scores["drug_id"].where(scores["drug_id"] == "feature 0", "Docetaxel")
    return scores.rename(columns={"score": "ln_ic50_um"}).assign(drug_name=names), groups, tests


def test_drugs_that_were_not_compared_are_counted_and_not_drawn(written):
    drugs, groups, tests = drug_tables(4)
    drug_boxplots(drugs, groups, tests.head(2))
    assert "2 of 4 models too poor to compare" in written()
    assert "relative within this cohort only" in written()
    assert "feature 3" not in written()
    assert drug_boxplots(drugs, groups, tests.iloc[:0]).startswith(PNG)
    assert "no model predicts left-out cell lines well enough" in written().replace("\n", " ")


def test_drugs_of_one_name_are_distinguished_by_their_identifier(written):
    drug_boxplots(*drug_tables(3))
    assert {"Docetaxel [feature 1]", "Docetaxel [feature 2]", "feature 0"} <= set(written().splitlines())


def test_candidates_are_labelled_and_labels_beyond_twenty_are_counted(written):
    table = resistance()
    volcano(table, table.head(30)[["gene", "contrast"]])
    assert "30 candidate ARGs circled, the 20 with the least p labelled" in written()


def test_labels_keep_their_distance_and_order():
    from hnbc_assets.report.figures.genes import _spread

    places = _spread(np.array([9.0, 5.05, 5.0, 5.0, 0.1, 0.0]), gap=0.5, top=8.8)
    assert (-np.diff(places) >= 0.5 - 1e-9).all()
    assert places.max() <= 8.8
    assert places.min() >= 0.5


def test_the_lasso_figure_names_both_penalties_and_the_genes_selected(written):
    lasso_path(*path(), cohort_id="tcga", endpoint="pfi", n_patients=661, n_events=92)
    for text in ("λ min", "λ 1 se", "tcga · PFI · 661 patients, 92 events", "6 genes at the chosen penalty", "G10"):
        assert text in written()


def test_markdown_contains_the_png_itself():
    import base64

    png = all_figures(None)["forest"]()
    text = canvas.as_markdown(png, "forest")
    assert base64.b64decode(text.removeprefix("![forest](data:image/png;base64,").removesuffix(")")) == png


def test_importing_the_report_does_not_import_matplotlib():
    code = (
        "import pkgutil, sys, hnbc_assets.report as report\n"
        "for found in pkgutil.walk_packages(report.__path__, 'hnbc_assets.report.'): __import__(found.name)\n"
        "print('hnbc_assets.report.figures.survival' in sys.modules, 'matplotlib' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["True", "False"]
