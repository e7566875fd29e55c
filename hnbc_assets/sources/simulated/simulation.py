"""What is simulated: the size, the seed and the variant of a simulated upstream.

In scope: the settings of a simulation and the random numbers that depend on them. Out of scope: what is drawn.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

Variant = Literal["default", "null", "batch", "no_overlap"]
VARIANTS = ("default", "null", "batch", "no_overlap")
SMALLEST_GENOME = 1500
FIRST_RELEASE, SECOND_RELEASE = "45.0", "46.0"


@dataclass(frozen=True)
class Simulation:
    """One simulated world; equal settings give equal bytes.

    Variants: `default` has every planted effect. `null` has nothing prognostic: no gene, cell type or drug is
    associated with survival. `batch` has strong plate and scanner effects that no outcome depends on. `no_overlap` has
    resistance genes and prognostic genes, but no anoikis gene differs with response.

    `release` is what the simulated GDC serves: "45.0", or "46.0", which is the same with known changes.
    """

    seed: int = 20250101
    variant: Variant = "default"
    n_genes: int = 3000
    n_tcga: int = 400
    n_discovery: int = 250
    n_validation: int = 150
    n_metabric: int = 200
    n_lines: int = 300
    n_drugs: int = 40
    release: str = FIRST_RELEASE

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ValueError(f"Simulation: variant {self.variant!r} is unknown; choose one of {', '.join(VARIANTS)}.")
        if self.n_genes < SMALLEST_GENOME:
            raise ValueError(
                f"Simulation: n_genes is {self.n_genes}; the modules need at least {SMALLEST_GENOME} genes."
            )

    def rng(self, *names: str) -> np.random.Generator:
        """Random numbers of one named part, the same whatever was drawn before."""
        return np.random.default_rng([self.seed, *(zlib.crc32(name.encode()) for name in names)])


FULL_SIZE = Simulation(
    n_genes=20_000, n_tcga=1100, n_discovery=310, n_validation=198, n_metabric=1000, n_lines=800, n_drugs=200
)
