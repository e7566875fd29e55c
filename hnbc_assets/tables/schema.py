"""How a table is described: once, as a class, for checks, the UI, DuckDB's comments and the dictionary.

In scope: the `Table` base class and `column()`. Out of scope: any particular table (one file per stage in this folder),
where tables are stored (lake), what fills them (science).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from hnbc_assets.digits import DECIMALS, DIGITS, SCORE_DECIMALS, SCORE_DIGITS, rounded

if TYPE_CHECKING:
    import pandera.pandas as pa

DTYPES = {"str": "object", "float": "float64", "int": "Int64", "bool": "boolean"}
SQL_TYPES = {"str": "VARCHAR", "float": "DOUBLE", "int": "BIGINT", "bool": "BOOLEAN"}


@dataclass(frozen=True)
class Column:
    """One column: what it means, its unit, its allowed values, and how many digits its floats are published with."""

    description: str
    unit: str = ""
    nullable: bool = False
    unique: bool = False
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    isin: tuple[str, ...] | None = None
    name: str = ""
    kind: str = "str"
    digits: int = DIGITS
    decimals: int | None = None

    @property
    def precision(self) -> str:
        """The digits that it is rounded to, as text; empty unless it is a float."""
        if self.kind != "float":
            return ""
        decimals = "" if self.decimals is None else f", at most {self.decimals} decimals"
        return f"{self.digits} significant digits{decimals}"

    @property
    def full_description(self) -> str:
        """The published description, with the precision."""
        return f"{self.description} ({self.precision})" if self.precision else self.description

    @property
    def allowed(self) -> str:
        """Its allowed values as text: a list, a range, or empty where any value is allowed."""
        if self.isin is not None:
            return ", ".join(self.isin)
        if self.kind == "bool":
            return "true, false"
        least = f"over {self.gt:g}" if self.gt is not None else f"from {self.ge:g}" if self.ge is not None else ""
        return " ".join(filter(None, (least, f"to {self.le:g}" if self.le is not None else "")))


def column(
    description: str,
    *,
    unit: str = "",
    nullable: bool = False,
    unique: bool = False,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    isin: Iterable[str] | None = None,
    digits: int = DIGITS,
    decimals: int | None = None,
) -> Any:
    """Describe a column of a `Table`; its type is the class attribute's annotation (str, float, int or bool).

    Floats are rounded to `digits` significant digits when they are published, and to at most `decimals` decimals. The
    default is 10 decimals for columns that may be negative, and no limit for others.
    """
    either_sign = gt is None and (ge is None or ge < 0)
    allowed = tuple(map(str, isin)) if isin is not None else None
    decimals = DECIMALS if decimals is None and either_sign else decimals
    return Column(description, unit, nullable, unique, ge, gt, le, allowed, digits=digits, decimals=decimals)


def score(description: str, *, unit: str = "", nullable: bool = False) -> Any:
    """Describe a column of risk scores, or of their cut-offs."""
    return column(description, unit=unit, nullable=nullable, digits=SCORE_DIGITS, decimals=SCORE_DECIMALS)


class Table:
    """Base of all table descriptions. The docstring's first line is the table's comment, `key` its unique key."""

    key: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[dict[str, Column]] = {}

    def __init_subclass__(cls) -> None:
        described: dict[str, Column] = dict(cls.columns)  # a table may extend another
        for name, kind in cls.__annotations__.items():
            value = cls.__dict__.get(name)
            if isinstance(value, Column):
                described[name] = Column(**(value.__dict__ | {"name": name, "kind": getattr(kind, "__name__", kind)}))
                delattr(cls, name)  # a column may have the name of a method below
        cls.columns = described
        unknown = set(cls.key) - set(described)
        if unknown:
            raise TypeError(f"{cls.__name__}: the key names no column {sorted(unknown)}")

    @classmethod
    def table_name(cls) -> str:
        """The published name: the class name in snake case."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def comment(cls) -> str:
        """The first paragraph of the docstring, on one line."""
        return " ".join((cls.__doc__ or "").strip().split("\n\n")[0].split())

    @classmethod
    def empty(cls) -> pd.DataFrame:
        """A frame of this table's columns and types with no rows."""
        return cls.conform(pd.DataFrame({name: [] for name in cls.columns}))

    @classmethod
    def conform(cls, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with this table's columns, in their order and types; missing optional columns become nulls.

        Floats are rounded to their column's digits, so that what is stored and hashed is the same on every machine.

        Raises
        ------
        ValueError
            If a required column is absent, a column is not described, or a value cannot take its column's type.
        """
        unknown = [name for name in frame.columns if name not in cls.columns]
        absent = [name for name, c in cls.columns.items() if name not in frame.columns and not c.nullable]
        if unknown or (absent and len(frame)):
            raise ValueError(f"{cls.table_name()}: columns not described {unknown}, columns missing {absent}")
        out = {}
        for name, described in cls.columns.items():
            values = frame[name] if name in frame.columns else pd.Series([None] * len(frame), index=frame.index)
            try:
                out[name] = _cast(values, described)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{cls.table_name()}.{name}: {error}") from error
        return pd.DataFrame(out).reset_index(drop=True)

    @classmethod
    def problems(cls, frame: pd.DataFrame) -> pd.DataFrame:
        """Every value that breaks this description: rows of column, check, failure_case; empty if there is none."""
        import pandera.errors

        try:
            cls._pandera().validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as errors:
            return errors.failure_cases[["column", "check", "failure_case"]].reset_index(drop=True)
        return pd.DataFrame(columns=["column", "check", "failure_case"])

    @classmethod
    def dictionary(cls) -> list[dict[str, str]]:
        """One entry per column: name, type (DuckDB's), unit, description, allowed values, place in the key, nullable.

        All are text, as parquet footers need it: `key` is 1, 2 … or empty, `nullable` yes or no.
        """
        places = {name: str(place) for place, name in enumerate(cls.key, 1)}
        return [
            {
                "name": c.name,
                "type": SQL_TYPES[c.kind],
                "unit": c.unit,
                "description": c.full_description,
                "allowed": c.allowed,
                "key": places.get(c.name, ""),
                "nullable": "yes" if c.nullable else "no",
            }
            for c in cls.columns.values()
        ]

    @classmethod
    def _pandera(cls) -> pa.DataFrameSchema:
        import pandera.pandas as pa

        described = {}
        for name, c in cls.columns.items():
            checks = []
            if c.ge is not None:
                checks.append(pa.Check.ge(c.ge))
            if c.gt is not None:
                checks.append(pa.Check.gt(c.gt))
            if c.le is not None:
                checks.append(pa.Check.le(c.le))
            if c.isin is not None:
                checks.append(pa.Check.isin(c.isin))
            described[name] = pa.Column(DTYPES[c.kind], checks, nullable=c.nullable, unique=c.unique)
        return pa.DataFrameSchema(described, strict=True, unique=list(cls.key) or None)


def _cast(values: pd.Series, described: Column) -> pd.Series:
    """Values in the column's type and rounded to its digits, missing ones as that type's null."""
    kind = described.kind
    if kind == "float":
        numbers = pd.to_numeric(values, errors="raise").astype("float64")
        return pd.Series(rounded(numbers, described.digits, described.decimals), index=values.index)
    if kind == "int":
        return pd.to_numeric(values, errors="raise").astype("Int64")
    if kind == "bool":
        return values.map(lambda v: pd.NA if pd.isna(v) else bool(v)).astype("boolean")
    return values.astype(object).map(lambda v: None if pd.isna(v) else str(v)).astype(object)
