"""GDC's records and tables with odd structures: the requests, what is accepted, what stops the ingest."""

from __future__ import annotations

import gzip

import httpx
import pandas as pd
import pytest

from hnbc_assets.errors import FormatError, UpstreamChanged
from hnbc_assets.sources.gdc import api as gdc_api
from hnbc_assets.sources.gdc import clinical as gdc_clinical
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.gdc import index as gdc_index
from hnbc_assets.sources.gdc import maf as gdc_maf
from hnbc_assets.sources.web.http import connect


def gdc_answering(answer):
    """A client of a GDC whose replies are those of `answer(request)`."""
    return connect("simulated", transport=httpx.MockTransport(answer))


def page(hits, total, warnings=None):
    return httpx.Response(
        200, json={"data": {"hits": hits, "pagination": {"total": total}}, "warnings": warnings or {}}
    )


def search(answer, **options):
    options = {"sort": "id", "page_size": 2} | options
    return gdc_api.search(gdc_answering(answer), "cases", gdc_api.equals("a", "b"), ["submitter_id"], **options)


def paged(names):
    def answer(request):
        start, size = int(request.url.params["from"]), int(request.url.params["size"])
        return page([{"id": name} for name in names[start : start + size]], len(names))

    return answer


def test_all_pages_of_a_search_are_read():
    pages = search(paged("abcde"))
    assert [hit["id"] for p in pages for hit in p.value["data"]["hits"]] == list("abcde")
    assert len(pages) == 3
    assert "from=4" in pages[2].url


def test_no_more_than_the_limit_is_requested():
    assert [len(p.value["data"]["hits"]) for p in search(paged("abcde"), limit=3)] == [2, 1]


def test_a_warning_stops_the_ingest_and_names_the_field():
    warning = {"fields": "unrecognized values: [demographic.gender]"}
    with pytest.raises(UpstreamChanged, match=r"demographic\.gender"):
        search(lambda request: page([{"id": "a"}], 1, warning))


@pytest.mark.parametrize("hits", [[], [{"id": "a"}]], ids=["missing", "repeated"])
def test_pages_that_do_not_add_up_are_detected(hits):
    with pytest.raises(UpstreamChanged, match="repeat or miss"):
        search(lambda request: page(hits, 5))


def test_a_reply_with_another_structure_is_reported():
    with pytest.raises(UpstreamChanged, match=r"data\.hits"):
        search(lambda request: httpx.Response(200, json={"hits": []}))


def test_a_missing_field_stops_the_ingest_and_is_named():
    known = frozenset({"submitter_id", "demographic.gender"})
    required = [("submitter_id",), ("demographic.sex_at_birth", "demographic.gender")]
    assert gdc_api.choose_fields("cases", known, required, ["x"]) == ["submitter_id", "demographic.gender"]
    with pytest.raises(UpstreamChanged, match=r"demographic\.vital_status"):
        gdc_api.choose_fields("cases", known, [("demographic.vital_status",)], [])


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("Data Release 45.0 - December 04, 2025", "45.0"),
        ("Data Release 33.1 - May 31, 2022", "33.1"),
        ("Data Release 27.0-fix - November 09, 2020", "27.0"),
    ],
)
def test_the_release_is_its_number(text, release):
    client = gdc_answering(lambda request: httpx.Response(200, json={"data_release": text}))
    assert gdc.release(client) == release


def test_a_status_without_a_release_is_reported():
    client = gdc_answering(lambda request: httpx.Response(200, json={"status": "OK"}))
    with pytest.raises(UpstreamChanged, match="data_release"):
        gdc.release(client)


CASE = {
    "submitter_id": "TCGA-A1-A0SB",
    "demographic": {"vital_status": "Alive", "sex_at_birth": "female", "age_at_index": 70},
    "diagnoses": [
        {"classification_of_tumor": "recurrence", "days_to_last_follow_up": 9, "ajcc_pathologic_stage": "Stage IV"},
        {
            "diagnosis_is_primary_disease": "true",
            "days_to_last_follow_up": 259,
            "ajcc_pathologic_stage": "Stage I",
            "treatments": [
                {"treatment_type": "Radiation Therapy, NOS", "treatment_or_therapy": "no"},
                {
                    "treatment_type": "Pharmaceutical Therapy",
                    "therapeutic_agents": "Docetaxel",
                    "treatment_or_therapy": "yes",
                },
                {"treatment_type": "Chemotherapy", "treatment_or_therapy": "yes"},
                {"treatment_type": "Chemotherapy", "treatment_or_therapy": "yes"},
            ],
        },
    ],
    "follow_ups": [
        {"days_to_follow_up": 100, "progression_or_recurrence": "No"},
        {"days_to_follow_up": 300, "progression_or_recurrence": "Yes", "days_to_recurrence": 250},
        {"days_to_progression": 240, "other_clinical_attributes": [{"menopause_status": "Postmenopausal"}]},
    ],
}


def test_a_case_gives_the_primary_diagnosis_the_last_follow_up_and_the_first_progression():
    row = gdc_clinical.read_case(CASE)
    assert (row["ajcc_pathologic_stage"], row["days_to_last_follow_up"]) == ("Stage I", 259)
    assert (row["days_to_follow_up"], row["days_to_progression"]) == (300, 240)
    assert row["progression_or_recurrence"] == "yes"
    assert row["treatments"] == "Docetaxel;Chemotherapy"
    assert row["menopause_status"] == "Postmenopausal"
    assert (row["tissue_source_site"], row["sex"]) == ("A1", "female")


def test_a_case_without_demographic_diagnoses_and_follow_ups_is_a_row_of_missing_values():
    row = gdc_clinical.read_case({"submitter_id": "TCGA-A1-A0SB", "diagnoses": None})
    assert {key for key, value in row.items() if value is not None} == {"patient_id", "tissue_source_site"}


def test_the_older_name_of_sex_is_accepted():
    assert gdc_clinical.read_case(CASE | {"demographic": {"gender": "male"}})["sex"] == "male"


BIOTAB = (
    "bcr_patient_uuid\tbcr_patient_barcode\ther2_status_by_ihc\ther2_ihc_score\tmenopause_status\n"
    "bcr_patient_uuid\tbcr_patient_barcode\tlab_proc\tlevel\tmenopause\n"
    "CDE_ID:\tCDE_ID:2673794\tCDE_ID:2957563\tCDE_ID:2178402\tCDE_ID:2957270\n"
    "u1\tTCGA-A1-A0SB\tNegative\t0\t[Not Available]\n"
    "u2\tTCGA-A1-A0SD\t[Not Evaluated]\t[Not Applicable]\tPost\n"
)


def test_a_biotab_is_read_below_its_three_header_rows_and_brackets_are_missing(tmp_path):
    path = tmp_path / "clinical.txt"
    path.write_text(BIOTAB)
    table = gdc_clinical.read_biotab(path)
    assert list(table.index) == ["TCGA-A1-A0SB", "TCGA-A1-A0SD"]
    assert table["biotab_her2_ihc_score"].tolist()[0] == "0"
    assert table.isna().sum().to_dict() == {
        "biotab_her2_status_by_ihc": 1,
        "biotab_her2_ihc_score": 1,
        "biotab_menopause_status": 1,
    }


def test_a_table_without_the_three_header_rows_is_not_a_biotab(tmp_path):
    path = tmp_path / "clinical.txt"
    path.write_text("\n".join(BIOTAB.splitlines()[:1] + BIOTAB.splitlines()[3:]))
    with pytest.raises(FormatError, match="three header rows"):
        gdc_clinical.read_biotab(path)


def test_curated_survival_is_read_from_its_sheet(tmp_path):
    path = tmp_path / "cdr.xlsx"
    fields = {"OS": [1, 0], "OS.time": [100, "#N/A"], "DSS": ["#N/A", 0], "DSS.time": [100, 5]}
    sheet = pd.DataFrame({"bcr_patient_barcode": ["TCGA-A1-A0SB", "TCGA-A1-A0SD"], **fields, "PFI": 1, "PFI.time": 7})
    with pd.ExcelWriter(path, engine="openpyxl") as writer:
        pd.DataFrame({"note": ["read me"]}).to_excel(writer, sheet_name="Notes", index=False)
        sheet.to_excel(writer, sheet_name="TCGA-CDR", index=False)
    table = gdc_clinical.read_cdr(path)
    assert table.loc["TCGA-A1-A0SB", "cdr_os_time"] == 100
    assert table["cdr_dss"].isna().tolist() == [True, False]
    assert {str(kind) for kind in table.dtypes} == {"float64"}


def test_a_file_of_tumour_and_normal_is_described_by_the_tumour():
    samples = [("TCGA-A1-A0SB-10A", "Blood Derived Normal"), ("TCGA-A1-A0SB-01A", "Primary Tumor")]
    hit = {
        "file_id": "x",
        "file_name": "x.maf.gz",
        "md5sum": "0" * 32,
        "file_size": 3,
        "cases": [
            {
                "submitter_id": "TCGA-A1-A0SB",
                "samples": [{"submitter_id": name, "sample_type": kind} for name, kind in samples],
            }
        ],
        "associated_entities": [{"entity_submitter_id": f"{name}-11D-A142-09"} for name, _ in samples],
    }
    row = gdc_index.describe_file("maf", hit)
    assert (row["aliquot_id"], row["sample_type"]) == ("TCGA-A1-A0SB-01A-11D-A142-09", "Primary Tumor")


@pytest.fixture
def maf(tmp_path):
    def write(name, columns, *rows):
        lines = ["#version gdc-1.0.0", "\t".join(columns), *["\t".join(row) for row in rows]]
        (tmp_path / name).write_bytes(gzip.compress("\n".join(lines).encode()))
        return tmp_path / name

    return write


def test_a_maf_keeps_the_columns_of_use_whatever_their_order(maf):
    columns = ["Tumor_Sample_Barcode", "Other", "Hugo_Symbol", "Variant_Classification"]
    header, body = gdc_maf.read_maf(maf("a.maf.gz", columns, ["T1", "x", "NA", 'Mis"sense']))
    table = gdc_maf.parse_rows(header, [body, body])
    assert list(table.columns) == ["Hugo_Symbol", "Variant_Classification", "Tumor_Sample_Barcode"]
    assert table.to_numpy().tolist() == [["NA", 'Mis"sense', "T1"]] * 2


def test_a_maf_without_mutations_has_no_rows_and_one_without_a_needed_column_is_named(maf):
    columns = ["Hugo_Symbol", "Variant_Classification", "Tumor_Sample_Barcode"]
    assert gdc_maf.read_maf(maf("none.maf.gz", columns))[1] == b""
    with pytest.raises(UpstreamChanged, match=r"b\.maf\.gz.*Tumor_Sample_Barcode"):
        gdc_maf.read_maf(maf("b.maf.gz", columns[:2]))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["Yes - Progression or Recurrence", "no"], "yes"),
        (["No", None], "no"),
        (["Not Reported", "NO"], "no"),
        (["Unknown"], "Unknown"),
        (["Perhaps", "Unknown"], "Perhaps"),
        ([], None),
    ],
)
def test_progression_is_written_in_several_ways(words, expected):
    follow_ups = [{"progression_or_recurrence": word} for word in words]
    assert gdc_clinical.progression(follow_ups) == expected


@pytest.mark.parametrize("answer", [{"treatment_or_therapy": None}, {}, {"treatment_or_therapy": "yes"}])
def test_a_listed_treatment_counts_as_given_unless_stated_otherwise(answer):
    assert gdc_clinical.given_treatments([{"treatment_type": "Chemotherapy"} | answer]) == "Chemotherapy"
    assert gdc_clinical.given_treatments([{"treatment_type": "Chemotherapy", "treatment_or_therapy": "no"}]) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"demographic": ["female"]}, r"demographic is \['female'\], not a record"),
        ({"diagnoses": {"stage": "I"}}, "diagnoses is .* not a list of records"),
        (
            {"diagnoses": [{"days_to_last_follow_up": "soon"}]},
            r"diagnoses\[0\]\.days_to_last_follow_up is 'soon', not a n",
        ),
        ({"follow_ups": [None]}, r"follow_ups\[0\] is None, not a record"),
        ({"submitter_id": None}, "the record has no submitter_id"),
    ],
)
def test_a_record_with_another_structure_is_named_with_its_field(change, message):
    with pytest.raises(FormatError, match=f"GDC's case: {message}"):
        gdc_clinical.read_case(CASE | change)
