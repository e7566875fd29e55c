"""A method of immune infiltration, as its own module declares it.

In scope: what a declaration says. Out of scope: any particular method (methods/), whether a
cohort allows it (applicability.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

GeneSets = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Method:
    """One method.

    Attributes
    ----------
    name : as published in the column `method`
    label : as figures and the headline show it
    score : populations × patients, from genes × patients and population → symbols
    scales : the expression scales that it allows
    refusal : why it refuses the others, as the beginning of a sentence
    order : its place among the methods
    relative_only : whether only differences between patients of one cohort are meaningful
    few_markers : whether a population may have fewer genes than the study's minimum
    on_markers : whether it scores the marker table, and never the study's other gene sets
    """

    name: str
    label: str
    score: Callable[[pd.DataFrame, GeneSets], pd.DataFrame]
    scales: Collection[str]
    refusal: str = ""
    order: int = 100
    relative_only: bool = False
    few_markers: bool = False
    on_markers: bool = False
