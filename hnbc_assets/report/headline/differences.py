"""The headline's passages on differences between the risk groups: cell populations and drugs.

In scope: wording of the published comparisons. Out of scope: the tests (science/group_comparison), other passages.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from hnbc_assets.report.headline.wording import TIE, Tables, rows
from hnbc_assets.report.wording import listed, signed
from hnbc_assets.science.microenvironment.methods import METHODS, label_of

FDR = 0.05
NAMED = 3


def immune(tables: Tables) -> Iterator[str]:
    """One line per method in the training cohort, or why there is none; relative methods only if no other ran."""
    tests = rows(tables, "immune_associations", "cohort_id", "method", "cell_type", "p_value")
    cohort = _compared_cohort(tables, tests)
    if cohort is None:
        yield _no_comparison(tables, "cell population")
        return
    methods = sorted(tests.loc[tests["cohort_id"] == cohort, "method"].unique())
    relative = {name for name, method in METHODS.items() if method.relative_only}
    for method in [m for m in methods if m not in relative] or methods:
        own = tests["method"] == method
        text = _differences(tests[own], cohort, "cell_type", tests.loc[own, "cell_type"], ("higher", "lower"))
        yield f"{label_of(str(method))}, {text}"


def drugs(tables: Tables) -> str:
    """Drugs whose predicted sensitivity differs with risk, and how many models were too poor to compare."""
    if missing := _missing(tables):
        return f"missing: {missing}"
    tests = rows(tables, "drug_associations", "cohort_id", "drug_id", "drug_name", "p_value")
    cohort = _compared_cohort(tables, tests)
    if cohort is None:
        return _no_comparison(tables, "drug")
    differing = _differences(tests, cohort, "drug_id", _drug_names(tests), ("less sensitive", "more sensitive"))
    clauses = [differing, _unskilled(tables, cohort)]
    origin = "predicted from GDSC, whose use is non-commercial; relative within each cohort, not absolute ln IC50"
    return f"{'; '.join(clause for clause in clauses if clause)} ({origin})"


def _missing(tables: Tables) -> str:
    """Why the database was published without drugs; empty where it has them."""
    checks = rows(tables, "check_results", "asset", "check_name", "passed", "description")
    failed = checks[(checks["check_name"] == "drugs_complete") & ~checks["passed"].fillna(True).astype(bool)]
    return str(failed["description"].iloc[0]) if len(failed) else ""


def _drug_names(tests: pd.DataFrame) -> pd.Series:
    """Each row's drug by name; with its identifier where several drugs of GDSC have the same name."""
    name = tests["drug_name"].astype(str)
    several = tests.groupby("drug_name")["drug_id"].transform("nunique") > 1
    return name.where(~several, name + f"{TIE}[" + tests["drug_id"].astype(str) + "]")


def _unskilled(tables: Tables, cohort: str) -> str:
    """How many of a cohort's models predict left-out cell lines too poorly to be compared."""
    models = rows(tables, "drug_models", "cohort_id", "penalty", "compared", "min_cv_pearson")
    fitted = models[(models["cohort_id"] == cohort) & models["penalty"].notna()]
    n = int((~fitted["compared"].astype(bool)).sum())
    least = f"{fitted['min_cv_pearson'].iloc[0]:g}" if n else ""
    return f"{n} of {len(fitted)} models left out, their cross-validated r below {least}" if n else ""


def _no_comparison(tables: Tables, what: str) -> str:
    models = rows(tables, "drug_models", "compared")
    if rows(tables, "signature").empty:
        why = "there are no risk groups"
    elif what == "drug" and len(models) and not models["compared"].astype(bool).any():
        why = "no model predicts left-out cell lines well enough (drug_models gives the reason for each drug)"
    else:
        why = "no cohort has both groups and scores"
    return f"no {what} was compared: {why}"


def _compared_cohort(tables: Tables, tests: pd.DataFrame) -> str | None:
    """The training cohort if it was compared, otherwise the first that was."""
    compared = list(tests.loc[tests["p_value"].notna(), "cohort_id"].unique())
    made = rows(tables, "signatures", "cohort_id")["cohort_id"]
    training = [cohort for cohort in made if cohort in compared]
    return (training + compared + [None])[0]


def _differences(tests: pd.DataFrame, cohort: str, key: str, name: pd.Series, words: tuple[str, str]) -> str:
    """How many differ, unadjusted and adjusted, the strongest that remain, and how many of these in other cohorts.

    A difference remains after adjustment when it is in both comparisons and in the same direction.

    tests : rows of one method, all cohorts; key : what identifies a feature; name : the name of each row's feature
    """
    tests = tests.assign(label=name.to_numpy())
    tested = tests[(tests["cohort_id"] == cohort) & tests["p_value"].notna()]
    was_adjusted = tested["adjusted_p_value"].notna().any()
    plain, adjusted, same_sign = _verdicts(tested)
    text = f"{cohort}: {int(plain.sum())} of {len(tested)} differ with risk at FDR {FDR:g}"
    if was_adjusted:
        used = tested["adjusted_for"].dropna()
        covariates = listed(used.iloc[0].replace("er_status", "ER").replace("_", " ").split(", "))
        text += f", {int((plain & adjusted & same_sign).sum())} of them the same way also adjusted for {covariates}"
        n_reversed = int((plain & adjusted & ~same_sign).sum())
        text += f", {n_reversed} reversed by it" if n_reversed else ""
    lasting = tested[plain & adjusted & same_sign if was_adjusted else plain]
    strongest = lasting.sort_values("effect", key=abs, ascending=False)
    for word, of_sign in ((words[0], strongest["effect"] > 0), (words[1], strongest["effect"] < 0)):
        named = [f"{row['label']}{TIE}({signed(row['effect'], 2)})" for _, row in strongest[of_sign][:NAMED].iterrows()]
        if named:
            text += f"; {word} in high risk: {', '.join(named)}"
    others = tests[tests["cohort_id"] != cohort]
    return text + (_elsewhere(others, lasting, key, was_adjusted) if len(lasting) and len(others) else "")


def _elsewhere(others: pd.DataFrame, lasting: pd.DataFrame, key: str, was_adjusted: bool) -> str:
    """How many of the same features differ in the same direction, also adjusted, in each of the other cohorts."""
    again = others.merge(lasting[[key, "effect"]], on=key, suffixes=("", "_here"), validate="many_to_one")
    plain, adjusted, same_sign = _verdicts(again)
    same = plain & (again["effect"] * again["effect_here"] > 0)
    if was_adjusted:
        same &= adjusted & same_sign
    counts = same.groupby(again["cohort_id"], sort=False).sum()
    if counts.empty:
        return ""
    elsewhere = ", ".join(f"{cohort}{TIE}{n}" for cohort, n in counts.items())
    return f"; the same way in {elsewhere} of the {len(lasting)}"


def _verdicts(tests: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series]:
    """For each row: an unadjusted difference; an adjusted one; both effects of the same sign."""
    same_sign = tests["effect"].astype(float) * tests["adjusted_effect"].astype(float) > 0
    return tests["fdr"] < FDR, tests["adjusted_fdr"] < FDR, same_sign
