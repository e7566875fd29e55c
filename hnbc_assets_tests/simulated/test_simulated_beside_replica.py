"""The simulated GDC and the replica of the real one answer the same requests in the same shape."""

from __future__ import annotations

import json

import httpx
import pytest

from hnbc_assets.sources.simulated import Simulation, transport
from hnbc_assets.sources.simulated.gdc_records import BIOTAB_ID

pytestmark = pytest.mark.real
HOST = "api.gdc.cancer.gov"
SMALL = Simulation(n_genes=1500, n_tcga=60, n_discovery=30, n_validation=30, n_metabric=30, n_lines=40, n_drugs=20)
OPEN_STAR = {
    "op": "and",
    "content": [
        {"op": "in", "content": {"field": "cases.project.project_id", "value": ["TCGA-BRCA"]}},
        {"op": "=", "content": {"field": "data_type", "value": "Gene Expression Quantification"}},
        {"op": "=", "content": {"field": "access", "value": "open"}},
    ],
}
FILE_FIELDS = (
    "file_id,file_name,md5sum,file_size,version,updated_datetime,"
    "cases.samples.sample_type,associated_entities.entity_submitter_id"
)
CASE_GROUPS = "demographic,diagnoses,follow_ups,follow_ups.molecular_tests"
# GDC keys that one side fills and the other omits; both are correct.
OPTIONAL = {"release_date", "md5", "size", "data_release_version"}
REQUESTS = {
    "status": ("GET", "status", {}),
    "files": ("POST", "files", {"filters": OPEN_STAR, "fields": FILE_FIELDS, "size": 3}),
    "an unknown field": ("POST", "files", {"filters": OPEN_STAR, "fields": "file_id,bogus", "size": 1}),
    "an unknown filter": (
        "GET",
        "files",
        {"filters": json.dumps({"op": "=", "content": {"field": "bogus", "value": 1}})},
    ),
    "a broken filter": ("GET", "files", {"filters": "{"}),
    "a file of no id": ("GET", "data/00000000-0000-0000-0000-000000000000", {}),
    "versions": ("POST", "files/versions", {"ids": [BIOTAB_ID]}),
    "history": ("GET", f"history/{BIOTAB_ID}", {}),
    "facets": ("GET", "files", {"facets": "data_type", "size": 0}),
    "a mapping": ("GET", "cases/_mapping", {}),
}


@pytest.fixture(scope="module")
def simulated():
    with httpx.Client(transport=transport(SMALL), base_url=f"https://{HOST}") as client:
        yield client


@pytest.fixture
def real(small_replica):
    with httpx.Client(base_url=f"{small_replica.base}/{HOST}", trust_env=False, timeout=60) as client:
        yield client


def asked(client: httpx.Client, request: tuple) -> httpx.Response:
    method, path, query = request
    return client.get(path, params=query) if method == "GET" else client.post(path, json=query)


def shape(value: object) -> object:
    """Keys and kinds, whatever the values; a list is the shape of its first item."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items() if key not in OPTIONAL}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return "number" if isinstance(value, (int, float)) else type(value).__name__


@pytest.mark.parametrize("name", [name for name in REQUESTS if name != "a mapping"])
def test_both_answer_in_the_same_shape(simulated, real, name):
    ours, theirs = asked(simulated, REQUESTS[name]), asked(real, REQUESTS[name])
    assert ours.status_code == theirs.status_code
    assert shape(ours.json()) == shape(theirs.json())


def test_both_mappings_have_the_same_keys_and_the_fields_of_the_study(simulated, real):
    ours, theirs = (asked(client, REQUESTS["a mapping"]).json() for client in (simulated, real))
    assert set(ours) == set(theirs)
    assert set(theirs["fields"]) - {"demographic.sex_at_birth"} <= set(ours["fields"])


def test_both_describe_a_case_by_the_same_fields(simulated, real):
    def fields(client: httpx.Client) -> set[str]:
        hits = client.get("cases", params={"expand": CASE_GROUPS, "size": 20}).json()["data"]["hits"]
        return {f"{group}.{field}" for hit in hits for group in ("demographic", "diagnoses", "follow_ups")
                for item in (hit[group] if isinstance(hit.get(group),
                list) else [hit.get(group) or {}]) for field in item}  # fmt: skip

    assert fields(real) <= fields(simulated)


def test_both_answer_a_range_in_the_same_way(simulated, real):
    for client in (simulated, real):
        whole = client.get(f"data/{BIOTAB_ID}")
        part = client.get(f"data/{BIOTAB_ID}", headers={"Range": "bytes=100-"})
        assert part.status_code == 206
        assert part.content == whole.content[100:]
        assert part.headers["content-range"] == f"bytes 100-{len(whole.content) - 1}/{len(whole.content)}"
        beyond = client.get(f"data/{BIOTAB_ID}", headers={"Range": f"bytes={len(whole.content)}-"})
        assert beyond.status_code == 416
