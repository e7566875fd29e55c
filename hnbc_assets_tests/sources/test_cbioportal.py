"""cBioPortal: releases, clinical tables, profiles, mutations; on the real studies and on small ones."""

from __future__ import annotations

import gzip

import httpx
import numpy as np
import pandas as pd
import pytest

from hnbc_assets.errors import DownloadsIncomplete, FormatError, UpstreamChanged
from hnbc_assets.sources import cbioportal
from hnbc_assets.sources.archive import Archive
from hnbc_assets.sources.http import connect

PATIENTS = """#Patient\tAge\tStage
#Patient\tAge\tStage
#STRING\tNUMBER\tSTRING
#1\t1\t1
PATIENT_ID\tAGE\tSTAGE
P1\t50\t
P2\tNA\tII
P3\t70\tIII
"""
SAMPLES = """#Patient\tSample\tType
#STRING\tSTRING\tSTRING
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


def archived(tmp_path, **changed):
    archive = Archive(tmp_path)
    rows = [
        archive.store(
            "cbioportal",
            "r",
            file_id=f"st/{n}",
            url=f"https://x/{n}",
            path=f"st/{n}",
            content=changed.get(n, t).encode(),
        )
        for n, t in FILES.items()
    ]
    return archive, pd.DataFrame(rows)


def portal(date="2026-03-02 10:00:00", *, packed=(), absent=()):
    """A portal and its hub, where the files of `packed` exist only as .gz."""

    def answer(request):
        name = request.url.path.rsplit("/", 1)[1]
        if "/api/studies/" in request.url.path:
            return httpx.Response(200, json={"studyId": name, "importDate": date})
        plain = name.removesuffix(".gz")
        if plain in absent or (plain in packed) != name.endswith(".gz"):
            return httpx.Response(403)
        body = FILES[plain].encode()
        return httpx.Response(200, content=gzip.compress(body) if name.endswith(".gz") else body)

    return connect("simulated", transport=httpx.MockTransport(answer))


def test_a_study_is_versioned_by_its_import_date_as_a_folder_can_be_named():
    with portal() as client:
        assert cbioportal.release(client, "st") == "2026-03-02T10-00-00"
    with portal("2026-03-02") as client:
        assert cbioportal.release(client, "st") == "2026-03-02"
    with portal(None) as client, pytest.raises(UpstreamChanged, match="importDate"):
        cbioportal.release(client, "st")


def test_files_that_the_hub_keeps_packed_are_found(tmp_path):
    with portal(packed=("data_profile.txt", "data_mutations.txt")) as client:
        manifest = cbioportal.fetch(client, Archive(tmp_path), "st", profile="profile", mutations=True)
    assert [name.split("/")[1] for name in manifest["file_id"]] == [
        "data_clinical_patient.txt",
        "data_clinical_sample.txt",
        "data_profile.txt.gz",
        "data_mutations.txt.gz",
    ]
    values, _ = cbioportal.read_expression(Archive(tmp_path), manifest)
    assert values.shape == (3, 2)


def test_a_file_that_is_in_neither_form_is_named(tmp_path):
    with portal(absent=("data_profile.txt",)) as client, pytest.raises(DownloadsIncomplete) as caught:
        cbioportal.fetch(client, Archive(tmp_path), "st", profile="profile")
    assert list(caught.value.failures) == ["st/data_profile.txt.gz"]


def test_patients_and_samples_are_merged_with_the_primary_sample_first(tmp_path):
    clinical = cbioportal.read_clinical(*archived(tmp_path))
    assert list(clinical.index) == ["P1", "P2", "P3"]
    assert clinical.loc["P1", ["SAMPLE_ID", "GRADE", "STAGE"]].tolist() == ["S1", "2", "I"]
    assert clinical.loc["P2", "STAGE"] == "II"
    assert clinical.loc["P2", "AGE"] is None
    assert pd.isna(clinical.loc["P3", "SAMPLE_ID"])


def test_sample_types_are_in_our_words(tmp_path):
    samples = cbioportal.read_samples(*archived(tmp_path))
    assert samples["sample_type"].tolist() == ["metastatic", "primary", "primary"]
    assert samples["file_id"].unique().tolist() == ["st/data_clinical_sample.txt"]


def test_repeated_and_missing_symbols_stay_apart(tmp_path):
    values, features = cbioportal.read_expression(*archived(tmp_path), sample_ids=["S2", "S1"])
    assert list(values.index) == ["A1BG", "A1BG#2", "entrez:9"]
    np.testing.assert_array_equal(values.to_numpy(), [[np.nan, 0.5], [2, 1.5], [4, 3]])
    assert features["symbol"].tolist()[:2] == ["A1BG", "A1BG"]
    assert features["symbol"][2] is None


def test_a_sample_that_the_profile_lacks_is_named(tmp_path):
    archive, manifest = archived(tmp_path)
    assert cbioportal.profiled_samples(archive, manifest) == ["S1", "S2"]
    with pytest.raises(FormatError, match="S1M"):
        cbioportal.read_expression(archive, manifest, sample_ids=["S1", "S1M"])


def test_mutations_know_their_patient(tmp_path):
    mutations = cbioportal.read_mutations(*archived(tmp_path))
    assert mutations["patient_id"].tolist() == ["P1", "TCGA-A1-A0SB"]


def test_a_patient_with_two_rows_is_an_error(tmp_path):
    archive, manifest = archived(tmp_path, **{"data_clinical_patient.txt": PATIENTS + "P1\t51\tI\n"})
    with pytest.raises(FormatError, match="P1"):
        cbioportal.read_clinical(archive, manifest)


@pytest.mark.real
def test_the_real_studies_are_read_whole(small_replica, tmp_path):
    archive = Archive(tmp_path)
    with connect(small_replica.base) as client:
        tcga = cbioportal.fetch(
            client, archive, "brca_tcga", profile="mrna_seq_v2_rsem_zscores_ref_all_samples", mutations=True
        )
    assert set(tcga["release"]) == {"2026-03-02T10-00-00"}
    clinical = cbioportal.read_clinical(archive, tcga)
    values, features = cbioportal.read_expression(archive, tcga)
    assert (len(clinical), values.shape, features["symbol"].nunique()) == (1098, (1558, 956), 1558)
    assert values.to_numpy().max() == pytest.approx(36893, abs=1)
    mutations = cbioportal.read_mutations(archive, tcga)
    assert (len(mutations), mutations["patient_id"].isna().sum()) == (76673, 0)
