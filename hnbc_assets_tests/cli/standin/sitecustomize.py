"""Replaces definitions and headline with small stand-ins in every process that has this folder on its path.

In scope: redirecting two modules. Out of scope: what the stand-ins do (standin_defs, standin_headline). With it the
command line is tested with the real Dagster, in real processes, on assets that take no time or fail on demand.
"""

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).parent
REPLACED = {"hnbc_assets.defs": "standin_defs.py", "hnbc_assets.report.headline.text": "standin_headline.py"}


class StandIns:
    """Finds the replaced modules here."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in REPLACED:
            return None
        real_modules = [
            str(Path(sys.modules["hnbc_assets"].__file__).parent / "defs")
        ]  # the real modules of defs remain
        package = real_modules if name == "hnbc_assets.defs" else None
        return importlib.util.spec_from_file_location(name, HERE / REPLACED[name], submodule_search_locations=package)


sys.meta_path.insert(0, StandIns)
