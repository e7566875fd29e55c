"""`hnbc doctor`: what would fail is known in seconds, and the hosts' answers can be saved and examined again."""

from __future__ import annotations

import base64
import json
from collections import Counter, namedtuple
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import pytest
import yaml

from hnbc_assets.commands import doctor
from hnbc_assets.commands.doctor import ask_all, ask_first, failing
from hnbc_assets.errors import UpstreamRefused
from hnbc_assets.sources.simulated import Simulation, transport
from hnbc_assets.sources.web.http import connect
from hnbc_assets.study import PACKAGED, Place, load_study

SMALL = {"n_tcga": 60, "n_discovery": 40, "n_validation": 40, "n_metabric": 40, "n_lines": 60, "n_drugs": 4}


@pytest.fixture
def study(tmp_path):
    """The packaged study, made small."""
    path = tmp_path / "study.yaml"
    settings = yaml.safe_load(PACKAGED.read_text())
    settings["simulation"] = SMALL | {"n_genes": 1500}
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
    return path


@pytest.fixture
def answers(monkeypatch):
    """Replace answers of the simulated hosts: a function of the request that returns an answer, or None to leave it."""
    from hnbc_assets.defs import resources

    def install(replace):
        real = transport(Simulation(**SMALL, n_genes=1500))

        def answer(request):
            return replace(request) or real.handle_request(request)

        def client(*_, **patience):
            return connect("simulated", transport=httpx.MockTransport(answer), **patience)

        monkeypatch.setattr(resources, "open_client", client)

    return install


def asked_of(study, tmp_path):
    place = Place("simulated", tmp_path / "lake", study)
    return ask_all(place, load_study(study))


def test_every_address_of_the_study_answers_at_the_simulated_hosts(hnbc, study, monkeypatch, lake_path):
    monkeypatch.setenv("HNBC_STUDY", str(study))
    monkeypatch.setenv("HNBC_UPSTREAM", "simulated")
    ended = hnbc("doctor")
    assert ended.status == 0, ended.out
    assert "Nothing would fail." in ended.out
    for name in ("geo/", "gdc/TCGA-BRCA", "gene_sets"):
        assert name in ended.out
    assert not lake_path.exists(), "a check stores nothing"


def test_without_a_named_upstream_no_host_is_queried(hnbc, study, monkeypatch):
    monkeypatch.setenv("HNBC_STUDY", str(study))
    ended = hnbc("doctor")
    assert ended.status == 0
    assert "No host was queried: hnbc doctor --live queries them." in ended.out


def test_an_address_that_no_longer_exists_is_named_with_the_status_of_its_host(study, answers, tmp_path):
    answers(lambda request: httpx.Response(410) if request.url.path.endswith("GPL96.annot.gz") else None)
    dead = failing(asked_of(study, tmp_path))
    assert {one.probed.what for one in dead} == {"annotation"}
    assert all("410" in one.probed.message for one in dead)


def test_a_file_of_another_layout_is_found_by_its_first_bytes(study, answers, tmp_path):
    star = b"# gene-model: GENCODE v40\ngene_id\tgene_name\tgene_type\tunstranded\n"

    def replace(request):
        begins = request.headers.get("range") and "/data/" in request.url.path
        real = transport(Simulation(**SMALL, n_genes=1500)).handle_request(request) if begins else None
        if real is not None and b"gene_model" in real.read()[:200].replace(b"-", b"_"):
            return httpx.Response(200, content=star)
        return None

    answers(replace)
    (dead,) = failing(asked_of(study, tmp_path))
    assert (dead.object, dead.probed.what) == ("gdc/TCGA-BRCA", "star file")
    assert "no column tpm_unstranded" in dead.probed.message


def test_a_web_page_with_status_200_is_not_data(study, answers, tmp_path):
    page = httpx.Response(200, html="<html>please wait</html>")
    answers(lambda request: page if request.url.path.endswith("acc.cgi") else None)
    dead = failing(asked_of(study, tmp_path))
    assert {one.probed.message for one in dead} == {"a web page instead of data"}


def test_only_the_first_bytes_of_a_large_file_are_read(study, answers, tmp_path):
    """A host that does not support Range sends the whole file; reading stops anyway."""
    read = 0

    class Endless(httpx.SyncByteStream):
        def __iter__(self):
            nonlocal read
            while True:
                read += 65536
                yield b"x" * 65536

    answers(lambda request: httpx.Response(200, stream=Endless()) if "/data/" in request.url.path else None)
    dead = failing(asked_of(study, tmp_path))
    assert {one.probed.what for one in dead} >= {"star file", "biotab file"}
    assert read <= len(dead) * 2 * 65536


def test_saved_answers_give_the_same_verdicts_again(hnbc, study, answers, monkeypatch, tmp_path):
    """A user's report can become a test: the saved answers, served again, get the same verdicts."""
    answers(
        lambda request: (
            httpx.Response(403, text="no") if request.url.path.endswith("h.all.v2023.2.Hs.symbols.gmt") else None
        )
    )
    monkeypatch.setenv("HNBC_STUDY", str(study))
    monkeypatch.setenv("HNBC_UPSTREAM", "simulated")
    ended = hnbc("doctor", "--save", str(tmp_path / "seen.json"))
    assert ended.status == 3
    seen = json.loads((tmp_path / "seen.json").read_text())
    kept = {row["url"]: row for row in seen["addresses"]}
    assert {row["what"] for row in kept.values() if row["verdict"] == "fails"} == {"Hallmark"}

    def again(request):
        row = kept[str(request.url)]
        return httpx.Response(row["status"], content=base64.b64decode(row["start_base64"]))

    answers(again)
    assert [(a.probed.seen.url, a.probed.verdict) for a in asked_of(study, tmp_path)] == [
        (row["url"], row["verdict"]) for row in seen["addresses"]
    ]


def test_a_file_that_cannot_be_written_is_named(hnbc, study, monkeypatch, tmp_path):
    monkeypatch.setenv("HNBC_STUDY", str(study))
    ended = hnbc("doctor", "--save", str(tmp_path / "absent" / "seen.json"))
    assert ended.status == 2
    assert "seen.json cannot be written" in ended.err


def findings(lake, **more):
    return {finding.what: finding for finding in doctor.examine_machine(lake, simulated=True, **more)}


def test_what_a_machine_lacks_is_reported_with_the_remedy(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10**6))
    monkeypatch.setattr(doctor.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 250_000}[name])
    monkeypatch.setattr(doctor.sys, "version_info", (3, 13, 1))
    found = findings(tmp_path / "lake")
    assert "1 GB are needed" in found["disk"].message
    assert "a run takes up to 3 GB" in found["memory"].message
    assert "3.11 or 3.12 is needed" in found["python"].message
    assert not any(found[what].good for what in ("disk", "memory", "python"))
    assert found["lake"].good


def test_a_lake_cannot_be_below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    found = findings(tmp_path / "file" / "lake")
    assert not found["lake"].good
    assert "is a file" in found["lake"].message


def test_a_clock_that_differs_from_the_hosts_is_named(tmp_path):
    """One host's clock may be wrong: the median counts."""
    wrong = ["Fri, 20 Nov 2020 10:00:00 GMT"] * 2
    assert not findings(tmp_path, dates=wrong)["clock"].good
    now = format_datetime(datetime.now(UTC))
    assert findings(tmp_path, dates=[now, now, wrong[0]])["clock"].good


def test_a_host_that_is_overloaded_is_queried_twice_and_no_more(study, answers, tmp_path):
    """Five retries with growing pauses are for downloads: a check takes seconds."""
    asked = Counter()

    def overloaded(request):
        if request.url.host == "www.ncbi.nlm.nih.gov":
            asked[request.url.params["acc"]] += 1
            return httpx.Response(503)
        return None

    answers(overloaded)
    dead = failing(asked_of(study, tmp_path))
    assert {one.probed.message for one in dead} == {"refused: HTTP status 503"}
    assert set(asked.values()) == {2}


def test_a_study_whose_tar_is_refused_is_fetched_from_the_repository(study, answers, tmp_path):
    refused = httpx.Response(403)
    answers(lambda request: refused if request.url.host == "datahub.assets.cbioportal.org" else None)
    asked = asked_of(study, tmp_path)
    assert failing(asked) == []
    verdicts = {one.probed.verdict for one in asked if "tar" in one.probed.what}
    assert verdicts == {"good", "not needed"}


def test_a_profile_that_the_hub_lacks_is_found_before_its_tar_is_fetched(study, answers, tmp_path):
    profile = "data_mrna_illumina_microarray.txt"
    answers(lambda request: httpx.Response(404) if request.url.path.endswith(profile) else None)
    (dead,) = failing(asked_of(study, tmp_path))
    assert (dead.object, dead.probed.what) == ("cbioportal/brca_metabric", profile)


def test_a_run_continues_if_only_an_optional_stage_has_a_dead_address(study, answers, tmp_path, capsys):
    place, loaded = Place("simulated", tmp_path / "lake", study), load_study(study)
    answers(lambda request: httpx.Response(410) if "sanger" in request.url.host else None)
    ask_first(place, loaded, ["gdsc", "geo/GSE25055"])
    output = capsys.readouterr()
    assert "The stage drugs would fail; the rest is made and published without it." in output.err
    assert "HTTP status 410" in output.err
    assert output.out == "", "a run's output is its headline"
    answers(lambda request: httpx.Response(410) if "ncbi" in request.url.host else None)
    with pytest.raises(UpstreamRefused, match="GSE25055"):
        ask_first(place, loaded, ["gdsc", "geo/GSE25055"])


def test_every_address_of_gdsc_is_queried_and_one_that_answers_is_enough(study, answers, tmp_path):
    """The workbook has three addresses, the expression two; the retired site is not among them."""
    refused = httpx.Response(404)
    answers(lambda request: refused if "release-7.0" in request.url.path or "/cmp/" in request.url.path else None)
    asked = [one for one in asked_of(study, tmp_path) if one.object == "gdsc"]
    assert len([one for one in asked if "dose_response" in one.probed.what]) == 3
    assert {one.probed.what for one in failing(asked)} == {"model_list", "gene_identifiers"}
    (expression,) = [o for o in asked if o.probed.what == "expression_rma" and o.probed.verdict == "good"]
    assert "release-6.0" in expression.probed.seen.url
    assert "expression (rma) of" in expression.probed.message
