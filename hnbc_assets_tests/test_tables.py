"""Table descriptions: defined once, complete, and enforced."""

import pandas as pd
import pytest

from hnbc_assets import tables
from hnbc_assets.tables import Table, column

EVERY = [t for t in (getattr(tables, name) for name in tables.__all__) if isinstance(t, type) and t is not Table]
EVERY = [t for t in EVERY if issubclass(t, Table)]


class Example(Table):
    """An example. Of one line.

    And another paragraph.
    """

    key = ("gene",)
    gene: str = column("symbol")
    days: float = column("time", unit="days", nullable=True, gt=0)
    n: int = column("count", nullable=True)
    yes: bool = column("whether", nullable=True)


@pytest.mark.parametrize("table", EVERY, ids=lambda t: t.table_name())
def test_every_table_and_column_is_described(table):
    assert table.comment()
    assert table.columns
    assert all(c.description for c in table.columns.values())
    assert table.problems(table.empty()).empty


def test_the_dictionary_states_values_range_and_key():
    described = {c["name"]: (c["allowed"], c["key"], c["nullable"]) for c in Example.dictionary()}
    assert described == {
        "gene": ("", "1", "no"),
        "days": ("over 0", "", "yes"),
        "n": ("", "", "yes"),
        "yes": ("true, false", "", "yes"),
    }
    patients = {c["name"]: c["allowed"] for c in tables.Patients.dictionary()}
    assert patients["er_status"] == "positive, negative, indeterminate"
    assert patients["stage_group"] == "0, I, II, III, IV"
    assert patients["os_days"] == "over 0 to 36525"


PUBLISHED = [t for t in EVERY if t.table_name() not in ("manifest",)]


@pytest.mark.parametrize("table", PUBLISHED, ids=lambda t: t.table_name())
def test_every_published_table_has_a_key(table):
    assert table.key


def test_a_name_has_one_type_in_every_table():
    kinds: dict[str, set[str]] = {}
    for table in EVERY:
        for name, described in table.columns.items():
            kinds.setdefault(name, set()).add(described.kind)
    assert {name: found for name, found in kinds.items() if len(found) > 1} == {}


def test_conform_orders_casts_and_fills_what_may_be_missing():
    frame = Example.conform(pd.DataFrame({"yes": [1, None], "gene": ["A", "B"]}))
    assert list(frame.columns) == ["gene", "days", "n", "yes"]
    assert frame.yes[0]
    assert frame.yes.isna().tolist() == [False, True]
    assert frame.days.isna().all()
    assert Example.problems(frame).empty


def test_undescribed_and_missing_columns_are_refused_by_name():
    with pytest.raises(ValueError, match="nonsense"):
        Example.conform(pd.DataFrame({"gene": ["A"], "nonsense": [1]}))
    with pytest.raises(ValueError, match="gene"):
        Example.conform(pd.DataFrame({"days": [1.0]}))
    with pytest.raises(ValueError, match=r"example\.days"):
        Example.conform(pd.DataFrame({"gene": ["A"], "days": ["soon"]}))


def test_values_that_break_the_description_are_named():
    wrong = Example.problems(Example.conform(pd.DataFrame({"gene": ["A", "A", None], "days": [1.0, -2.0, None]})))
    assert {"gene", "days"} <= set(wrong.column)
    assert -2.0 in set(wrong.failure_case)


def test_the_comment_is_the_first_paragraph_on_one_line():
    assert Example.comment() == "An example. Of one line."
    assert Example.table_name() == "example"
