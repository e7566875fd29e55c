"""How the frames of a release's report are read and worded in all its sections.

In scope: frames that may be missing, counted nouns, an estimate with its interval. Out of scope: the sections
(data, results), words shared with figures and headline (report/wording).
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from hnbc_assets.report.wording import known, signed
from hnbc_assets.tables.schema import Table

Frames = Mapping[str, pd.DataFrame]
ABSENT = "–"


def frame(frames: Frames, table: type[Table]) -> pd.DataFrame:
    """The frame of a table; missing columns are null, and a missing frame has no rows."""
    found = frames.get(table.table_name())
    if found is None or found.empty:
        return table.empty()
    return found.reindex(columns=list(dict.fromkeys([*found.columns, *table.columns]))).reset_index(drop=True)


def count(n: int, noun: str, plural: str | None = None) -> str:
    """ "1 file", "1,204 files", "no file"."""
    word = noun if n < 2 else (plural or f"{noun}s")
    return f"{n:,} {word}" if n else f"no {word}"


def be(n: int) -> str:
    """ "is" or "are", as `count` counts."""
    return "is" if n < 2 else "are"


def number(value: object, digits: int = 2) -> str:
    """A number in print, or a dash."""
    return f"{float(value):.{digits}f}".replace("-", "−") if known(value) else ABSENT  # type: ignore[arg-type]


def with_interval(estimate: object, lower: object, upper: object, digits: int = 2) -> str:
    """ "0.72 (0.65–0.79)"; limits below 0 are separated by "to"."""
    if not known(estimate):
        return ABSENT
    if not (known(lower) and known(upper)):
        return number(estimate, digits)
    dash = " to " if float(lower) < 0 or float(upper) < 0 else "–"  # type: ignore[arg-type]
    return f"{number(estimate, digits)} ({number(lower, digits)}{dash}{number(upper, digits)})"


def difference(value: object, lower: object = None, upper: object = None, digits: int = 3) -> str:
    """ "+0.012 (−0.003 to +0.027)", or a dash."""
    if not known(value):
        return ABSENT
    limits = f" ({signed(lower, digits)} to {signed(upper, digits)})" if known(lower) and known(upper) else ""  # type: ignore[arg-type]
    return signed(value, digits) + limits  # type: ignore[arg-type]


def text(value: object) -> str:
    """A value as text, or a dash if it is missing."""
    return str(value) if known(value) else ABSENT


def flags(column: pd.Series) -> pd.Series:
    """A column of true and false; null is false."""
    return column.astype("boolean").fillna(False).astype(bool)
