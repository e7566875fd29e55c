"""The simulated GDC's second release is as strict as the first, the same in any process, and knows old versions."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace

import httpx
import numpy as np
import pandas as pd
import pytest

from hnbc_assets.sources.simulated import Simulation, World, draw, planned_changes, transport, truth
from hnbc_assets.sources.simulated.gdc_records import BIOTAB_ID
from hnbc_assets.sources.simulated.gdc_samples import StarFiles

API = "https://api.gdc.cancer.gov"
TINY = Simulation(n_genes=1500, n_tcga=60, n_discovery=30, n_validation=30, n_metabric=30, n_lines=40, n_drugs=20)
RELEASES = ("45.0", "46.0")


@pytest.fixture(scope="module")
def client(simulation):
    with httpx.Client(transport=transport(replace(simulation, release="46.0"))) as client:
        yield client


def test_the_old_id_still_answers_and_is_known_as_superseded(client, release_archive, fetched, planned):
    old_id, new_id = planned.loc[planned["field"] == "file_id", ["old_value", "new_value"]].iloc[0]
    kept = fetched["45.0"][0].set_index("file_id").loc[old_id]
    assert client.get(f"{API}/data/{old_id}").content == release_archive.locate(kept).read_bytes()
    assert client.get(f"{API}/files/{old_id}").status_code == 404
    versions = client.post(f"{API}/files/versions", json={"ids": [old_id, new_id]}).json()
    links = [(row["id"], row["version"], row["latest_id"], row["latest_version"], row["release"]) for row in versions]
    assert links == [(old_id, "1", new_id, "2", "32.0"), (new_id, "2", new_id, "2", "46.0")]
    assert versions[0]["md5"] == kept["md5"]
    for file_id in (old_id, new_id):
        chain = client.get(f"{API}/history/{file_id}").json()
        assert [(row["uuid"], row["version"], row["file_change"], row["data_release"]) for row in chain] == [
            (old_id, "1", "superseded", "32.0"),
            (new_id, "2", "released", "46.0"),
        ]


def test_the_removed_file_is_missing_everywhere(client, planned):
    removed = planned.loc[planned["kind"] == "file_removed", "entity"].item()
    assert client.get(f"{API}/data/{removed}").status_code == 404
    assert client.post(f"{API}/files/versions", json={"ids": [removed]}).json() == []
    assert client.get(f"{API}/history/{removed}").json() == []


def test_the_second_release_is_as_strict_as_the_first(client):
    assert client.get(f"{API}/status").json()["data_release"] == "Data Release 46.0 - August 10, 2026"
    answer = client.get(f"{API}/cases", params={"fields": "submitter_id,demographic.gender", "size": 1})
    assert (answer.status_code, answer.json()["warnings"]) == (
        200,
        {"fields": "unrecognized values: [demographic.gender]"},
    )
    by_old_name = {"op": "=", "content": {"field": "demographic.gender", "value": "female"}}
    assert client.get(f"{API}/cases", params={"filters": json.dumps(by_old_name)}).status_code == 400


def test_cases_are_newer_and_unchanged_files_are_not(client, indexes, planned):
    dates = {
        hit["updated_datetime"] for hit in client.get(f"{API}/cases", params={"size": 1000}).json()["data"]["hits"]
    }
    assert {date[:10] for date in dates} == {"2026-08-01"}
    new = indexes["46.0"].query("kind != 'cdr'").set_index("file_id")["updated_datetime"].str[:10]
    touched = {*planned["entity"], *planned["new_value"]}
    expected = ["2026-08-01" if file_id in touched else "2025-11-20" for file_id in new.index]
    assert list(new) == expected


def test_drawing_the_second_release_does_not_change_the_first():
    first, second = World(TINY), World(TINY)
    _ = second.arrivals
    np.testing.assert_array_equal(first.tcga.expression, second.tcga.expression)
    assert draw(TINY) is draw(replace(TINY, release="46.0"))
    pd.testing.assert_frame_equal(truth(TINY), truth(replace(TINY, release="46.0")))


def test_the_first_release_s_patients_are_those_of_the_published_numbers():
    """md5 of the biotab before the second release was introduced; a change of it changes every simulated result."""
    with httpx.Client(transport=transport(TINY)) as client:
        found = hashlib.md5(client.get(f"{API}/data/{BIOTAB_ID}").content).hexdigest()
    assert found == "3d8e0a60923b46f860784d78f17414ad"


PROGRAM = """
import hashlib, httpx
from hnbc_assets.sources.simulated import Simulation, planned_changes, transport
simulation = {simulation!r}
found = hashlib.sha256(planned_changes(simulation).to_csv().encode())
with httpx.Client(transport=transport(simulation)) as client:
    for place in ("status", "cases?size=1000&expand=demographic,diagnoses,follow_ups", "cases/_mapping",
                  "files?size=10000&fields=file_id,md5sum,version,updated_datetime&filters="
                  '{{"op":"=","content":{{"field":"access","value":"open"}}}}'):
        found.update(client.get("https://api.gdc.cancer.gov/" + place).content)
print(found.hexdigest())
"""


@pytest.mark.parametrize("release", RELEASES)
def test_equal_settings_give_equal_bytes_in_another_process_after_any_requests(release, capsys):
    """There only one release is requested; here the other one first."""
    program = PROGRAM.format(simulation=replace(TINY, release=release))
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    other = next(name for name in RELEASES if name != release)
    exec(PROGRAM.format(simulation=replace(TINY, release=other)), {})
    exec(program, {})
    before, here = capsys.readouterr().out.split()
    assert here == there
    assert before != here


def test_a_later_release_renders_only_what_is_new_in_it(monkeypatch):
    rendered = []
    body = StarFiles.body
    monkeypatch.setattr(StarFiles, "body", lambda *arguments: rendered.append(arguments[1:]) or body(*arguments))
    simulation = replace(TINY, seed=11)
    with httpx.Client(transport=transport(simulation)) as client:
        client.get(f"{API}/files", params={"fields": "md5sum", "size": 10_000})
    first = len(rendered)
    with httpx.Client(transport=transport(replace(simulation, release="46.0"))) as client:
        client.get(f"{API}/files", params={"fields": "md5sum", "size": 10_000})
    added = planned_changes(simulation).query("kind == 'file_added' and field == 'star'")
    versions = [version for _, _, _, version in rendered[first:]]
    assert (versions.count(1), versions.count(2)) == (len(added), 8)


def test_an_unknown_or_earlier_release_is_refused():
    for release in ("45.0", "12.0"):
        with pytest.raises(ValueError, match=f"'{release}' is no later release"):
            planned_changes(TINY, release)
