"""All benchmarks, or those named: `python -m benchmarks [kernel …] [--size small|full]`.

In scope: finding the benchmark files and running them in turn. Out of scope: measuring (harness.py).
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from benchmarks.harness import run_all


def main() -> None:
    """Run every bench_<kernel>.py in this folder, or only the named kernels."""
    known = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("kernels", nargs="*", metavar="kernel", help=f"any of: {', '.join(known)}; default: all")
    parser.add_argument("--size", choices=("small", "full"), default="small")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.kernels) - set(known))
    if unknown:
        parser.error(f"no benchmark named {', '.join(unknown)}; there are: {', '.join(known)}")
    for kernel in chosen.kernels or known:
        run_all(importlib.import_module(f"benchmarks.bench_{kernel}").benchmarks(chosen.size))


if __name__ == "__main__":
    main()
