"""Signature methods: each module of this folder declares one as `METHOD`.

In scope: finding them, and the method of a signature. Out of scope: what a declaration says (method.py).
"""

from __future__ import annotations

import pandas as pd

from hnbc_assets.discovery import declared_in
from hnbc_assets.errors import StudyError
from hnbc_assets.science.signature.method import Method

METHODS: dict[str, Method] = {method.name: method for method in declared_in(__name__, "METHOD")}
"""Methods by name."""


def method_of(description: pd.Series) -> Method:
    """The method that trained a signature; its description names it in `penalty_rule`.

    Raises
    ------
    StudyError
        If this version does not have the method.
    """
    rule = description.penalty_rule
    for method in METHODS.values():
        if rule in (method.rules or (method.name,)):
            return method
    raise StudyError(
        f"signature {description.signature_id} was trained by the method {rule}; this version has "
        f"{', '.join(METHODS)}. Put the method's file back into hnbc_assets/science/signature/methods."
    )
