"""The whole main line: `hnbc run` on an empty lake, from the simulated upstream to the published database.

In scope: the study of this size, the run as a process, its time as a whole and by asset. Out of scope: any kernel with
its peers (bench_<kernel>.py).

The simulated upstream runs in the process of its client, and making its bytes is not part of the platform's work. So
the run has a stopwatch around the upstream, which measures the time of drawing and rendering separately. Wall time
includes the work of other processes; processor time and load are also given.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import main

ASSET = re.compile(r"^  ✓ (\S+) .*?(\d+\.\d) s  \[\d+/\d+\]", re.MULTILINE)
GOAL_SECONDS, GOAL_MB = 360, 6 * 1024
SHOWN = 1.0  # seconds; assets that took less are counted together


@dataclass(frozen=True)
class MainLine:
    """The main line at one size of the simulated upstream; `goals` are seconds and MB, for the full size only."""

    size: str

    def table(self) -> str:
        """Run it; times and memory as markdown."""
        with tempfile.TemporaryDirectory(prefix="bench-main-line-") as folder:
            return self._table(_run(Path(folder), self.size))

    def _table(self, taken: Taken) -> str:
        mine, others = taken.seconds - taken.upstream_seconds, taken.processor - taken.upstream_processor
        lines = [
            f"### main line — {self.size}: {taken.described}",
            "",
            "| | wall s | processor s |",
            "|---|---:|---:|",
            f"| all | {taken.seconds:.1f} | {taken.processor:.1f} |",
            f"| simulated upstream at work | {taken.upstream_seconds:.1f} | {taken.upstream_processor:.1f} |",
            f"| the rest | {mine:.1f} | {others:.1f} |",
            "",
            f"peak memory {taken.peak_mb:,.0f} MB, the upstream's included; files {taken.raw_mb:,.0f} MB, lake without "
            f"them {taken.lake_mb:,.0f} MB; load {taken.load[0]:.1f} before, {taken.load[1]:.1f} after, on "
            f"{os.cpu_count()} cores",
            "",
            "| asset | s |",
            "|---|---:|",
        ]
        slow = sorted((a for a in taken.assets if a[1] >= SHOWN), key=lambda a: -a[1])
        lines += [f"| {name} | {seconds:.1f} |" for name, seconds in slow]
        rest = [seconds for _, seconds in taken.assets if seconds < SHOWN]
        lines += [f"| {len(rest)} more steps | {sum(rest):.1f} |"]
        lines += [f"| start, checks between steps, headline | {taken.seconds - sum(s for _, s in taken.assets):.1f} |"]
        if self.size == "full":
            reached = taken.seconds < GOAL_SECONDS and taken.peak_mb < GOAL_MB
            lines += ["", f"goal: under 6 minutes and 6 GB, upstream included: {'reached' if reached else 'MISSED'}"]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Taken:
    """Costs of a run: wall and processor seconds, peak MB of its largest process, steps with their seconds."""

    described: str
    seconds: float
    processor: float
    upstream_seconds: float
    upstream_processor: float
    peak_mb: float
    raw_mb: float
    lake_mb: float
    load: tuple[float, float]
    assets: list[tuple[str, float]]


def benchmarks(size: str) -> list[MainLine]:
    """Full: the sizes of TCGA-BRCA, GSE25066, METABRIC's half and GDSC2; small: the packaged study."""
    return [MainLine(size)]


def _run(folder: Path, size: str) -> Taken:
    """`hnbc run` in its own process, on an empty lake in the folder."""
    study, lake, figures = folder / "study.yaml", folder / "lake", folder / "upstream.json"
    described = _write_study(study, size)
    environment = os.environ | {
        "HNBC_UPSTREAM": "simulated",
        "HNBC_STUDY": str(study),
        "HNBC_DATA_LAKE": str(lake),
        "DAGSTER_HOME": "",
        "COLUMNS": "200",
    }
    before, start = os.getloadavg()[0], time.perf_counter()
    with (folder / "output").open("w+") as output:
        command = [sys.executable, "-m", "benchmarks.bench_main_line", "--upstream-figures", str(figures)]
        root = Path(__file__).resolve().parent.parent
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        lines = output.read()
    if process.returncode != 0:
        raise SystemExit(f"hnbc run ended with {process.returncode}:\n{lines}")
    upstream = json.loads(figures.read_text())
    raw = _megabytes(lake / "raw")
    return Taken(
        described,
        seconds,
        usage.ru_utime + usage.ru_stime,
        upstream["seconds"],
        upstream["processor"],
        usage.ru_maxrss / 1024,
        raw,
        _megabytes(lake) - raw,
        (before, os.getloadavg()[0]),
        [(name, float(taken)) for name, taken in ASSET.findall(lines)],
    )


def _write_study(path: Path, size: str) -> str:
    """Write the packaged study with a simulation of this size; returns the size in words."""
    import yaml

    from hnbc_assets.sources.simulated import FULL_SIZE, Simulation
    from hnbc_assets.study import PACKAGED, SimulationSettings

    simulation = FULL_SIZE if size == "full" else Simulation()
    settings = {name: getattr(simulation, name) for name in SimulationSettings.model_fields}
    path.write_text(yaml.safe_dump(yaml.safe_load(PACKAGED.read_text()) | {"simulation": settings}, sort_keys=False))
    s = simulation
    return (
        f"{s.n_genes:,} genes; {s.n_tcga:,} TCGA-like, {s.n_discovery} + {s.n_validation} GEO-like and "
        f"{s.n_metabric:,} METABRIC-like patients; {s.n_lines} lines × {s.n_drugs} drugs"
    )


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


# --- in the run's own process ----------------------------------------------------------------------------------------


class Stopwatch:
    """Wall time in which at least one thread is inside `running`, and the processor time of all that are."""

    def __init__(self) -> None:
        self.seconds, self.processor = 0.0, 0.0
        self._inside, self._since = 0, 0.0
        self._lock = threading.Lock()
        self._mine = threading.local()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Time the context; an inner use in the same thread adds nothing."""
        if getattr(self._mine, "inside", False):
            yield
            return
        self._mine.inside, begun = True, time.thread_time()
        with self._lock:
            if self._inside == 0:
                self._since = time.perf_counter()
            self._inside += 1
        try:
            yield
        finally:
            self._mine.inside = False
            with self._lock:
                self._inside -= 1
                self.processor += time.thread_time() - begun
                if self._inside == 0:
                    self.seconds += time.perf_counter() - self._since


def _timed_run(figures: Path) -> None:
    """`hnbc run` in this process, with a stopwatch around the simulated upstream."""
    from hnbc_assets import cli
    from hnbc_assets.sources import simulated

    watch, transport = Stopwatch(), simulated.transport
    answers = sys.modules[transport.__module__].SimulatedTransport
    answer = answers.handle_request

    def timed_transport(*settings: object) -> object:
        with watch.running():
            return transport(*settings)

    def timed_answer(upstream: object, request: object) -> object:
        with watch.running():
            return answer(upstream, request)

    simulated.transport, answers.handle_request = timed_transport, timed_answer
    sys.argv = ["hnbc", "run"]
    try:
        cli.main()
    finally:
        figures.write_text(json.dumps({"seconds": watch.seconds, "processor": watch.processor}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--upstream-figures"]:
        _timed_run(Path(sys.argv[2]))
    else:
        main(benchmarks)
