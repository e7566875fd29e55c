"""Raw assets show what the upstream says beside the files; nothing depends on it."""

from __future__ import annotations

import dagster as dg
import httpx
import pytest

from hnbc_assets.defs.resources import resources_of
from hnbc_assets.defs.stage import Build
from hnbc_assets.defs.stages import releases
from hnbc_assets.defs.step import definitions
from hnbc_assets.sources.simulated import Simulation, transport
from hnbc_assets.sources.web.http import connect
from hnbc_assets.study import PACKAGED, Place, load_study

SMALL = Simulation(n_genes=1500, n_tcga=60, n_discovery=30, n_validation=30, n_metabric=30, n_lines=40, n_drugs=20)


def fetched(place, monkeypatch, portal=None):
    """Materialise METABRIC's raw asset with another answer of the portal; its metadata and data version."""
    real = transport(SMALL)

    def answer(request):
        return portal if portal and request.url.host == "www.cbioportal.org" else real.handle_request(request)

    client = lambda *_: connect("simulated", transport=httpx.MockTransport(answer))  # noqa: E731
    monkeypatch.setattr(releases, "open_client", client)
    study = load_study(place.study_file)
    every = definitions(releases.stage, Build(study, place))
    made = next(one for one in every if next(iter(one.keys)).path[:2] == ["raw", "cbioportal"])
    ended = dg.materialize([made], resources=resources_of(study, place))
    (event,) = ended.asset_materializations_for_node(made.op.name)
    return event.metadata, event.tags["dagster/data_version"]


@pytest.mark.parametrize(
    "portal", [httpx.Response(200, json={"importDate": None}), httpx.Response(503)], ids=["null", "out of order"]
)
def test_a_portal_without_an_import_date_changes_no_release_and_fails_nothing(tmp_path, monkeypatch, portal):
    place = Place("simulated", tmp_path / "lake", PACKAGED)
    metadata, version = fetched(place, monkeypatch)
    assert metadata["importDate"].value == "2026-03-02 10:00:00"
    again, same = fetched(Place("simulated", tmp_path / "other", PACKAGED), monkeypatch, portal)
    assert again["importDate"].value.startswith("not stated")
    assert (again["release"].value, same) == (metadata["release"].value, version)
    assert len(metadata["release"].value) == 12
