"""Git LFS: pointers, the server that a repository names, and its answers."""

from __future__ import annotations

import httpx
import pytest

from hnbc_assets.errors import UpstreamChanged
from hnbc_assets.sources.cbioportal import git_lfs
from hnbc_assets.sources.cbioportal.git_lfs import Offer, Pointer
from hnbc_assets.sources.web.http import connect

TEXT = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 689254846\n"
ONE, OTHER = Pointer("a" * 64, 5), Pointer("b" * 64, 6)


def test_a_pointer_is_distinguished_from_a_plain_file():
    assert git_lfs.read_pointer(TEXT) == Pointer("a" * 64, 689254846)
    assert git_lfs.read_pointer(b"#Patient\tAge\nPATIENT_ID\tAGE\n") is None
    assert git_lfs.read_pointer(b"versions differ\n") is None
    assert git_lfs.read_pointer(b"") is None


@pytest.mark.parametrize("at", [1, 20, 60, 119, 125, len(TEXT) - 1])
def test_a_truncated_pointer_is_never_accepted_as_a_file(at):
    with pytest.raises(ValueError, match="has no"):
        git_lfs.read_pointer(TEXT[:at])


def test_the_server_is_the_one_that_the_repository_names():
    assert git_lfs.server("[lfs]\n\turl = https://h.example/base/\n\tfetchexclude = *\n") == "https://h.example/base"
    for config in ("", "[lfs]\n", "[lfs]\nurl = http://h.example\n", "no section"):
        with pytest.raises(UpstreamChanged, match="lfsconfig"):
            git_lfs.server(config)


def answering(value):
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=value))
    return connect("simulated", transport=transport)


def test_each_object_is_offered_or_refused_with_a_reason():
    given = {"href": "https://o.example/1?s=2", "header": {"Authorization": "x"}}
    objects = [
        {"oid": ONE.sha256, "size": 5, "actions": {"download": given}},
        {"oid": OTHER.sha256, "size": 6, "error": {"code": 404, "message": "gone"}},
    ]
    with answering({"objects": objects}) as client:
        offers = git_lfs.offers(client, "https://h.example", [ONE, OTHER, Pointer("c" * 64, 7)])
    assert offers[ONE.sha256] == Offer("https://o.example/1?s=2", (("Authorization", "x"),))
    assert "404: gone" in offers[OTHER.sha256]
    assert "does not mention" in offers["c" * 64]


@pytest.mark.parametrize(
    "strange",
    [{"oid": "a" * 64}, {"oid": "a" * 64, "actions": []}, {"oid": "a" * 64, "actions": {"download": {"header": 1}}},
     {"oid": "a" * 64, "actions": {"download": {"href": "http://o.example"}}}, {"oid": "a" * 64, "error": "no"}],
)  # fmt: skip
def test_an_object_with_an_unknown_structure_is_refused_not_followed(strange):
    with answering({"objects": [strange]}) as client:
        assert isinstance(git_lfs.offers(client, "https://h.example", [ONE])[ONE.sha256], str)


@pytest.mark.parametrize("strange", [[], {}, {"objects": None}, {"objects": [], "transfer": "tus"}, "x"])
def test_another_answer_than_a_batch_is_an_error(strange):
    with answering(strange) as client, pytest.raises(UpstreamChanged, match="not an LFS batch"):
        git_lfs.offers(client, "https://h.example", [ONE])
