"""A signature method: what it declares, what it is trained on, and what its fit gives.

In scope: the protocol that every method follows. Out of scope: any particular method (methods/), the order of training
(training.py), which patients and genes a score needs (scoring.py, application.py).
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from hnbc_assets.science.signature.identity import numbers
from hnbc_assets.vocabulary import Penalty

if TYPE_CHECKING:
    from hnbc_assets.science.signature.analysis_set import AnalysisSet
    from hnbc_assets.science.signature.single_sample import SingleSampleSignature
    from hnbc_assets.science.signature.survival_data import FloatArray


@dataclass(frozen=True)
class Training:
    """What a method is trained on.

    Attributes
    ----------
    data : the training cohort
    entered : genes that enter the fit
    direction : `up_in_rd` or `up_in_pcr` by gene
    reference_genes : genes among which a patient's genes may be ranked, where the training cohort has them
    scale : `expression_scale` of the training cohort
    rule, folds, repeats, seed : of a cross-validation
    """

    data: AnalysisSet
    entered: Sequence[str]
    direction: pd.Series
    reference_genes: Sequence[str]
    scale: str
    rule: Penalty
    folds: int
    repeats: int
    seed: int


@dataclass(frozen=True)
class Fitted:
    """What a fit gives.

    Attributes
    ----------
    genes : gene, coefficient and, if the method has one, selection_frequency, in the order in which they are published.
        A coefficient's sign is that of the hazard; it is null if the method has none. No rows for a null result
    n_entered : genes that entered
    rule : as published in `penalty_rule`, one of the method's `rules`; the method's name by default
    alpha : the penalty, where there is one
    notes : caveats; of a null result, first its reason
    single_sample : the rank-based form of the score, where the method trains one
    tables : rows of the method's own tables (tables/methods), by the table's name; one that is not here is empty
    """

    genes: pd.DataFrame
    n_entered: int
    rule: str = ""
    alpha: float = np.nan
    notes: Sequence[str] = ()
    single_sample: SingleSampleSignature | None = None
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @classmethod
    def nothing(cls, reason: str, n_entered: int = 0) -> Fitted:
        """A null result."""
        genes = pd.DataFrame({"gene": pd.Series(dtype=object), "coefficient": pd.Series(dtype=float)})
        return cls(genes, n_entered, notes=[reason])


class Method(metaclass=ABCMeta):
    """A signature method. Its module has its name and declares an instance as `METHOD`.

    Attributes
    ----------
    name : as the study names it
    label : as texts show it
    citation : where it was published
    rules : what `penalty_rule` may contain for its signatures, by which these find their method; its name by default
    relative : whether a patient's score depends on the other patients, who must then be enough
    scales : the expression scales that it allows; all if empty
    refusal : why it refuses the others, as the beginning of a sentence
    """

    name: ClassVar[str]
    label: ClassVar[str]
    citation: ClassVar[str]
    rules: ClassVar[tuple[str, ...]] = ()
    relative: ClassVar[bool] = True
    scales: ClassVar[Collection[str]] = ()
    refusal: ClassVar[str] = ""

    @abstractmethod
    def fit(self, training: Training) -> Fitted:
        """The genes of the signature, from the patients with a usable endpoint."""

    @abstractmethod
    def score(self, expression: pd.DataFrame, genes: pd.DataFrame, *, own: bool) -> FloatArray | pd.Series:
        """(n_patients,): a higher score is a higher hazard; missing where a patient lacks a value.

        Parameters
        ----------
        expression : genes × patients, in the order of `genes`
        genes : rows of the table `signature` whose gene the cohort has
        own : whether it is the training cohort, of which `genes` has the means and standard deviations
        """

    @abstractmethod
    def recompute(self, expression: pd.DataFrame, genes: pd.DataFrame, *, own: bool) -> pd.Series:
        """The same scores by patient, computed in another way than `score`, for a check. Genes may be constant."""

    def identity(self, genes: pd.DataFrame) -> str:
        """What a signature's id is a hash of: by default the method's name and the numbers of the genes."""
        return f"{self.name}\n{numbers(genes)}"


def refused(method: Method, scale: str) -> str | None:
    """Why a method does not score values on this scale; None if it does."""
    if not method.scales or scale in method.scales:
        return None
    return f"{method.refusal}, which is meaningless where each gene is scaled over the patients ({scale})"
