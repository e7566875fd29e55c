"""cBioPortal's hub as recorded: pointers, addresses of objects, the packing of tars, METABRIC's tables."""

from __future__ import annotations

import csv
import fnmatch
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pandas as pd
import pytest

from hnbc_assets.errors import DownloadsIncomplete
from hnbc_assets.science.cohorts.clinical import harmonise_clinical
from hnbc_assets.sources.cbioportal import files as cbioportal
from hnbc_assets.sources.cbioportal import git_lfs
from hnbc_assets.sources.cbioportal import hub as cbioportal_hub
from hnbc_assets.sources.cbioportal.tables import CLINICAL, MUTATIONS
from hnbc_assets.sources.listing import digest, fetch_listing
from hnbc_assets.sources.web.http import connect
from hnbc_assets.study import PACKAGED, load_study

pytestmark = pytest.mark.real
STUDY = "brca_metabric"
PATIENTS, SAMPLES = (f"{STUDY}/{name}.txt" for name in CLINICAL)


@pytest.fixture
def recorded(evidence) -> Path:
    return evidence / "cbioportal"


@pytest.fixture
def pointers(recorded) -> dict[str, bytes]:
    """The pointer of each data file, by name."""
    return {path.name: path.read_bytes() for path in (recorded / "brca_metabric_pointers").iterdir()}


def source():
    return load_study(PACKAGED).cohorts[STUDY].source


def serving(files, **answers):
    """A client of a repository with these files; `answers` by host replace everything else."""

    def answer(request):
        if request.url.host in answers:
            return answers[request.url.host]
        body = files.get(request.url.path.rpartition("/")[2])
        inside = request.url.path.startswith("/cBioPortal/datahub/master/")
        return httpx.Response(200, content=body) if body and inside else httpx.Response(404)

    return connect("simulated", transport=httpx.MockTransport(answer), retries=0)


def test_every_recorded_pointer_is_read(pointers):
    read = {name: git_lfs.read_pointer(content) for name, content in pointers.items()}
    assert len(read) == 8
    assert None not in read.values()
    assert read["data_mrna_illumina_microarray.txt"].size_bytes == 689_254_846
    assert read["data_clinical_patient.txt"] == git_lfs.Pointer(
        "2a6bbadc6e4b2b07c0505559d438da959fc5c9aba55c7194abc394e2d6454995", 408_387
    )


def test_the_packaged_study_s_release_and_sizes_come_from_the_recorded_pointers(pointers, archive):
    names = [f"{name}.txt" for name in (*CLINICAL, f"data_{source().profile}")]
    with serving(pointers) as client:
        listing = cbioportal.listing(client, archive, STUDY, profile=source().profile)
    assert [one.size_bytes for one in archive.missing(listing)] == [408_387, 299_020, 689_254_846]
    assert listing.release == digest((name, git_lfs.read_pointer(pointers[name]).sha256) for name in names)


def test_the_requested_files_are_those_that_the_study_s_own_descriptions_name(recorded):
    """A profile of log intensities, not of z-scores, and the tables of patients, samples and mutations."""
    described = {}
    for path in sorted((recorded / STUDY).glob("meta_*.txt")):
        fields = dict(line.split(": ", 1) for line in path.read_text().splitlines() if ": " in line)
        assert fields["cancer_study_identifier"] == STUDY
        described[fields.get("data_filename")] = fields.get("datatype")
    asked = cbioportal.files_of(source().profile, mutations=True)
    assert [described.get(name) for name in asked] == ["PATIENT_ATTRIBUTES", "SAMPLE_ATTRIBUTES", "CONTINUOUS", "MAF"]


def test_the_recorded_lfsconfig_names_the_server(recorded):
    url = git_lfs.server((recorded / "lfsconfig.txt").read_text())
    assert url == "https://nsssw8k94d.execute-api.us-east-1.amazonaws.com"


def test_by_the_repository_s_attributes_the_data_files_are_pointers_and_the_meta_files_are_not(recorded, pointers):
    lines = (recorded / "gitattributes.txt").read_text().splitlines()
    in_lfs = [line.split()[0] for line in lines if "filter=lfs" in line]

    def is_in_lfs(name):
        return any(fnmatch.fnmatch(name, pattern) for pattern in in_lfs)

    assert all(is_in_lfs(f"{name}.txt") for name in (*CLINICAL, MUTATIONS, f"data_{source().profile}"))
    meta = {path.name: path.read_bytes() for path in (recorded / STUDY).iterdir()}
    assert len(meta) == 7
    assert not any(map(is_in_lfs, meta))
    with serving(pointers | meta) as client:
        for name, content in meta.items():
            assert cbioportal_hub.stated(client, STUDY, name).content == content
        for name in pointers:
            assert cbioportal_hub.stated(client, STUDY, name).content is None


def test_the_profile_of_the_packaged_study_agrees_with_its_meta_file(recorded):
    cohort = load_study(PACKAGED).cohorts[STUDY]
    meta = (recorded / STUDY / f"meta_{cohort.source.profile}.txt").read_text()
    meta_fields = dict(line.split(": ", 1) for line in meta.splitlines() if line)
    assert meta_fields["data_filename"] == f"data_{cohort.source.profile}.txt"
    assert "log2 intensity levels" in meta_fields["profile_description"]
    assert cohort.expression_scale == "log2_intensity"
    z_scores = next((recorded / STUDY).glob("meta_mrna*zscores*")).read_text()
    assert "datatype: Z-SCORE" in z_scores


def test_a_tar_that_is_packed_as_by_the_hub_without_its_large_files_is_refused_as_such(
    recorded, pointers, archive, tmp_path
):
    """The command is the workflow's own; pointers instead of data, for which its companion searches, are found."""
    command = re.search(r"tar -czvf \S+ -C \S+ \S+", (recorded / "zip_new_studies.yml").read_text())[0]
    assert command == "tar -czvf studies_to_upload/${changed_study}.tar.gz -C ${study_dir} ${changed_study}"
    assert git_lfs.POINTER_START.decode() in (recorded / "verify_s3_studies.yml").read_text()
    study = tmp_path / "public" / STUDY
    shutil.copytree(recorded / STUDY, study)
    for name, content in pointers.items():
        (study / name).write_bytes(content)
    packed = tmp_path / f"{STUDY}.tar.gz"
    subprocess.run(["tar", "-czf", packed, "-C", study.parent, STUDY], check=True)
    tar = httpx.Response(200, content=packed.read_bytes())
    with (
        serving(pointers, **{"datahub.assets.cbioportal.org": tar}) as client,
        pytest.raises(DownloadsIncomplete, match="is a Git LFS pointer instead of the data"),
    ):
        fetch_listing(client, archive, cbioportal.listing(client, archive, STUDY, profile=source().profile))


def test_the_portal_s_recorded_answer_is_a_remark(recorded):
    answer = httpx.Response(200, content=(recorded / "api_studies_brca_metabric.json").read_bytes())
    with serving({}, **{"www.cbioportal.org": answer}) as client:
        assert cbioportal.about(client, STUDY) == {"importDate": "2026-01-05 16:15:29"}


def test_tables_in_the_hub_s_own_layout_are_read_although_their_line_ends_differ(recorded, archive, archived):
    """The patient table of 2018 has CR only, the sample table LF; both have four rows before the header."""
    files = {
        PATIENTS: (recorded / "hub_2018_data_clinical_patient_head.txt").read_bytes(),
        SAMPLES: (recorded / "hub_2018_data_clinical_sample_head.txt").read_bytes(),
    }
    assert (files[PATIENTS].count(b"\r"), files[PATIENTS].count(b"\n")) == (9, 0)
    manifest = archived("cbioportal", files)
    clinical = cbioportal.read_clinical(archive, manifest)
    assert list(clinical.index) == ["MB-0000", "MB-0002", "MB-0005", "MB-0006"]
    assert clinical["ER_STATUS"].tolist() == ["+"] * 4
    assert clinical.loc["MB-0005", ["OS_MONTHS", "OS_STATUS", "HER2_SNP6"]].tolist() == ["163.1", "DECEASED", "NEUT"]
    assert clinical.loc["MB-0000", "CELLULARITY"] is None
    assert set(cbioportal.read_samples(archive, manifest)["sample_type"]) == {"primary"}
    patients = harmonise_clinical("cbioportal", clinical, cohort_id=STUDY).patients.set_index("patient_id")
    assert patients["os_event"].tolist() == [False, False, True, False]
    assert patients["her2_status"].tolist() == ["negative"] * 4


def test_patients_in_the_present_spelling_are_read(recorded, archive, archived):
    """The excerpt was saved as CSV by its owner; only its values are tested, which are the hub's."""
    rows = list(csv.reader((recorded / "brca_metabric_patients_excerpt.csv").read_text().splitlines()))
    ids = [row[0] for row in rows[2:]]
    samples = [["PATIENT_ID", "SAMPLE_ID"], *([one, one] for one in ids)]
    manifest = archived("cbioportal", {PATIENTS: as_table(rows), SAMPLES: as_table(samples)})
    clinical = cbioportal.read_clinical(archive, manifest)
    assert (len(clinical), "Positve" in set(clinical["ER_IHC"])) == (11, True)
    patients = harmonise_clinical("cbioportal", clinical, cohort_id=STUDY).patients.set_index("patient_id")
    assert patients.loc["MB-0000", "er_status"] == "positive"
    assert patients.loc["MB-0035", "er_status"] == "negative"
    assert patients.loc["MB-0005", ["os_event", "dss_event"]].tolist() == [True, True]
    assert patients.loc["MB-0005", "os_days"] == pytest.approx(163.7 * 30.4375, abs=1)


def test_receptors_of_the_portal_s_export_are_read_under_the_hub_s_names(recorded, archive, archived):
    """The export has the attributes' names; their ids are below the same names in the hub's own tables."""
    named, ids, *_ = csv.reader((recorded / "brca_metabric_patients_excerpt.csv").read_text().splitlines())
    head = (recorded / "hub_2018_data_clinical_sample_head.txt").read_text().splitlines()
    names = dict(zip((name.lstrip("#") for name in named), ids, strict=True))
    names |= dict(zip(head[0].lstrip("#").split("\t"), head[4].split("\t"), strict=True))
    names |= {"Patient ID": "PATIENT_ID", "Sample ID": "SAMPLE_ID"}
    export = pd.read_csv(recorded / "brca_metabric_portal_export_excerpt.tsv", sep="\t", dtype=str, na_filter=False)
    export = export.rename(columns=names)
    export = export[[one for one in dict.fromkeys(names.values()) if one in export]]
    of_samples = [*(one for one in head[4].split("\t") if one in export)]
    of_patients = ["PATIENT_ID", *(one for one in export if one not in of_samples)]
    tables = {PATIENTS: export[of_patients], SAMPLES: export[of_samples]}
    rows = {path: [list(table), *table.to_numpy().tolist()] for path, table in tables.items()}
    manifest = archived("cbioportal", {path: as_table(table) for path, table in rows.items()})
    clinical = cbioportal.read_clinical(archive, manifest)
    patients = harmonise_clinical("cbioportal", clinical, cohort_id=STUDY).patients.set_index("patient_id")
    assert (patients.index[patients["er_status"] == "negative"]).tolist() == ["MB-0035"]
    assert (patients["er_status"] == "positive").sum() == len(patients) - 1 == 4
    assert clinical.loc["MB-0035", "ER_STATUS"] == "Positive"  # by expression: the two disagree
    assert patients["her2_status"].to_dict()["MB-0046"] == "positive"
    assert patients.loc["MB-0000", "her2_status"] == "negative"
    assert patients["pr_status"].isin(["positive", "negative"]).sum() == clinical["PR_STATUS"].notna().sum()


def as_table(rows: list[list[str]]) -> bytes:
    """Rows in the hub's format: tabs, LF."""
    return "".join("\t".join(row) + "\n" for row in rows).encode()
