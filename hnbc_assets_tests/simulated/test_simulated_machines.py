"""A simulated world's bytes are the same on every machine, at the size of the demo (everywhere/ has a small one)."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from hnbc_assets.sources.simulated import Simulation, drawing
from hnbc_assets.sources.simulated.delimited import STORED_BLOCK, gzipped
from hnbc_assets_tests.everywhere import machines

PROGRAM = """
import hashlib, json
from hnbc_assets.sources.simulated import Simulation
from hnbc_assets.sources.simulated.transport import Upstream
upstream = Upstream({simulation!r})
for release in ("45.0", "46.0"):
    upstream.gdc(release)
upstream.answer("www.cbioportal.org", "/api/studies/brca_metabric", {{}}, {{}})
bodies = upstream.bodies
print(json.dumps({{name: hashlib.sha256(bodies.get(name)).hexdigest() for name in bodies.names()}}))
"""


def sums(simulation, machine):
    """sha256 of every file that a simulated upstream serves, made in its own process."""
    return json.loads(machines.python(["-c", PROGRAM.format(simulation=simulation)], machine, check=True).stdout)


def assert_equal_everywhere(simulation, on):
    machines.need_processors()
    made = {name: sums(simulation, machine) for name, machine in on.items()}
    first, *others = made
    assert len(made[first]) > 2 * simulation.n_tcga
    differing = {name: [file for file in made[first] if made[first][file] != made[name].get(file)] for name in others}
    assert differing == {name: [] for name in others}


@pytest.mark.full
@pytest.mark.parametrize("variant", ["default", "null", "batch", "no_overlap"])
def test_every_machine_draws_the_same_bytes_at_the_size_of_the_demo(variant):
    assert_equal_everywhere(Simulation(variant=variant), machines.ALL_MACHINES)


def test_orthonormal_columns_are_those_of_lapack():
    columns = np.random.default_rng(2).standard_normal((60, 7))
    np.testing.assert_allclose(drawing.orthonormal(columns), np.linalg.qr(columns)[0], atol=1e-14)


@pytest.mark.parametrize("length", [0, 1, STORED_BLOCK, STORED_BLOCK + 1, 3 * STORED_BLOCK])
def test_a_gzip_file_of_stored_blocks_reads_back(length):
    content = bytes(i % 251 for i in range(length))
    assert gzip.decompress(gzipped(content)) == content
