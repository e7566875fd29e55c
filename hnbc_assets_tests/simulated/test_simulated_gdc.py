"""The simulated GDC is as strict as the real one: warnings, refusals, ranges, checksums, pages."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import httpx
import pytest

from hnbc_assets.sources.simulated import Simulation, transport
from hnbc_assets.sources.simulated.bodies import Bodies
from hnbc_assets.sources.simulated.gdc_records import BIOTAB_ID, SURVIVAL_ID

API = "https://api.gdc.cancer.gov"
SMALL = Simulation(n_genes=1500, n_tcga=120, n_discovery=30, n_validation=30, n_metabric=30, n_lines=40, n_drugs=20)


@pytest.fixture(scope="module")
def client():
    with httpx.Client(transport=transport(SMALL)) as client:
        yield client


def equals(field, value):
    return {"op": "=", "content": {"field": field, "value": value}}


def every(*filters):
    return {"op": "and", "content": list(filters)}


STAR = every(
    equals("cases.project.project_id", "TCGA-BRCA"),
    equals("data_type", "Gene Expression Quantification"),
    equals("analysis.workflow_type", "STAR - Counts"),
    equals("access", "open"),
)


def files(client, **body):
    return client.post(f"{API}/files", json=body).json()


def test_status_names_the_release(client):
    assert client.get(f"{API}/v0/status").json()["data_release"].startswith("Data Release 45.0")


def test_an_unknown_field_is_answered_with_a_warning_and_status_200(client):
    answer = client.get(f"{API}/cases", params={"fields": "submitter_id,demographic.sex_at_birth", "size": 1})
    assert answer.status_code == 200
    assert answer.json()["warnings"] == {"fields": "unrecognized values: [demographic.sex_at_birth]"}
    assert answer.json()["data"]["hits"][0]["submitter_id"].startswith("TCGA-")


def test_an_unknown_group_is_answered_with_a_warning(client):
    answer = client.get(f"{API}/cases", params={"expand": "diagnoses,exposures", "size": 1}).json()
    assert answer["warnings"] == {"expand": "unrecognized values: [exposures]"}


def test_a_known_request_has_no_warning(client):
    assert files(client, filters=STAR, fields="file_id,md5sum,cases.submitter_id", size=2)["warnings"] == {}


@pytest.mark.parametrize("filters", [equals("colour", "red"), {"op": "and"}, "{unfinished", {"op": "~", "content": {}}])
def test_an_invalid_filter_is_refused(client, filters):
    text = filters if isinstance(filters, str) else json.dumps(filters)
    answer = client.get(f"{API}/files", params={"filters": text})
    assert answer.status_code == 400
    assert set(answer.json()) == {"error", "message"}


def test_pages_together_have_every_file_once(client):
    whole = files(client, filters=STAR, fields="file_id", size=1000)["data"]
    pages = [files(client, filters=STAR, fields="file_id", sort="file_id:asc", size=50, **{"from": start})["data"]
             for start in range(0, whole["pagination"]["total"], 50)]  # fmt: skip
    found = [hit["id"] for page in pages for hit in page["hits"]]
    assert sorted(found) == found
    assert set(found) == {hit["id"] for hit in whole["hits"]}
    assert len(found) == whole["pagination"]["total"]
    assert pages[0]["pagination"]["pages"] == len(pages)


def test_without_a_size_a_page_has_ten(client):
    assert files(client, filters=STAR)["data"]["pagination"]["count"] == 10


def test_size_and_md5_of_the_index_are_those_of_the_bytes(client):
    for hit in files(client, filters=STAR, fields="file_id,md5sum,file_size", size=5)["data"]["hits"]:
        answer = client.get(f"{API}/data/{hit['id']}")
        assert len(answer.content) == hit["file_size"] == int(answer.headers["content-length"])
        assert hashlib.md5(answer.content).hexdigest() == hit["md5sum"] == answer.headers["content-md5"]


def test_controlled_files_are_listed_unless_only_open_ones_are_requested(client):
    open_only = files(client, filters=STAR, size=0)["data"]["pagination"]["total"]
    everything = files(client, filters=every(equals("analysis.workflow_type", "STAR - Counts")), size=0)
    assert everything["data"]["pagination"]["total"] == 2 * open_only


def test_a_controlled_file_is_refused(client):
    hit = files(client, filters=equals("access", "controlled"), fields="file_id", size=1)["data"]["hits"][0]
    assert client.get(f"{API}/data/{hit['id']}").status_code == 403


def test_an_unknown_file_is_not_found(client):
    assert client.get(f"{API}/data/00000000-0000-0000-0000-000000000000").status_code == 404


def test_ranges_are_honoured(client):
    whole = client.get(f"{API}/data/{BIOTAB_ID}").content
    tail = client.get(f"{API}/data/{BIOTAB_ID}", headers={"Range": "bytes=1000-"})
    assert (tail.status_code, tail.content) == (206, whole[1000:])
    assert tail.headers["content-range"] == f"bytes 1000-{len(whole) - 1}/{len(whole)}"
    middle = client.get(f"{API}/data/{BIOTAB_ID}", headers={"Range": "bytes=10-19"})
    assert middle.content == whole[10:20]
    last = client.get(f"{API}/data/{BIOTAB_ID}", headers={"Range": "bytes=-7"})
    assert last.content == whole[-7:]
    assert client.get(f"{API}/data/{BIOTAB_ID}", headers={"Range": f"bytes={len(whole)}-"}).status_code == 416
    assert client.get(f"{API}/data/{BIOTAB_ID}", headers={"Range": "lines=1-2"}).content == whole


def test_one_id_gives_the_bare_file_and_several_an_archive_with_a_manifest(client):
    ids = [BIOTAB_ID, SURVIVAL_ID]
    bare = client.post(f"{API}/data", json={"ids": ids[:1]}).content
    several = client.post(f"{API}/data", json={"ids": ids}).content
    with tarfile.open(fileobj=io.BytesIO(several)) as packed:
        names = packed.getnames()
        assert names[-1] == "MANIFEST.txt"
        assert packed.extractfile(names[0]).read() == bare
        assert packed.extractfile("MANIFEST.txt").read().startswith(b"id\tfilename\tmd5\tsize\tstate\n")


def test_versions_and_history_know_a_file_as_its_own_latest(client):
    versions = client.post(f"{API}/files/versions", json={"ids": [BIOTAB_ID, "unknown"]}).json()
    assert [(row["id"], row["latest_id"]) for row in versions] == [(BIOTAB_ID, BIOTAB_ID)]
    assert client.get(f"{API}/history/{BIOTAB_ID}").json()[0]["file_change"] == "released"


def test_the_mapping_lists_the_fields_that_a_query_may_name(client):
    mapping = client.get(f"{API}/cases/_mapping").json()
    assert {"demographic.gender", "diagnoses.days_to_last_follow_up", "follow_ups.days_to_progression"} <= set(
        mapping["fields"]
    )
    assert {"diagnoses.treatments", "follow_ups.molecular_tests", "samples"} <= set(mapping["expand"])


def test_expansion_adds_a_group_but_not_the_groups_inside_it(client):
    hit = client.get(f"{API}/cases", params={"expand": "diagnoses", "size": 1}).json()["data"]["hits"][0]
    assert "ajcc_pathologic_stage" in hit["diagnoses"][0]
    assert "treatments" not in hit["diagnoses"][0]


def test_tab_separated_answers_flatten_the_records(client):
    query = {"format": "TSV", "fields": "cases.samples.sample_type,file_id", "filters": json.dumps(STAR), "size": 3}
    lines = client.get(f"{API}/files", params=query).text.splitlines()
    assert lines[0].split("\t") == ["cases.0.samples.0.sample_type", "file_id", "id"]
    assert len(lines) == 4


def test_facets_count_in_lower_case(client):
    answer = client.get(f"{API}/files", params={"facets": "access", "size": 0}).json()
    buckets = answer["data"]["aggregations"]["access"]["buckets"]
    assert {bucket["key"] for bucket in buckets} == {"open", "controlled"}


def test_one_case_has_no_demographic(client):
    hits = client.get(f"{API}/cases", params={"expand": "demographic", "size": 1000}).json()["data"]["hits"]
    assert sum("demographic" not in hit for hit in hits) == 1


def test_an_unknown_host_or_path_answers_404_with_a_web_page(client):
    for url in ("https://unknown.invalid/x", "https://ftp.ncbi.nlm.nih.gov/geo/series/GSE1nnn/GSE1000/matrix/x.gz"):
        answer = client.get(url)
        assert answer.status_code == 404
        assert answer.text.startswith("<!DOCTYPE html>")


def test_an_unsimulated_release_is_refused():
    unknown = transport(Simulation(n_genes=1500, release="12.0"))
    with (
        httpx.Client(transport=unknown) as client,
        pytest.raises(ValueError, match=r"release '12\.0' is not simulated"),
    ):
        client.get(f"{API}/status")


def test_bodies_are_dropped_beyond_the_limit_and_made_again_the_same():
    made = []
    bodies = Bodies(held_bytes=100)
    for name in ("a", "b"):
        bodies.add(name, lambda name=name: made.append(name) or name.encode() * 80)
    assert bodies.get("a") == bodies.get("a")
    assert made == ["a"]
    bodies.get("b")
    assert bodies.get("a") == b"a" * 80
    assert made == ["a", "b", "a"]
    assert bodies.facts("b") == (80, hashlib.md5(b"b" * 80).hexdigest())
