"""The same numbers on every machine: files, tables and signatures, by their hashes.

A machine is a processor's generation (OpenBLAS's kernels, numpy's loops, the C library's functions) and a number of
threads: see machines. Tables are compared by the data version in each file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from hnbc_assets.lake import parquet
from hnbc_assets.study import PACKAGED
from hnbc_assets_tests.everywhere import machines

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT / "hnbc_assets_tests" / "studies" / "real.yaml"
STAGES = ["-m", "hnbc_assets_tests.everywhere.stages"]
HNBC = ["-c", "from hnbc_assets.cli import main; main()"]


def differing(made: dict[str, dict[str, str]]) -> dict[str, list[str]]:
    """For each machine: what differs from the first one."""
    first, *others = made
    names = {name: made[first].keys() | made[name].keys() for name in others}
    found = {name: sorted(n for n in names[name] if made[first].get(n) != made[name].get(n)) for name in others}
    return {name: what for name, what in found.items() if what}


def versions(lake: Path) -> dict[str, str]:
    """The data version of every table of a lake, and the name of its signature."""
    tables = lake / "tables"
    found = {
        str(path.relative_to(tables).with_suffix("")): parquet.read_provenance(path).data_version
        for path in sorted(tables.rglob("*.parquet"))
    }
    return found | {"signature_id": parquet.read(tables / "signatures.parquet").signature_id[0]}


def run(lake: Path, study: Path, upstream: str, machine: dict[str, str], *options: str) -> dict[str, str]:
    """`hnbc run` on a machine; returns the versions of what it made."""
    variables = {"HNBC_DATA_LAKE": str(lake), "HNBC_STUDY": str(study), "HNBC_UPSTREAM": upstream, "DAGSTER_HOME": ""}
    ended = machines.python([*HNBC, "run", *options], machine | variables)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return versions(lake)


def test_files_tables_and_signatures_are_the_same_on_three_machines():
    """Every file of a small simulated upstream, and the results of each stage for its patients."""
    machines.need_processors()
    made = {
        name: json.loads(machines.python(STAGES, machine, check=True, cwd=ROOT).stdout)
        for name, machine in machines.MACHINES.items()
    }
    assert differing(made) == {}
    one = next(iter(made.values()))
    assert len(one) > 200
    assert len(one["genes"].split()) > 1


@pytest.mark.full
def test_the_demo_is_the_same_on_every_machine(tmp_path):
    machines.need_processors()
    made = {
        name: run(tmp_path / f"lake {number}", PACKAGED, "simulated", machine)
        for number, (name, machine) in enumerate(machines.ALL_MACHINES.items())
    }
    slowest = machines.MACHINES["SkylakeX, 2 threads"]
    made["multiprocess"] = run(tmp_path / "processes", PACKAGED, "simulated", slowest, "--executor", "multiprocess")
    assert differing(made) == {}


@pytest.mark.full
@pytest.mark.real
def test_the_study_of_real_patients_is_the_same_on_every_machine(replica, tmp_path):
    machines.need_processors()
    made = {
        name: run(tmp_path / f"lake {number}", REAL, replica.base, machine)
        for number, (name, machine) in enumerate(machines.MACHINES.items())
    }
    other = machines.MACHINES["Prescott, 1 threads"]
    made["multiprocess"] = run(tmp_path / "processes", REAL, replica.base, other, "--executor", "multiprocess")
    assert differing(made) == {}


def test_machines_differ_in_what_they_compute():
    """Otherwise the tests above would show nothing: unrounded products and exponentials differ in their bits."""
    machines.need_processors()
    program = (
        "import hashlib, numpy as np; x = np.random.default_rng(1).normal(size=(200, 200)); "
        "print(*(hashlib.sha256(y.tobytes()).hexdigest() for y in (x @ x, np.exp(x))))"
    )
    made = [machines.python(["-c", program], m, check=True).stdout.split() for m in machines.MACHINES.values()]
    products, exponentials = ({sums[i] for sums in made} for i in (0, 1))
    assert len(products) > 1
    assert len(exponentials) > 1 or sys.platform != "linux" or "avx512f" not in Path("/proc/cpuinfo").read_text()
