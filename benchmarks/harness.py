"""The stopwatch: runs every peer of a kernel in a process of its own; prints what it took and how far it is from ours.

Belongs here: how time, memory and agreement are measured. Does not: any kernel or its inputs (bench_<kernel>.py).

A benchmark file defines `benchmarks(size) -> list[Benchmark]` (size is "small" or "full") and ends with
`if __name__ == "__main__": main(benchmarks)`. The first peer of a benchmark is ours. A Python peer is a function at
module level that takes the inputs, does everything that is not to be timed (imports, conversions, compiling), and
returns a callable without arguments: the kernel, giving a dictionary of named arrays. An R peer is two pieces of R: the
preparation, and an expression giving a named list of vectors or matrices; the inputs are variables of the same names.
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

Inputs = dict[str, Any]
Outputs = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Peer:
    """A peer in Python. `fraction` is the share of the work that it does: its seconds are divided by it, marked ≈."""

    name: str
    prepare: Callable[[Inputs], Callable[[], Outputs]]
    fraction: float = 1.0
    repeats: int = 3


@dataclass(frozen=True)
class RPeer:
    """A peer in R. It is left out, and said so, where Rscript or one of its packages is missing."""

    name: str
    prepare: str
    kernel: str
    packages: tuple[str, ...] = ()
    fraction: float = 1.0
    repeats: int = 3


@dataclass(frozen=True)
class Benchmark:
    """A kernel, its inputs and its peers, ours first.

    Inputs are arrays (float, integer, Boolean), lists of text, lists of lists of text, numbers, text or paths.
    `goals` maps a peer's name (or its beginning) to how many times faster ours is meant to be.
    """

    kernel: str
    inputs: Inputs
    peers: Sequence[Peer | RPeer]
    size: str = ""
    goals: dict[str, float] = field(default_factory=dict)
    seconds_allowed: float = 1800

    def table(self) -> str:
        """Measure it and say what was found, as markdown."""
        return report(self, measure(self))


@dataclass(frozen=True)
class Measurement:
    """What one peer took. `extra_mb` is the peak above what the process held before the kernel began."""

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
        _write_inputs(benchmark.inputs, Path(folder))
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
        difference = "ours" if m is ours else "; ".join(_differences(ours.outputs, m.outputs)) or "not comparable"
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
    """A benchmark of any kind: what is measured when it is asked for its table."""

    def table(self) -> str:
        """What was measured, as markdown."""


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
            return Measurement(peer.name, failure="Rscript is not there")
        script = result / "peer.R"
        script.write_text(_r_script(peer, folder, result))
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
    outputs = _read_outputs(result, from_r=isinstance(peer, RPeer))
    return Measurement(peer.name, figures["seconds"] / peer.fraction, extra, peak, peer.fraction, outputs)


def _module_of(function: Callable) -> str:
    """The importable name of a function's module, also where that module is the running program."""
    if function.__module__ != "__main__":
        return function.__module__
    spec = sys.modules["__main__"].__spec__
    if spec is None:
        raise SystemExit("run a benchmark as a module: python -m benchmarks.bench_<kernel>")
    return spec.name


def _child(module: str, function: str, folder: str, result: str, repeats: str) -> None:
    """Runs in the fresh process: prepare, forget the peak so far, time the kernel, keep the best of the repeats."""
    kernel = getattr(importlib.import_module(module), function)(_read_inputs(Path(folder)))
    before, first_peak, best, outputs = _memory_kb("VmRSS"), 0, math.inf, {}
    _forget_peak()
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
    """VmRSS (now) or VmHWM (peak) of this process; where there is no /proc, the peak since it began."""
    status = Path("/proc/self/status")
    if not status.exists():
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(entry))


def _forget_peak() -> None:
    """Start VmHWM afresh, where the kernel allows it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


# --- inputs and outputs as files -------------------------------------------------------------------------------------


def _write_inputs(inputs: Inputs, folder: Path) -> None:
    plain: dict[str, Any] = {}
    for name, value in inputs.items():
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
            np.save(folder / f"{name}.npy", value)
            np.asarray(value, dtype=float).ravel(order="F").tofile(folder / f"{name}.bin")
            (folder / f"{name}.shape").write_text(" ".join(map(str, value.shape)))
        else:
            plain[name] = str(value) if isinstance(value, Path) else value
            (folder / f"{name}.txt").write_text(_as_lines(plain[name]))
    (folder / "plain.json").write_text(json.dumps(plain))


def _as_lines(value: Any) -> str:
    """Text for R: an item a line; the members of an inner list are parted by tabs."""
    items = value if isinstance(value, list) else [value]
    return "".join("\t".join(item) + "\n" if isinstance(item, list) else f"{item}\n" for item in items)


def _read_inputs(folder: Path) -> Inputs:
    arrays = {path.stem: np.load(path) for path in folder.glob("*.npy")}
    return arrays | json.loads((folder / "plain.json").read_text())


def _read_outputs(result: Path, *, from_r: bool) -> dict[str, np.ndarray]:
    if not from_r:
        return {path.stem: np.load(path) for path in result.glob("*.npy")}
    outputs = {}
    for path in result.glob("*.bin"):
        shape = [int(n) for n in path.with_suffix(".shape").read_text().split()]
        outputs[path.stem] = np.fromfile(path).reshape(shape, order="F")
    return outputs


def _differences(ours: Outputs, theirs: Outputs) -> list[str]:
    """Per output the largest absolute and relative difference; a peer that did a part is compared on that part."""
    found = []
    for name in sorted(set(ours) & set(theirs)):
        a, b = np.atleast_1d(ours[name]), np.atleast_1d(theirs[name])
        if b.ndim != a.ndim or any(m > n for m, n in zip(b.shape, a.shape, strict=True)):
            found.append(f"{name}: shapes {a.shape} and {b.shape}")
            continue
        a = a[tuple(slice(n) for n in b.shape)]
        if not np.array_equal(np.isnan(a), np.isnan(b)):
            found.append(f"{name}: missing values differ")
            continue
        with np.errstate(invalid="ignore", divide="ignore"):
            gap = np.where(a == b, 0.0, np.abs(a - b))
            relative = np.where(gap == 0, 0.0, gap / np.maximum(np.abs(a), np.abs(b)))
        found.append(f"{name} {np.nanmax(gap, initial=0):.1e}; {np.nanmax(relative, initial=0):.1e}")
    return found


def _r_script(peer: RPeer, folder: Path, result: Path) -> str:
    """The R program of a peer: inputs as variables, preparation, the timed kernel, outputs as raw doubles."""
    return f"""
for (package in c({", ".join(f'"{p}"' for p in peer.packages)}))
  if (!requireNamespace(package, quietly = TRUE)) stop(paste("the R package", package, "is not there"))
for (file in list.files("{folder}", "[.]shape$", full.names = TRUE)) {{
  shape <- scan(file, quiet = TRUE)
  values <- readBin(sub("shape$", "bin", file), "double", if (length(shape)) prod(shape) else 1)
  assign(sub("[.]shape$", "", basename(file)), if (length(shape) > 1) array(values, shape) else values)
}}
for (file in list.files("{folder}", "[.]txt$", full.names = TRUE)) {{
  lines <- readLines(file)
  parted <- any(grepl("\\t", lines))
  assign(sub("[.]txt$", "", basename(file)), if (parted) strsplit(lines, "\\t") else lines)
}}
if (exists("values")) rm(values)
memory <- function(entry) {{
  if (!file.exists("/proc/self/status")) return(0)
  line <- grep(paste0("^", entry), readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line))
}}
{peer.prepare}
invisible(gc())
before <- memory("VmRSS")
try(cat("5", file = "/proc/self/clear_refs"), silent = TRUE)
kernel <- function() {{ {peer.kernel} }}
best <- Inf
for (i in seq_len({peer.repeats})) {{
  taken <- system.time(outputs <- kernel())[["elapsed"]]
  best <- min(best, taken)
  if (i == 1) after <- memory("VmHWM")
}}
for (name in names(outputs)) {{
  values <- outputs[[name]]
  shape <- if (is.null(dim(values))) length(values) else dim(values)
  cat(shape, file = file.path("{result}", paste0(name, ".shape")))
  writeBin(as.double(values), file.path("{result}", paste0(name, ".bin")))
}}
cat(sprintf('{{"seconds": %.9f, "before_kb": %.0f, "after_kb": %.0f}}', best, before, after),
    file = file.path("{result}", "measured.json"))
"""


if __name__ == "__main__":
    _child(*sys.argv[1:])
