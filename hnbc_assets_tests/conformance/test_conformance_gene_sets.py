"""MCP-counter's complete markers at the commit that the packaged study names."""

from __future__ import annotations

import hashlib

import pytest

from hnbc_assets.sources.gene_sets import files as gene_sets
from hnbc_assets.study import PACKAGED, load_study

pytestmark = pytest.mark.real


def test_the_whole_marker_table_is_read(evidence):
    path = evidence / "gene_sets/mcpcounter_genes.txt"
    markers = gene_sets.read_marker_table(path)
    assert len(markers) == 10
    assert sum(map(len, markers.values())) == 111
    assert {"T cells", "Fibroblasts", "Endothelial cells", "CD8 T cells"} <= set(markers)
    assert markers["T cells"][:2] == ["CD28", "CD3D"]
    whole = hashlib.sha256(path.read_bytes()).hexdigest()
    assert whole == "408f6c5d02c8f9bd2f1599c598367881853520934f8ce398a4886a8b296922bb"


def test_the_packaged_study_names_them_by_commit():
    """So they are requested once, and a host that is down does not stop a refresh."""
    address = load_study(PACKAGED).microenvironment.markers.location
    assert gene_sets.version_in(address) == "6b85a671cfa8385798cea6147b6613a172e47ff5"
