"""The code location: what Dagster loads.

In scope: the one function that Dagster calls. Out of scope: any definition (defs).
"""

import dagster as dg

from hnbc_assets.defs import build_definitions
from hnbc_assets.study import load_study


@dg.definitions
def defs() -> dg.Definitions:
    """The study of the environment (HNBC_STUDY, HNBC_UPSTREAM, HNBC_DATA_LAKE)."""
    return build_definitions(load_study())
