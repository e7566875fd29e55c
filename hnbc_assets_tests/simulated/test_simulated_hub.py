"""The simulated cBioPortal hub answers as the replica of the real one does, and both ways to a study work."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile

import httpx
import pytest

from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.cbioportal import files as cbioportal
from hnbc_assets.sources.cbioportal import git_lfs
from hnbc_assets.sources.listing import fetch_listing
from hnbc_assets.sources.simulated import Simulation, transport
from hnbc_assets.sources.simulated.transport import Upstream
from hnbc_assets.sources.web.http import connect

SMALL = Simulation(n_genes=1500, n_tcga=60, n_discovery=30, n_validation=30, n_metabric=30, n_lines=40, n_drugs=20)
STUDY, PROFILE = "brca_metabric", "mrna_illumina_microarray"
Z_PROFILE = f"{PROFILE}_zscores_ref_diploid_samples"
PUBLIC = f"raw.githubusercontent.com/cBioPortal/datahub/master/public/{STUDY}"
TAR = f"datahub.assets.cbioportal.org/{STUDY}.tar.gz"
BATCH = "nsssw8k94d.execute-api.us-east-1.amazonaws.com/objects/batch"
ADDRESSES = {
    "the tar": TAR,
    "the list of studies": "datahub.assets.cbioportal.org/study_list.json",
    "another study": "datahub.assets.cbioportal.org/no_study.tar.gz",
    "a pointer": f"{PUBLIC}/data_clinical_patient.txt",
    "a file that git holds": f"{PUBLIC}/meta_study.txt",
    "no file": f"{PUBLIC}/data_nothing.txt",
    "the repository's server": "raw.githubusercontent.com/cBioPortal/datahub/master/.lfsconfig",
    "its attributes": "raw.githubusercontent.com/cBioPortal/datahub/master/.gitattributes",
    "the portal's record": f"www.cbioportal.org/api/studies/{STUDY}",
    "the retired bucket": f"cbioportal-datahub.s3.amazonaws.com/{STUDY}/data_clinical_patient.txt",
}


def simulated():
    return httpx.Client(transport=transport(SMALL))


@pytest.mark.real
@pytest.mark.parametrize("what", list(ADDRESSES))
def test_an_address_answers_as_the_replica_s_does(small_replica, what):
    with simulated() as ours:
        mine = ours.get(f"https://{ADDRESSES[what]}")
        theirs = httpx.get(f"{small_replica.base}/{ADDRESSES[what]}", trust_env=False)
    assert mine.status_code == theirs.status_code
    if "json" in theirs.headers["content-type"] and "list" not in what:
        assert set(theirs.json()) <= set(mine.json())
    if what == "a pointer":
        assert None not in (git_lfs.read_pointer(mine.content), git_lfs.read_pointer(theirs.content))
    if what == "the repository's server":
        assert git_lfs.server(mine.text) == git_lfs.server(theirs.text)
    if what == "the tar":
        assert mine.headers["etag"]
        assert layout(mine.content) == layout(theirs.content)


def layout(packed):
    """The kinds of a tar's members: folders, meta files, data files, case lists; all are in the study's folder."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        members = tar.getmembers()
    assert all(member.name.split("/")[0] == STUDY for member in members)
    assert [member.name for member in members] != sorted(member.name for member in members)
    return {(member.isdir(), member.name.rpartition("/")[2].split("_")[0]) for member in members} - {(True, "brca")}


@pytest.mark.real
@pytest.mark.parametrize("change", [{}, {"size": 1}, {"oid": "0" * 64}, {"operation": "upload"}, {"objects": None}])
def test_the_batch_api_answers_as_the_replica_s_does(small_replica, change):
    def answered(get, post):
        pointer = git_lfs.read_pointer(get(f"{PUBLIC}/data_clinical_patient.txt").content)
        one = {"oid": pointer.sha256, "size": pointer.size_bytes} | change
        body = {"operation": "download", "transfers": ["basic"], "objects": [one]} | change
        answer = post(BATCH, body)
        record = answer.json()
        shown = [{key: sorted(value) if isinstance(value, dict) else key for key, value in item.items()}
                 for item in record.get("objects", [])]  # fmt: skip
        return answer.status_code, shown

    def at(place):
        return f"{small_replica.base}/{place}"

    with simulated() as ours, httpx.Client(trust_env=False) as theirs:
        assert answered(
            lambda place: ours.get(f"https://{place}"), lambda place, body: ours.post(f"https://{place}", json=body)
        ) == answered(lambda place: theirs.get(at(place)), lambda place, body: theirs.post(at(place), json=body))


def test_every_pointer_is_that_of_the_member_and_the_tar_is_the_same_every_time():
    upstream = Upstream(SMALL)
    hub = upstream.hub()
    packed = hub.tar()
    assert packed == Upstream(SMALL).hub().tar()
    assert packed[4:8] == bytes(4)  # no time in the gzip's header
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed))) as tar:
        files = {member.name.split("/", 1)[1]: tar.extractfile(member).read() for member in tar if member.isreg()}
    assert {f"data_{PROFILE}.txt", f"data_{Z_PROFILE}.txt", "case_lists/cases_all.txt"} <= set(files)
    assert all(hub.pointer(name) == (hashlib.sha256(body).hexdigest(), len(body)) for name, body in files.items())


def test_the_study_is_fetched_from_the_tar_and_without_it_from_the_repository(tmp_path):
    real = transport(SMALL)
    asked = []

    def answer(request):
        asked.append(request.url.host)
        refused = request.url.host.startswith("datahub.assets") and without_tar
        return httpx.Response(403) if refused else real.handle_request(request)

    rows = {}
    for without_tar in (False, True):
        with connect("simulated", transport=httpx.MockTransport(answer)) as client:
            archive = Archive(tmp_path / str(without_tar))
            rows[without_tar] = fetch_listing(
                client, archive, cbioportal.listing(client, archive, STUDY, profile=PROFILE, mutations=True)
            )
    assert rows[False]["sha256"].tolist() == rows[True]["sha256"].tolist()
    assert set(rows[False]["url"]) == {f"https://{TAR}"}
    assert all("lfs-objects" in url for url in rows[True]["url"])
    assert "cbioportal-datahub.s3.amazonaws.com" not in asked
