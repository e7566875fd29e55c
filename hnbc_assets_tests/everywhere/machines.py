"""Other machines, as far as one machine can emulate them: processors, linear-algebra kernels, threads.

In scope: environments in which a process computes as another machine would. Out of scope: what must be equal.

`OPENBLAS_CORETYPE` chooses the kernels of numpy's and scipy's OpenBLAS, `NPY_DISABLE_CPU_FEATURES` numpy's own loops
(exponentials and logarithms differ by a last digit), `GLIBC_TUNABLES` the C library's functions.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache

import pytest

# For each generation of processors: OpenBLAS's kernels, numpy's loops and the C library's functions.
NO_AVX512 = "X86_V4 AVX512_ICL AVX512_SPR"
PROCESSORS = {
    "Prescott": {
        "OPENBLAS_CORETYPE": "Prescott",
        "NPY_DISABLE_CPU_FEATURES": f"X86_V3 {NO_AVX512}",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2,-AVX512F",
    },
    "Haswell": {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": NO_AVX512},
    "SkylakeX": {"OPENBLAS_CORETYPE": "SkylakeX"},
}
# Each processor once, with one thread or two; and every combination.
MACHINES = {
    f"{name}, {threads} threads": PROCESSORS[name] | {"OPENBLAS_NUM_THREADS": str(threads)}
    for name, threads in (("Prescott", 1), ("Haswell", 2), ("SkylakeX", 2))
}
ALL_MACHINES = {
    f"{name}, {threads} threads": processor | {"OPENBLAS_NUM_THREADS": str(threads)}
    for name, processor in PROCESSORS.items()
    for threads in (1, 2)
}
PROBE = """
import json, numpy, threadpoolctl
numpy.ones((64, 64)) @ numpy.ones((64, 64))
print(json.dumps([i["architecture"] for i in threadpoolctl.threadpool_info() if i["internal_api"] == "openblas"]))
"""


def python(arguments: list[str], machine: dict[str, str], **options: object) -> subprocess.CompletedProcess[str]:
    """A Python process that computes as another machine would."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    environment = kept | {"PYTHONWARNINGS": "ignore::ImportWarning"} | machine
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, **options)


@cache
def architecture(name: str) -> str:
    """The OpenBLAS kernels in effect on a processor; empty if they cannot run here or numpy has no OpenBLAS."""
    probed = python(["-c", PROBE], PROCESSORS[name])
    found = json.loads(probed.stdout) if probed.returncode == 0 else []
    return " and ".join(found)


def need_processors() -> None:
    """Skip the test if this machine cannot emulate three processors with different kernels."""
    kernels = {name: architecture(name) for name in PROCESSORS}
    if len({found for found in kernels.values() if found}) < len(PROCESSORS):
        pytest.skip(f"OPENBLAS_CORETYPE does not choose {len(PROCESSORS)} different kernels here; in effect: {kernels}")
