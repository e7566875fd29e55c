"""GEO: releases, series matrices, annotations; on the real series through the replica, and on small files."""

from __future__ import annotations

import gzip

import httpx
import numpy as np
import pandas as pd
import pytest

from hnbc_assets.errors import DamagedDownload, FormatError, StudyError, UpstreamRefused
from hnbc_assets.sources import geo
from hnbc_assets.sources.archive import Archive
from hnbc_assets.sources.http import connect

RECORD = "^SERIES = GSE1\n!Series_status = Public on Nov 01 2010\n!Series_last_update_date = Mar 05 2019\n"
MATRIX = """!Series_title\t"A series"
!Sample_title\t"one"\t"two"\t"three"
!Sample_geo_accession\t"GSM1"\t"GSM2"\t"GSM3"
!Sample_platform_id\t"GPL96"\t"GPL96"\t"GPL96"
!Sample_relation\t"Reanalyzed by: GSE8"\t"Reanalyzed by: GSE9"\t"Reanalyzed by: GSE8"
!Sample_relation\t"BioSample: a"\t"BioSample: b"\t""
!Sample_characteristics_ch1\t"age: 50"\t"er: P"\t"age: 60"
!Sample_characteristics_ch1\t"er: N"\t""\t"note: of a: b"
!series_matrix_table_begin
"ID_REF"\t"GSM1"\t"GSM2"\t"GSM3"
"1_at"\t1.5\t2\t-3.25
"2_at"\tnull\t\t7
"3_at"\t1e-3\tNA\t0.5
!series_matrix_table_end
"""
ANNOTATION = """^Annotation
!Annotation_platform = GPL96
#ID =
!platform_table_begin
ID\tGene title\tGene symbol\tGene ID
1_at\tx\tA1BG\t1
2_at\tx\tPRR5///ARHGAP8\t2///3
3_at\tx\t\t
!platform_table_end
"""


def archived(tmp_path, matrix=MATRIX, annotation=ANNOTATION):
    archive = Archive(tmp_path)
    rows = [
        archive.store(
            "geo", "r", file_id=name, url=f"https://x/{name}", path=name, content=gzip.compress(text.encode())
        )
        for name, text in (("GSE1_series_matrix.txt.gz", matrix), ("GPL96.annot.gz", annotation))
    ]
    return archive, pd.DataFrame(rows)


def client_answering(answer):
    return connect("simulated", transport=httpx.MockTransport(answer))


def test_a_release_is_the_last_update_date_whatever_the_language_of_the_machine():
    with client_answering(lambda request: httpx.Response(200, text=RECORD)) as client:
        assert geo.release(client, "GSE1") == "2019-03-05"


def test_a_withdrawn_series_is_refused_and_a_web_page_is_no_record():
    withdrawn = RECORD.replace("Public on Nov 01 2010", "Withdrawn")
    with (
        client_answering(lambda request: httpx.Response(200, text=withdrawn)) as client,
        pytest.raises(UpstreamRefused, match="Withdrawn"),
    ):
        geo.release(client, "GSE1")
    with (
        client_answering(lambda request: httpx.Response(200, text="<html>busy</html>")) as client,
        pytest.raises(DamagedDownload, match="GSE1"),
    ):
        geo.release(client, "GSE1")


def test_a_series_over_several_platforms_is_found_by_series_and_platform(tmp_path):
    def answer(request):
        name = request.url.path.rsplit("/", 1)[1]
        if name == "acc.cgi":
            return httpx.Response(200, text=RECORD)
        if name == "GSE1_series_matrix.txt.gz":
            return httpx.Response(404)
        return httpx.Response(200, content=gzip.compress((MATRIX if "matrix" in name else ANNOTATION).encode()))

    with client_answering(answer) as client:
        manifest = geo.fetch(client, Archive(tmp_path), "GSE1", "GPL96")
    assert list(manifest["file_id"]) == ["GSE1-GPL96_series_matrix.txt.gz", "GPL96.annot.gz"]
    assert len(geo.read_clinical(Archive(tmp_path), manifest)) == 3


def test_characteristics_are_read_by_key_though_keys_differ_between_samples(tmp_path):
    clinical = geo.read_clinical(*archived(tmp_path))
    assert clinical.loc["GSM1", ["title", "age", "er"]].tolist() == ["one", "50", "N"]
    assert clinical.loc["GSM2", "er"] == "P"
    assert clinical.loc["GSM2", "age"] is None
    assert clinical.loc["GSM3", "note"] == "of a: b"
    assert clinical.loc["GSM1", "relation"] == "Reanalyzed by: GSE8; BioSample: a"


def test_a_subset_keeps_the_samples_whose_relation_says_so(tmp_path):
    archive, manifest = archived(tmp_path)
    assert list(geo.read_clinical(archive, manifest, subset={"relation": "GSE8"}).index) == ["GSM1", "GSM3"]
    with pytest.raises(StudyError, match="GSE7"):
        geo.read_clinical(archive, manifest, subset={"relation": "GSE7"})
    with pytest.raises(StudyError, match="no 'batch'"):
        geo.read_clinical(archive, manifest, subset={"batch": "1"})


def test_values_and_missing_values_are_read_as_they_are(tmp_path):
    values, features = geo.read_expression(*archived(tmp_path), sample_ids=["GSM3", "GSM1"])
    np.testing.assert_array_equal(values.to_numpy(), [[-3.25, 1.5], [7, np.nan], [0.5, 1e-3]])
    assert list(values.index) == ["1_at", "2_at", "3_at"]
    assert features["symbol"].tolist()[:2] == ["A1BG", "PRR5///ARHGAP8"]
    assert pd.isna(features["symbol"][2])


def test_a_table_of_many_blocks_equals_what_pandas_reads(tmp_path):
    values = np.random.default_rng(1).normal(7, 2, (3000, 100)).round(4)
    names = [f"GSM{n}" for n in range(100)]
    lines = ["\t".join(['"ID_REF"', *(f'"{name}"' for name in names)])]
    lines += [f'"{probe}_at"\t' + "\t".join(map(str, row)) for probe, row in enumerate(values.tolist())]
    table = "\n".join(lines)
    matrix = f'!Sample_geo_accession\t"GSM0"\n!series_matrix_table_begin\n{table}\n!series_matrix_table_end\n'
    archive, manifest = archived(tmp_path, matrix)
    read, _ = geo.read_expression(archive, manifest)
    reference = pd.read_csv(archive.locate(manifest.iloc[0]), sep="\t", comment="!", index_col=0)
    np.testing.assert_array_equal(read.to_numpy(), reference.to_numpy())
    assert list(read.index) == list(reference.index)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: text.index("!series_matrix_table_end")], "table_end"),
        (lambda text: text[: text.index("!series_matrix_table_begin")], "table_begin"),
        (lambda text: text.replace("-3.25", "high"), "not numbers"),
        (lambda text: text.replace('"2_at"', '"1_at"'), "two rows"),
        (lambda text: text.replace('"ID_REF"', '"PROBE"'), "ID_REF"),
    ],
)
def test_a_damaged_table_is_an_error_that_names_the_file(tmp_path, damage, message):
    with pytest.raises(FormatError, match=f"GSE1_series_matrix.*{message}"):
        geo.read_expression(*archived(tmp_path, damage(MATRIX)))


def test_a_truncated_gzip_is_an_error_that_names_the_file(tmp_path):
    archive, manifest = archived(tmp_path)
    path = archive.locate(manifest.iloc[0])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FormatError, match="GSE1_series_matrix"):
        geo.read_expression(archive, manifest)


def test_an_annotation_that_is_cut_off_is_an_error(tmp_path):
    with pytest.raises(FormatError, match=r"GPL96.*platform_table_end"):
        geo.read_expression(*archived(tmp_path, annotation=ANNOTATION.replace("!platform_table_end\n", "")))


@pytest.mark.real
def test_gse25066_has_507_samples_in_two_parts_by_relation(small_replica, tmp_path):
    archive = Archive(tmp_path)
    with connect(small_replica.base) as client:
        manifest = geo.fetch(client, archive, "GSE25066", "GPL96")
    assert set(manifest["release"]) == {"2019-03-25"}
    parts = {part: geo.read_clinical(archive, manifest, subset={"relation": part}) for part in ("GSE25055", "GSE25065")}
    assert {part: len(clinical) for part, clinical in parts.items()} == {"GSE25055": 309, "GSE25065": 198}
    assert not set(parts["GSE25055"].index) & set(parts["GSE25065"].index)
    values, features = geo.read_expression(archive, manifest, sample_ids=list(parts["GSE25065"].index))
    assert values.shape == (1689, 198)
    assert not np.isnan(values.to_numpy()).any()
    assert features["symbol"].notna().sum() == 1673


@pytest.mark.real
def test_a_revised_series_is_another_release(small_replica, tmp_path):
    small_replica.control(revise=["GSE25066"])
    archive = Archive(tmp_path)
    with connect(small_replica.base) as client:
        manifest = geo.fetch(client, archive, "GSE25066", "GPL96")
    assert set(manifest["release"]) == {"2026-11-05"}
    assert len(geo.read_clinical(archive, manifest)) == 507


@pytest.mark.real
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        *(("GPL96.annot.gz", kind) for kind in ("status", "truncate", "reset", "html", "corrupt", "short")),
        *(("acc.cgi", kind) for kind in ("status", "truncate", "reset", "html")),
    ],
)
def test_one_fault_of_any_kind_is_survived(small_replica, tmp_path, path, kind):
    small_replica.control(fault={"kind": kind, "path": path, "times": 1, "code": 503})
    archive = Archive(tmp_path)
    with connect(small_replica.base, backoff_seconds=0.01) as client:
        manifest = geo.fetch(client, archive, "GSE25066", "GPL96")
    _, features = geo.read_expression(archive, manifest)
    assert features["symbol"].notna().sum() == 1673
