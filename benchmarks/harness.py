"""The stopwatch: runs every peer of a kernel in its own process; prints its costs and its differences from ours.

In scope: how time, memory and agreement are measured. Out of scope: any kernel or its inputs (bench_<kernel>.py).

A benchmark file defines `benchmarks(size) -> list[Benchmark]` (size is "small" or "full") and ends with
`if __name__ == "__main__": main(benchmarks)`. The first peer of a benchmark is ours. A Python peer is a function at
module level that takes the inputs, does everything that is not timed (imports, conversions, compiling), and returns a
callable without arguments: the kernel, which returns a dictionary of named arrays. An R peer is two pieces of R: the
preparation, and an expression for a named list of vectors or matrices; the inputs are variables of the same names.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from benchmarks.exchange import (
    Inputs,
    Outputs,
    RPeer,
    differences,
    r_script,
    read_inputs,
    read_outputs,
    write_inputs,
)

__all__ = ["Benchmark", "Inputs", "Outputs", "Peer", "RPeer", "main", "measure", "report", "run_all"]


@dataclass(frozen=True)
class Peer:
    """A peer in Python. `fraction` is the share of the work that it does: its seconds are divided by it, marked ≈."""

    name: str
    prepare: Callable[[Inputs], Callable[[], Outputs]]
    fraction: float = 1.0
    repeats: int = 3


@dataclass(frozen=True)
class Benchmark:
    """A kernel, its inputs and its peers, ours first.

    Inputs are arrays (float, integer, Boolean), lists of text, lists of lists of text, numbers, text or paths.
    `goals` maps a peer's name (or its beginning) to how many times faster ours should be.
    """

    kernel: str
    inputs: Inputs
    peers: Sequence[Peer | RPeer]
    size: str = ""
    goals: dict[str, float] = field(default_factory=dict)
    seconds_allowed: float = 1800

    def table(self) -> str:
        """Measure it; the result as markdown."""
        return report(self, measure(self))


@dataclass(frozen=True)
class Measurement:
    """The costs of one peer. `extra_mb` is the peak above the process's memory before the kernel began."""

    peer: str
    seconds: float = math.nan
    extra_mb: float = math.nan
    peak_mb: float = math.nan
    fraction: float = 1.0
    outputs: Outputs = field(default_factory=dict)
    failure: str = ""


def measure(benchmark: Benchmark) -> list[Measurement]:
    """Run every peer, one after the other, each in a fresh process that reads the same files."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        write_inputs(benchmark.inputs, Path(folder))
        return [_run(peer, Path(folder), n, benchmark.seconds_allowed) for n, peer in enumerate(benchmark.peers)]


def report(benchmark: Benchmark, measurements: Sequence[Measurement]) -> str:
    """A markdown table: seconds, how many times ours is faster, memory, largest differences from ours."""
    ours = measurements[0]
    lines = [
        f"### {benchmark.kernel}" + (f" — {benchmark.size}" if benchmark.size else ""),
        "",
        "| peer | seconds | × ours | extra MB | peak MB | largest difference from ours (absolute; relative) |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for m in measurements:
        if m.failure:
            lines.append(f"| {m.peer} | – | – | – | – | {m.failure} |")
            continue
        about = "≈" if m.fraction < 1 else ""
        difference = "ours" if m is ours else "; ".join(differences(ours.outputs, m.outputs)) or "not comparable"
        lines.append(
            f"| {m.peer} | {about}{m.seconds:.3g} | {about}{m.seconds / ours.seconds:.3g} | {m.extra_mb:,.0f} "
            f"| {m.peak_mb:,.0f} | {difference} |"
        )
    for peer, goal in benchmark.goals.items():
        found = [m for m in measurements[1:] if m.peer.startswith(peer) and not m.failure]
        reached = [m.seconds / ours.seconds for m in found]
        measured = bool(reached) and not ours.failure
        verdict = "not measured" if not measured else ("reached" if min(reached) >= goal else "MISSED")
        lines.append(f"\ngoal: at least {goal:g} × {peer}: {verdict}")
    return "\n".join(lines) + "\n"


class Measurable(Protocol):
    """A benchmark of any kind, which is measured when its table is requested."""

    def table(self) -> str:
        """The measurements as markdown."""


def main(benchmarks: Callable[[str], Sequence[Measurable]]) -> None:
    """The command line of one benchmark file: `python -m benchmarks.bench_<kernel> --size small|full`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", choices=("small", "full"), default="small")
    run_all(benchmarks(parser.parse_args().size))


def run_all(benchmarks: Sequence[Measurable]) -> None:
    """Measure and print one benchmark after the other."""
    for benchmark in benchmarks:
        print(benchmark.table(), flush=True)


# --- one peer in a fresh process -------------------------------------------------------------------------------------


def _run(peer: Peer | RPeer, folder: Path, number: int, seconds_allowed: float) -> Measurement:
    result = folder / f"result_{number}"
    result.mkdir()
    if isinstance(peer, RPeer):
        if shutil.which("Rscript") is None:
            return Measurement(peer.name, failure="Rscript is missing")
        script = result / "peer.R"
        script.write_text(r_script(peer, folder, result))
        command = ["Rscript", "--vanilla", str(script)]
    else:
        module, function = _module_of(peer.prepare), peer.prepare.__qualname__
        command = [sys.executable, "-m", "benchmarks.harness", module, function, str(folder), str(result)]
        command.append(str(peer.repeats))
    root = Path(__file__).resolve().parent.parent
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=seconds_allowed, check=False)
    except subprocess.TimeoutExpired:
        return Measurement(peer.name, failure=f"stopped after {seconds_allowed:g} s")
    if done.returncode != 0 or not (result / "measured.json").exists():
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return Measurement(peer.name, failure=f"failed: {last}")
    figures = json.loads((result / "measured.json").read_text())
    extra, peak = (max(figures["after_kb"] - figures["before_kb"], 0) / 1024, figures["after_kb"] / 1024)
    outputs = read_outputs(result, from_r=isinstance(peer, RPeer))
    return Measurement(peer.name, figures["seconds"] / peer.fraction, extra, peak, peer.fraction, outputs)


def _module_of(function: Callable) -> str:
    """The importable name of a function's module, even if that module is the running program."""
    if function.__module__ != "__main__":
        return function.__module__
    spec = sys.modules["__main__"].__spec__
    if spec is None:
        raise SystemExit("run a benchmark as a module: python -m benchmarks.bench_<kernel>")
    return spec.name


def _child(module: str, function: str, folder: str, result: str, repeats: str) -> None:
    """Runs in the fresh process: prepare, reset the peak, time the kernel, keep the best of the repeats."""
    kernel = getattr(importlib.import_module(module), function)(read_inputs(Path(folder)))
    before, first_peak, best, outputs = _memory_kb("VmRSS"), 0, math.inf, {}
    _reset_peak()
    for repeat in range(int(repeats)):
        del outputs
        start = time.perf_counter()
        outputs = kernel()
        best = min(best, time.perf_counter() - start)
        if repeat == 0:
            first_peak = _memory_kb("VmHWM")
    for name, values in outputs.items():
        np.save(Path(result) / f"{name}.npy", np.asarray(values, dtype=float))
    figures = {"seconds": best, "before_kb": before, "after_kb": first_peak}
    (Path(result) / "measured.json").write_text(json.dumps(figures))


def _memory_kb(entry: str) -> int:
    """VmRSS (now) or VmHWM (peak) of this process; without /proc, the peak since it began."""
    status = Path("/proc/self/status")
    if not status.exists():
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(entry))


def _reset_peak() -> None:
    """Reset VmHWM, where the kernel allows it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


if __name__ == "__main__":
    _child(*sys.argv[1:])
