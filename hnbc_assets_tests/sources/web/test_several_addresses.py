"""A file that several hosts have: the first that has it is recorded, and the others are tried if it does not."""

from __future__ import annotations

import hashlib
import threading

import httpx
import pytest

from hnbc_assets.addresses import KNOWN, Addresses, wrong_with
from hnbc_assets.errors import DownloadsIncomplete, UpstreamRefused, UpstreamUnreachable
from hnbc_assets.sources.archive.store import Wanted
from hnbc_assets.sources.gdc import api as gdc_api
from hnbc_assets.sources.gdc.probes import of_gdc
from hnbc_assets.sources.geo import files as geo
from hnbc_assets.sources.listing import Listing, size
from hnbc_assets.sources.simulated import Simulation, transport
from hnbc_assets.sources.web.download import download
from hnbc_assets.sources.web.http import connect
from hnbc_assets.sources.web.probing import probe
from hnbc_assets_tests.sources.upstream import FILES, Upstream

WHOLE = FILES["f1.txt"]
TINY = Simulation(n_genes=1500, n_tcga=20, n_discovery=20, n_validation=20, n_metabric=20, n_lines=20, n_drugs=8)
OFFICIAL, LEGACY = "https://official.example/f0.txt", "https://legacy.example/f1.txt"


def either(**stated):
    return Wanted("f", OFFICIAL, "files/f", others=(LEGACY,), **stated)


def test_the_address_that_answered_is_recorded(archive):
    upstream = Upstream({"f1.txt": WHOLE})
    (row,) = archive.fetch(upstream.client, "host", "1.0", [either()]).to_dict("records")
    assert row["url"] == LEGACY
    assert archive.locate(row).read_bytes() == WHOLE


def test_the_first_address_that_has_the_file_is_the_only_one_queried(archive):
    upstream = Upstream({"f0.txt": WHOLE, "f1.txt": WHOLE})
    rows = archive.fetch(upstream.client, "host", "1.0", [either()])
    assert list(rows["url"]) == [OFFICIAL]
    assert [name for name, _ in upstream.asked] == ["f0.txt"]


def test_a_file_from_another_address_is_not_fetched_again(archive):
    upstream = Upstream({"f1.txt": WHOLE})
    archive.fetch(upstream.client, "host", "1.0", [either()])
    upstream.asked.clear()
    archive.fetch(upstream.client, "host", "1.0", [either()])
    assert upstream.asked == []


def test_if_no_address_has_the_file_each_is_named_with_its_reason(archive):
    with pytest.raises(DownloadsIncomplete) as caught:
        archive.fetch(Upstream({}).client, "host", "1.0", [either()])
    assert isinstance(caught.value.failures["f"], UpstreamRefused)
    assert f"{OFFICIAL}: HTTP status 404" in str(caught.value)
    assert f"{LEGACY}: HTTP status 404" in str(caught.value)


def test_of_two_failures_the_more_temporary_one_is_reported(tmp_path):
    """An unreachable address may answer tomorrow: the file is not missing."""

    def answer(request):
        return httpx.Response(404 if request.url.host == "official.example" else 503)

    client = connect("simulated", transport=httpx.MockTransport(answer), retries=0)
    with pytest.raises(UpstreamUnreachable, match="None of its 2 addresses"):
        download(client, either(), tmp_path / "f", stop=threading.Event())


def test_other_bytes_than_the_stated_sha256_are_refused_and_those_of_the_next_address_accepted(archive):
    upstream = Upstream({"f0.txt": b"another edition\n", "f1.txt": WHOLE})
    rows = archive.fetch(upstream.client, "host", "1.0", [either(sha256=hashlib.sha256(WHOLE).hexdigest())])
    assert list(rows["url"]) == [LEGACY]


def test_a_file_of_the_stated_sha256_is_adopted_from_another_release(archive):
    upstream, stated = Upstream({"f1.txt": WHOLE}), either(sha256=hashlib.sha256(WHOLE).hexdigest())
    first = archive.fetch(upstream.client, "host", "1.0", [stated])
    upstream.asked.clear()
    second = archive.fetch(upstream.client, "host", "2.0", [stated])
    assert upstream.asked == []
    assert list(second["path"]) == list(first["path"])
    assert list(second["release"]) == ["2.0"]


def test_the_size_is_that_of_the_first_address_that_has_the_file():
    upstream = Upstream({"f1.txt": WHOLE})
    assert size(upstream.client, Listing("host", "1.0"), either()) == len(WHOLE)
    with pytest.raises(UpstreamRefused):
        size(Upstream({}).client, Listing("host", "1.0"), either())


def test_the_record_of_a_series_is_requested_at_every_address():
    """The release also comes from the first address that has it."""
    hosts = transport(TINY)
    own = Addresses({"geo.record": ("https://gone.example/record", *KNOWN["geo.record"])})
    with connect("simulated", transport=hosts, addresses=own) as client:
        assert geo.release(client, "GSE25055") == "2022-11-02"
        with pytest.raises(UpstreamRefused, match=r"None of its 2 addresses gave the record of GSE1: .*gone.*acc\.cgi"):
            geo.release(client, "GSE1")


def test_a_probe_of_gdc_queries_the_same_addresses_as_a_run():
    """A second address has files, not answers: if the first does not exist, a look must not succeed."""
    hosts = transport(TINY)
    own = Addresses({"gdc.api": ("https://gone.example", *KNOWN["gdc.api"])})
    with connect("simulated", transport=hosts, addresses=own, retries=0) as client:
        asks = [found for ask in of_gdc(client, "TCGA-BRCA", mutations=False) for found in probe(client, ask)]
        with pytest.raises(UpstreamRefused, match="gone"):
            gdc_api.release(client)
    assert {found.verdict for found in asks} == {"fails"}


def test_a_study_s_own_addresses_replace_the_known_ones():
    own = Addresses({"gdsc.models": ("https://mirror.example/models.csv",)})
    assert own.of("gdsc.models") == ("https://mirror.example/models.csv",)
    assert own.of("cbioportal.tar", study="brca_metabric") == (
        "https://datahub.assets.cbioportal.org/brca_metabric.tar.gz",
    )


@pytest.mark.parametrize("name", KNOWN)
def test_the_packaged_addresses_are_valid_in_a_study(name):
    assert wrong_with(name, KNOWN[name]) is None


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://mirror.example/x", "only https"),
        ("https://mirror.example/{studdy}", "{studdy} is not known; cbioportal.tar may have {study}"),
        ("https://mirror.example/{", "mirror.example"),
        ("https://mirror.example/{0}", "the name of a part"),
    ],
)
def test_an_address_that_cannot_be_filled_is_named(address, message):
    assert message in str(wrong_with("cbioportal.tar", (address,)))
