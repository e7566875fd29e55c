"""GEO: releases, series matrices, annotations; on the real series through the replica, and on small files."""

from __future__ import annotations

import gzip

import httpx
import numpy as np
import pandas as pd
import pytest

from hnbc_assets.errors import DamagedDownload, FormatError, StudyError, UpstreamRefused
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.geo import files as geo
from hnbc_assets.sources.geo.source import SeriesFiles
from hnbc_assets.sources.listing import fetch_listing, size
from hnbc_assets.sources.release_changes import release_changes
from hnbc_assets.sources.web.http import connect

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


def test_a_withdrawn_series_is_refused_and_a_web_page_is_not_a_record():
    withdrawn = RECORD.replace("Public on Nov 01 2010", "Withdrawn")
    with (
        client_answering(lambda request: httpx.Response(200, text=withdrawn)) as client,
        pytest.raises(UpstreamRefused, match="Withdrawn"),
    ):
        geo.release(client, "GSE1")
    with (
        client_answering(lambda request: httpx.Response(200, text="<html>busy</html>")) as client,
        pytest.raises(DamagedDownload, match=r"GSE1 .* is a web page: the series is not public yet"),
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
        manifest = fetch_listing(client, Archive(tmp_path), geo.listing(client, Archive(tmp_path), "GSE1", "GPL96"))
    assert list(manifest["file_id"]) == ["GSE1-GPL96_series_matrix.txt.gz", "GPL96.annot.gz"]
    assert len(geo.read_clinical(Archive(tmp_path), manifest)) == 3


def test_characteristics_are_read_by_key_although_keys_differ_between_samples(tmp_path):
    clinical = geo.read_clinical(*archived(tmp_path))
    assert clinical.loc["GSM1", ["title", "age", "er"]].tolist() == ["one", "50", "N"]
    assert clinical.loc["GSM2", "er"] == "P"
    assert clinical.loc["GSM2", "age"] is None
    assert clinical.loc["GSM3", "note"] == "of a: b"
    assert clinical.loc["GSM1", "relation"] == "Reanalyzed by: GSE8; BioSample: a"


def test_a_subset_keeps_the_samples_whose_relation_matches(tmp_path):
    archive, manifest = archived(tmp_path)
    assert list(geo.read_clinical(archive, manifest, subset={"relation": "GSE8"}).index) == ["GSM1", "GSM3"]
    with pytest.raises(StudyError, match="GSE7"):
        geo.read_clinical(archive, manifest, subset={"relation": "GSE7"})
    with pytest.raises(StudyError, match="no 'batch'"):
        geo.read_clinical(archive, manifest, subset={"batch": "1"})


def test_values_and_missing_values_are_read_unchanged(tmp_path):
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
        (lambda text: text.replace("-3.25", "high"), "is 'high', not a number"),
        (lambda text: text.replace('"2_at"', '"1_at"'), "two rows"),
        (lambda text: text.replace('"ID_REF"', '"PROBE"'), "ID_REF"),
    ],
)
def test_a_damaged_table_is_an_error_that_names_the_file(tmp_path, damage, message):
    with pytest.raises(FormatError, match=f"GSE1_series_matrix.*{message}"):
        geo.read_expression(*archived(tmp_path, damage(MATRIX)))


def test_a_truncated_gzip_is_an_error_that_names_the_file(tmp_path):
    archive, manifest = archived(tmp_path)
    name = "GSE1_series_matrix.txt.gz"
    content = archive.locate(manifest.iloc[0]).read_bytes()[:-20]
    short = archive.store("geo", "cut", file_id=name, url="https://x/cut", path=name, content=content)
    manifest.iloc[0] = short
    with pytest.raises(FormatError, match="GSE1_series_matrix"):
        geo.read_expression(archive, manifest)


def test_a_truncated_annotation_is_an_error(tmp_path):
    with pytest.raises(FormatError, match=r"GPL96.*platform_table_end"):
        geo.read_expression(*archived(tmp_path, annotation=ANNOTATION.replace("!platform_table_end\n", "")))


class Gateway:
    """GEO with one series: HEAD is refused, Range is ignored; its next matrix is truncated at byte `cut`."""

    def __init__(self):
        self.matrix, self.cut, self.asked = MATRIX, None, []

    def __call__(self, request):
        name = request.url.path.rsplit("/", 1)[1]
        self.asked.append((request.method, name, request.headers.get("range")))
        if request.method == "HEAD":
            return httpx.Response(403)
        if name == "acc.cgi":
            return httpx.Response(200, text=RECORD)
        body = gzip.compress((self.matrix if "matrix" in name else ANNOTATION).encode(), mtime=0)
        if "matrix" in name and self.cut:
            headers, stream = {"Content-Length": str(len(body))}, Broken(body[: self.cut])
            self.cut = None
            return httpx.Response(200, headers=headers, stream=stream)
        return httpx.Response(200, content=body)

    def matrices(self):
        return [asked for asked in self.asked if "matrix" in asked[1]]


class Broken(httpx.SyncByteStream):
    """A body whose connection breaks after the given bytes."""

    def __init__(self, start):
        self.start = start

    def __iter__(self):
        yield self.start
        raise httpx.ReadError("broke")


def test_a_matrix_rebuilt_under_the_same_date_is_not_a_change(tmp_path):
    """GEO rebuilds matrices without new data; neither a listing nor a fetch reports that as a change."""
    archive, gateway = Archive(tmp_path), Gateway()
    with client_answering(gateway) as client:
        before = fetch_listing(client, archive, geo.listing(client, archive, "GSE1", "GPL96"))
        kept = archive.locate(before.iloc[0]).read_bytes()
        gateway.matrix = MATRIX.replace("A series", "A series, written again")
        gateway.asked.clear()
        listed = geo.listing(client, archive, "GSE1", "GPL96")
        assert (listed.release, archive.missing(listed)) == ("2019-03-05", [])
        after = fetch_listing(client, archive, geo.listing(client, archive, "GSE1", "GPL96"))
    assert {name for _, name, _ in gateway.asked} == {"acc.cgi"}
    pd.testing.assert_frame_equal(before, after)
    assert archive.locate(after.iloc[0]).read_bytes() == kept
    assert release_changes(SeriesFiles(archive, before), SeriesFiles(archive, after)).empty


def test_a_host_that_refuses_head_leaves_the_size_unknown_and_one_without_ranges_returns_the_whole(tmp_path):
    archive, gateway = Archive(tmp_path), Gateway()
    gateway.cut = 40
    with client_answering(gateway) as client:
        listed = geo.listing(client, archive, "GSE1", "GPL96")
        assert [size(client, listed, one) for _, one in listed.wanted] == [None, None]
        manifest = fetch_listing(client, archive, geo.listing(client, archive, "GSE1", "GPL96"))
    gets = [asked for asked in gateway.matrices() if asked[0] == "GET"]
    assert gets == [("GET", "GSE1_series_matrix.txt.gz", given) for given in (None, "bytes=40-")]
    assert gzip.decompress(archive.locate(manifest.iloc[0]).read_bytes()).decode() == MATRIX


def test_series_of_one_platform_share_its_annotation_whatever_their_dates(tmp_path):
    archive, dates, asked = Archive(tmp_path), {"GSE1": "Mar 05 2019", "GSE2": "Nov 02 2022"}, []

    def answer(request):
        name = request.url.path.rsplit("/", 1)[1]
        asked.append(name)
        if name == "acc.cgi":
            date = dates[request.url.params["acc"]]
            return httpx.Response(200, text=RECORD.replace("Mar 05 2019", date))
        return httpx.Response(200, content=gzip.compress((MATRIX if "matrix" in name else ANNOTATION).encode()))

    with client_answering(answer) as client:
        manifests = [fetch_listing(client, archive, geo.listing(client, archive, series, "GPL96")) for series in dates]
        dates["GSE1"] = "Nov 05 2026"
        manifests.append(fetch_listing(client, archive, geo.listing(client, archive, "GSE1", "GPL96")))
    assert asked.count("GPL96.annot.gz") == 1
    assert [manifest["release"][0] for manifest in manifests] == ["2019-03-05", "2022-11-02", "2026-11-05"]
    assert len({archive.locate(manifest.iloc[1]) for manifest in manifests}) == 1
    for manifest in manifests:
        _, features = geo.read_expression(archive, manifest)
        assert features["symbol"][0] == "A1BG"


@pytest.mark.real
def test_gse25055_and_gse25065_are_separate_series(small_replica, tmp_path):
    archive, expected = Archive(tmp_path), {"GSE25055": 309, "GSE25065": 198, "GSE25066": 507}
    with connect(small_replica.base) as client:
        manifests = {
            series: fetch_listing(client, archive, geo.listing(client, archive, series, "GPL96")) for series in expected
        }
    clinical = {series: geo.read_clinical(archive, manifest) for series, manifest in manifests.items()}
    assert {series: len(table) for series, table in clinical.items()} == expected
    assert not set(clinical["GSE25055"].index) & set(clinical["GSE25065"].index)
    assert set(clinical["GSE25055"].index) | set(clinical["GSE25065"].index) == set(clinical["GSE25066"].index)
    assert manifests["GSE25055"]["release"].tolist() == ["2022-11-02", "GPL96"]
    assert sum(small_replica.requests("GPL96.annot.gz").values()) == 1
    values, features = geo.read_expression(archive, manifests["GSE25065"])
    assert values.shape == (1689, 198)
    assert not np.isnan(values.to_numpy()).any()
    assert features["symbol"].notna().sum() == 1673


@pytest.mark.real
def test_the_super_series_can_be_subset_by_a_characteristic_and_not_by_its_series(small_replica, tmp_path):
    archive = Archive(tmp_path)
    with connect(small_replica.base) as client:
        manifest = fetch_listing(client, archive, geo.listing(client, archive, "GSE25066", "GPL96"))
    basal = geo.read_clinical(archive, manifest, subset={"pam50_class": "Basal"})
    assert 0 < len(basal) < 507
    assert set(basal["pam50_class"]) == {"Basal"}
    with pytest.raises(StudyError, match=r"the column is empty\. For the samples of GSE25055, set it as the source's"):
        geo.read_clinical(archive, manifest, subset={"relation": "GSE25055"})


@pytest.mark.real
def test_a_revised_series_is_another_release(small_replica, tmp_path):
    small_replica.control(revise=["GSE25055"])
    archive = Archive(tmp_path)
    with connect(small_replica.base) as client:
        assert geo.release(client, "GSE25065") == "2022-11-02"
        manifest = fetch_listing(client, archive, geo.listing(client, archive, "GSE25055", "GPL96"))
    assert manifest["release"].tolist() == ["2026-11-05", "GPL96"]
    assert len(geo.read_clinical(archive, manifest)) == 309


@pytest.mark.real
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        *(("GPL96.annot.gz", kind) for kind in ("status", "truncate", "reset", "html", "corrupt", "short")),
        *(("acc.cgi", kind) for kind in ("status", "truncate", "reset", "html")),
    ],
)
def test_one_fault_of_any_kind_is_recovered_from(small_replica, tmp_path, path, kind):
    small_replica.control(fault={"kind": kind, "path": path, "times": 1, "code": 503})
    archive = Archive(tmp_path)
    with connect(small_replica.base, backoff_seconds=0.01) as client:
        manifest = fetch_listing(client, archive, geo.listing(client, archive, "GSE25065", "GPL96"))
    _, features = geo.read_expression(archive, manifest)
    assert features["symbol"].notna().sum() == 1673
