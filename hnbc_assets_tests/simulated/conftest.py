"""Both releases of one simulated GDC, fetched one after the other into one archive.

In scope: fixtures of the tests of releases. Out of scope: the tests.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.simulated import Simulation, planned_changes, transport
from hnbc_assets.sources.web import http
from hnbc_assets_tests.simulated.counting import Counting

SMALL = Simulation(n_genes=1500, n_tcga=260, n_discovery=200, n_validation=100, n_metabric=80, n_lines=120, n_drugs=20)
RELEASES = ("45.0", "46.0")


@pytest.fixture(scope="session")
def release_archive(tmp_path_factory):
    return Archive(tmp_path_factory.mktemp("raw"))


def fetch(simulation, archive):
    """The manifest of a release, and the requested paths."""
    counting = Counting(transport(simulation))
    with http.connect("simulated", transport=counting) as client:
        return gdc.fetch(client, archive, "TCGA-BRCA", endpoints="tcga_cdr"), counting.requested


@pytest.fixture(scope="session")
def fetched(release_archive):
    """Both releases, one after the other into one archive: release -> (manifest, requested paths)."""
    return {release: fetch(replace(SMALL, release=release), release_archive) for release in RELEASES}


@pytest.fixture(scope="session")
def indexes(release_archive, fetched):
    return {release: gdc.read_index(release_archive, fetched[release][0]) for release in RELEASES}


@pytest.fixture(scope="session")
def clinical(release_archive, fetched):
    return {release: gdc.read_clinical(release_archive, fetched[release][0]) for release in RELEASES}


@pytest.fixture(scope="session")
def simulation():
    """The simulation that `fetched` was fetched from, at its first release."""
    return SMALL


@pytest.fixture(scope="session")
def planned():
    return planned_changes(SMALL)
