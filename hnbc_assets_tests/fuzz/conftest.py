"""A small simulated GDC and GEO, fetched once: the files for the readers, before they are damaged.

In scope: the original files, and an archive in which one of them is replaced. Out of scope: the damage (mutations).
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.geo import files as geo
from hnbc_assets.sources.listing import fetch_listing
from hnbc_assets.sources.simulated import Simulation, transport
from hnbc_assets.sources.web import http
from hnbc_assets_tests.fuzz.damaged import Damaged

SMALL = Simulation(n_genes=1500, n_tcga=60, n_discovery=40, n_validation=40, n_metabric=40, n_lines=60, n_drugs=4)


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """Archive, and the manifests of TCGA-BRCA and GSE25055."""
    archive = Archive(tmp_path_factory.mktemp("raw"))
    with http.connect("simulated", transport=transport(SMALL)) as client:
        yield (
            archive,
            gdc.fetch(client, archive, "TCGA-BRCA", endpoints="tcga_cdr", limit=12),
            fetch_listing(client, archive, geo.listing(client, archive, "GSE25055", "GPL96")),
        )


@pytest.fixture
def damaged(simulated, tmp_path):
    """A function: the row of a file and its content -> an archive that has this content instead."""

    def with_content(row: pd.Series, content: bytes) -> tuple[Archive, Path]:
        path = tmp_path / Path(simulated[0].locate(row)).name
        path.write_bytes(content)
        return Damaged(simulated[0], row, path), path

    return with_content
