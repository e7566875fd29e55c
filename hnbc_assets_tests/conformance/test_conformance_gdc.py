"""GDC as recorded: a STAR file's head, a masked MAF's, a biotab's, answers of /cases, /files, versions, history.

If a recorded file has only its first lines, these are read as a whole file.
"""

from __future__ import annotations

import gzip
import json

import httpx
import pandas as pd
import pytest

from hnbc_assets.errors import UpstreamChanged
from hnbc_assets.science.cohorts.clinical import harmonise_clinical
from hnbc_assets.sources.gdc import api as gdc_api
from hnbc_assets.sources.gdc import clinical as gdc_clinical
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.gdc import history as gdc_history
from hnbc_assets.sources.gdc import index as gdc_index
from hnbc_assets.sources.gdc import maf as gdc_maf
from hnbc_assets.sources.gdc import star as gdc_star
from hnbc_assets.sources.web.http import connect

pytestmark = pytest.mark.real


def documented(evidence, endpoint):
    """The fields in GDC's documentation, in the form of the endpoint's `_mapping`."""
    return (evidence / f"gdc/{endpoint}_fields_documented_2026-06.txt").read_text().split()


def answering(replies):
    """A client of a host that answers each path as recorded."""
    return connect("simulated", transport=httpx.MockTransport(lambda request: replies[request.url.path]))


def test_a_recorded_expression_file_is_read_below_its_summary_rows(evidence):
    path = evidence / "gdc/star_counts_head.tsv"
    tpm, counts = (gdc_star.read_star([path], gdc_star.VALUE_COLUMNS[value]) for value in ("tpm", "counts"))
    genes, values = tpm
    assert genes["symbol"].to_list() == ["TSPAN6", "TNMD", "DPM1", "SCYL3"]
    assert values.ravel().tolist() == [94.737, 0.0, 236.5221, 4.1846]
    assert counts[1].ravel().tolist() == [3715, 0, 2468, 249]


def test_a_recorded_maf_has_every_column_that_is_used(evidence, archive, archived):
    text = (evidence / "gdc/masked_maf_head.maf").read_bytes()
    manifest = archived("gdc", {"TCGA-LUAD/maf/recorded.maf.gz": gzip.compress(text)})
    mutations = gdc.read_mutations(archive, manifest)
    assert set(mutations.columns) == {*gdc_maf.COLUMNS, "patient_id"}
    assert mutations["Hugo_Symbol"].tolist() == ["PTPRF", "SPRR2B"]
    assert mutations["patient_id"].tolist() == ["TCGA-50-5072"] * 2
    assert mutations["HGVSp_Short"].tolist() == ["p.Y800S", "p.P30="]
    assert mutations["t_depth"].tolist() == [89, 179]
    assert mutations["callers"].notna().all()


def test_a_recorded_biotab_gives_receptors_by_patient(evidence):
    biotab = gdc_clinical.read_biotab(evidence / "gdc/biotab_clinical_patient_brca_head.txt")
    assert biotab.index.tolist() == ["TCGA-3C-AAAU", "TCGA-3C-AALI", "TCGA-3C-AALJ", "TCGA-3C-AALK", "TCGA-4H-AAAK"]
    assert list(biotab.columns) == [f"biotab_{field}" for field in gdc_clinical.BIOTAB_FIELDS]
    assert set(biotab["biotab_er_status_by_ihc"]) == {"Positive"}
    assert (
        biotab["biotab_her2_status_by_ihc"].dropna().isin(["Positive", "Negative", "Equivocal", "Indeterminate"]).all()
    )
    assert not biotab.apply(lambda column: column.str.startswith("[", na=False)).to_numpy().any()


def test_recorded_clinical_values_are_accepted(evidence, archive, archived):
    """The biotab with the recorded case's page: HER2, receptors and menopause of its five patients."""
    hits = [
        {"submitter_id": name}
        for name in ("TCGA-3C-AAAU", "TCGA-3C-AALI", "TCGA-3C-AALJ", "TCGA-3C-AALK", "TCGA-4H-AAAK")
    ]
    page = json.dumps({"data": {"hits": hits, "pagination": {"total": 5}}, "warnings": {}}).encode()
    biotab = (evidence / "gdc/biotab_clinical_patient_brca_head.txt").read_bytes()
    manifest = archived("gdc", {"TCGA-BRCA/index/cases-0000": page, "TCGA-BRCA/biotab/recorded.txt": biotab})
    patients = harmonise_clinical("gdc", gdc.read_clinical(archive, manifest)).patients.set_index("patient_id")
    assert set(patients["er_status"]) == {"positive"}
    assert patients["her2_status"].isin(["positive", "negative", "indeterminate", "discordant"]).all()
    assert patients.loc["TCGA-3C-AAAU", "menopause"] == "pre"
    assert patients.loc["TCGA-3C-AALI", "menopause"] == "post"


def test_the_warning_of_a_recorded_answer_stops_the_ingest_and_its_record_is_read(evidence):
    answer = json.loads((evidence / "gdc/cases_answer_dr46.json").read_bytes())
    with pytest.raises(UpstreamChanged, match=r"expand: unrecognized values: \[diagnoses\.follow_ups\]"):
        gdc_api.read_page(answer, "recorded")
    hits, total = gdc_api.read_page(answer | {"warnings": {}}, "recorded")
    assert len(hits) == answer["data"]["pagination"]["count"] == 1
    assert total > 500
    case = gdc_clinical.read_case(hits[0])
    assert case["patient_id"] == "TCGA-62-A471"
    assert (case["vital_status"], case["days_to_last_follow_up"]) == ("Alive", None)
    assert (case["ajcc_pathologic_stage"], case["ajcc_pathologic_n"]) == ("Stage IIB", "N1")
    assert case["sex"] in ("female", "male")


def test_documented_fields_have_all_requested_fields_but_gender(evidence):
    """And nothing else is requested: `version` of files is not among them."""
    cases, files = (frozenset(documented(evidence, endpoint)) for endpoint in ("cases", "files"))
    menopause = sorted(field for field in cases if field.endswith(".menopause_status"))
    asked = gdc_api.choose_fields("cases", cases, gdc.CASE_FIELDS_REQUIRED, gdc.CASE_FIELDS_OPTIONAL + menopause)
    every = {name for group in gdc.CASE_FIELDS_REQUIRED for name in group} | set(gdc.CASE_FIELDS_OPTIONAL)
    assert every - set(asked) == {"demographic.gender"}
    assert menopause
    of_files = gdc_api.choose_fields("files", files, gdc.FILE_FIELDS_REQUIRED, gdc.FILE_FIELDS_OPTIONAL)
    assert set(of_files) == {name for (name,) in gdc.FILE_FIELDS_REQUIRED} | set(gdc.FILE_FIELDS_OPTIONAL)


def test_the_documented_fields_are_read_as_a_mapping_is(evidence):
    fields = documented(evidence, "cases")
    with answering({"/cases/_mapping": httpx.Response(200, json={"fields": fields})}) as client:
        assert gdc_api.known_fields(client, "cases") == set(fields)
    assert len(fields) == 1111


def test_recorded_hits_of_files_are_described_and_wanted(evidence):
    star, maf = json.loads((evidence / "gdc/files_hits_dr46.json").read_bytes())
    with answering({}) as client:
        wanted = gdc.wanted_file(client, "star", "TCGA-LUAD", star)
    assert (wanted.size_bytes, wanted.md5) == (4208285, "3965545354a18beca3a6159f16b254fe")
    assert wanted.url == f"https://api.gdc.cancer.gov/data/{star['file_id']}"
    assert gdc.is_of_kind("star", "TCGA-LUAD", star)
    described = gdc_index.describe_file("star", star)
    assert (described["patient_id"], described["sample_type"]) == ("TCGA-35-5375", "Primary Tumor")
    assert gdc_index.describe_file("maf", maf)["patient_id"] == "TCGA-50-5072"
    matching = {name: gdc.searches("TCGA-LUAD", mutations=True)[name] for name in ("star", "maf")}
    for name, hit in (("star", star), ("maf", maf)):
        words = json.dumps(matching[name])
        assert hit["data_type"] in words
        assert hit["access"] in words
    assert star["analysis"]["workflow_type"] in json.dumps(matching["star"])


def test_documented_answers_say_which_file_replaced_which(evidence, archive, archived):
    answers = json.loads((evidence / "gdc/versions_and_history_documented.json").read_bytes())
    versions, history = answers.values()
    old = [one["id"] for one in versions]
    previous = archived("gdc", {f"TCGA-BRCA/star/{one}.tsv": b"x" for one in old})
    previous = previous.assign(file_id=old)
    replies = {"/files/versions": httpx.Response(200, json=versions)}
    replies |= {f"/history/{one}": httpx.Response(200, json=history) for one in old}
    with answering(replies) as client:
        kept = gdc_history.superseded(client, archive, "46.0", "TCGA-BRCA/index", previous, set())
    rows = [
        archive.store("gdc", "46.0", file_id=one.file_id, url=one.url, path=one.path, content=one.content)
        for one in kept
    ]
    replaced = gdc_history.read_superseded(archive, pd.DataFrame(rows))
    assert replaced == {one["id"]: one["latest_id"] for one in versions}
    assert all("latest_md5" not in one for one in versions)  # nothing depends on it
