"""The analysis set: which patients of a cohort a survival analysis uses, on values that can be compared.

In scope: matching included patients with a usable endpoint to their expression. Out of scope: who is included
(science/cohorts), any model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hnbc_assets.science.signature.scoring import rank_normalise
from hnbc_assets.science.signature.survival_data import BoolArray, FloatArray
from hnbc_assets.vocabulary import SOURCE_SCALED


@dataclass(frozen=True)
class AnalysisSet:
    """A cohort's included patients.

    expression : genes × patients, every included patient with expression
    survival : index patient_id, of those with a usable endpoint; time_days (> 0) and event
    ranked : values were replaced by normal scores, gene by gene
    """

    expression: pd.DataFrame
    survival: pd.DataFrame
    ranked: bool = False

    @property
    def evaluable(self) -> pd.DataFrame:
        """genes × patients with a usable endpoint, in the order of `survival`."""
        return self.expression[list(self.survival.index)]

    def standardised(self, genes: Sequence[str]) -> pd.DataFrame:
        """genes × evaluable patients, each gene to mean 0 and sd 1 (n − 1); a constant gene is missing throughout."""
        values = self.evaluable.loc[list(genes)]
        sd = values.std(axis=1, ddof=1)
        return values.sub(values.mean(axis=1), axis=0).div(sd.where(sd > 0), axis=0)

    @property
    def time(self) -> FloatArray:
        """(n_evaluable,), days."""
        return self.survival["time_days"].to_numpy(dtype=float)

    @property
    def event(self) -> BoolArray:
        """(n_evaluable,), True where the event was observed."""
        return self.survival["event"].to_numpy(dtype=bool)


def analysis_set(
    patients: pd.DataFrame, expression: pd.DataFrame, endpoint: str | None, *, scale: str, rank: bool = False
) -> AnalysisSet:
    """The included patients of one cohort.

    Parameters
    ----------
    patients : rows of the table `patients` of one cohort
    expression : genes × patients
    endpoint : os, dss, pfi or drfs; None where the cohort has none
    scale : `expression_scale` of the cohort; z-scores, whose tails depend on an unknown reference, become normal scores
    rank : use normal scores on any scale (where the signature was trained on them)
    """
    included = patients[patients["included"].astype(bool)]
    included = included[included["patient_id"].isin(expression.columns)].set_index("patient_id")
    values = expression[list(included.index)]
    ranked = rank or scale in SOURCE_SCALED
    if ranked:
        values = rank_normalise(values)
    if endpoint is None:
        nothing = {"time_days": np.array([], dtype=float), "event": np.array([], dtype=bool)}
        return AnalysisSet(values, pd.DataFrame(nothing, index=pd.Index([], name="patient_id", dtype=object)), ranked)
    time, event = included[f"{endpoint}_days"], included[f"{endpoint}_event"]
    known = (time.notna() & event.notna()).to_numpy()
    survival = pd.DataFrame({"time_days": time[known].astype(float), "event": event[known].astype(bool)})
    return AnalysisSet(values, survival, ranked)
