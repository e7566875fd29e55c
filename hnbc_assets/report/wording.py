"""Words that figures, headline and reports of releases share.

In scope: whether a value is present, signed numbers, p values, lists. Out of scope: words of one of them alone.
"""

from __future__ import annotations

import pandas as pd


def known(value: object) -> bool:
    """Whether a single value is present."""
    return value is not None and not pd.isna(value)


def signed(value: float, digits: int) -> str:
    """A number with its sign, for print; never "−0.00"."""
    return "–" if not known(value) else f"{round(float(value), digits) + 0.0:+.{digits}f}".replace("-", "−")


def p_text(p: float, space: str = " ") -> str:
    """ "p = 0.012", "p < 0.001" with this space around the sign, or "no p" where it is missing."""
    if not known(p):
        return "no p"
    return f"p{space}<{space}0.001" if p < 0.001 else f"p{space}={space}{p:.3f}"


def listed(words: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
