"""Exchange between the peers of a benchmark: inputs and outputs as files for Python and R, and their differences.

In scope: files between processes, the R program around an R peer. Out of scope: timing and reporting (harness.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Inputs = dict[str, Any]
Outputs = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class RPeer:
    """A peer in R. It is left out, with a note, where Rscript or one of its packages is missing."""

    name: str
    prepare: str
    kernel: str
    packages: tuple[str, ...] = ()
    fraction: float = 1.0
    repeats: int = 3


def write_inputs(inputs: Inputs, folder: Path) -> None:
    """Inputs as files that Python and R read: arrays as .npy and raw doubles, the rest as JSON and lines of text."""
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
    """Text for R: one item per line; the members of an inner list are separated by tabs."""
    items = value if isinstance(value, list) else [value]
    return "".join("\t".join(item) + "\n" if isinstance(item, list) else f"{item}\n" for item in items)


def read_inputs(folder: Path) -> Inputs:
    """The inputs that `write_inputs` wrote."""
    arrays = {path.stem: np.load(path) for path in folder.glob("*.npy")}
    return arrays | json.loads((folder / "plain.json").read_text())


def read_outputs(result: Path, *, from_r: bool) -> dict[str, np.ndarray]:
    """The named arrays that a peer wrote."""
    if not from_r:
        return {path.stem: np.load(path) for path in result.glob("*.npy")}
    outputs = {}
    for path in result.glob("*.bin"):
        shape = [int(n) for n in path.with_suffix(".shape").read_text().split()]
        outputs[path.stem] = np.fromfile(path).reshape(shape, order="F")
    return outputs


def differences(ours: Outputs, theirs: Outputs) -> list[str]:
    """Largest absolute and relative difference of each output; a peer that did a part is compared on that part."""
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


def r_script(peer: RPeer, folder: Path, result: Path) -> str:
    """The R program of a peer: inputs as variables, preparation, the timed kernel, outputs as raw doubles."""
    return f"""
for (package in c({", ".join(f'"{p}"' for p in peer.packages)}))
  if (!requireNamespace(package, quietly = TRUE)) stop(paste("the R package", package, "is missing"))
for (file in list.files("{folder}", "[.]shape$", full.names = TRUE)) {{
  shape <- scan(file, quiet = TRUE)
  values <- readBin(sub("shape$", "bin", file), "double", if (length(shape)) prod(shape) else 1)
  assign(sub("[.]shape$", "", basename(file)), if (length(shape) > 1) array(values, shape) else values)
}}
for (file in list.files("{folder}", "[.]txt$", full.names = TRUE)) {{
  lines <- readLines(file)
  split <- any(grepl("\\t", lines))
  assign(sub("[.]txt$", "", basename(file)), if (split) strsplit(lines, "\\t") else lines)
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
