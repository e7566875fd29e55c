"""`dg scaffold defs` in a copy of the project: what it adds is an asset of the code location."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import hnbc_assets

ROOT = Path(hnbc_assets.__file__).parent.parent
LOADED = """
from hnbc_assets import definitions
keys = {key.to_user_string() for key in definitions.defs().resolve_all_asset_keys()}
print(definitions.__file__, "risk_scores" in keys, "mine" in keys)
"""


def test_an_asset_that_dg_scaffolds_is_loaded_with_the_study(tmp_path):
    copy = tmp_path / "project"
    shutil.copytree(ROOT / "hnbc_assets", copy / "hnbc_assets", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    place = {"HNBC_UPSTREAM": "simulated", "HNBC_DATA_LAKE": str(tmp_path / "lake"), "PYTHONPATH": str(copy)}
    given = {"cwd": copy, "env": os.environ | place, "text": True, "capture_output": True, "timeout": 600}
    dg = Path(sys.executable).with_name("dg")
    made = subprocess.run([dg, "scaffold", "defs", "dagster.asset", "mine.py"], **given, check=False)
    assert made.returncode == 0, made.stderr
    assert (copy / "hnbc_assets" / "own" / "mine.py").exists()
    loaded = subprocess.run([sys.executable, "-c", LOADED], **given, check=False)
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.split() == [str(copy / "hnbc_assets" / "definitions.py"), "True", "True"]
