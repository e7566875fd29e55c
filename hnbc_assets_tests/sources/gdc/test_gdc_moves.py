"""GDC when it changes: an address that is too long, the biotab under another id, a curated workbook that changed."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pandas as pd
import pytest

from hnbc_assets.errors import DownloadsIncomplete, UpstreamChanged
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.gdc import api as gdc_api
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.gdc.fields import CASES_PAGE
from hnbc_assets.sources.gdc.probes import of_gdc
from hnbc_assets.sources.kinds import source_of
from hnbc_assets.sources.release_changes import field_changes
from hnbc_assets.sources.simulated import Simulation, transport
from hnbc_assets.sources.web.http import connect
from hnbc_assets.sources.web.probing import Ask, header, probe, with_columns

TINY = Simulation(n_genes=1500, n_tcga=260, n_discovery=20, n_validation=20, n_metabric=20, n_lines=20, n_drugs=8)
BIOTAB, MOVED = gdc.BIOTAB_FILE_IDS["TCGA-BRCA"], "00000000-aaaa-bbbb-cccc-000000000000"


class Moved(httpx.BaseTransport):
    """The simulated GDC, which records its requests; its biotab has another id, or is missing."""

    def __init__(self, *, biotab: str | None = BIOTAB) -> None:
        self.inner, self.biotab, self.asked = transport(TINY), biotab, []

    def handle_request(self, request):
        self.asked.append((request.method, str(request.url)))
        if self.biotab == BIOTAB:
            return self.inner.handle_request(request)
        asked = request.content.decode() + str(request.url)
        by_name = "clinical_patient_brca" in asked
        if request.url.path == "/files" and (BIOTAB in asked or (by_name and self.biotab is None)):
            empty = {"data": {"hits": [], "pagination": {"total": 0}}, "warnings": {}}
            return httpx.Response(200, json=empty, request=request)
        url = str(request.url).replace(MOVED, BIOTAB)
        answer = self.inner.handle_request(httpx.Request(request.method, url, headers=request.headers))
        content = answer.read()
        if request.url.path == "/files":
            content = content.replace(BIOTAB.encode(), MOVED.encode())
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
        return httpx.Response(answer.status_code, headers=headers, content=content, request=request)


def test_a_search_that_makes_the_address_too_long_is_posted_and_its_parameters_are_recorded(tmp_path):
    """The first 250 patients name 250 barcodes, some 9,000 characters: GDC answers 414 to those."""
    host = Moved()
    with connect("simulated", transport=host) as client:
        listed = gdc.listing(client, Archive(tmp_path), "TCGA-BRCA", mutations=False, limit=250)
    posted = [url for method, url in host.asked if method == "POST"]
    assert posted == ["https://api.gdc.cancer.gov/files"]
    assert max(len(url) for _, url in host.asked) <= gdc_api.LONGEST_ADDRESS
    stars = [one for _, one in listed.wanted if "/star/" in one.path]
    assert len(stars) > 200
    pages = [reply for reply in listed.replies if "/star-" in reply.file_id]
    assert all("&fields=file_id" in page.url and "TCGA-" in page.url for page in pages)


def test_fields_of_pages_that_were_posted_are_found_like_those_of_others(tmp_path, monkeypatch):
    archive, files = Archive(tmp_path), source_of("gdc").files
    with connect("simulated", transport=Moved()) as client:
        got = gdc.listing(client, archive, "TCGA-BRCA", mutations=False, limit=3)
        monkeypatch.setattr(gdc_api, "LONGEST_ADDRESS", 100)
        posted = gdc.listing(client, archive, "TCGA-BRCA", mutations=False, limit=3)
    assert got == posted
    pages = [reply for reply in posted.replies if CASES_PAGE.fullmatch(reply.file_id)]
    rows = [
        archive.store("gdc", page.release, file_id=page.file_id, url=page.url, path=page.path, content=page.content)
        for page in pages
    ]
    manifest = pd.DataFrame(rows)
    assert field_changes(files(archive, manifest), files(archive, manifest.iloc[:0])).vanished


def test_a_biotab_under_another_id_is_found_by_its_name(tmp_path):
    archive = Archive(tmp_path)
    with connect("simulated", transport=Moved(biotab=MOVED)) as client:
        manifest = gdc.fetch(client, archive, "TCGA-BRCA", mutations=False, limit=3)
    assert MOVED in set(manifest["file_id"])
    assert BIOTAB not in set(manifest["file_id"])
    assert gdc.read_clinical(archive, manifest)["biotab_her2_status_by_ihc"].notna().any()
    index = gdc.read_index(archive, manifest)
    assert index.loc[index["kind"] == "biotab", "file_id"].tolist() == [MOVED]


def test_a_project_whose_biotab_is_missing_under_id_and_name_is_an_error(tmp_path):
    with (
        connect("simulated", transport=Moved(biotab=None)) as client,
        pytest.raises(UpstreamChanged, match="no open biotab file of TCGA-BRCA"),
    ):
        gdc.listing(client, Archive(tmp_path), "TCGA-BRCA", mutations=False)


def test_a_curated_workbook_that_is_not_the_known_one_is_reported_and_not_kept(tmp_path):
    """Outside the simulation, whose patients' survival is also simulated."""
    archive = Archive(tmp_path)
    with connect("simulated", transport=Moved()) as client:
        client.upstream = "live"
        with pytest.raises(DownloadsIncomplete, match=r"not the known file of 2,945,129 bytes.*endpoints: api"):
            gdc.fetch(client, archive, "TCGA-BRCA", mutations=False, endpoints="tcga_cdr", limit=3)
    kept = archive.manifest("gdc")
    assert not kept["path"].str.contains("/cdr/").any()
    assert kept["path"].str.contains("/star/").any()


def test_only_fields_that_gdc_lists_are_asked_for_and_neither_gender_nor_version_is_missed(tmp_path):
    host = Moved()
    with connect("simulated", transport=host) as client:
        gdc.listing(client, Archive(tmp_path), "TCGA-BRCA", mutations=False, limit=3)
    asked = [url for _, url in host.asked if "/files?" in url]
    assert asked
    assert not any("version" in url for url in asked)


@pytest.mark.parametrize(
    ("biotab", "verdicts"),
    [(BIOTAB, ["good", "good"]), (MOVED, ["good", "good", "good"]), (None, ["good", "fails"])],
    ids=["known", "moved", "gone"],
)
def test_a_probe_looks_for_the_biotab_as_a_run_does(biotab, verdicts):
    with connect("simulated", transport=Moved(biotab=biotab)) as client:
        seen = [found for ask in of_gdc(client, "TCGA-BRCA", mutations=False) for found in probe(client, ask)]
    assert [found.verdict for found in seen if "biotab" in found.what] == verdicts


def test_a_probe_asks_once_more_after_an_answer_that_is_not_usable():
    """Hosts fail at times: a fetch repeats a request answered by a web page, and so does a probe before it."""
    asked = []

    def answer(request):
        asked.append(request.url.path)
        page = len(asked) == 1
        return httpx.Response(200, text="<html>busy</html>" if page else "a\tb\n1\t2\n")

    ask = Ask("table", ("https://upstream.example/table",), lambda seen: with_columns(header(seen, "\t"), ("a", "b")))
    with connect("simulated", transport=httpx.MockTransport(answer), backoff_seconds=0.01) as client:
        assert [found.verdict for found in probe(client, ask)] == ["good"]
        assert len(asked) == 2
        assert [found.verdict for found in probe(client, replace(ask, understand=judged_bad))] == ["fails"]
    assert len(asked) == 4


def judged_bad(seen):
    raise UpstreamChanged("no such column")
