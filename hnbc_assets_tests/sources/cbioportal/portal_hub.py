"""A small cBioPortal hub for the tests: a study as pointers, tar and LFS objects, each of which can fail."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile

import httpx

from hnbc_assets.sources.web.http import connect

STUDY = "st"
PATIENTS = """#Patient\tAge\tStage
#Patient\tAge\tStage
#STRING\tNUMBER\tSTRING
#1\t1\t1
PATIENT_ID\tAGE\tSTAGE
P1\t50\t
P2\tNA\tII
P3\t70\tIII
"""
SAMPLES = """#Patient\tSample\tType\tStage\tGrade
#STRING\tSTRING\tSTRING\tSTRING\tSTRING
PATIENT_ID\tSAMPLE_ID\tSAMPLE_TYPE\tSTAGE\tGRADE
P1\tS1M\tMetastasis\tIV\t3
P1\tS1\tPrimary\tI\t2
P2\tS2\tPrimary\tI\t1
"""
PROFILE = "Hugo_Symbol\tEntrez_Gene_Id\tS1\tS2\nA1BG\t1\t0.5\tNA\nA1BG\t1\t1.5\t2\n\t9\t3\t4\n"
MAF = "#version 2\nHugo_Symbol\tTumor_Sample_Barcode\tStart_Position\nTP53\tS1\t7\nPTEN\tTCGA-A1-A0SB-01\t8\n"
FILES = {
    "data_clinical_patient.txt": PATIENTS,
    "data_clinical_sample.txt": SAMPLES,
    "data_profile.txt": PROFILE,
    "data_mutations.txt": MAF,
}
TAR = f"datahub.assets.cbioportal.org/{STUDY}.tar.gz"
REPOSITORY = "raw.githubusercontent.com/cBioPortal/datahub/master"
MEDIA = "media.githubusercontent.com/media/cBioPortal/datahub/master"
BATCH = "lfs.example/objects/batch"


def pointer(body: bytes) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest(body)}\nsize {len(body)}\n".encode()


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def pack(members: list[tuple[str, bytes | None]]) -> bytes:
    """A tar.gz of (name, content), None for a folder."""
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", 1, packed, mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for name, body in members:
            member = tarfile.TarInfo(name)
            member.type, member.size = (tarfile.DIRTYPE, 0) if body is None else (tarfile.REGTYPE, len(body))
            tar.addfile(member, io.BytesIO(body or b""))
    return packed.getvalue()


class Hub:
    """Answers for a study.

    `files` is what the repository has now, `packed` the members of the tar; `not_in_lfs` names files that git stores
    directly, `earlier` has LFS objects of former states. `answers` maps an address (or its beginning) to a response
    instead. `asked` lists the requests.
    """

    def __init__(self, files=FILES) -> None:
        self.files = {name: text.encode() for name, text in files.items()}
        self.packed = self.members(self.files)
        self.not_in_lfs: set[str] = set()
        self.earlier: list[bytes] = []
        self.answers: dict[str, httpx.Response] = {}
        self.asked: list[str] = []
        self.sent_headers: dict[str, httpx.Headers] = {}
        self.client = connect("simulated", transport=httpx.MockTransport(self.answer), retries=1, backoff_seconds=0.001)

    @staticmethod
    def members(files):
        """As a file system may list them: with folders, unwanted files, in no order."""
        wanted = [(f"{STUDY}/{name}", files[name]) for name in sorted(files, reverse=True)]
        folders = [(f"{STUDY}/", None), (f"{STUDY}/case_lists/", None)]
        return [*folders, (f"{STUDY}/case_lists/all.txt", b"all"), *wanted, (f"{STUDY}/meta_study.txt", b"meta")]

    def answer(self, request):
        place = f"{request.url.host}{request.url.path}"
        self.asked.append(place)
        self.sent_headers[place] = request.headers
        for start, response in self.answers.items():
            if place.startswith(start):
                return response
        name = place.rpartition("/")[2]
        if place == TAR:
            return httpx.Response(200, content=pack(self.packed), headers={"ETag": '"1"'})
        if place == f"{REPOSITORY}/.lfsconfig":
            return httpx.Response(200, text="[lfs]\n\turl = https://lfs.example/\n\tlocksverify = false\n")
        if place == BATCH:
            return self.batch(json.loads(request.content))
        if place.startswith("objects.example/"):
            body = next((body for body in self.objects() if digest(body) == name), None)
            return httpx.Response(200, content=body) if body else httpx.Response(404)
        if place == f"www.cbioportal.org/api/studies/{STUDY}":
            return httpx.Response(200, json={"studyId": STUDY, "importDate": "2026-01-05 16:15:29"})
        if place == f"{REPOSITORY}/public/{STUDY}/{name}" and name in self.files:
            body = self.files[name]
            return httpx.Response(200, content=body if name in self.not_in_lfs else pointer(body))
        if place == f"{MEDIA}/public/{STUDY}/{name}" and name in self.files:
            return httpx.Response(200, content=self.files[name])
        return httpx.Response(404)

    def objects(self):
        """The objects of Git LFS: no object of a former state is deleted."""
        return [*self.files.values(), *self.earlier]

    def batch(self, wanted):
        known = {digest(body): len(body) for body in self.objects()}
        found = []
        for one in wanted["objects"]:
            where = {"href": f"https://objects.example/{one['oid']}?signature=secret", "header": {"X-Pass": "7"}}
            given = {"actions": {"download": where}}
            absent = {"error": {"code": 404, "message": "Object does not exist"}}
            found.append(one | (given if known.get(one["oid"]) == one["size"] else absent))
        return httpx.Response(200, json={"transfer": "basic", "objects": found})

    def bodies(self):
        """The requests for data: the tar, LFS objects, GitHub's own copies."""
        return [place for place in self.asked if place.startswith((TAR, "objects.example", MEDIA))]
