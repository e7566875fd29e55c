"""The code location: what Dagster loads.

In scope: the one function that Dagster calls. Out of scope: any definition (defs, own).
"""

from pathlib import Path

import dagster as dg

from hnbc_assets.defs import build_definitions
from hnbc_assets.study import load_study

PACKAGE = Path(__file__).parent


@dg.definitions
def defs() -> dg.Definitions:
    """The study of the environment (HNBC_STUDY, HNBC_UPSTREAM, HNBC_DATA_LAKE), and what `dg scaffold` put in `own`."""
    study = build_definitions(load_study())
    added = [path for path in (PACKAGE / "own").rglob("*") if path.suffix in (".py", ".yaml")]
    if added == [PACKAGE / "own" / "__init__.py"]:
        return study
    return dg.Definitions.merge(study, dg.load_from_defs_folder(path_within_project=PACKAGE))
